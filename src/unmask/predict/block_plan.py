"""The plan of a prediction in blocks: how large its tiles are, what they cost, what memory it takes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from unmask.errors import PredictionError
from unmask.geometry.grid import Tile
from unmask.geometry.symmetry import Interval
from unmask.model import Model
from unmask.nets.operations import operations
from unmask.predict.tiles import BESIDE, Cutting, bytes_a_pixel, least_side, plan_tiles, tile_side
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
        memory: that all of them are expected to take, bytes, Python and PyTorch included; on other machines, each.
        elsewhere: workers are on other machines.
    """

    size: tuple[int, int]
    side: int
    block: tuple[int, int]
    blocks: int
    halo: int
    redundant: float
    workers: int
    memory: int
    elsewhere: bool

    @property
    def share(self) -> int:
        """How many tiles the memory holds at once."""
        return 1 if self.elsewhere else self.workers

    def __str__(self) -> str:
        """The plan in a sentence, without a full stop."""
        sizes = [f"{height:,} x {width:,}" for height, width in (self.size, self.block)]
        each = "for each of" if self.elsewhere else "of"
        workers = f" {each} {self.workers} workers" if self.workers > 1 else ""
        return (
            f"{sizes[0]} pixels in {self.blocks:,} blocks of {sizes[1]}, halo {self.halo}, {self.redundant:.0%} of the "
            f"network's work is overlap, about {self.memory / 1e9:.1f} GB of memory{workers}"
        )


def plan_blocks(
    model: Model,
    size: tuple[int, int],
    memory: int,
    workers: int = 0,
    side: int | None = None,
    *,
    elsewhere: bool = False,
) -> BlockPlan:
    """Tiles as large as the memory allows: the larger they are, the less is looked at twice.

    Args:
        model: a U-Net.
        size: rows and columns of the image.
        memory: for all workers, bytes, what Python and PyTorch take included: as much as they take in this process now.
        workers: processes beside this one; 0 if it does the work itself.
        side: of tiles, where it is not to follow from the memory.
        elsewhere: workers are on other machines, and each may take the memory.

    Raises:
        PredictionError: it is too little for so many workers.
    """
    network = model.recipe.network
    assert isinstance(network, UNetRecipe), "blocks are the U-Net's"
    pixel = bytes_a_pixel(network, len(model.recipe.data.class_names))
    taken, least = psutil.Process().memory_full_info(), least_side(model.halo)
    # On one machine libraries are in the memory once; a worker elsewhere takes what this process takes.
    base = taken.rss + BESIDE + (0 if elsewhere else workers * (taken.uss + BESIDE))
    share = 1 if elsewhere else max(1, workers)
    own, needed = (memory - base) // share, (least + 2 * model.halo.halo) ** 2 * pixel
    if side is None and workers and own < needed:
        enough = -(-(base + share * needed) // 10**8) / 10
        problem = f"{memory / 1e9:.1f} GB of memory are too little for {workers} workers"
        raise PredictionError(problem, remedy=f"give --memory {enough:.1f}GB, or fewer --workers")
    side = side or max(least, tile_side(max(0, own), pixel, model.halo))
    cutting = Cutting(model.halo, None if model.unpadded is None else model.unpadded.halo)
    tiles = plan_tiles(*size, model.halo, side)
    rows, columns, _ = max(_seen(*cutting.tile(size, *_written(tile))) for tile in tiles)
    return BlockPlan(
        size,
        side,
        (tiles[0].rows.stop, tiles[0].columns.stop),
        len(tiles),
        (cutting.inner or cutting.halo).halo,
        redundancy(model, cutting, tiles, size),
        max(1, workers),
        base + share * rows * columns * pixel,
        elsewhere,
    )


def redundancy(model: Model, cutting: Cutting, tiles: Sequence[Tile], size: tuple[int, int]) -> float:
    """The share of the network's floating point operations that an image would not need if it were predicted at once.

    Counted from the network's own layers; without padding it does less and less at a tile's borders, level by level.
    """
    seen = Counter(_seen(*cutting.tile(size, *_written(tile))) for tile in tiles)
    done = sum(count * _operations(model, inner, rows, columns) for (rows, columns, inner), count in seen.items())
    step = model.halo.stride
    far = model.halo.input_for(8 * step + 4 * model.halo.halo)
    # Of a square the work is a L^2 + b L + c: what each further pixel costs is a.
    near, middle, end = (_operations(model, False, far + k * step, far + k * step) for k in range(3))
    return max(0.0, 1 - (near - 2 * middle + end) / (2 * step**2) * size[0] * size[1] / done)


def _operations(model: Model, inner: bool, height: int, width: int) -> int:
    found = model.unpadded if inner else model
    assert found is not None, "tiles are cut for networks that there are"
    network, data = found.recipe.network, found.recipe.data
    assert isinstance(network, UNetRecipe), "blocks are the U-Net's"
    return operations(network, data.channels, 1 + len(data.class_names), height, width)


def _written(tile: Tile) -> tuple[Interval, Interval]:
    return (tile.rows.start, tile.rows.stop), (tile.columns.start, tile.columns.stop)


def _seen(tile: Tile, inner: bool) -> tuple[int, int, bool]:
    """Rows and columns that a tile reads, and by which network."""
    rows, columns = (span.read_stop - span.read_start for span in (tile.rows, tile.columns))
    return rows, columns, inner
