"""Pixels within the convex hull of each object of a label image, in integers.

The hull is scikit-image's: around the middles of the sides of an object's pixels, and a pixel counts where its centre
lies in it or on its edge. Of each row only the object's first and last pixel matter, which can be found block by block.
Coordinates are doubled, so that the middles of sides are whole numbers too.
"""

import numba
import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from unmask.arrays import LabelImage

__all__ = ["NOWHERE", "add_sides", "convex_areas"]

NOWHERE = 2**40  # a column further right than any


@numba.njit(cache=True, nogil=True)
def add_sides(
    labels: LabelImage, top: int, left: int, firsts: Int64[ndarray, " n"], sides: Int64[ndarray, "2 rows"]
) -> None:
    """Notes how far objects reach in their rows, in a part of an image.

    Args:
        labels: (h, w) int32, 0 is background: the part.
        top: row of its first pixel in the image.
        left: column of its first pixel in the image.
        firsts: row y of the image is column firsts[i - 1] + y of `sides` for label i.
        sides: of each row of each object the first column, and the last one, negative; `NOWHERE` at first.
    """
    width = labels.shape[1]
    for y in range(labels.shape[0]):
        for x in range(width):
            label = labels[y, x]
            if label != 0:
                row = firsts[label - 1] + top + y
                if x == 0 or labels[y, x - 1] != label:
                    sides[0, row] = min(sides[0, row], left + x)
                if x == width - 1 or labels[y, x + 1] != label:
                    sides[1, row] = min(sides[1, row], -left - x)


def convex_areas(sides: Int64[ndarray, "2 rows"], starts: Int64[ndarray, " n+1"]) -> Int64[ndarray, " n"]:
    """The area of each object's convex hull, as the region property `area_convex` of scikit-image.

    Args:
        sides: of `add_sides`; they become those of the hulls.
        starts: where the rows of each object start, its first with a pixel to its last; one element more than objects.

    Returns:
        (n,) in pixels; 0 of an object without pixels.
    """
    return _areas(sides, starts, int(np.diff(starts).max(initial=0)))


@numba.njit(cache=True, nogil=True)
def _areas(sides: Int64[ndarray, "2 rows"], starts: Int64[ndarray, " n+1"], highest: int) -> Int64[ndarray, " n"]:
    """Pixels between the two sides of each hull."""
    areas = np.zeros(starts.size - 1, np.int64)
    chain = np.empty((2 * highest + 1, 2), np.int64)
    for i in range(areas.size):
        left, right = sides[0, starts[i] : starts[i + 1]], sides[1, starts[i] : starts[i + 1]]
        if _straighten(left, chain) and _straighten(right, chain):
            areas[i] = left.size - left.sum() - right.sum()
    return areas


@numba.njit(cache=True, nogil=True)
def _straighten(columns: Int64[ndarray, " rows"], chain: Int64[ndarray, "corners 2"]) -> bool:
    """From the first column of an object in each of its rows (`NOWHERE` where it has none) to that of its hull.

    Returns:
        Whether the object has a pixel; if not, nothing is changed.
    """
    size = 0
    for row in range(-1, 2 * columns.size):
        column = _middle(columns, row)
        if column < NOWHERE:
            while size > 1 and not _turns(chain[size - 2], chain[size - 1], row, column):
                size -= 1
            chain[size, 0], chain[size, 1] = row, column
            size += 1
    if size == 0:
        return False
    k = 0
    for y in range(columns.size):
        while chain[k + 1, 0] < 2 * y:
            k += 1
        high, wide = chain[k + 1, 0] - chain[k, 0], chain[k + 1, 1] - chain[k, 1]
        # Rounded up, to the first pixel whose centre is not left of the line.
        columns[y] = -((-chain[k, 1] * high - wide * (2 * y - chain[k, 0])) // (2 * high))
    return True


@numba.njit(cache=True, nogil=True)
def _middle(columns: Int64[ndarray, " rows"], row: int) -> int:
    """The leftmost middle of a side in a row, both doubled: of left sides in even rows, of others between them."""
    if row % 2 == 0:
        return 2 * columns[row // 2] - 1 if columns[row // 2] < NOWHERE else NOWHERE
    above = columns[row // 2] if row > 0 else NOWHERE
    below = columns[row // 2 + 1] if row // 2 + 1 < columns.size else NOWHERE
    nearest = min(above, below)
    return 2 * nearest if nearest < NOWHERE else NOWHERE


@numba.njit(cache=True, nogil=True)
def _turns(first: Int64[ndarray, "2"], second: Int64[ndarray, "2"], row: int, column: int) -> bool:
    """Whether the second of three points lies left of the line between the others."""
    return (second[1] - first[1]) * (row - first[0]) < (column - first[1]) * (second[0] - first[0])
