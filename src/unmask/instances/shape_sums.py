"""What is added up of objects, part by part of an image, until their perimeters and convex hulls are known."""

from dataclasses import dataclass

import numba
import numpy as np
from jaxtyping import Int32, Int64
from numpy import ndarray

from unmask.arrays import LabelImage
from unmask.instances.hull import NOWHERE, add_sides, convex_areas
from unmask.instances.perimeter import add_borders, perimeters
from unmask.instances.quantities import Columns

__all__ = ["ShapeSums", "add_shapes", "areas_and_rows", "no_shapes", "ranked", "shape_columns"]


@dataclass(frozen=True)
class ShapeSums:
    """Sums of n objects, labels 1..n; `add_shapes` adds to them.

    Attributes:
        areas: (n,) their pixels, known from the start.
        borders: (n, 4) border pixels of each kind, as `add_borders` counts them.
        sides: (2, rows) how far they reach in each of their rows, object after object, as `add_sides` notes it.
        starts: (n + 1,) where the rows of each object start.
        tops: (n,) the first row of each object in the image.
    """

    areas: Int64[ndarray, " n"]
    borders: Int64[ndarray, "n 4"]
    sides: Int64[ndarray, "2 rows"]
    starts: Int64[ndarray, " n+1"]
    tops: Int64[ndarray, " n"]


def no_shapes(areas: Int64[ndarray, " n"], tops: Int64[ndarray, " n"], bottoms: Int64[ndarray, " n"]) -> ShapeSums:
    """To start with: of objects of so many pixels in these rows, `bottoms` exclusive."""
    starts = np.append(0, np.cumsum(bottoms - tops))
    borders, sides = np.zeros((areas.size, 4), np.int64), np.full((2, starts[-1]), NOWHERE)
    return ShapeSums(areas, borders, sides, starts, tops)


def add_shapes(sums: ShapeSums, labels: LabelImage, core: tuple[slice, slice], origin: tuple[int, int]) -> None:
    """Adds a part of the image.

    Args:
        sums: of all objects there are in it.
        labels: (h, w) int32, the part and `RIM` pixels around it, where the image or the objects go on.
        core: rows and columns of the part in `labels`.
        origin: row and column of the first pixel of `labels` in the image.
    """
    add_borders(labels, core, sums.borders)
    add_sides(labels, *origin, sums.starts[:-1] - sums.tops, sums.sides)  # what is seen twice changes nothing


def shape_columns(sums: ShapeSums, numbers: Int32[ndarray, " n"], pixel_size: tuple[float, float] | None) -> Columns:
    """What the sums say once they are complete; it spends them.

    Args:
        sums: of whole objects.
        numbers: of these objects in the image.
        pixel_size: (y, x) in micrometres, or None.

    Returns:
        `label`, `solidity`, `perimeter` in pixels, and `perimeter_um` where the pixel size is known, NaN where pixels
        are not square.

    Raises:
        ValueError: an object was not seen in its first or in its last row: the labels are of other objects.
    """
    _check_seen(sums, numbers)
    perimeter = perimeters(sums.borders)
    columns: Columns = {
        "label": numbers,
        "solidity": sums.areas / convex_areas(sums.sides, sums.starts),
        "perimeter": perimeter,
    }
    if pixel_size is not None:
        columns["perimeter_um"] = perimeter * (pixel_size[0] if pixel_size[0] == pixel_size[1] else np.nan)
    return columns


def _check_seen(sums: ShapeSums, numbers: Int32[ndarray, " n"]) -> None:
    seen = np.append(sums.sides[0] < NOWHERE, False)  # the last for objects without rows
    first, last = sums.starts[:-1], sums.starts[1:] - 1
    missing = numbers[~(seen[first] & seen[last] & (first <= last))]
    if missing.size:
        raise ValueError(f"the labels do not hold all of {missing.size} of {numbers.size} objects, first {missing[0]}")


def ranked(labels: LabelImage, numbers: Int32[ndarray, " n"]) -> LabelImage:
    """Some objects under their places 1..n among `numbers`, which are in order; all others become background."""
    lowest, highest = (int(numbers[0]), int(numbers[-1])) if numbers.size else (1, 0)
    ranks = np.zeros(highest - lowest + 1, np.int32)
    ranks[numbers - lowest] = np.arange(1, numbers.size + 1)
    return _rank(labels, lowest, ranks)


def areas_and_rows(
    labels: LabelImage, count: int
) -> tuple[Int64[ndarray, " n"], Int64[ndarray, " n"], Int64[ndarray, " n"]]:
    """Pixels of each label, its first row, and the row after its last; 0 of a label that is not there."""
    areas, tops, bottoms = np.zeros((3, count), np.int64)
    _measure(labels, areas, tops, bottoms)
    return areas, tops, bottoms


@numba.njit(cache=True, nogil=True)
def _rank(labels: LabelImage, lowest: int, ranks: Int32[ndarray, " ids"]) -> LabelImage:
    """Looks labels up in `ranks`, whose first is that of `lowest`."""
    own = np.zeros(labels.shape, np.int32)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            place = labels[y, x] - lowest
            if 0 <= place < ranks.size:
                own[y, x] = ranks[place]
    return own


@numba.njit(cache=True, nogil=True)
def _measure(
    labels: LabelImage, areas: Int64[ndarray, " n"], tops: Int64[ndarray, " n"], bottoms: Int64[ndarray, " n"]
) -> None:
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            i = labels[y, x] - 1
            if i >= 0:
                if areas[i] == 0:
                    tops[i] = y
                areas[i] += 1
                bottoms[i] = y + 1
