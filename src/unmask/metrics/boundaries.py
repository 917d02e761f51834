"""Scores of a segmentation that borders make: V_rand, V_info and Rand error, as ISBI 2012 has them.

All are foreground-restricted: pixels that the truth marks as border (its label 0) are left out. V_rand and V_info
(Arganda-Carreras et al. 2015, Front. Neuroanat. 9:142) compare after predicted borders have been thinned away, so that
a border's width costs nothing; the older Rand error compares them as they are.

A pixel that has no predicted object counts as a segment of its own, as in the challenge's own evaluation (Fiji,
Trainable Segmentation).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float64
from scipy import ndimage

from unmask.arrays import AnyArray, LabelImage
from unmask.errors import UnmaskError
from unmask.geometry.labels import components
from unmask.metrics.overlaps import Overlaps, overlaps

__all__ = ["best_over_thresholds", "fill_borders", "rand_error", "v_info", "v_rand", "v_rand_over_thresholds"]


def fill_borders(labels: AnyArray) -> AnyArray:
    """Thins predicted borders away: every pixel without a label takes the nearest one's.

    It is what a watershed from the objects makes of flat ground, without a line between basins.

    Args:
        labels: (h, w) integers, 0 is border.

    Returns:
        (h, w) without 0, same type; unchanged where there is no object at all.
    """
    border = labels == 0
    if border.all() or not border.any():
        return labels
    nearest = ndimage.distance_transform_edt(border, return_distances=False, return_indices=True)
    filled: AnyArray = labels[tuple(nearest)]
    return filled


def v_rand(table: Overlaps) -> float:
    """Rand F-score, V_rand at alpha = 1/2: sum p_ij² / (sum s_i² / 2 + sum t_j² / 2).

    p_ij is the share of pixels in predicted segment i and true segment j, s_i and t_j their sums.

    Args:
        table: overlaps of truth and *filled* prediction, see `fill_borders`.

    Returns:
        0 to 1, best 1.

    Raises:
        UnmaskError: the truth has no object.
    """
    joint, predicted, true, single = _segments(table)
    return float((joint @ joint + single) / ((predicted @ predicted + single) / 2 + true @ true / 2))


def v_info(table: Overlaps) -> float:
    """Information F-score, V_info at alpha = 1/2: 2 I(S; T) / (H(S) + H(T)).

    Args:
        table: overlaps of truth and *filled* prediction, see `fill_borders`.

    Returns:
        0 to 1, best 1, also where truth and prediction are one and the same segment.

    Raises:
        UnmaskError: the truth has no object.
    """
    joint, predicted, true, _ = _segments(table)
    joint_entropy, predicted_entropy, true_entropy = (_entropy(part, true.sum()) for part in (joint, predicted, true))
    both = predicted_entropy + true_entropy
    return 2 * max(0.0, both - joint_entropy) / both if both > 0 else 1.0


def rand_error(table: Overlaps) -> float:
    """1 - F-score of the foreground-restricted Rand index, over pairs of different pixels.

    The ISBI 2012 leaderboard gives the least over thresholds of a probability map. Equals scikit-image's
    `adapted_rand_error` where every pixel of the truth's objects has a predicted object.

    Args:
        table: overlaps of truth and prediction, borders as they are.

    Returns:
        0 to 1, best 0.

    Raises:
        UnmaskError: the truth has no object.
    """
    joint, predicted, true = (float(part @ (part - 1)) for part in _segments(table)[:3])
    return 1 - 2 * joint / (predicted + true) if predicted + true > 0 else 0.0


def v_rand_over_thresholds(
    truth: LabelImage, probability: Float[np.ndarray, "h w"], thresholds: Sequence[float]
) -> Float64[np.ndarray, " n"]:
    """V_rand of a probability map cut at each threshold: components above it (4 neighbours), filled.

    To choose one threshold for a set of images, as the challenge does, average these over images first.

    Args:
        truth: (h, w) integers, 0 is border; at least one object.
        probability: (h, w) probability of being inside an object.
        thresholds: n numbers.

    Returns:
        (n,) in order of the thresholds.

    Raises:
        UnmaskError: the truth has no object.
        PairingError: the sizes differ.
    """
    filled = (fill_borders(components(probability > threshold)) for threshold in thresholds)
    return np.array([v_rand(overlaps(truth, labels)) for labels in filled])


def best_over_thresholds(
    truth: LabelImage, probability: Float[np.ndarray, "h w"], thresholds: Sequence[float]
) -> tuple[float, float]:
    """The best V_rand over thresholds, which is how ISBI 2012 ranks probability maps.

    Args:
        truth: (h, w) integers, 0 is border; at least one object.
        probability: (h, w) probability of being inside an object.
        thresholds: one number or more.

    Returns:
        V_rand, and the threshold that gives it (the first of equals).

    Raises:
        UnmaskError: the truth has no object.
        PairingError: the sizes differ.
    """
    scores = v_rand_over_thresholds(truth, probability, thresholds)
    best = int(scores.argmax())
    return float(scores[best]), thresholds[best]


def _segments(table: Overlaps) -> tuple[AnyArray, AnyArray, AnyArray, float]:
    """Pixels of joint, predicted and true segments within the truth's objects, and pixels without a prediction.

    The latter are segments of one pixel each: they add 1 to sums of squares, 0 to pairs and to c log c.
    """
    if not table.truth_ids.size:
        raise UnmaskError("borders cannot be scored where the truth has no object", remedy="leave such images out")
    joint, true = table.pixels.astype(np.float64), table.truth_areas.astype(np.float64)
    predicted = np.bincount(table.prediction, joint, minlength=table.prediction_ids.size)
    return joint, predicted, true, float(true.sum() - joint.sum())


def _entropy(segments: AnyArray, pixels: float) -> float:
    """In nats, of segments that cover `pixels` together with segments of one pixel each."""
    sizes = segments[segments > 0]
    return float(np.log(pixels) - sizes @ np.log(sizes) / pixels)
