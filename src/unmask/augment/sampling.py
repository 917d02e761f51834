"""Reading images between their pixels: a whole batch at given positions, mirrored outside, exact on the pixels."""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float32
from torch import Tensor

__all__ = ["STEP", "sample"]

# Positions are rounded to whole steps of 1/1024 pixel. All that is computed from them is then exact in float32, so that
# a position on a pixel reads that very pixel.
STEP = 2.0**-10


def sample(
    source: Float32[Tensor, "b c H W"], positions: Float32[Tensor, "b 2 h w"], mode: Literal["bilinear", "nearest"]
) -> Float32[Tensor, "b c h w"]:
    """The source's values at given positions.

    Args:
        source: finite values; integers (classes, ids) stay exact up to 2^24 when read by "nearest".
        positions: y and x in source pixels, (0, 0) the centre of the first; sources of up to 8192 pixels a side.
            Outside, the source is mirrored about the centres of its edge pixels, as `numpy.pad` does with "reflect".
        mode: "bilinear", or "nearest", which half way between two pixels takes the even one.

    Returns:
        (b, c, h, w) float32. A position on a pixel gives that pixel exactly.
    """
    height, width = source.shape[-2:]
    # grid_sample wants coordinates of -1 to 1. They survive the way there and back only when the span between the
    # first and the last pixel is a power of two, so the source is padded to that; the padding is never read.
    rows, columns = _span(height), _span(width)
    padded = F.pad(source, (0, columns + 1 - width, 0, rows + 1 - height))
    steps = (positions / STEP).round() * STEP
    y = _mirror(steps[:, 0], height) / (rows / 2) - 1
    x = _mirror(steps[:, 1], width) / (columns / 2) - 1
    return F.grid_sample(padded, torch.stack((x, y), dim=-1), mode=mode, padding_mode="border", align_corners=True)


def _span(pixels: int) -> int:
    """The smallest power of two, 2 at least, that is not below the distance from the first pixel to the last."""
    return 1 << max(1, (pixels - 2).bit_length())


def _mirror(position: Tensor, pixels: int) -> Tensor:
    """Folds positions into 0 to pixels - 1."""
    if pixels == 1:
        return torch.zeros_like(position)
    last = pixels - 1
    return last - (position.remainder(2 * last) - last).abs()
