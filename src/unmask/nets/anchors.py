"""Anchors: the boxes that region proposals start from, several at every cell of every level of the feature pyramid.

Ren, He, Girshick, Sun 2015, placed as torchvision's `AnchorGenerator` places them: sides rounded to whole pixels on
either side of the centre, centres at index * stride (the corner of a cell, not its middle), and stride = padded size //
grid size, so that an 800-pixel side, which has 13 cells on P6, has stride 61 there and not 64.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["anchors"]


def anchors(
    grids: Sequence[tuple[int, int]],
    padded: tuple[int, int],
    sizes: Sequence[Sequence[float]],
    ratios: Sequence[float],
    device: torch.device,
) -> list[Float[Tensor, "hwa 4"]]:
    """Anchors of every level of one image size; they do not depend on what the image shows.

    Args:
        grids: (h, w) of the feature map of each level.
        padded: (h, w) of the padded image, pixels.
        sizes: of each level, the sides of square anchors, pixels; others have the same area.
        ratios: height over width.
        device: where the anchors are made.

    Returns:
        For each level (h * w * a, 4) float32 (x0, y0, x1, y1) in pixels of the padded image; not clipped to it. The
        order is y, x, ratio, size.

    Raises:
        ValueError: `grids` and `sizes` differ in length.
    """
    return [
        _level(grid, (padded[0] // grid[0], padded[1] // grid[1]), _cell(level, ratios).to(device))
        for grid, level in zip(grids, sizes, strict=True)
    ]


def _cell(sizes: Sequence[float], ratios: Sequence[float]) -> Float[Tensor, "a 4"]:
    """Anchors around (0, 0), on the CPU."""
    # In float32 throughout, as torchvision's: some halves are rounded the other way in double precision.
    side = torch.tensor(sizes, dtype=torch.float32, device="cpu")
    tall = torch.tensor(ratios, dtype=torch.float32, device="cpu").sqrt()
    w, h = ((1 / tall)[:, None] * side).flatten(), (tall[:, None] * side).flatten()
    return (torch.stack([-w, -h, w, h], dim=1) / 2).round()


def _level(grid: tuple[int, int], stride: tuple[int, int], cell: Float[Tensor, "a 4"]) -> Float[Tensor, "hwa 4"]:
    y, x = (
        torch.arange(count, dtype=torch.float32, device=cell.device) * step
        for count, step in zip(grid, stride, strict=True)
    )
    y, x = y[:, None].expand(grid), x.expand(grid)
    centres = torch.stack([x, y, x, y], dim=2)
    return (centres[:, :, None] + cell).reshape(-1, 4)
