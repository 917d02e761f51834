"""The overlap table of two label images: everything that object metrics ask, in a few small arrays.

A table of all pairs would be thousands by thousands, nearly all 0. This one lists the pairs that share a pixel; it is
read off in bands of rows, as runs of equal pairs, so memory grows with the pairs and not with their product.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from unmask.arrays import AnyArray
from unmask.errors import MaskError, PairingError

__all__ = ["Overlaps", "check_labels", "overlaps", "row_bands"]

_BAND = 1 << 22  # pixels of a band: 4 million
_IDS = 1 << 32  # two ids fit into one 64-bit key


@dataclass(frozen=True)
class Overlaps:
    """Which objects of two label images overlap, and by how much. `n` truth objects, `m` predicted ones, `k` pairs.

    Attributes:
        truth_ids: (n,) ids of the truth, ascending.
        truth_areas: (n,) their pixels.
        prediction_ids: (m,) ids of the prediction, ascending.
        prediction_areas: (m,) their pixels.
        truth: (k,) each pair's truth object, an index into `truth_ids`; ascending.
        prediction: (k,) each pair's predicted object, an index into `prediction_ids`; ascending for one truth object.
        pixels: (k,) pixels that both share, at least 1.
    """

    truth_ids: Int64[np.ndarray, " n"]
    truth_areas: Int64[np.ndarray, " n"]
    prediction_ids: Int64[np.ndarray, " m"]
    prediction_areas: Int64[np.ndarray, " m"]
    truth: Int64[np.ndarray, " k"]
    prediction: Int64[np.ndarray, " k"]
    pixels: Int64[np.ndarray, " k"]

    @property
    def unions(self) -> Int64[np.ndarray, " k"]:
        """(k,) pixels that lie in either object of a pair."""
        either: AnyArray = self.truth_areas[self.truth] + self.prediction_areas[self.prediction] - self.pixels
        return either

    @property
    def iou(self) -> Float64[np.ndarray, " k"]:
        """(k,) intersection over union of each pair, above 0."""
        iou: AnyArray = self.pixels / self.unions
        return iou


def overlaps(truth: AnyArray, prediction: AnyArray, name: str | None = None) -> Overlaps:
    """Reads the overlap table off two label images.

    Args:
        truth: (h, w) integers, 0 is background; ids may have gaps.
        prediction: (h, w) integers, likewise.
        name: the image concerned, for messages.

    Returns:
        The table; empty arrays where there are no objects.

    Raises:
        PairingError: the sizes differ.
        MaskError: an image is not of integers, or an id is negative or above 4,294,967,295.
    """
    check_labels(truth, prediction, name)
    parts = [_runs(truth[rows], prediction[rows]) for rows in row_bands(truth.shape)]
    keys, pixels = _sum_by(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    first, second = (keys // _IDS).astype(np.int64), (keys % _IDS).astype(np.int64)
    truth_ids, truth_areas = _sum_by(first[first > 0], pixels[first > 0])
    prediction_ids, prediction_areas = _sum_by(second[second > 0], pixels[second > 0])
    both = (first > 0) & (second > 0)
    return Overlaps(
        truth_ids,
        truth_areas,
        prediction_ids,
        prediction_areas,
        np.searchsorted(truth_ids, first[both]),
        np.searchsorted(prediction_ids, second[both]),
        pixels[both],
    )


def check_labels(truth: AnyArray, prediction: AnyArray, name: str | None = None) -> None:
    """Refuses what cannot be compared as label images or class maps.

    Args:
        truth: (h, w) integers, none negative.
        prediction: (h, w) integers, none negative.
        name: the image concerned, for the message.

    Raises:
        PairingError: the sizes differ, or an image is empty or not of two dimensions.
        MaskError: an image is not of integers, or an id is negative or above 4,294,967,295.
    """
    if truth.shape != prediction.shape:
        raise PairingError(
            f"the prediction has {_size(prediction)} pixels and the truth {_size(truth)}",
            file=name,
            remedy="compare masks of one and the same image, neither cropped nor resized",
        )
    if truth.ndim != 2 or truth.size == 0:
        raise PairingError(
            f"masks have {_size(truth)} pixels", file=name, remedy="give label images of rows and columns, one an image"
        )
    for what, labels in (("truth", truth), ("prediction", prediction)):
        _check_ids(labels, what, name)


def row_bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """Cuts an image into bands of rows of about 4 million pixels, top to bottom.

    Args:
        shape: rows, columns.

    Returns:
        Slices of rows that cover the image once.
    """
    height = max(1, _BAND // shape[1])
    return (slice(top, top + height) for top in range(0, shape[0], height))


def _size(labels: AnyArray) -> str:
    return " x ".join(map(str, labels.shape))


def _check_ids(labels: AnyArray, what: str, name: str | None) -> None:
    if not np.issubdtype(labels.dtype, np.integer):
        raise MaskError(
            f"the {what} is of type {labels.dtype}, and ids must be integers",
            file=name,
            remedy="give a label image: 0 for background and one integer an object",
        )
    if labels.min() < 0 or labels.max() >= _IDS:
        raise MaskError(
            f"the {what} has ids from {labels.min()} to {labels.max()}",
            file=name,
            remedy=f"number objects from 1 to at most {_IDS - 1}, background 0",
        )


def _runs(truth: AnyArray, prediction: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Pairs of ids in a band, each as one uint64 key, and their pixels: neighbours in a row are counted as one run."""
    first, second = truth.ravel(), prediction.ravel()
    change = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    starts = np.concatenate([[0], 1 + np.flatnonzero(change)])
    keys = first[starts].astype(np.uint64) * np.uint64(_IDS) + second[starts].astype(np.uint64)
    return _sum_by(keys, np.diff(starts, append=first.size))


def _sum_by(keys: AnyArray, values: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Distinct keys, ascending, and the sum of values of each; exact below 2**53."""
    distinct, index = np.unique(keys, return_inverse=True)
    return distinct, np.bincount(index, values, minlength=distinct.size).astype(np.int64)
