"""Augmentation of a batch: one resampling, then grey values."""

from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float32, Int64, Integer
from torch import Tensor

from unmask.augment.intensity import GreyRange, vary_grey
from unmask.augment.warp import WarpRange, draw_warp, warp

__all__ = ["AugmentRange", "Batch", "augment"]


class AugmentRange(WarpRange, GreyRange, Protocol):
    """How far tiles may be changed; `unmask.recipe.AugmentRecipe` is one."""


@dataclass(frozen=True)
class Batch:
    """Tiles as network and loss want them.

    Attributes:
        images: (b, c, h, w) float32 in channels_last, the network's input.
        targets: (b, t, h2, w2) int64, the target maps where its output lies; below 0 where nothing is known.
        weights: (b, h2, w2) float32, the weight map there; None where there is none.
    """

    images: Float32[Tensor, "b c h w"]
    targets: Int64[Tensor, "b t h2 w2"]
    weights: Float32[Tensor, "b h2 w2"] | None


def augment(
    images: Float32[Tensor, "b c H W"],
    targets: Integer[Tensor, "b t H W"],
    weights: Float32[Tensor, "b 1 H W"] | None,
    ranges: AugmentRange,
    size: int,
    target_size: int,
    generator: torch.Generator,
) -> Batch:
    """Draws an augmentation for each tile and applies it, on the images' device.

    Args:
        images: normalised sources, cut as large as `source_size(size, ranges)`.
        targets: maps of the same pixels, classes or keys of objects below 2^24, of any integer type; below 0 where
            nothing is known.
        weights: of the same pixels, or None.
        ranges: how far tiles may be changed.
        size: side of the network's input.
        target_size: side of the network's output, in the middle of its input.
        generator: every random number comes from here; on the CPU it gives the same numbers for every device.

    Raises:
        RecipeError: sizes whose centres do not coincide; see `warp`.
    """
    drawn = draw_warp(len(images), ranges, generator, images.device)
    tiles, maps, weight = warp(images, targets.float(), weights, drawn, size, target_size)
    tiles = vary_grey(tiles, ranges, generator).contiguous(memory_format=torch.channels_last)
    return Batch(tiles, maps.long(), None if weight is None else weight[:, 0])
