"""The plan of a prediction in blocks: how large its tiles are, what they cost, what memory it takes."""

from dataclasses import dataclass

import psutil
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from unmask.geometry.grid import Span
from unmask.model import Model
from unmask.predict.tiles import LEAST_WORK, axes_of, bytes_a_pixel, tile_side
from unmask.recipe import UNetRecipe

__all__ = ["BlockPlan", "plan_blocks", "redundancy"]


@dataclass(frozen=True)
class BlockPlan:
    """How an image is predicted in blocks.

    Attributes:
        size: rows and columns of the image.
        side: largest side of a tile, pixels written; a block of the image is what a tile writes.
        block: rows and columns of one.
        blocks: how many there are.
        halo: pixels of surroundings that a tile reads on each side.
        redundant: the share of the network's work that is done more than once.
        workers: who share it.
        memory: that all of them are expected to take, bytes, Python and PyTorch included.
    """

    size: tuple[int, int]
    side: int
    block: tuple[int, int]
    blocks: int
    halo: int
    redundant: float
    workers: int
    memory: int

    def __str__(self) -> str:
        """The plan in a sentence, without a full stop."""
        sizes = [f"{height:,} x {width:,}" for height, width in (self.size, self.block)]
        workers = f" of {self.workers} workers" if self.workers > 1 else ""
        return (
            f"{sizes[0]} pixels in {self.blocks:,} blocks of {sizes[1]}, halo {self.halo}, {self.redundant:.0%} of the "
            f"network's work is overlap, about {self.memory / 1e9:.1f} GB of memory{workers}"
        )


def plan_blocks(
    model: Model, size: tuple[int, int], memory: int, workers: int = 1, side: int | None = None
) -> BlockPlan:
    """Tiles as large as the memory allows: the larger they are, the less is looked at twice.

    Args:
        model: a U-Net.
        size: rows and columns of the image.
        memory: for all workers, bytes, what Python and PyTorch take included: as much as they take in this process now.
        workers: processes beside this one; 0 if it does the work itself.
        side: of tiles, where it is not to follow from the memory.
    """
    network = model.recipe.network
    assert isinstance(network, UNetRecipe), "blocks are the U-Net's"
    taken, pixel, crew = psutil.Process().memory_full_info(), bytes_a_pixel(network), max(1, workers)
    base = taken.rss + workers * taken.uss  # libraries are in the memory once
    own = max(LEAST_WORK, (memory - base) // crew)
    side = side or tile_side(own, pixel, model.halo)
    rows, columns = axes_of(size, model.halo, side)
    seen = _seen(rows[0]) * _seen(columns[0])
    return BlockPlan(
        size,
        side,
        (rows[0].stop - rows[0].start, columns[0].stop - columns[0].start),
        len(rows) * len(columns),
        model.halo.halo,
        redundancy(model, rows[0], columns[0]),
        crew,
        base + crew * seen * pixel,
    )


def redundancy(model: Model, rows: Span, columns: Span) -> float:
    """The share of a tile's floating point operations that the image would not need if it were predicted at once.

    Counted from the network's own layers; an unpadded network does less and less at its borders, level by level.
    """
    with torch.device("meta"):
        net = model.family.build(model.recipe).eval()
    step, far = model.halo.stride, model.halo.input_for(8 * model.halo.stride + 4 * model.halo.halo)
    # Of a square the work is a L^2 + b L + c: what each further pixel costs is a.
    near, middle, end = (_operations(net, model, far + k * step, far + k * step) for k in range(3))
    needed = (near - 2 * middle + end) / (2 * step**2) * (rows.stop - rows.start) * (columns.stop - columns.start)
    return max(0.0, 1 - needed / _operations(net, model, _seen(rows), _seen(columns)))


def _operations(net: nn.Module, model: Model, height: int, width: int) -> int:
    """Floating point operations of one pass; nothing is computed."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        net(torch.empty((1, model.recipe.data.channels, height, width), device="meta"))
    return counter.get_total_flops()


def _seen(span: Span) -> int:
    return span.read_stop - span.read_start
