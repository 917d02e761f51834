"""`decode` for images that fit no memory: block by block, with the very labels, classes and scores of the whole image.

Work on blocks alternates with small work on the whole ("reduce"). A block's labels are its own, 1..n, and lie in a
store that the caller keeps; what the image makes of them comes as a table, so that no store is written twice.

    1  seeds_of_block    foreground                      -> labels of the block, SeedBlock
       join_seeds        every SeedBlock                 -> Lookups: seeds of the image, in raster order
    2  grow_window       seeds around, foreground around -> labels of the block, GrownBlock
       number_objects    every GrownBlock                -> Lookups: objects, with their final numbers
    3  holes_of_block    labels of the block, its table  -> labels with the holes that others must judge, HoleBlock
       join_holes        every HoleBlock                 -> Lookups: also of those holes
    4  finish            labels of the block, its table  -> final labels of the block, ObjectSums
       merge_objects     every ObjectSums                -> classes, scores, what the table needs (blockwise_table.py)
    5  shapes_of_window  final labels around             -> perimeter and the like (blockwise_shapes.py)

Final numbers are known before holes are filled: a hole lies below the first row of the object around it, so filling
never moves an object's first pixel. Where `max_hole` is 0, pass 3 can be left out. Every step on a block depends on its
arguments alone: the order of blocks, and who does them, change nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
from jaxtyping import Int32, Int64
from numpy import ndarray

from unmask.arrays import LabelImage

__all__ = ["Lookups", "Piece", "Table", "areas_and_firsts", "assemble", "compact"]

Table = Int32[ndarray, " ids"]  # from a block's own labels to numbers of the image; 0 stays 0


@dataclass(frozen=True)
class Lookups:
    """The tables of all blocks, in one array.

    Attributes:
        numbers: of each block's labels 1..n in the image, 0 for what is none of its objects; block after block.
        firsts: where those of each block start; one element more than blocks.
    """

    numbers: Int32[ndarray, " n"]
    firsts: Int64[ndarray, " blocks+1"]

    def table(self, block: int) -> Table:
        """The table of a block, so that `table[labels]` are numbers of the image."""
        return np.append(np.int32(0), self.numbers[self.firsts[block] : self.firsts[block + 1]])


@dataclass(frozen=True)
class Piece:
    """What a window takes from one block.

    Attributes:
        labels: (h, w) int32 in the block's own ids.
        table: of the block.
        top: row of the window where they belong.
        left: column of the window where they belong.
    """

    labels: LabelImage
    table: Table
    top: int
    left: int


def assemble(pieces: Sequence[Piece], size: tuple[int, int]) -> tuple[LabelImage, Table]:
    """Labels of a window from the blocks that it touches.

    Args:
        pieces: they cover the window; background where they do not.
        size: rows and columns of the window.

    Returns:
        (h, w) int32 labels 1..n, in the order of the image's numbers, and the table that gives these numbers.
    """
    numbers = _union([piece.table for piece in pieces])
    labels = np.zeros(size, np.int32)
    for piece in pieces:
        height, width = piece.labels.shape
        ranks = np.searchsorted(numbers, piece.table).astype(np.int32)
        labels[piece.top : piece.top + height, piece.left : piece.left + width] = ranks[piece.labels]
    return labels, numbers


def compact(labels: LabelImage, table: Table) -> tuple[LabelImage, Table]:
    """Labels of a block as the image has them, under ids of its own again.

    Args:
        labels: (h, w) int32 in ids of the block.
        table: their numbers in the image; several ids may have one.

    Returns:
        (h, w) int32 labels 1..n of what is there, in the order of the image's numbers, and the table of these.
    """
    numbers = _union([table])
    ranks = np.searchsorted(numbers, table).astype(np.int32)
    here = np.zeros(numbers.size, np.bool_)
    here[ranks[np.flatnonzero(np.bincount(labels.ravel(), minlength=table.size))]] = True
    here[0] = True
    return (np.cumsum(here, dtype=np.int32) - 1)[ranks][labels], numbers[here]


def areas_and_firsts(
    labels: LabelImage, count: int, origin: tuple[int, int], image_width: int
) -> tuple[Int64[ndarray, " n"], Int64[ndarray, " n"]]:
    """Pixels of each label of a block, and where the first of them lies in the image.

    Args:
        labels: (h, w) int32, 0 is background.
        count: the largest label there may be; every label from 1 to it is there.
        origin: row and column of the block's first pixel in the image.
        image_width: in pixels.

    Returns:
        (n,) int64 areas, and (n,) int64 positions counted row by row over the whole image.
    """
    areas, firsts = np.zeros(count, np.int64), np.zeros(count, np.int64)
    _count(labels, areas, firsts)
    rows, columns = np.divmod(firsts, labels.shape[1])
    return areas, (origin[0] + rows) * image_width + origin[1] + columns


def _union(tables: Sequence[Table]) -> Table:
    """All numbers of some tables in order, with 0 in front."""
    return np.unique(np.concatenate([np.zeros(1, np.int32), *tables]))


@numba.njit(cache=True, nogil=True)
def _count(labels: LabelImage, areas: Int64[ndarray, " n"], firsts: Int64[ndarray, " n"]) -> None:
    """Counts each label's pixels and notes its first, counted row by row over the block."""
    pixel = 0
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            label = labels[y, x]
            if label != 0:
                if areas[label - 1] == 0:
                    firsts[label - 1] = pixel
                areas[label - 1] += 1
            pixel += 1
