"""Seams looked for: windows across the borders of blocks, predicted alone and compared with what was written."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from unmask.arrays import AnyArray, MaskImage, ProbabilityMap
from unmask.data.streams.sinks import BlockSink
from unmask.errors import PredictionError
from unmask.geometry.grid import Tile
from unmask.nets import Halo
from unmask.predict.tiles import window_at

__all__ = ["Seams", "verify_seams"]

WINDOWS = 8
SIDE = 128  # pixels of a window, about


@dataclass(frozen=True)
class Seams:
    """What was found.

    Attributes:
        windows: how many were compared.
        largest: the largest difference of a probability.
        moved: pixels that lie on the other side of a threshold, alone: where labels could differ.
    """

    windows: int
    largest: float
    moved: int


def verify_seams(
    maps: BlockSink,
    halo: Halo,
    predict: Callable[[Sequence[Tile]], Iterable[tuple[int, ProbabilityMap]]],
    thresholds: Sequence[float],
    *,
    tolerance: float,
    windows: int = WINDOWS,
    unseen: Collection[tuple[int, int]] = (),
    seed: int = 0,
) -> Seams:
    """Compares windows across block borders, drawn at random, with the probabilities that were written.

    Args:
        maps: probabilities of the whole image.
        halo: of the network.
        predict: tiles to their probabilities with their numbers, in any order, without looking at `maps`.
        thresholds: of the foreground, by which objects are read.
        tolerance: by which probabilities may differ, being sums of floats in another order.
        windows: how many; an image of one block has no borders, and is compared in as many places.
        unseen: blocks that were taken for background without asking the network: they are not compared.
        seed: of the draw.

    Raises:
        PredictionError: they differ by more.
    """
    random = np.random.default_rng(seed)
    tiles = [_window(maps, halo, random) for _ in range(windows)]
    largest, moved = 0.0, 0
    for number, alone in predict(tiles):
        rows, columns = (slice(span.start, span.stop) for span in (tiles[number].rows, tiles[number].columns))
        asked = _asked(maps, rows, columns, unseen)
        written, alone = maps.read_window(rows, columns)[:, asked], alone[:, asked]
        difference = float(np.abs(alone - written).max(initial=0))
        if difference > tolerance:
            raise PredictionError(
                f"a window at row {rows.start}, column {columns.start}, predicted alone, differs by {difference:.2g}",
                file=maps.path,
                remedy="please report it, with the model; the written prediction is not that of the whole image",
            )
        largest = max(largest, difference)
        moved += sum(_moved(alone, written, threshold) for threshold in thresholds)
    return Seams(windows, largest, moved)


def _window(maps: BlockSink, halo: Halo, random: np.random.Generator) -> Tile:
    """A window at a border of blocks, or near it."""
    border = [int(random.integers(n)) * step for n, step in zip(maps.grid, maps.block, strict=True)]
    start = tuple(
        min(max(0, at - SIDE // 2 + int(random.integers(-SIDE // 4, SIDE // 4))), size - 1)
        for at, size in zip(border, maps.size, strict=True)
    )
    return window_at(maps.size, (start[0], start[1]), SIDE, halo)


def _asked(maps: BlockSink, rows: slice, columns: slice, unseen: Collection[tuple[int, int]]) -> MaskImage:
    """Which pixels of a window the network was asked about."""
    found = np.ones((rows.stop - rows.start, columns.stop - columns.start), np.bool_)
    for index in maps.touched(rows, columns):
        if index in unseen:
            down, across = maps.span(index)
            top, left = max(0, down.start - rows.start), max(0, across.start - columns.start)
            found[top : max(0, down.stop - rows.start), left : max(0, across.stop - columns.start)] = False
    return found


def _moved(alone: AnyArray, written: AnyArray, threshold: float) -> int:
    return int(np.count_nonzero((1 - alone[0] >= threshold) != (1 - written[0] >= threshold)))
