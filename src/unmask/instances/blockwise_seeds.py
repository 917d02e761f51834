"""Pass 1 of `blockwise`: seeds of a block, joined to the seeds of the image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64
from numpy import ndarray

from unmask.arrays import LabelImage
from unmask.geometry.joining import Faces, first_ids, join, number
from unmask.geometry.labels import areas, components
from unmask.instances.blockwise import Lookups, areas_and_firsts
from unmask.recipe import InstanceRecipe

__all__ = ["SeedBlock", "join_seeds", "seeds_of_block"]


@dataclass(frozen=True)
class SeedBlock:
    """What the image must know of the seeds of a block.

    Attributes:
        areas: (n,) pixels of each within the block.
        firsts: (n,) its first pixel's position in the image, counted row by row.
        faces: ids along the block's sides.
    """

    areas: Int64[ndarray, " n"]
    firsts: Int64[ndarray, " n"]
    faces: Faces


def seeds_of_block(
    foreground: Float32[ndarray, "h w"], parameters: InstanceRecipe, origin: tuple[int, int], image_width: int
) -> tuple[LabelImage, SeedBlock]:
    """Seeds of one block, or the parts of seeds that lie in it.

    Args:
        foreground: (h, w) float32, 1 - background, of the block.
        parameters: `seed_threshold` and `min_size` are looked at.
        origin: row and column of the block's first pixel in the image.
        image_width: in pixels.

    Returns:
        (h, w) int32 labels 1..n of the block, and what `join_seeds` needs. Flecks that end within the block are gone.
    """
    found = components(foreground >= parameters.seed_threshold)
    kept = np.append(False, areas(found) >= parameters.min_size / 2)
    faces = Faces.of(found)
    for line in (faces.top, faces.bottom, faces.left, faces.right):
        kept[line] = True
    kept[0] = False
    labels = np.where(kept, np.cumsum(kept, dtype=np.int32), np.int32(0))[found]
    count = int(np.count_nonzero(kept))
    return labels, SeedBlock(*areas_and_firsts(labels, count, origin, image_width), Faces.of(labels))


def join_seeds(blocks: Sequence[SeedBlock], grid: tuple[int, int], parameters: InstanceRecipe) -> Lookups:
    """Seeds of the image, numbered in raster order: the order in which growth decides between equals.

    Args:
        blocks: in raster order.
        grid: rows and columns of blocks.
        parameters: as for the blocks.

    Returns:
        For each block the numbers of its seeds; 0 for flecks.

    Raises:
        PredictionError: there are more than labels can number.
    """
    counts = [block.areas.size for block in blocks]
    component = join([block.faces for block in blocks], counts, grid)
    size = int(component.max(initial=-1)) + 1
    whole, firsts = np.zeros(size, np.int64), np.full(size, np.iinfo(np.int64).max)
    np.add.at(whole, component, np.concatenate([block.areas for block in blocks]))
    np.minimum.at(firsts, component, np.concatenate([block.firsts for block in blocks]))
    return Lookups(number(firsts, whole >= parameters.min_size / 2)[component], first_ids(counts))
