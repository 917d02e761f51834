"""Scores of arrays, for those who have no folders."""

from collections.abc import Sequence

import numpy as np

from unmask.arrays import AnyArray
from unmask.errors import PairingError
from unmask.geometry.labels import relabel
from unmask.metrics.overlaps import check_labels
from unmask.metrics.scores import Scores, aggregate, score_image

__all__ = ["evaluate"]


def evaluate(prediction: AnyArray | Sequence[AnyArray], truth: AnyArray | Sequence[AnyArray]) -> Scores:
    """Score label images against true ones.

    Args:
        prediction: (h, w) integers, 0 is background and every other value an object; or several such images.
        truth: likewise, in the same order.

    Returns:
        Scores; `.to_dict()` is what `unmask evaluate --json` prints.

    Raises:
        PairingError: not as many predictions as truths, or sizes differ.
        MaskError: not integers, or negative ones.
    """
    predictions, truths = _several(prediction), _several(truth)
    if len(predictions) != len(truths):
        raise PairingError(
            f"{len(predictions)} predictions and {len(truths)} truths", remedy="give one prediction for each truth"
        )
    scores = []
    for number, (found, true) in enumerate(zip(predictions, truths, strict=True), start=1):
        check_labels(true, found, f"image {number}")
        objects, other = relabel(true), relabel(found)
        classes = [(labels > 0).astype(np.uint8) for labels in (objects, other)]
        scores.append(score_image(f"image {number}", classes[0], objects, classes[1], other, ["object"]))
    return aggregate(scores)


def _several(images: AnyArray | Sequence[AnyArray]) -> list[AnyArray]:
    return [images] if isinstance(images, np.ndarray) and images.ndim == 2 else [np.asarray(image) for image in images]
