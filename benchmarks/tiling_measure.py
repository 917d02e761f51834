"""What tiling.py measures: tools that take turns on one image, their seams, and speed by the side of a tile."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median

import numpy as np
from tiling_models import Padding, an_image, both_paddings, work_per_pixel
from tiling_tools import WINDOW, Tool, engines, in_tiles, peers, unmask_tools, whole

from unmask.arrays import FloatImage, ProbabilityMap
from unmask.geometry.grid import Span
from unmask.model import Model
from unmask.predict.engines import open_network
from unmask.predict.tiles import plan_tiles

__all__ = ["Row", "Seam", "TileRow", "compare", "compare_tiles"]

RUNS = 3  # of the smallest image; of larger ones one
TILES = (256, 384, 512, 768, 1024, 1536, 2048)


@dataclass(frozen=True)
class Seam:
    """Differences of probabilities to one pass over the whole image."""

    largest: float
    mean: float


@dataclass(frozen=True)
class Row:
    """How one tool did on one image.

    Attributes:
        tool: its name.
        variant: the fastest of the tool's.
        padding: of its network.
        width: of its network.
        side: of the image, pixels.
        seconds: median.
        megapixels: 10^6 pixels a second.
        gflops: 10^9 useful operations a second.
        seam: None for images that are too large for one pass.
    """

    tool: str
    variant: str
    padding: Padding
    width: int
    side: int
    seconds: float
    megapixels: float
    gflops: float
    seam: Seam | None


@dataclass(frozen=True)
class TileRow:
    """Speed by the side of a tile, pixels written and pixels read; otherwise as in `Row`."""

    engine: str
    width: int
    written: int
    read: int
    megapixels: float
    gflops: float


def compare(model: Model, width: int, sides: list[int]) -> Iterator[list[Row]]:
    """Rows of all tools, for each side of an image; seams of the smallest."""
    smallest, *larger = sorted(sides)
    made, work = both_paddings(model), work_per_pixel(model)
    image = an_image(model, smallest)
    # Before the engines change the networks' memory format.
    expected = {padding: whole(one, image) for padding, one in made.items()}
    every = [*unmask_tools(made["valid"]), *unmask_tools(made["same"]), *peers(made["same"])]
    tools = _fastest(every, image)
    seams = [_seam(tool.predict(image), expected[tool.padding]) for tool in tools]
    taken = _seconds(tools, image, RUNS)
    yield [_row(*each, width, smallest, work) for each in zip(tools, taken, seams, strict=True)]
    tools = [tool for tool in tools if not tool.small_only]
    for side in larger:
        taken = _seconds(tools, an_image(model, side), 1)
        yield [_row(tool, seconds, None, width, side, work) for tool, seconds in zip(tools, taken, strict=True)]


def compare_tiles(model: Model, width: int, side: int) -> Iterator[TileRow]:
    """Speed of the unpadded network through each engine, by the side of a tile."""
    unpadded, work, image = both_paddings(model)["valid"], work_per_pixel(model), an_image(model, side)
    plans = {(span.stop - span.start): span for span in (_first(unpadded, side, tile) for tile in TILES)}
    for name, engine in engines(unpadded).items():
        for written, span in plans.items():
            tool = Tool(name, "", "valid", partial(in_tiles, open_network(unpadded, engine), unpadded, written))
            tool.predict(image)
            (seconds,) = _seconds([tool], image, RUNS)
            yield TileRow(name, width, written, span.read_stop - span.read_start, *_rates(side, seconds, work))


def _first(model: Model, side: int, tile: int) -> Span:
    """One axis of the first tile, and of all but the last: tiles are evenly large."""
    return plan_tiles(side, side, model.halo, tile)[0].rows


def _fastest(tools: list[Tool], image: FloatImage) -> list[Tool]:
    """Of tools of one name the one that is fastest in a corner of the image."""
    corner, kept = image[: 2 * WINDOW, : 2 * WINDOW], dict[str, Tool]()
    for name in dict.fromkeys(tool.name for tool in tools):
        same = [tool for tool in tools if tool.name == name]
        for tool in same if len(same) > 1 else ():
            tool.predict(corner)
        kept[name] = min(same, key=lambda tool: _seconds([tool], corner, 1)[0]) if len(same) > 1 else same[0]
    return list(kept.values())


def _seconds(tools: list[Tool], image: FloatImage, runs: int) -> list[float]:
    """The median time of each; tools take turns."""
    times: list[list[float]] = [[] for _ in tools]
    for _ in range(runs):
        for tool, taken in zip(tools, times, strict=True):
            begun = time.perf_counter()
            tool.predict(image)
            taken.append(time.perf_counter() - begun)
    return [median(taken) for taken in times]


def _seam(found: ProbabilityMap, expected: ProbabilityMap) -> Seam:
    assert found.shape == expected.shape, f"{found.shape} instead of {expected.shape}"
    difference = np.abs(found - expected)
    return Seam(float(difference.max()), float(difference.mean(dtype=np.float64)))


def _row(tool: Tool, seconds: float, seam: Seam | None, width: int, side: int, work: float) -> Row:
    return Row(tool.name, tool.variant, tool.padding, width, side, seconds, *_rates(side, seconds, work), seam)


def _rates(side: int, seconds: float, work: float) -> tuple[float, float]:
    """Megapixels and useful GFLOP a second."""
    return side**2 / seconds / 1e6, side**2 * work / seconds / 1e9
