"""RoIAlign (He et al. 2017) over a feature pyramid: every region from the level that fits its size, bilinearly.

The points and values are those of torchvision's `MultiScaleRoIAlign` of sampling ratio 2: each cell of a region is the
mean of 2 x 2 points, so of 16 weighted pixels. On a GPU torchvision's operator computes that. On a CPU the same sum is
taken as an embedding bag: the pixels of all levels and images are rows of one table, and a cell is a weighted sum of 16
of its rows. Channels lie side by side in a row, which makes it several times as fast as the operator, and its gradient
is a bag sum too; `benchmarks/roi_align.py` measures both.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from unmask.nets.operators import roi_align
from unmask.nets.precision import at_least_float32
from unmask.nets.regions import Regions

__all__ = ["FINEST_STRIDE", "RegionFeatures", "levels_of"]

FINEST_STRIDE = 4  # of P2; each level doubles it
POINTS = 2  # a cell has POINTS x POINTS
# A region as large as ImageNet's images was goes to P4, the level that a ResNet's head used to see (Lin 2017).
CANONICAL_SIDE, CANONICAL_LEVEL, FINEST_LEVEL = 224, 4, 2


class RegionFeatures:
    """A feature pyramid from which regions are cut.

    Args:
        maps: (b, c, h, w) of P2 and coarser levels, each half the size of the one before. Half precision is computed
            on in float32.
    """

    def __init__(self, maps: Sequence[Float[Tensor, "b c h w"]]) -> None:
        self._maps = [at_least_float32(features) for features in maps]
        self._rows: Tensor | None = None
        if maps[0].device.type == "cpu":
            self._rows = torch.cat([_as_rows(features) for features in self._maps])
        else:  # once, or the operator does it at every call
            self._maps = [features.contiguous() for features in self._maps]

    def cut(self, regions: Regions, side: int) -> Float[Tensor, "r c side side"]:
        """`side` x `side` cells evenly over each region, in channels_last on a CPU."""
        if self._rows is None:
            return by_operator(self._maps, regions, side)
        rows, weights = _bags([tuple(features.shape) for features in self._maps], regions, side)
        cells: Tensor = _BagSum.apply(self._rows, rows, weights.to(self._rows.dtype))
        return cells.view(len(regions), side, side, self._rows.shape[1]).permute(0, 3, 1, 2)


def levels_of(boxes: Float[Tensor, "r 4"], count: int) -> Int64[Tensor, " r"]:
    """The level that each box is cut from, 0 the finest of `count`: floor(4 + log2(side / 224)) counted from P2."""
    side = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sqrt()
    level = torch.floor(CANONICAL_LEVEL + torch.log2(side / CANONICAL_SIDE) + 1e-6)
    return (level.clamp(FINEST_LEVEL, FINEST_LEVEL + count - 1) - FINEST_LEVEL).long()


def by_operator(
    maps: Sequence[Float[Tensor, "b c h w"]], regions: Regions, side: int
) -> Float[Tensor, "r c side side"]:
    """The cells of each region by torchvision's operator, level by level."""
    levels = levels_of(regions.boxes, len(maps))
    members = [(levels == level).nonzero().flatten() for level in range(len(maps))]
    rois = torch.cat([regions.images[:, None].to(regions.boxes.dtype), regions.boxes], dim=1)
    parts = [
        roi_align(features, rois[index].to(features.dtype), side, 1 / (FINEST_STRIDE << level), POINTS)
        for level, (features, index) in enumerate(zip(maps, members, strict=True))
    ]
    return torch.cat(parts)[torch.cat(members).argsort()]


def _as_rows(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "bhw c"]:
    return features.permute(0, 2, 3, 1).flatten(0, 2)


def _bags(
    shapes: Sequence[tuple[int, ...]], regions: Regions, side: int
) -> tuple[Int64[Tensor, "bags 16"], Float[Tensor, "bags 16"]]:
    """Which rows each cell sums, and their weights."""
    device = regions.boxes.device
    levels = levels_of(regions.boxes, len(shapes))
    starts = torch.tensor([0] + [b * h * w for b, _, h, w in shapes], device=device).cumsum(0)
    h, w = torch.tensor([shape[2:] for shape in shapes], device=device)[levels].unbind(1)
    scaled = regions.boxes / (FINEST_STRIDE << levels)[:, None]
    y, down = _axis(scaled[:, 1], scaled[:, 3], h, side)
    x, across = _axis(scaled[:, 0], scaled[:, 2], w, side)
    first = starts[levels] + regions.images * h * w

    # Axes: region, cell's row, cell's column, pixel's row, pixel's column.
    rows = (first[:, None] + y * w[:, None]).view(-1, side, 1, 2 * POINTS, 1) + x.view(-1, 1, side, 1, 2 * POINTS)
    weights = down.view(-1, side, 1, 2 * POINTS, 1) * across.view(-1, 1, side, 1, 2 * POINTS)
    return rows.flatten(3).flatten(0, 2), weights.flatten(3).flatten(0, 2)


def _axis(
    start: Float[Tensor, " r"], stop: Float[Tensor, " r"], size: Int64[Tensor, " r"], side: int
) -> tuple[Int64[Tensor, "r p"], Float[Tensor, "r p"]]:
    """Along one axis: the two pixels beside each point, and their weights; a point's pixels follow each other.

    The arithmetic is the operator's, step by step, or the float32 rounding of large coordinates would differ.
    """
    cell = ((stop - start).clamp(min=1) / side)[:, None, None]
    index = torch.arange(side, device=start.device)[:, None]
    within = torch.arange(POINTS, device=start.device) + 0.5
    place = (start[:, None, None] + index * cell + within * cell / POINTS).flatten(1)
    inside = (place >= -1) & (place <= size[:, None])
    place = place.clamp(min=0).minimum((size - 1)[:, None])
    before = place.floor()
    after = (before + 1).minimum((size - 1)[:, None])
    share = place - before
    pixels = torch.stack([before, after], dim=2).long()
    weights = torch.stack([1 - share, share], dim=2) * inside[:, :, None] / POINTS
    return pixels.flatten(1), weights.flatten(1)


class _BagSum(torch.autograd.Function):
    """Weighted sums of rows of a table: `embedding_bag`, with a gradient that is one as well.

    PyTorch's own gradient adds row after row and takes several times as long.
    """

    @staticmethod
    def forward(
        context: Any, table: Float[Tensor, "n c"], rows: Int64[Tensor, "bags k"], weights: Float[Tensor, "bags k"]
    ) -> Float[Tensor, "bags c"]:
        context.save_for_backward(rows, weights)
        context.count = len(table)
        return functional.embedding_bag(rows, table, per_sample_weights=weights, mode="sum")

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Float[Tensor, "bags c"]) -> tuple[Float[Tensor, "n c"], None, None]:
        """A row's gradient sums those of the bags it is in, with the same weights: the bags of the transposed sum."""
        rows, weights = context.saved_tensors
        flat = rows.flatten()
        order = flat.argsort(stable=True)
        counts = torch.bincount(flat, minlength=context.count)
        bags, starts = order // rows.shape[1], counts.cumsum(0) - counts
        weights = weights.flatten()[order].to(gradient.dtype)
        table = gradient.contiguous()
        return functional.embedding_bag(bags, table, starts, mode="sum", per_sample_weights=weights), None, None
