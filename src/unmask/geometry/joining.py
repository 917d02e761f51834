"""Components of a whole image from components of its blocks: joined over the faces where blocks meet.

Each block of a grid is labelled alone, 1..n of its own. Two of these pieces belong together where they lie side by side
on both sides of a face (or corner to corner, with 8 neighbours). Such pairs are the edges of a graph whose connected
components are the image's. A block therefore hands on the four lines of ids along its sides and nothing else, and the
work here grows with the pieces and the lengths of faces, not with the pixels.

Blocks stand in raster order of a grid of (rows, columns); those of a row are equally high, those of a column equally
wide. Which block was labelled when makes no difference.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int32, Int64
from numpy import ndarray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from unmask.arrays import LabelImage
from unmask.errors import PredictionError

__all__ = ["Faces", "Line", "first_ids", "join", "meetings", "number", "outer_lines"]

Line = Int32[ndarray, " pixels"]  # ids along a side of a block; what is not positive belongs to no piece

_MOST = 2**31 - 1  # labels are int32, in files too


@dataclass(frozen=True)
class Faces:
    """Ids along the four sides of a block, from left to right and from top to bottom; corners lie in two of them."""

    top: Line
    bottom: Line
    left: Line
    right: Line

    @staticmethod
    def of(labels: LabelImage) -> "Faces":
        """The faces of a block's labels, copied: the block itself can go."""
        return Faces(*(line.copy() for line in (labels[0], labels[-1], labels[:, 0], labels[:, -1])))


def meetings(faces: Sequence[Faces], grid: tuple[int, int]) -> Iterator[tuple[int, Line, int, Line]]:
    """Where blocks meet side by side.

    Args:
        faces: of each block, in raster order.
        grid: rows and columns of blocks.

    Yields:
        (block, its line, other block, its line): pixels at one position of the lines share a side.
    """
    rows, columns = _checked(faces, grid)
    for block, face in enumerate(faces):
        if (block + 1) % columns:
            yield block, face.right, block + 1, faces[block + 1].left
        if block < (rows - 1) * columns:
            yield block, face.bottom, block + columns, faces[block + columns].top


def outer_lines(faces: Sequence[Faces], grid: tuple[int, int]) -> Iterator[tuple[int, Line]]:
    """The lines along the edge of the image: (block, line)."""
    rows, columns = _checked(faces, grid)
    for block, face in enumerate(faces):
        row, column = divmod(block, columns)
        sides = (row == 0, face.top), (row == rows - 1, face.bottom), (column == 0, face.left)
        yield from ((block, line) for outside, line in (*sides, (column == columns - 1, face.right)) if outside)


def first_ids(counts: Sequence[int]) -> Int64[ndarray, " blocks+1"]:
    """Where the pieces of each block stand when those of all blocks stand in one row: id i of block b at [b] + i - 1.

    Raises:
        PredictionError: they are more than an int32 can number.
    """
    firsts = np.cumsum([0, *counts], dtype=np.int64)
    _check(int(firsts[-1]), "pieces of objects")
    return firsts


def join(
    faces: Sequence[Faces], counts: Sequence[int], grid: tuple[int, int], connectivity: int = 1
) -> Int32[ndarray, " pieces"]:
    """Which pieces of all blocks are one component of the image.

    Args:
        faces: of each block, in raster order.
        counts: how many pieces each block has; their ids are 1..count.
        grid: rows and columns of blocks.
        connectivity: 1 joins pixels that share a side (4 neighbours), 2 also those that share a corner (8).

    Returns:
        For each piece, in the order of `first_ids`, the component it belongs to: 0..m-1 in no particular order.

    Raises:
        PredictionError: there are more pieces than an int32 can number.
    """
    firsts = first_ids(counts)
    pairs = list(_pairs(faces, firsts, grid, connectivity))
    one, other = np.concatenate([np.empty((2, 0), np.int64), *pairs], axis=1)
    size = int(firsts[-1])
    graph = coo_array((np.ones(one.size, np.bool_), (one, other)), shape=(size, size))
    return connected_components(graph, directed=False)[1] if size else np.empty(0, np.int32)


def number(firsts: Int64[ndarray, " n"], kept: Bool[ndarray, " n"]) -> Int32[ndarray, " n"]:
    """Numbers for components in raster order of their first pixel: those of a labelling of the whole image.

    Args:
        firsts: position of each component's first pixel in the image, counted row by row; no two are equal.
        kept: which components there are to be.

    Returns:
        1..m for those kept, 0 for the others.

    Raises:
        PredictionError: they are more than an int32 can number.
    """
    chosen = np.flatnonzero(kept)
    _check(chosen.size, "objects")
    numbers = np.zeros(firsts.size, np.int32)
    numbers[chosen[np.argsort(firsts[chosen])]] = np.arange(1, chosen.size + 1, dtype=np.int32)
    return numbers


def _pairs(
    faces: Sequence[Faces], firsts: Int64[ndarray, " blocks+1"], grid: tuple[int, int], connectivity: int
) -> Iterator[Int64[ndarray, "2 edges"]]:
    """Pieces that touch, each pair at least once."""
    for block, line, other, across in meetings(faces, grid):
        touching = [(line, across)]
        if connectivity == 2:
            touching += [(line[1:], across[:-1]), (line[:-1], across[1:])]
        yield from (_edges(one, two, firsts[block] - 1, firsts[other] - 1) for one, two in touching)
    if connectivity == 2:
        for block, corner, other, across in _corners(faces, grid):
            yield _edges(corner, across, firsts[block] - 1, firsts[other] - 1)


def _corners(faces: Sequence[Faces], grid: tuple[int, int]) -> Iterator[tuple[int, Line, int, Line]]:
    """Where blocks meet corner to corner: as `meetings`, with lines of one pixel."""
    rows, columns = grid
    for block, face in enumerate(faces[: (rows - 1) * columns]):
        below, column = block + columns, block % columns
        if column < columns - 1:
            yield block, face.bottom[-1:], below + 1, faces[below + 1].top[:1]
        if column > 0:
            yield block, face.bottom[:1], below - 1, faces[below - 1].top[-1:]


def _edges(one: Line, two: Line, offset: int, other: int) -> Int64[ndarray, "2 edges"]:
    """Pieces side by side along two lines; a pair that goes on for many pixels is given once."""
    met = (one > 0) & (two > 0)
    pairs = np.stack([one[met] + offset, two[met] + other])
    new = np.ones(pairs.shape[1], np.bool_)
    new[1:] = (pairs[:, 1:] != pairs[:, :-1]).any(axis=0)
    return pairs[:, new]


def _checked(faces: Sequence[Faces], grid: tuple[int, int]) -> tuple[int, int]:
    if len(faces) != grid[0] * grid[1]:
        raise ValueError(f"{len(faces)} blocks do not fill a grid of {grid[0]} x {grid[1]}")
    return grid


def _check(count: int, what: str) -> None:
    if count > _MOST:
        raise PredictionError(
            f"the image has {count:,} {what}, and 32-bit labels end at {_MOST:,}",
            remedy="raise instances.seed_threshold or instances.min_size in the recipe, or predict the image in parts",
        )
