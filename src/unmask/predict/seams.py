"""Seams looked for: windows across the borders of blocks, predicted alone and compared with what was written."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unmask.arrays import ProbabilityMap
from unmask.data.streams.sinks import BlockSink
from unmask.errors import PredictionError
from unmask.geometry.grid import Span, Tile
from unmask.nets import Halo

__all__ = ["Seams", "verify_seams", "window_at"]

WINDOWS = 8
SIDE = 128  # pixels of a window, about
MOST = 1e-5  # by which probabilities may differ: sums of float32 in another order


@dataclass(frozen=True)
class Seams:
    """What was found.

    Attributes:
        windows: how many were compared.
        largest: the largest difference of a probability.
    """

    windows: int
    largest: float


def window_at(size: tuple[int, int], start: tuple[int, int], side: int, halo: Halo) -> Tile:
    """A tile anywhere, its origin at the multiple of the stride at or before `start`.

    Args:
        size: rows and columns of the image.
        start: row and column within it.
        side: pixels written, about; cut at the image's end.
        halo: of the network.
    """
    rows, columns = (_span(n, at, side, halo) for n, at in zip(size, start, strict=True))
    return Tile(rows, columns)


def _span(size: int, at: int, side: int, halo: Halo) -> Span:
    start = at // halo.stride * halo.stride
    stop = min(size, start + max(halo.stride, side // halo.stride * halo.stride))
    if halo.padded:
        reach = -(-halo.halo // halo.stride) * halo.stride
        end = -(-size // halo.stride) * halo.stride
        begin = max(0, start - reach)
        return Span(start, stop, begin, min(end, -(-stop // halo.stride) * halo.stride + reach), start - begin)
    length = stop - start + 2 * halo.halo
    length += (halo.remainder - length) % halo.stride
    return Span(start, stop, start - halo.halo, start - halo.halo + length, 0)


def verify_seams(
    maps: BlockSink, halo: Halo, predict: Callable[[Tile], ProbabilityMap], *, windows: int = WINDOWS, seed: int = 0
) -> Seams:
    """Compares windows across block borders, drawn at random, with the probabilities that were written.

    Args:
        maps: probabilities of the whole image.
        halo: of the network.
        predict: a tile to its probabilities, without looking at `maps`.
        windows: how many; an image of one block has no borders, and is compared in as many places.
        seed: of the draw.

    Raises:
        PredictionError: they differ by more than rounding.
    """
    random = np.random.default_rng(seed)
    largest = 0.0
    for _ in range(windows):
        border = [int(random.integers(n)) * step for n, step in zip(maps.grid, maps.block, strict=True)]
        start = tuple(
            min(max(0, at - SIDE // 2 + int(random.integers(-SIDE // 4, SIDE // 4))), size - 1)
            for at, size in zip(border, maps.size, strict=True)
        )
        tile = window_at(maps.size, (start[0], start[1]), SIDE, halo)
        rows, columns = slice(tile.rows.start, tile.rows.stop), slice(tile.columns.start, tile.columns.stop)
        difference = float(np.abs(predict(tile) - maps.read_window(rows, columns)).max())
        largest = max(largest, difference)
        if difference > MOST:
            raise PredictionError(
                f"a window at row {rows.start}, column {columns.start}, predicted alone, differs by {difference:.2g}",
                file=maps.path,
                remedy="please report it, with the model; the written prediction is not that of the whole image",
            )
    return Seams(windows, largest)
