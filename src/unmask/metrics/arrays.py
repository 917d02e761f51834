"""Scores of arrays, for those who have no folders."""

from collections.abc import Sequence

import numpy as np

from unmask.arrays import AnyArray, MaskImage
from unmask.errors import PairingError
from unmask.geometry.labels import relabel
from unmask.metrics.overlaps import check_labels
from unmask.metrics.scores import Scores, aggregate, score_image

__all__ = ["evaluate"]


def evaluate(
    prediction: AnyArray | Sequence[AnyArray],
    truth: AnyArray | Sequence[AnyArray],
    *,
    ignore: MaskImage | Sequence[MaskImage | None] | None = None,
) -> Scores:
    """Score label images against true ones.

    Args:
        prediction: (h, w) integers, 0 is background and every other value an object; or several such images.
        truth: likewise, in the same order.
        ignore: (h, w) bool, true where the truth is not known; or several such masks, in the same order, None for an
            image that is known everywhere. What is there is not scored, whatever truth and prediction say: predicted
            pixels are removed, and predicted objects that lie there by more than half and match no true one.

    Returns:
        Scores; `.to_dict()` is what `unmask evaluate --json` prints.

    Raises:
        PairingError: not as many predictions or masks to ignore as truths, or sizes differ.
        MaskError: not integers, or negative ones; `ignore` not of true and false.
    """
    predictions, truths = _several(prediction), _several(truth)
    if len(predictions) != len(truths):
        raise PairingError(
            f"{len(predictions)} predictions and {len(truths)} truths", remedy="give one prediction for each truth"
        )
    masks = [None] * len(truths) if ignore is None else _masks(ignore)
    if len(masks) != len(truths):
        raise PairingError(
            f"{len(masks)} masks to ignore and {len(truths)} truths", remedy="give one for each truth, or None for it"
        )
    scores = []
    for number, (found, true, mask) in enumerate(zip(predictions, truths, masks, strict=True), start=1):
        check_labels(true, found, f"image {number}")
        objects, other = relabel(true), relabel(found)
        classes = [(labels > 0).astype(np.uint8) for labels in (objects, other)]
        one = score_image(f"image {number}", classes[0], objects, classes[1], other, ["object"], ignore=mask)
        scores.append(one)
    return aggregate(scores)


def _masks(ignore: MaskImage | Sequence[MaskImage | None]) -> list[MaskImage | None]:
    if isinstance(ignore, np.ndarray) and ignore.ndim == 2:
        return [ignore]
    return [None if mask is None else np.asarray(mask) for mask in ignore]


def _several(images: AnyArray | Sequence[AnyArray]) -> list[AnyArray]:
    return [images] if isinstance(images, np.ndarray) and images.ndim == 2 else [np.asarray(image) for image in images]
