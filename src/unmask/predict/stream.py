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

__all__ = ["Streamed", "placed", "predict_stream"]

MOST_IDS = 2**31 - 1  # of a block


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
    """One image on its way: what every pass over its blocks needs, and the passes.

    Of a run that goes on, the records and pixels of finished blocks are in `work`.
    """

    def __init__(
        self, model: Model, net: nn.Module, source: ImageSource, work: Path, side: int, tell: Callable[[int, int], None]
    ) -> None:
        self.model, self.net, self.source, self.work = model, net, source, work
        self.parameters = model.recipe.instances
        self.device = next(net.parameters()).device
        self.tiles = plan_tiles(*source.size, model.halo, side)
        first = self.tiles[0]
        self.block = first.rows.stop - first.rows.start, first.columns.stop - first.columns.start
        self.constants = self._constants()
        self.maps = map_sink(
            work / "probabilities.zarr",
            source.size,
            self.block,
            1 + len(model.recipe.data.class_names),
            source.pixel_size,
            resume=True,
        )
        self.indices = list(self.maps.indices())
        self.computed = 0
        self._tell, self._told = tell, 0

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

    def block_labels(self, name: str) -> BlockSink:
        """Where the labels of a pass lie, each block's under ids of its own."""
        return label_sink(self.work / f"{name}.zarr", self.source.size, self.block, MOST_IDS, resume=True)

    def done(self) -> None:
        """Says that a pass is done on one more block."""
        self._told += 1
        self._tell(self._told, len(self.indices) * (4 if self.parameters.max_hole else 3))

    def probabilities(self, tile: Tile) -> ProbabilityMap:
        """What the network says of a tile."""
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

    def seeds(self, labels: BlockSink) -> Lookups:
        """Pass 1: the network, and the seeds of each block."""
        records = Records(self.work / "seeds", labels, (self.maps,))
        found: list[SeedBlock] = []
        for tile, index in zip(self.tiles, self.indices, strict=True):
            found.append(records.run(index, SeedBlock, partial(self._seed, tile, index)))
            self.done()
        return join_seeds(found, self.maps.grid, self.parameters)

    def _seed(self, tile: Tile, index: tuple[int, int]) -> tuple[AnyArray, SeedBlock]:
        rows, columns = self.maps.span(index)
        if not self.maps.verify(index):
            self.maps.write_block(index, self.probabilities(tile))
        front = 1 - self.maps.read_window(rows, columns)[0]
        return seeds_of_block(front, self.parameters, (rows.start, columns.start), self.source.size[1])

    def grown(self, seeds: BlockSink, numbers: Lookups, labels: BlockSink) -> Lookups:
        """Pass 2: seeds grow, within windows that reach beyond each block."""
        records = Records(self.work / "grown", labels)
        found: list[GrownBlock] = []
        for index in self.indices:
            found.append(records.run(index, GrownBlock, partial(self._grow, seeds, numbers, index)))
            self.done()
        return number_objects(found, self.parameters)

    def _grow(self, seeds: BlockSink, numbers: Lookups, index: tuple[int, int]) -> tuple[AnyArray, GrownBlock]:
        span, reach = self.maps.span(index), self.parameters.reach
        window = [
            slice(max(0, part.start - reach), min(size, part.stop + reach))
            for part, size in zip(span, self.source.size, strict=True)
        ]
        rows, columns = (slice(part.start - w.start, part.stop - w.start) for part, w in zip(span, window, strict=True))
        front = 1 - self.maps.read_window(*window)[0]
        origin = span[0].start, span[1].start
        pieces = list(_pieces(seeds, window, numbers))
        return grow_window(pieces, front, self.parameters, (rows, columns), origin, self.source.size[1])

    def holes(self, grown: BlockSink, objects: Lookups) -> Lookups:
        """Pass 3: who gets the holes, also those that lie in several blocks; skipped where none are filled."""
        if not self.parameters.max_hole:
            return objects
        found: list[HoleBlock] = []
        for number, index in enumerate(self.indices):
            found.append(holes_of_block(_labels(grown, index), objects.table(number), self.parameters.max_hole)[1])
            self.done()
        return join_holes(objects, found, self.maps.grid, self.parameters.max_hole)

    def finished(self, grown: BlockSink, objects: Lookups, filled: Lookups, final: BlockSink) -> ObjectSums:
        """Pass 4: final labels written, and what is known of the objects."""
        found: list[ObjectSums] = []
        for number, index in enumerate(self.indices):
            rows, columns = span = self.maps.span(index)
            labels = _labels(grown, index)
            if self.parameters.max_hole:
                labels = holes_of_block(labels, objects.table(number), self.parameters.max_hole)[0]
            maps, image = self.maps.read_window(*span), self.source.read(*span)
            done, sums = finish(labels, filled.table(number), maps, image, (rows.start, columns.start))
            final.write_block(index, done)
            found.append(sums)
            self.done()
        return merge_objects(found)


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
    use: Callable[[Path], None] = lambda labels: None,
    progress: Callable[[int, int], None] = lambda done, of: None,
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
        use: called with the label image while a killed run could still go on.
        progress: called with (blocks done, blocks in all) over all passes.

    Raises:
        PredictionError: seams were found.
        UnmaskError: a file cannot be read or written; what is done so far is kept.
    """
    work = out / ".work"
    stream = _Stream(model, net, source, work, side, progress)
    seeds, grown = stream.block_labels("seeds"), stream.block_labels("grown")
    objects = stream.grown(seeds, stream.seeds(seeds), grown)
    filled = stream.holes(grown, objects)
    largest = int(filled.numbers.max(initial=0))
    final = label_sink(out / "labels.zarr", source.size, stream.block, largest, source.pixel_size)
    sums = stream.finished(grown, objects, filled, final)
    table, labels, computed = _table(model, final, sums, name, source), final.finish(), stream.computed
    seams = verify_seams(stream.maps, model.halo, stream.probabilities) if verify else None
    use(labels)
    kept = placed(stream.maps.finish(), out / "probabilities.zarr") if probabilities else None
    shutil.rmtree(work)
    return Streamed(labels, table, kept, stream.constants, computed, len(stream.indices), seams)


def placed(folder: Path, place: Path) -> Path:
    """A folder under another name, in place of an earlier one."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        shutil.rmtree(place)
    shutil.move(folder, place)
    return place


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
