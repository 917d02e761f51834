"""Perimeters and solidity, which need all pixels of an object, measured after `blockwise`, window by window.

A perimeter and a convex hull depend on pixels of other blocks. Objects whose box is at most `LARGEST` pixels high and
wide are therefore measured within windows of the final labels, by the very function that measures whole images; larger
ones one by one, part by part, by sums of integers that give the same.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32
from numpy import ndarray

from unmask.arrays import LabelImage
from unmask.instances.blockwise_objects import ObjectSums
from unmask.instances.perimeter import RIM
from unmask.instances.quantities import Columns
from unmask.instances.shape_sums import add_shapes, areas_and_rows, no_shapes, ranked, shape_columns

__all__ = ["LARGEST", "ShapeWindow", "large_objects", "shape_windows", "shapes_of_large", "shapes_of_window"]

# A window of such objects and of a block of 1,024 pixels has 3,072 x 3,072: 95 to 115 MB, with copies in int32.
LARGEST = 2048


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
        `label`, `solidity`, `perimeter` in pixels, and `perimeter_um` where the pixel size is known, NaN where pixels
        are not square.

    Raises:
        ValueError: an object is not there.
    """
    own = ranked(labels, numbers)
    sums = no_shapes(*areas_and_rows(own, numbers.size))
    add_shapes(sums, own, (slice(0, own.shape[0]), slice(0, own.shape[1])), (0, 0))
    return shape_columns(sums, numbers, pixel_size)


def large_objects(objects: ObjectSums, largest: int = LARGEST) -> list[ObjectSums]:
    """Those that no window of `shape_windows` holds, one by one, each for `shapes_of_large`."""
    sizes = objects.boxes[:, 2:] - objects.boxes[:, :2]
    return [objects.take(one) for one in np.flatnonzero((sizes > largest).any(axis=1))[:, None]]


def shapes_of_large(
    objects: ObjectSums,
    read: Callable[[slice, slice], LabelImage],
    pixel_size: tuple[float, float] | None,
    step: int = LARGEST,
) -> Columns:
    """`shapes_of_window` of objects of any size, looked at part by part: the same to the bit.

    Args:
        objects: whole; memory holds 16 bytes for each row of each of them.
        read: rows and columns of the image to (h, w) int32, its final labels.
        pixel_size: (y, x) in micrometres, or None.
        step: rows and columns that are read at a time, pixels.

    Returns:
        As `shapes_of_window`.

    Raises:
        UnmaskError: of `read`.
        ValueError: an object is not in the first or in the last row of its box: these are not its labels.
    """
    top, left = objects.boxes[:, :2].min(axis=0).tolist()
    bottom, right = objects.boxes[:, 2:].max(axis=0).tolist()
    sums = no_shapes(objects.areas, objects.boxes[:, 0], objects.boxes[:, 2])
    for rows, row_core in _parts(top, bottom, step):
        for columns, column_core in _parts(left, right, step):
            own = ranked(read(rows, columns), objects.numbers)
            add_shapes(sums, own, (row_core, column_core), (rows.start, columns.start))
    return shape_columns(sums, objects.numbers, pixel_size)


def _parts(start: int, stop: int, step: int) -> Iterator[tuple[slice, slice]]:
    """Parts of an axis: what to read of the image, and which of that is no rim."""
    for first in range(start, stop, step):
        end = min(first + step, stop)
        read = slice(max(start, first - RIM), min(stop, end + RIM))
        yield read, slice(first - read.start, end - read.start)


def _window(block: int, objects: ObjectSums) -> ShapeWindow:
    top, left = objects.boxes[:, :2].min(axis=0).tolist()
    bottom, right = objects.boxes[:, 2:].max(axis=0).tolist()
    return ShapeWindow(block, slice(top, bottom), slice(left, right), objects.numbers)
