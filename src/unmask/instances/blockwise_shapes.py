"""Shapes that need all pixels of an object at once, measured after `blockwise`, window by window.

A perimeter and a convex hull cannot be added up over blocks. Objects whose box is at most `LARGEST` pixels high and
wide are therefore measured within windows of the final labels, by the very function that measures whole images: all
that it says of their shape is the same to the bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32
from numpy import ndarray

from unmask.arrays import LabelImage
from unmask.instances.blockwise_objects import ObjectSums
from unmask.instances.table import Columns, measure_shapes

__all__ = ["LARGEST", "ShapeWindow", "shape_windows", "shapes_of_window"]

LARGEST = 2048  # a window of such objects and of a block of 1,024 pixels has 38 MB

_PIXELS = ("major_axis", "minor_axis", "eccentricity", "orientation", "solidity", "perimeter")
_MICROMETRES = ("major_axis_um", "minor_axis_um", "perimeter_um")


@dataclass(frozen=True)
class ShapeWindow:
    """What of the final labels must be read to measure the objects that start in one block.

    Attributes:
        block: where the upper left corners of their boxes lie, in raster order.
        rows: of the image.
        columns: of the image.
        numbers: of these objects, in order.
    """

    block: int
    rows: slice
    columns: slice
    numbers: Int32[ndarray, " n"]


def shape_windows(
    objects: ObjectSums, tops: Sequence[int], lefts: Sequence[int], largest: int = LARGEST
) -> list[ShapeWindow]:
    """Windows that hold every object whose box is not too large, each in one of them.

    Args:
        objects: whole, of the image or of any part of it.
        tops: first row of each row of blocks.
        lefts: first column of each column of blocks.
        largest: rows and columns that a box may have, pixels.

    Returns:
        At most one a block, each at most `largest` pixels larger than it; none for blocks where no object starts.
    """
    sizes = objects.boxes[:, 2:] - objects.boxes[:, :2]
    small = objects.take((sizes <= largest).all(axis=1))
    row, column = (np.searchsorted(starts, small.boxes[:, i], "right") - 1 for i, starts in enumerate((tops, lefts)))
    block = row * len(lefts) + column
    order = np.argsort(block, kind="stable")
    starts = np.flatnonzero(np.diff(block[order], prepend=-1))
    parts = np.split(order, starts[1:]) if starts.size else []
    return [_window(int(block[part[0]]), small.take(part)) for part in parts]


def shapes_of_window(
    labels: LabelImage, numbers: Int32[ndarray, " n"], pixel_size: tuple[float, float] | None
) -> Columns:
    """What only pixels tell of some objects, each whole in a window.

    Args:
        labels: (h, w) int32, final labels of a `ShapeWindow`.
        numbers: of the objects to be measured, in order; others may be there too.
        pixel_size: (y, x) in micrometres, or None.

    Returns:
        `label`, and a column a quantity.
    """
    lowest, highest = int(numbers[0]), int(numbers[-1])
    ranks = np.zeros(highest - lowest + 2, np.int32)  # by number, and a last one for those outside
    ranks[numbers - lowest] = np.arange(1, numbers.size + 1)
    own = ranks[np.where((labels >= lowest) & (labels <= highest), labels - lowest, highest - lowest + 1)]
    measured = measure_shapes(own, pixel_size)
    names = _PIXELS if pixel_size is None else (*_PIXELS, *_MICROMETRES)
    return {"label": numbers[measured["label"] - 1]} | {name: measured[name] for name in names}


def _window(block: int, objects: ObjectSums) -> ShapeWindow:
    top, left = objects.boxes[:, :2].min(axis=0).tolist()
    bottom, right = objects.boxes[:, 2:].max(axis=0).tolist()
    return ShapeWindow(block, slice(top, bottom), slice(left, right), objects.numbers)
