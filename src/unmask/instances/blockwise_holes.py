"""Pass 3 of `blockwise`: holes filled, also those that lie in several blocks.

A hole that ends within its block is judged there. One that reaches a side of the block gets an id behind those of the
objects, and the image decides: its parts are joined, counted, and asked for the objects beside them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
from jaxtyping import Bool, Int32, Int64
from numpy import ndarray

from unmask.arrays import LabelImage
from unmask.geometry.joining import Faces, Line, first_ids, join, meetings, outer_lines
from unmask.geometry.labels import areas, components
from unmask.instances.blockwise import Lookups, Table

__all__ = ["HoleBlock", "holes_of_block", "join_holes"]

_SEVERAL = -1
_NOBODY = 0


@dataclass(frozen=True)
class HoleBlock:
    """What the image must know of the background of a block: of its components that reach a side.

    Attributes:
        areas: (m,) pixels of each within the block.
        owners: (m,) number of the one object beside it; 0 where there is none, -1 where there are several.
        faces: along the sides of the block, ids 1..m of these components, and numbers of objects, made negative.
    """

    areas: Int64[ndarray, " m"]
    owners: Int32[ndarray, " m"]
    faces: Faces


def holes_of_block(labels: LabelImage, table: Table, max_hole: int) -> tuple[LabelImage, HoleBlock]:
    """Fills holes that end within the block, and marks those that do not.

    Args:
        labels: (h, w) int32 as `grow_window` gives them.
        table: of the block, of `number_objects`; with n labels.
        max_hole: largest hole to be filled, pixels, as for `fill_holes`.

    Returns:
        (h, w) int32: objects under their ids 1..n, without those that have no number; components of the background that
        reach a side of the block under n + 1..n + m; and what `join_holes` needs.
    """
    objects = np.where(table > 0, np.arange(table.size, dtype=np.int32), np.int32(0))[labels]
    found = components(objects == 0, connectivity=2)
    pixels = np.append(0, areas(found))
    is_open = _open(found, pixels.size)
    owners = np.zeros(pixels.size, np.int32)
    _ask(objects, found, pixels <= max_hole, owners)
    inside = ~is_open & (pixels <= max_hole) & (owners > 0)
    ids = np.where(inside, owners, np.int32(0))
    ids[is_open] = table.size + np.arange(np.count_nonzero(is_open))
    filled = np.where(objects > 0, objects, ids[found])
    numbers = np.where(owners[is_open] == _SEVERAL, np.int32(_SEVERAL), table[owners[is_open]])
    marks = np.append(-table, np.arange(1, numbers.size + 1, dtype=np.int32))
    faces = Faces.of(filled)
    sides = (marks[line] for line in (faces.top, faces.bottom, faces.left, faces.right))
    return filled, HoleBlock(pixels[is_open], numbers, Faces(*sides))


def join_holes(objects: Lookups, blocks: Sequence[HoleBlock], grid: tuple[int, int], max_hole: int) -> Lookups:
    """Who gets the holes that lie in several blocks.

    Args:
        objects: of `number_objects`.
        blocks: in raster order.
        grid: rows and columns of blocks.
        max_hole: as for the blocks.

    Returns:
        Tables for the labels of `holes_of_block`: of each block its objects and then its marked components, with the
        number of the object that owns them, or 0.
    """
    counts = [block.areas.size for block in blocks]
    firsts = first_ids(counts)
    component = join([block.faces for block in blocks], counts, grid, connectivity=2)
    size = int(component.max(initial=-1)) + 1
    whole = np.zeros(size, np.int64)
    np.add.at(whole, component, np.concatenate([block.areas for block in blocks]))
    owners = _owners(blocks, firsts, grid, component, size)
    fits = (whole <= max_hole) & (owners > 0)
    for block, line in outer_lines([block.faces for block in blocks], grid):
        fits[component[line[line > 0] + firsts[block] - 1]] = False
    given = np.where(fits, owners, np.int32(0))[component]
    numbers = [
        part
        for block in range(len(blocks))
        for part in (objects.table(block)[1:], given[firsts[block] : firsts[block + 1]])
    ]
    return Lookups(np.concatenate(numbers), objects.firsts + firsts)


def _open(holes: LabelImage, count: int) -> Bool[ndarray, " holes"]:
    """Which components reach a side of the block."""
    reaches = np.zeros(count, np.bool_)
    for line in (holes[0], holes[-1], holes[:, 0], holes[:, -1]):
        reaches[line] = True
    reaches[0] = False
    return reaches


def _owners(
    blocks: Sequence[HoleBlock],
    firsts: Int64[ndarray, " blocks+1"],
    grid: tuple[int, int],
    component: Int32[ndarray, " pieces"],
    size: int,
) -> Int32[ndarray, " components"]:
    """The one object beside each component, 0 or less where there is none or several."""
    lowest, highest = np.full(size, np.iinfo(np.int32).max, np.int32), np.zeros(size, np.int32)
    inside = np.concatenate([block.owners for block in blocks])
    asked = inside != _NOBODY
    neighbours = [(component[asked], inside[asked])]
    for block, line, other, across in meetings([block.faces for block in blocks], grid):
        neighbours += [
            (component[hole], owner)
            for hole, owner in (_across(line, across, firsts[block]), _across(across, line, firsts[other]))
        ]
    for hole, owner in neighbours:
        np.minimum.at(lowest, hole, owner)
        np.maximum.at(highest, hole, owner)
    return np.where(lowest == highest, highest, np.int32(_SEVERAL))


def _across(line: Line, across: Line, first: int) -> tuple[Int64[ndarray, " k"], Int32[ndarray, " k"]]:
    """Pieces of holes along a line, and the objects on the other side of it."""
    met = (line > 0) & (across < 0)
    return line[met] + first - 1, -across[met]


@numba.njit(cache=True, nogil=True)
def _ask(
    objects: LabelImage, holes: LabelImage, asked: Bool[ndarray, " holes"], owners: Int32[ndarray, " holes"]
) -> None:
    """Writes the object that shares sides with each component, -1 where several do; only of those asked for."""
    height, width = objects.shape
    for y in range(height):
        for x in range(width):
            hole = holes[y, x]
            if hole != 0 and asked[hole]:
                for v, u in ((y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)):
                    if 0 <= v < height and 0 <= u < width and objects[v, u] != 0:
                        if owners[hole] == _NOBODY:
                            owners[hole] = objects[v, u]
                        elif owners[hole] != objects[v, u]:
                            owners[hole] = _SEVERAL
