"""Distances to the nearest and the second nearest object, exact within a radius.

Columns first, then rows, as in separable distance transforms. For each pixel the first pass keeps the two objects
nearest to it within its column. Two are enough: where the column of some pixel q holds two objects nearer to q than a
third is, both are also nearer than the third, by way of that column, to every pixel in q's row. The second pass
looks along each row as far as the radius. So time grows with pixels times radius, never with the number of objects.
"""

from typing import TypeAlias

import numba
import numpy as np
from jaxtyping import Float32, Int32

from unmask.arrays import AnyArray, LabelImage

__all__ = ["two_nearest"]


def two_nearest(objects: LabelImage, radius: float) -> tuple[Float32[np.ndarray, "2 h w"], Int32[np.ndarray, "2 h w"]]:
    """The nearest and the second nearest object of each pixel.

    Args:
        objects: (h, w) int32, 0 is background.
        radius: in pixels; how far to look.

    Returns:
        distances: (2, h, w) float32, Euclidean, between pixel centres, to the nearest pixel of the object, 0 inside
            it; infinite where no such object lies within the radius.
        owners: (2, h, w) int32, the ids of these objects; 0 where the distance is infinite.
    """
    reach = int(radius)
    owners, squares = _along_rows(*_along_columns(objects, reach), reach)
    owners[squares > radius**2] = 0
    distances = np.sqrt(np.abs(squares), dtype=np.float32)
    distances[owners == 0] = np.inf
    return distances, owners


# Two objects and their distances, the nearer first; id 0 and a distance of -1 where there is none.
_Two: TypeAlias = tuple[int, int, int, int]
_NOBODY: _Two = (0, -1, 0, -1)


@numba.njit(cache=True, inline="always")
def _enter(two: _Two, owner: int, distance: int) -> _Two:
    """Enters an object among the two nearest; each stands there once, with its smallest distance."""
    first, near, second, far = two
    if owner == 0 or (second != 0 and distance >= far):
        return two
    if owner == first:
        return first, min(near, distance), second, far
    if first == 0 or distance < near:
        return owner, distance, first, near
    return first, near, owner, distance


@numba.njit(cache=True)
def _along_columns(objects: LabelImage, reach: int) -> tuple[AnyArray, AnyArray]:
    """The two nearest objects within each pixel's own column: ids and squared distances, (h, w, 2) int32.

    One sweep down, which sees the objects above, one sweep up, which adds those below.
    """
    height, width = objects.shape
    owners = np.zeros((height, width, 2), np.int32)
    squares = np.full((height, width, 2), -1, np.int32)
    for sweep in range(2):
        last = np.zeros((width, 2), np.int32)  # the last two ids met in each column, the latest first
        met = np.zeros((width, 2), np.int32)  # and where
        for step in range(height):
            y = step if sweep == 0 else height - 1 - step
            for x in range(width):
                label = objects[y, x]
                if label != 0:
                    if label != last[x, 0]:
                        last[x, 1], met[x, 1] = last[x, 0], met[x, 0]
                        last[x, 0] = label
                    met[x, 0] = y
                two = (owners[y, x, 0], squares[y, x, 0], owners[y, x, 1], squares[y, x, 1])
                for k in range(2):
                    if abs(y - met[x, k]) <= reach:
                        two = _enter(two, last[x, k], (y - met[x, k]) ** 2)
                owners[y, x, 0], squares[y, x, 0], owners[y, x, 1], squares[y, x, 1] = two
    return owners, squares


@numba.njit(cache=True)
def _along_rows(owners: AnyArray, squares: AnyArray, reach: int) -> tuple[AnyArray, AnyArray]:
    """Joins the columns within `reach` of each pixel: ids and squared distances, (2, h, w) int32."""
    height, width = owners.shape[:2]
    nearest_owners = np.empty((2, height, width), np.int32)
    nearest_squares = np.empty((2, height, width), np.int32)
    for y in range(height):
        for x in range(width):
            two = _NOBODY
            for away in range(reach + 1):
                if two[2] != 0 and away * away >= two[3]:
                    break  # columns further out cannot be nearer
                for u in (x - away, x + away):
                    if 0 <= u < width:
                        for k in range(2):
                            two = _enter(two, owners[y, u, k], away * away + squares[y, u, k])
            nearest_owners[0, y, x], nearest_squares[0, y, x], nearest_owners[1, y, x], nearest_squares[1, y, x] = two
    return nearest_owners, nearest_squares
