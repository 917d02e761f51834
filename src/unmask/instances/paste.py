"""Pastes the small masks of detections into the image: crops, not full frames.

The pixels are those of torchvision's `paste_masks_in_image`, which follows He et al. 2017: a mask is framed by a ring
of zeros, its box grown with it, and the whole resized to the box's own pixels. There every mask becomes a full frame of
float32; here it stays as large as its box.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor

import numba
import numpy as np
from jaxtyping import Float32, Int64
from numpy import ndarray

from unmask.arrays import MaskImage
from unmask.instances.detections import Detections

__all__ = ["Crop", "crops"]

_RING = 1  # zeros around a mask, so that an object can end inside its box

_ONE, _HALF = np.float32(1), np.float32(0.5)  # Python's numbers would turn compiled sums to float64


@dataclass(frozen=True)
class Crop:
    """The part of a mask that lies in the image.

    Attributes:
        top, left: where its first pixel lies in the image.
        mask: (h, w) bool; 0 rows or columns where the box lies outside the image.
    """

    top: int
    left: int
    mask: MaskImage

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the image."""
        height, width = self.mask.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def crops(detections: Detections, threshold: float) -> Iterator[Crop]:
    """The mask of each detection in the image's pixels, one after the other, in the order of the detections.

    Args:
        detections: of an image; without masks, their rounded boxes are the masks, of one pixel at least.
        threshold: pixels whose interpolated probability is above it belong to the object.

    Yields:
        Crops cut at the image's edge.
    """
    if detections.masks is None:
        for box in detections.boxes.tolist():
            yield _filled(box, detections.size)
        return
    frames = _framed(detections.boxes, detections.masks.shape[-1])
    for (x0, y0, x1, y1), mask in zip(frames.tolist(), detections.masks, strict=True):
        top, bottom = _inside(y0, y1 + 1, detections.size[0])
        left, right = _inside(x0, x1 + 1, detections.size[1])
        rows = _samples(top - y0, bottom - y0, max(y1 - y0 + 1, 1), len(mask) + 2 * _RING)
        columns = _samples(left - x0, right - x0, max(x1 - x0 + 1, 1), len(mask) + 2 * _RING)
        yield Crop(top, left, _resized(mask, *rows, *columns, np.float32(threshold)))


def _filled(box: list[float], size: tuple[int, int]) -> Crop:
    x0, y0, x1, y1 = box
    top, bottom = _inside(*_rounded(y0, y1), size[0])
    left, right = _inside(*_rounded(x0, x1), size[1])
    return Crop(top, left, np.ones((bottom - top, right - left), np.bool_))


def _rounded(start: float, stop: float) -> tuple[int, int]:
    first, end = round(start), round(stop)
    return (first, end) if end > first else (floor(start), floor(start) + 1)


def _inside(start: int, stop: int, size: int) -> tuple[int, int]:
    """The part of a span that lies in an axis of `size` pixels, empty where there is none."""
    start = min(max(start, 0), size)
    return start, max(min(stop, size), start)


def _framed(boxes: Float32[ndarray, "n 4"], side: int) -> Int64[ndarray, "n 4"]:
    """Boxes grown with the ring around their masks, cut to whole pixels, in float32 as torchvision does."""
    start, stop = boxes[:, :2], boxes[:, 2:]
    centre, half = (stop + start) * _HALF, (stop - start) * _HALF * np.float32((side + 2 * _RING) / side)
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.int64)


@numba.njit(cache=True)
def _samples(
    start: int, stop: int, length: int, side: int
) -> tuple[Int64[ndarray, " k"], Float32[ndarray, " k"], Float32[ndarray, " k"]]:
    """Where pixels start..stop-1 of `length` fall between the `side` points of a mask: pixel i at (i + 1/2) / length.

    Returns:
        The point before each pixel, that point's weight, and the weight of the point after it.
    """
    before = np.empty(stop - start, np.int64)
    after_weight = np.empty(stop - start, np.float32)
    scale = np.float32(side) / np.float32(length)
    for i in range(stop - start):
        place = max(scale * (np.float32(start + i) + _HALF) - _HALF, np.float32(0))
        before[i] = min(int(place), side - 1)
        after_weight[i] = min(place - np.float32(before[i]), _ONE)
    return before, _ONE - after_weight, after_weight


@numba.njit(cache=True)
def _resized(
    mask: Float32[ndarray, "m m"],
    rows: Int64[ndarray, " h"],
    up: Float32[ndarray, " h"],
    down: Float32[ndarray, " h"],
    columns: Int64[ndarray, " w"],
    left: Float32[ndarray, " w"],
    right: Float32[ndarray, " w"],
    threshold: np.float32,
) -> MaskImage:
    """Bilinear interpolation between the points of a framed mask, compared with the threshold."""
    points = np.zeros((mask.shape[0] + 2 * _RING + 1, mask.shape[1] + 2 * _RING + 1), np.float32)
    points[_RING : -_RING - 1, _RING : -_RING - 1] = mask  # one row and column more, of weight 0: no test for the end
    result = np.empty((rows.size, columns.size), np.bool_)
    for y in range(rows.size):
        first, second = points[rows[y]], points[rows[y] + 1]
        for x in range(columns.size):
            k = columns[x]
            above = first[k] * left[x] + first[k + 1] * right[x]
            below = second[k] * left[x] + second[k + 1] * right[x]
            result[y, x] = above * up[y] + below * down[y] > threshold
    return result
