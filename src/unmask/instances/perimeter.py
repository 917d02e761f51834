"""Perimeters of all objects of a label image in one pass, counted in integers that add up over blocks.

Benkrid and Crookes, "Design and FPGA implementation of a perimeter estimator", as scikit-image counts it: the border
pixels of an object are those with one of four neighbours outside it, and each adds 1, sqrt(2) or the mean of both, by
how many border pixels of the object lie at its sides and at its corners.
"""

import numba
import numpy as np
from jaxtyping import Float64, Int32, Int64, UInt8
from numpy import ndarray

from unmask.arrays import LabelImage

__all__ = ["RIM", "add_borders", "perimeters"]

RIM = 2  # pixels: what a border pixel adds depends on its neighbours' neighbours

_DIAGONAL = np.sqrt(2.0)
_KINDS = np.zeros(50, np.uint8)  # of a border pixel, by 1 + 2 for each other at a side + 10 for each at a corner
_KINDS[[5, 7, 15, 17, 25, 27]] = 1
_KINDS[[21, 33]] = 2
_KINDS[[13, 23]] = 3


def add_borders(labels: LabelImage, core: tuple[slice, slice], borders: Int64[ndarray, "n 4"]) -> None:
    """Counts the border pixels of each object in a part of an image, by how much each adds to the perimeter.

    Args:
        labels: (h, w) int32, 0 is background: the part and `RIM` pixels around it; where there are none, objects end.
        core: rows and columns of the part.
        borders: counts are added here: of those that add nothing, 1, sqrt(2) and the mean of both; row i - 1 belongs to
            label i.
    """
    rows, columns = core
    _add(labels, rows.start, rows.stop, columns.start, columns.stop, _KINDS, borders)


def perimeters(borders: Int64[ndarray, "n 4"]) -> Float64[ndarray, " n"]:
    """The perimeter of each object in pixels, as scikit-image's `perimeter` gives it for 4 neighbours."""
    _, straight, diagonal, bent = borders.T
    # Not a product of matrices, whose rounding depends on how many objects there are.
    return straight + diagonal * _DIAGONAL + bent * ((1 + _DIAGONAL) / 2)


@numba.njit(cache=True, nogil=True)
def _add(
    labels: LabelImage,
    top: int,
    bottom: int,
    left: int,
    right: int,
    kinds: UInt8[ndarray, "50"],
    borders: Int64[ndarray, "n 4"],
) -> None:
    lines = np.zeros((3, labels.shape[1] + 2), np.int32)  # labels of border pixels in the row above, here and below
    _mark(labels, top - 1, lines[(top - 1) % 3])
    _mark(labels, top, lines[top % 3])
    for y in range(top, bottom):
        above, here, below = lines[(y - 1) % 3], lines[y % 3], lines[(y + 1) % 3]
        _mark(labels, y + 1, below)
        for x in range(left + 1, right + 1):
            i = here[x]
            if i != 0:
                sides = (above[x] == i) + (here[x - 1] == i) + (here[x + 1] == i) + (below[x] == i)
                corners = (above[x - 1] == i) + (above[x + 1] == i) + (below[x - 1] == i) + (below[x + 1] == i)
                borders[i - 1, kinds[1 + 2 * sides + 10 * corners]] += 1


@numba.njit(cache=True, nogil=True)
def _mark(labels: LabelImage, y: int, line: Int32[ndarray, " w+2"]) -> None:
    """Labels of the border pixels of a row, 0 elsewhere, also above and below the image."""
    height, width = labels.shape
    line[:] = 0
    if 0 < y < height - 1:
        for x in range(width):
            i = labels[y, x]
            inside = 0 < x < width - 1 and labels[y, x - 1] == i and labels[y, x + 1] == i
            if not (inside and labels[y - 1, x] == i and labels[y + 1, x] == i):
                line[x + 1] = i
    elif 0 <= y < height:
        line[1:-1] = labels[y]
