"""Matching of predicted objects to true ones: average precision, F1, panoptic quality.

The figures of one image equal those of `stardist.matching.matching` (criterion "iou"), which tests check. Where
StarDist solves an assignment, nothing needs to be solved here: thresholds are .5 or more, see `match`.
"""

from dataclasses import dataclass

import numpy as np

from unmask.errors import UnmaskError
from unmask.metrics.overlaps import Overlaps

__all__ = ["THRESHOLDS", "Match", "match", "threshold_name"]

THRESHOLDS: tuple[float, ...] = tuple(twentieths / 20 for twentieths in range(10, 20))
"""Thresholds of intersection over union: .50, .55, ..., .95."""


@dataclass(frozen=True)
class Match:
    """How many objects found their counterpart at one threshold. Every ratio is 0 where nothing was matched.

    Attributes:
        threshold: least intersection over union of a match.
        true_positives: matched pairs.
        false_positives: predicted objects without a match.
        false_negatives: true objects without a match.
        iou_sum: sum of the matched pairs' intersection over union.
    """

    threshold: float
    true_positives: int
    false_positives: int
    false_negatives: int
    iou_sum: float

    @property
    def objects(self) -> int:
        """Matched pairs and what is left over on both sides; 0 where there was nothing to find and nothing found."""
        return self.true_positives + self.false_positives + self.false_negatives

    @property
    def ap(self) -> float:
        """TP / (TP + FP + FN), which the Data Science Bowl 2018 and StarDist call average precision."""
        return _ratio(self.true_positives, self.objects)

    @property
    def precision(self) -> float:
        """TP / (TP + FP)."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """TP / (TP + FN)."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN)."""
        return _ratio(2 * self.true_positives, self.true_positives + self.objects)

    @property
    def panoptic_quality(self) -> float:
        """Sum of matched IoU / (TP + FP / 2 + FN / 2) (Kirillov et al. 2019, eq. 1)."""
        return _ratio(2 * self.iou_sum, self.true_positives + self.objects)

    @property
    def mean_iou(self) -> float:
        """Mean intersection over union of the matched pairs."""
        return _ratio(self.iou_sum, self.true_positives)


def match(table: Overlaps, threshold: float) -> Match:
    """Matches objects one to one, as many as possible.

    Above .5 a pair excludes every other pair of its two objects. At .5 there is one exception: an object that two
    others halve exactly has two partners of IoU .5, and these have no other partner. So taking the first pair of each
    object is the largest matching, and its sum of IoU the only possible one.

    Args:
        table: overlaps of truth and prediction.
        threshold: least intersection over union, .5 to 1.

    Returns:
        The counts at this threshold.

    Raises:
        UnmaskError: the threshold is not in .5 to 1.
    """
    if not 0.5 <= threshold <= 1:
        raise UnmaskError(
            f"objects cannot be matched at an IoU of {threshold}, for below .5 matches are ambiguous",
            remedy="use a threshold from 0.5 to 1",
        )
    pairs = np.flatnonzero(table.iou >= threshold)
    pairs = pairs[np.unique(table.truth[pairs], return_index=True)[1]]
    pairs = pairs[np.unique(table.prediction[pairs], return_index=True)[1]]
    return Match(
        threshold,
        pairs.size,
        table.prediction_ids.size - pairs.size,
        table.truth_ids.size - pairs.size,
        float(table.iou[pairs].sum()),
    )


def threshold_name(threshold: float) -> str:
    """The threshold as it stands in keys of scores.

    Args:
        threshold: for instance .5.

    Returns:
        Two decimals, for instance "0.50".
    """
    return f"{threshold:.2f}"


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
