"""Prediction of an image that need not fit the memory: read in windows, decoded in blocks, written in blocks.

Labels, classes and scores are those that `Predictor.predict` gives for the whole image (`unmask.instances.blockwise`).
A killed run goes on where it was: finished blocks are not computed again, damaged ones are.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from torch import nn

from unmask.arrays import AnyArray, FloatImage, ProbabilityMap
from unmask.data.files import write_text
from unmask.data.normalise import normalise, stretch_constants_of_blocks
from unmask.data.streams.sinks import BlockSink, label_sink, map_sink
from unmask.data.streams.sources import ImageSource
from unmask.geometry.grid import Tile, mirror
from unmask.instances.blockwise import Lookups, Piece
from unmask.instances.blockwise_growth import GrownBlock, grow_window, number_objects
from unmask.instances.blockwise_holes import HoleBlock, holes_of_block, join_holes
from unmask.instances.blockwise_objects import ObjectSums, finish, merge_objects
from unmask.instances.blockwise_seeds import SeedBlock, join_seeds, seeds_of_block
from unmask.instances.blockwise_shapes import shape_windows, shapes_of_window
from unmask.instances.blockwise_table import columns_of
from unmask.instances.table import Columns
from unmask.model import Model
from unmask.predict.seams import Seams, verify_seams
from unmask.predict.stream_work import Records
from unmask.predict.tiles import plan_tiles, predict_window

__all__ = ["Streamed", "predict_stream"]

MOST_PIXELS = 2**31 - 1  # of a block


@dataclass(frozen=True)
class Streamed:
    """What a streamed prediction gave.

    Attributes:
        labels: the label image, an OME-Zarr folder.
        table: as `unmask.instances.table.measure` gives it.
        probabilities: the maps, an OME-Zarr folder; None where they were not wanted.
        constants: grey values of each channel that became 0 and 1.
        computed: blocks that the network looked at in this run; the others were there from an earlier one.
        blocks: of the image.
        seams: what was found across borders of blocks; None where nobody looked.
    """

    labels: Path
    table: Columns
    probabilities: Path | None
    constants: tuple[tuple[float, float], ...]
    computed: int
    blocks: int
    seams: Seams | None


class _Stream:
    """One image on its way; every method is a pass over its blocks."""

    def __init__(self, model: Model, net: nn.Module, source: ImageSource, work: Path, side: int) -> None:
        self.model, self.net, self.source, self.work = model, net, source, work
        self.parameters = model.recipe.instances
        self.device = next(net.parameters()).device
        tiles = plan_tiles(*source.size, model.halo, side)
        self.tiles = tiles
        self.block = tiles[0].rows.stop - tiles[0].rows.start, tiles[0].columns.stop - tiles[0].columns.start
        self.classes = 1 + len(model.recipe.data.class_names)
        self.constants = self._constants()
        self.computed = 0

    def _constants(self) -> tuple[tuple[float, float], ...]:
        """Of the whole image, by one pass over it; kept for a run that goes on."""
        kept = self.work / "constants.json"
        if kept.exists():
            return tuple((float(low), float(high)) for low, high in json.loads(kept.read_text(encoding="utf-8")))
        found = stretch_constants_of_blocks(
            lambda: (self.source.read(*window) for window in self.source.blocks()),
            self.source.channels,
            self.model.recipe.normalise,
        )
        write_text(kept, json.dumps(found))
        return found

    def sink(self, name: str, channels: int | None) -> BlockSink:
        path, size = self.work / f"{name}.zarr", self.source.size
        if channels is None:
            return label_sink(path, size, self.block, MOST_PIXELS, resume=True)
        return map_sink(path, size, self.block, channels, self.source.pixel_size, resume=True)

    def indices(self, sink: BlockSink) -> list[tuple[int, int]]:
        return list(sink.indices())

    def probabilities(self, tile: Tile) -> ProbabilityMap:
        self.computed += 1
        return predict_window(self.net, self._window(tile), tile, self.device)

    def _window(self, tile: Tile) -> FloatImage:
        """What the network is given: read from the file, mirrored outside the image, normalised."""
        places = [
            mirror(span.read_start, span.read_stop, size)
            for span, size in zip((tile.rows, tile.columns), self.source.size, strict=True)
        ]
        low = [int(place.min()) for place in places]
        part = self.source.read(*(slice(at, int(place.max()) + 1) for at, place in zip(low, places, strict=True)))
        inside = np.ix_(*(place - at for at, place in zip(low, places, strict=True)))
        return normalise(part[inside], self.constants)


def predict_stream(
    model: Model,
    net: nn.Module,
    source: ImageSource,
    name: str,
    out: Path,
    *,
    side: int,
    probabilities: bool = False,
    verify: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Streamed:
    """Predicts one image in blocks.

    Args:
        model: of objects (a U-Net).
        net: its network, in evaluation mode, on its device.
        source: the image.
        name: of the image, for the table.
        out: folder to write to: `labels.zarr`, and `probabilities.zarr` where they are wanted; `.work` till then.
        side: largest side of a block, pixels.
        probabilities: keep them.
        verify: predict windows across borders of blocks alone, and compare.
        progress: called with (blocks done, blocks in all) over all passes.

    Raises:
        PredictionError: seams were found.
        UnmaskError: a file cannot be read or written; what is done so far is kept.
    """
    work = out / ".work"
    stream = _Stream(model, net, source, work, side)
    parameters = stream.parameters
    maps = stream.sink("probabilities", stream.classes)
    indices, grid = stream.indices(maps), maps.grid
    tell = _teller(progress, len(indices) * (4 if parameters.max_hole else 3))

    seeds = stream.sink("seeds", None)
    seed_records = Records(work / "seeds", seeds, (maps,))
    seed_blocks: list[SeedBlock] = []
    for number, index in enumerate(indices):
        seed_blocks.append(seed_records.run(index, SeedBlock, partial(_seed, stream, maps, index, number)))
        tell()
    lookups = join_seeds(seed_blocks, grid, parameters)

    grown = stream.sink("grown", None)
    grown_records = Records(work / "grown", grown)
    grown_blocks: list[GrownBlock] = []
    for index in indices:
        grown_blocks.append(grown_records.run(index, GrownBlock, partial(_grown, stream, maps, seeds, lookups, index)))
        tell()
    lookups = number_objects(grown_blocks, parameters)
    objects = lookups
    if parameters.max_hole:
        holes: list[HoleBlock] = []
        for number, index in enumerate(indices):
            labels = _labels(grown, index)
            holes.append(holes_of_block(labels, objects.table(number), parameters.max_hole)[1])
            tell()
        lookups = join_holes(objects, holes, grid, parameters.max_hole)

    final = label_sink(
        out / "labels.zarr", source.size, stream.block, int(lookups.numbers.max(initial=0)), source.pixel_size
    )
    sums = []
    for number, index in enumerate(indices):
        span = maps.span(index)
        labels = _labels(grown, index)
        if parameters.max_hole:
            labels = holes_of_block(labels, objects.table(number), parameters.max_hole)[0]
        done, part = finish(
            labels, lookups.table(number), maps.read_window(*span), source.read(*span), (span[0].start, span[1].start)
        )
        final.write_block(index, done)
        sums.append(part)
        tell()
    table = _table(model, final, merge_objects(sums), name, source)
    folder = final.finish()
    computed = stream.computed
    seams = verify_seams(maps, model.halo, stream.probabilities) if verify else None
    kept = _keep(maps, out / "probabilities.zarr") if probabilities else None
    shutil.rmtree(work)
    return Streamed(folder, table, kept, stream.constants, computed, len(indices), seams)


def _seed(stream: _Stream, maps: BlockSink, index: tuple[int, int], number: int) -> tuple[AnyArray, SeedBlock]:
    """Pass 1: the network, and the seeds of the block."""
    rows, columns = maps.span(index)
    if not maps.verify(index):
        maps.write_block(index, stream.probabilities(stream.tiles[number]))
    front = 1 - maps.read_window(rows, columns)[0]
    return seeds_of_block(front, stream.parameters, (rows.start, columns.start), stream.source.size[1])


def _grown(
    stream: _Stream, maps: BlockSink, seeds: BlockSink, lookups: Lookups, index: tuple[int, int]
) -> tuple[AnyArray, GrownBlock]:
    """Pass 2: seeds grow, within a window that reaches beyond the block."""
    span, reach = maps.span(index), stream.parameters.reach
    window = [
        slice(max(0, part.start - reach), min(size, part.stop + reach))
        for part, size in zip(span, stream.source.size, strict=True)
    ]
    inner = tuple(slice(part.start - w.start, part.stop - w.start) for part, w in zip(span, window, strict=True))
    front = 1 - maps.read_window(*window)[0]
    pieces = list(_pieces(seeds, window, lookups))
    origin = span[0].start, span[1].start
    return grow_window(pieces, front, stream.parameters, (inner[0], inner[1]), origin, stream.source.size[1])


def _pieces(sink: BlockSink, window: list[slice], lookups: Lookups) -> Iterator[Piece]:
    """The parts of a window that lie in each block, with the block's table."""
    first = [part.start // step for part, step in zip(window, sink.block, strict=True)]
    last = [(part.stop - 1) // step for part, step in zip(window, sink.block, strict=True)]
    for row in range(first[0], last[0] + 1):
        for column in range(first[1], last[1] + 1):
            span = sink.span((row, column))
            part = [slice(max(s.start, w.start), min(s.stop, w.stop)) for s, w in zip(span, window, strict=True)]
            labels = sink.read_window(*part).astype(np.int32, copy=False)
            table = lookups.table(row * sink.grid[1] + column)
            yield Piece(labels, table, part[0].start - window[0].start, part[1].start - window[1].start)


def _labels(sink: BlockSink, index: tuple[int, int]) -> AnyArray:
    return sink.read_window(*sink.span(index)).astype(np.int32, copy=False)


def _table(model: Model, final: BlockSink, objects: ObjectSums, name: str, source: ImageSource) -> Columns:
    tops = [i * final.block[0] for i in range(final.grid[0])]
    lefts = [i * final.block[1] for i in range(final.grid[1])]
    shapes = [
        shapes_of_window(
            final.read_window(window.rows, window.columns).astype(np.int32, copy=False),
            window.numbers,
            source.pixel_size,
        )
        for window in shape_windows(objects, tops, lefts)
    ]
    return columns_of(objects, shapes, name, model.recipe.data.class_names, source.pixel_size)


def _keep(maps: BlockSink, place: Path) -> Path:
    finished = maps.finish()
    if place.exists():
        shutil.rmtree(place)
    shutil.move(finished, place)
    return place


def _teller(progress: Callable[[int, int], None] | None, total: int) -> Callable[[], None]:
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    return tell
