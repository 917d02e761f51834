"""Pass 2 of `blockwise`: seeds grow within a window, and what is large enough is an object and gets its number."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64
from numpy import ndarray

from unmask.arrays import LabelImage
from unmask.geometry.joining import first_ids, number
from unmask.instances.blockwise import Lookups, Piece, Table, areas_and_firsts, assemble, compact
from unmask.instances.growth import grow
from unmask.recipe import InstanceRecipe

__all__ = ["GrownBlock", "grow_window", "number_objects"]


@dataclass(frozen=True)
class GrownBlock:
    """What the image must know of the grown seeds of a block.

    Attributes:
        seeds: (n + 1,) the number of the seed that each label of the block grew from; 0 for 0.
        areas: (n,) pixels of each within the block.
        firsts: (n,) its first pixel's position in the image, counted row by row.
    """

    seeds: Table
    areas: Int64[ndarray, " n"]
    firsts: Int64[ndarray, " n"]


def grow_window(
    pieces: Sequence[Piece],
    foreground: Float32[ndarray, "h w"],
    parameters: InstanceRecipe,
    block: tuple[slice, slice],
    origin: tuple[int, int],
    image_width: int,
) -> tuple[LabelImage, GrownBlock]:
    """Grown seeds of one block, from a window that reaches `parameters.reach` pixels beyond it on all sides.

    Args:
        pieces: seeds of all blocks that the window touches, with the tables of `join_seeds`.
        foreground: (h, w) float32, 1 - background, of the window; it may end at the image's edge.
        parameters: `mask_threshold` and `reach` are looked at.
        block: rows and columns of the window that are the block.
        origin: row and column of the block's first pixel in the image.
        image_width: in pixels.

    Returns:
        Int32 labels 1..n of the block, and what `number_objects` needs.
    """
    seeds, numbers = assemble(pieces, (foreground.shape[0], foreground.shape[1]))
    grown = grow(seeds, foreground >= parameters.mask_threshold, parameters.reach)[block]
    labels, table = compact(grown, numbers)
    return labels, GrownBlock(table, *areas_and_firsts(labels, table.size - 1, origin, image_width))


def number_objects(blocks: Sequence[GrownBlock], parameters: InstanceRecipe) -> Lookups:
    """Final numbers: objects of at least `min_size` pixels, in raster order of their first pixel.

    Args:
        blocks: in raster order.
        parameters: `min_size` is looked at.

    Returns:
        For each block the numbers of its labels; 0 for what is too small.
    """
    seeds = np.concatenate([block.seeds[1:] for block in blocks])
    size = int(seeds.max(initial=0)) + 1
    whole, firsts = np.zeros(size, np.int64), np.full(size, np.iinfo(np.int64).max)
    np.add.at(whole, seeds, np.concatenate([block.areas for block in blocks]))
    np.minimum.at(firsts, seeds, np.concatenate([block.firsts for block in blocks]))
    numbers = number(firsts, whole >= parameters.min_size)
    return Lookups(numbers[seeds], first_ids([block.areas.size for block in blocks]))
