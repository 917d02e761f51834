"""Scores of class maps: pixel error, intersection over union and Dice of each class.

All follow from the confusion matrix, which is summed over images: each pixel of the set counts once, wherever it is.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from unmask.arrays import AnyArray
from unmask.errors import MaskError
from unmask.metrics.overlaps import check_labels, row_bands

__all__ = ["confusion_matrix", "dice", "iou", "pixel_error"]


def confusion_matrix(
    truth: AnyArray, prediction: AnyArray, classes: int, name: str | None = None
) -> Int64[np.ndarray, "c c"]:
    """Counts pixels by true and predicted class.

    Args:
        truth: (h, w) class map, 0 is background.
        prediction: (h, w) class map, likewise.
        classes: how many classes there are beside the background.
        name: the image concerned, for messages.

    Returns:
        (c, c) pixels, c = classes + 1; rows are true classes, columns predicted ones.

    Raises:
        PairingError: the sizes differ.
        MaskError: a map is not of integers, or has a class beyond `classes`.
    """
    check_labels(truth, prediction, name)
    largest = int(max(truth.max(), prediction.max()))
    if largest > classes:
        raise MaskError(
            f"a class map holds class {largest}, and only {classes} are named",
            file=name,
            remedy="name every class, or compare class maps and not label images of objects",
        )
    size = classes + 1
    counts = np.zeros(size * size, np.int64)
    for rows in row_bands(truth.shape):
        pairs = truth[rows].astype(np.intp) * size + prediction[rows]
        counts += np.bincount(pairs.ravel(), minlength=size * size)
    return counts.reshape(size, size)


def pixel_error(confusion: Int64[np.ndarray, "c c"]) -> float:
    """Share of pixels whose class is wrong.

    The ISBI 2012 leaderboard's "pixel error" is another figure: 1 - the best F-score over thresholds of a probability.

    Args:
        confusion: (c, c) pixels by true and predicted class.

    Returns:
        0 to 1.
    """
    return float(1 - confusion.trace() / confusion.sum())


def iou(confusion: Int64[np.ndarray, "c c"], class_names: Sequence[str]) -> dict[str, float]:
    """Intersection over union of each class.

    Args:
        confusion: (c, c) pixels by true and predicted class.
        class_names: c - 1 names of classes 1, 2, ...; the background has none and is left out.

    Returns:
        0 to 1 by name; a class that is neither in the truth nor in the prediction is absent.
    """
    hits, sizes = _hits_and_sizes(confusion)
    return _by_name(hits, sizes - hits, class_names)


def dice(confusion: Int64[np.ndarray, "c c"], class_names: Sequence[str]) -> dict[str, float]:
    """Dice coefficient of each class, twice the intersection over the sum of both areas.

    Args:
        confusion: (c, c) pixels by true and predicted class.
        class_names: c - 1 names of classes 1, 2, ...; the background has none and is left out.

    Returns:
        0 to 1 by name; a class that is neither in the truth nor in the prediction is absent.
    """
    hits, sizes = _hits_and_sizes(confusion)
    return _by_name(2 * hits, sizes, class_names)


def _hits_and_sizes(confusion: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Pixels in which truth and prediction agree, and the sum of their areas, by class."""
    return confusion.diagonal(), confusion.sum(0) + confusion.sum(1)


def _by_name(part: AnyArray, whole: AnyArray, class_names: Sequence[str]) -> dict[str, float]:
    rows = zip(class_names, part[1:].tolist(), whole[1:].tolist(), strict=True)
    return {name: one / all_ for name, one, all_ in rows if all_}
