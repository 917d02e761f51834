"""Fits how objects are read from Mask R-CNN's detections to annotated images: one value after the other."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isnan

import numpy as np

from unmask.arrays import LabelImage, MaskImage
from unmask.errors import DataError
from unmask.geometry.labels import areas
from unmask.instances.detections import Detections
from unmask.instances.fit import Score
from unmask.instances.paint import paint
from unmask.recipe import DetectionRecipe

__all__ = ["fit_detections"]

_SCORES = tuple(round(0.05 * step, 2) for step in range(1, 20))
_COVERED = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
_MASKS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65)
_PIXELS = 8_000_000  # a trial takes about 0.1 s on a megapixel, most of it in scoring


@dataclass
class _Bench:
    """Scores parameters on images, each set once."""

    detections: Sequence[Detections]
    truths: Sequence[LabelImage]
    ignored: Sequence[MaskImage | None]
    score: Score
    tried: dict[DetectionRecipe, float] = field(default_factory=dict)

    def __call__(self, values: DetectionRecipe) -> float:
        if values not in self.tried:
            images = zip(self.truths, self.detections, self.ignored, strict=True)
            scores = [self.score(truth, paint(found, values).labels, ignore) for truth, found, ignore in images]
            known = [score for score in scores if not isnan(score)]
            self.tried[values] = sum(known) / len(known) if known else 0.0
        return self.tried[values]


def fit_detections(
    detections: Sequence[Detections],
    truths: Sequence[LabelImage],
    score: Score,
    start: DetectionRecipe,
    ignored: Sequence[MaskImage | None] | None = None,
) -> DetectionRecipe:
    """Finds the parameters of `paint` that score best on annotated images.

    Each value is moved along its ladder, the others as they are by then: the score threshold, what may be covered, the
    mask threshold, the smallest size (at most the first percentile of the true areas), and the score threshold once
    more. Of values that score the same, the one nearest to `start` is taken. Where the images hold more than 8
    megapixels, every k-th is looked at. The result is never worse than `start` on those, and the same for the same
    input.

    Args:
        detections: of each image, also those of low scores.
        truths: (h, w) int32 each.
        score: called with truth, prediction and what is to be ignored; larger is better. Where it is NaN, the image is
            left out of the mean.
        start: where nothing is better, this stays.
        ignored: (h, w) bool each, true where the truth is not known; None where all of it is, or all of all.

    Returns:
        `start` with other thresholds.

    Raises:
        DataError: there are no images.
    """
    if not truths:
        raise DataError(
            "no annotated image to fit the thresholds of detections on",
            remedy="annotate at least one validation image",
        )
    every = max(1, -(-sum(truth.size for truth in truths) // _PIXELS))
    masks = ignored or [None] * len(truths)
    bench = _Bench(detections[::every], truths[::every], masks[::every], score)
    values = _moved(bench, start, start, "score_threshold", _SCORES)
    values = _moved(bench, values, start, "covered", _COVERED)
    values = _moved(bench, values, start, "mask_threshold", _MASKS)
    values = _moved(bench, values, start, "min_size", _sizes(truths))
    return _moved(bench, values, start, "score_threshold", _SCORES)


def _moved(
    bench: _Bench, values: DetectionRecipe, start: DetectionRecipe, name: str, ladder: Sequence[float]
) -> DetectionRecipe:
    """The values with the best of a ladder for one of them; that of `start` is on it too."""
    first = getattr(start, name)
    nearest = sorted({*ladder, first}, key=lambda value: (abs(value - first), value))
    return max((values.model_copy(update={name: value}) for value in nearest), key=bench)  # of equals the first


def _sizes(truths: Sequence[LabelImage]) -> list[float]:
    """Smallest sizes worth trying, up to the first percentile of the true areas."""
    sizes = np.concatenate([areas(truth) for truth in truths])
    smallest = float(np.percentile(sizes[sizes > 0], 1)) if sizes.any() else 1.0
    return [max(1, int(smallest * part)) for part in (0, 0.25, 0.5, 1)]
