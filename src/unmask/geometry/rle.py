"""Masks as COCO writes them: run lengths and polygons, from a crop, without a full frame.

COCO counts pixels column by column: a run of background first (0 where the mask begins at once), then of the mask, and
so on by turns. The string that its files hold packs these counts; `pycocotools`, COCO's own, packs and unpacks it.
Polygons have their points at corners of pixels: pixel (y, x) is the square from x to x + 1 and from y to y + 1.
"""

from typing import TypedDict

import numba
import numpy as np
from jaxtyping import Int64
from numpy import ndarray
from pycocotools import mask as coco

from unmask.arrays import LabelImage, MaskImage
from unmask.errors import MaskError
from unmask.geometry.labels import components

__all__ = ["RLE", "encode", "polygons", "run_lengths"]

_LONGEST = 2**32 - 1  # pycocotools counts in 32 bits


class RLE(TypedDict):
    """A mask as COCO's JSON holds it.

    Attributes:
        size: rows and columns of the image.
        counts: the packed string, or plain run lengths.
    """

    size: list[int]
    counts: str | bytes | list[int]


def encode(mask: MaskImage, top: int, left: int, size: tuple[int, int]) -> RLE:
    """A mask as a packed string, character for character that of pycocotools for the full frame.

    Args:
        mask: (h, w) bool, a part of the image.
        top: the image's row of its first row.
        left: the image's column of its first column.
        size: rows and columns of the image.

    Raises:
        MaskError: the image has more pixels than COCO's run lengths can count.
    """
    if size[0] * size[1] > _LONGEST:
        raise MaskError(
            f"an image of {size[0]} x {size[1]} pixels is too large for COCO's run lengths",
            remedy=f"save label images; run lengths end at {_LONGEST} pixels",
        )
    plain = {"size": [*size], "counts": run_lengths(mask, top, left, size)}
    return {"size": [*size], "counts": coco.frPyObjects(plain, *size)["counts"].decode("ascii")}


def run_lengths(mask: MaskImage, top: int, left: int, size: tuple[int, int]) -> list[int]:
    """The lengths of background and mask by turns, column by column over the whole image; see `encode`."""
    height, width = mask.shape
    closed = np.zeros((width, height + 2), np.int8)  # background above and below: runs begin and end in their column
    closed[:, 1:-1] = mask.T
    columns, rows = np.nonzero(np.diff(closed, axis=1))
    turns = (left + columns) * size[0] + top + rows
    meets = np.flatnonzero(turns[1:] == turns[:-1])  # a run to the bottom of a column goes on at the top of the next
    turns = np.delete(turns, np.concatenate([meets, meets + 1]))
    counts = np.diff(turns, prepend=0, append=size[0] * size[1])
    return [*counts[:-1].tolist(), *counts[-1:][counts[-1:] > 0].tolist()]


def polygons(mask: MaskImage, top: int = 0, left: int = 0) -> list[list[int]]:
    """The outer outlines of a mask as COCO's polygons: x, y, x, y, ... of the corners, clockwise as seen.

    Args:
        mask: (h, w) bool, a part of the image.
        top: the image's row of its first row.
        left: the image's column of its first column.

    Returns:
        One polygon a 4-connected component, in raster order, each from the corner above and left of its first pixel.
        COCO's rasteriser makes the very mask of them, except that holes are filled, which COCO's polygons cannot say. A
        gap that leads out between two pixels that touch by a corner is no hole.
    """
    labels = components(np.pad(mask, 1))  # a margin, so that every pixel has neighbours
    starts = np.unique(labels, return_index=True)[1][1:]
    outlines = [_outline(labels, *divmod(int(start), labels.shape[1])) for start in starts]
    shift = np.array([left - 1, top - 1])
    return [(corners + shift).ravel().tolist() for corners in outlines]


@numba.njit(cache=True)
def _outline(labels: LabelImage, y: int, x: int) -> Int64[ndarray, "corners 2"]:
    """Walks along the sides of a component, it to the right, from the corner above and left of its first pixel (y, x).

    Returns:
        (x, y) of each corner. Where two pixels touch by a corner only, the walk stays with the one it is at.
    """
    label, start = labels[y, x], (y, x)
    dy, dx = 0, 1
    corners = [(x, y)]
    while True:
        y, x = y + dy, x + dx
        ahead = labels[y + (dy + dx - 1) // 2, x + (dx - dy - 1) // 2] == label  # to the right of the way on
        beside = labels[y + (dy - dx - 1) // 2, x + (dx + dy - 1) // 2] == label  # to its left
        if (y, x) == start:
            return np.array(corners)
        if not ahead:
            dy, dx = dx, -dy
            corners.append((x, y))
        elif beside:
            dy, dx = -dx, dy
            corners.append((x, y))
