"""What is done to each block of an image that need not fit the memory: one function a pass, for any process to call.

A `BlockJob` goes to the worker with each block; it is small. Pixels lie in files, one writer a chunk, and what a pass
gives back are the few numbers that the whole image must know (`unmask.instances.blockwise`). Each function leaves a
record of what it did, and finds it when it is called again: after a kill, or because a worker died.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from unmask.arrays import FloatImage, LabelImage, ProbabilityMap
from unmask.data.normalise import normalise
from unmask.data.streams.sinks import BlockSink
from unmask.data.streams.sources import ImageSource
from unmask.geometry.grid import Tile, mirror
from unmask.geometry.symmetry import SYMMETRIES, Interval
from unmask.instances.blockwise import Piece, Table
from unmask.instances.blockwise_growth import GrownBlock, grow_window
from unmask.instances.blockwise_holes import HoleBlock, holes_of_block
from unmask.instances.blockwise_objects import ObjectSums, finish
from unmask.instances.blockwise_seeds import SeedBlock, seeds_of_block
from unmask.instances.blockwise_shapes import ShapeWindow, shapes_of_large, shapes_of_window
from unmask.instances.classes import class_map
from unmask.instances.table import Columns
from unmask.nets import Halo
from unmask.predict.probabilities import background, is_blank
from unmask.predict.stream_work import Index, Records
from unmask.predict.tiles import Network, tile_at
from unmask.predict.tta import predict_tile
from unmask.recipe import Recipe

__all__ = [
    "BlockJob",
    "SeededBlock",
    "finish_block",
    "grow_block",
    "hole_block",
    "large_shape",
    "predict_part",
    "seed_block",
    "shape",
]


@dataclass(frozen=True)
class BlockJob:
    """All that a worker must know to work on any block of an image.

    Attributes:
        work: the working folder, where all workers see it.
        source: the image.
        recipe: of the model.
        halo: of the network.
        side: largest side of a tile, as for `plan_tiles`: a block is what a tile writes.
        constants: grey values of each channel that become 0 and 1.
        symmetries: flips and turns that are averaged, 1 or 8.
        skip_blank: tiles that see one grey value only are background.
        stamp: of what the pass before found (`stamp_of`).
        maps: probabilities.
        seeds: labels of pass 1, each block's under ids of its own.
        grown: labels of pass 2, likewise.
        final: the label image; None before its largest number is known.
        classes: the class map, of models of classes.
    """

    work: Path
    source: ImageSource
    recipe: Recipe
    halo: Halo
    side: int
    constants: tuple[tuple[float, float], ...]
    symmetries: int
    skip_blank: bool
    maps: BlockSink
    seeds: BlockSink
    grown: BlockSink
    stamp: str = ""
    final: BlockSink | None = None
    classes: BlockSink | None = None

    def read(self, rows: Interval, columns: Interval) -> FloatImage:
        """What the network is given of rows and columns, mirrored outside the image: (h, w, c)."""
        places = [mirror(*span, size) for span, size in zip((rows, columns), self.source.size, strict=True)]
        low = [int(place.min()) for place in places]
        part = self.source.read(*(slice(at, int(place.max()) + 1) for at, place in zip(low, places, strict=True)))
        inside = np.ix_(*(place - at for at, place in zip(low, places, strict=True)))
        return normalise(part[inside], self.constants)

    def labels(self, sink: BlockSink, index: Index) -> LabelImage:
        """Labels of a block."""
        return sink.read_window(*sink.span(index)).astype(np.int32, copy=False)


@dataclass(frozen=True)
class SeededBlock:
    """What pass 1 leaves of a block.

    Attributes:
        seeds: its seeds.
        blank: whether the network was not asked, as nothing is to be seen there.
    """

    seeds: SeedBlock
    blank: Bool[ndarray, ""]


def predict_part(job: BlockJob, network: Callable[[], Network], tile: Tile) -> ProbabilityMap:
    """(classes, rows, columns) of what a tile writes, wherever it lies."""
    return predict_tile(network(), job.read, tile, job.source.size, SYMMETRIES[: job.symmetries])


def seed_block(job: BlockJob, network: Callable[[], Network], index: Index) -> tuple[SeededBlock, bool]:
    """Pass 1: probabilities of a block, and its seeds; and whether the network was asked now."""
    asked: list[bool] = []

    def work() -> SeededBlock:
        tile = tile_at(job.source.size, job.halo, job.side, index)
        blank = job.skip_blank and is_blank(job.read, tile, job.halo)
        if not job.maps.verify(index):
            asked.append(not blank)
            job.maps.write_block(index, _background(job, index) if blank else predict_part(job, network, tile))
        rows, columns = job.maps.span(index)
        front = 1 - job.maps.read_window(rows, columns, 0)
        origin = rows.start, columns.start
        labels, seeds = seeds_of_block(front, job.recipe.instances, origin, job.source.size[1])
        job.seeds.write_block(index, labels)
        return SeededBlock(seeds, np.array(blank))

    return Records(job.work / "seeds", (job.seeds, job.maps)).run(index, SeededBlock, work), any(asked)


def grow_block(job: BlockJob, task: tuple[Index, Mapping[Index, Table]]) -> GrownBlock:
    """Pass 2: seeds of a block grow, within a window that reaches beyond it; with the tables of all blocks there."""
    index, tables = task

    def work() -> GrownBlock:
        span, (rows, columns) = job.maps.span(index), grow_window_of(job, index)
        inner = tuple(slice(s.start - w.start, s.stop - w.start) for s, w in zip(span, (rows, columns), strict=True))
        front = 1 - job.maps.read_window(rows, columns, 0)
        pieces = [_piece(job.seeds, other, table, (rows, columns)) for other, table in tables.items()]
        origin = span[0].start, span[1].start
        labels, grown = grow_window(
            pieces, front, job.recipe.instances, (inner[0], inner[1]), origin, job.source.size[1]
        )
        job.grown.write_block(index, labels)
        return grown

    return Records(job.work / f"grown-{job.stamp}", (job.grown,)).run(index, GrownBlock, work)


def grow_window_of(job: BlockJob, index: Index) -> tuple[slice, slice]:
    """Rows and columns that growth in a block looks at."""
    reach = job.recipe.instances.reach
    rows, columns = (
        slice(max(0, part.start - reach), min(size, part.stop + reach))
        for part, size in zip(job.maps.span(index), job.source.size, strict=True)
    )
    return rows, columns


def hole_block(job: BlockJob, task: tuple[Index, Table]) -> HoleBlock:
    """Pass 3: holes of a block that others must judge; with its table of objects."""
    index, table = task

    def work() -> HoleBlock:
        return holes_of_block(job.labels(job.grown, index), table, job.recipe.instances.max_hole)[1]

    return Records(job.work / f"holes-{job.stamp}").run(index, HoleBlock, work)


def finish_block(job: BlockJob, task: tuple[Index, Table, Table]) -> None:
    """Pass 4: final labels of a block, and a record of its objects; with its tables of objects and of holes too."""
    index, objects, filled = task
    assert job.final is not None, "its type is known by now"
    final, classes = job.final, job.classes

    def work() -> ObjectSums:
        rows, columns = span = final.span(index)
        labels = job.labels(job.grown, index)
        if job.recipe.instances.max_hole:
            labels = holes_of_block(labels, objects, job.recipe.instances.max_hole)[0]
        maps, image = job.maps.read_window(*span), job.source.read(*span)
        done, sums = finish(labels, filled, maps, image, (rows.start, columns.start))
        final.write_block(index, done)
        if classes is not None:
            values = np.array([0, *job.recipe.data.class_values])
            classes.write_block(index, values[class_map(maps, job.recipe.instances.mask_threshold)])
        return sums

    sinks = (final,) if classes is None else (final, classes)
    Records(job.work / f"finished-{job.stamp}", sinks).run(index, ObjectSums, work)


def shape(job: BlockJob, window: ShapeWindow) -> Columns:
    """Pass 5: shapes of the objects that start in a block."""
    return shapes_of_window(_final(job, window.rows, window.columns), window.numbers, job.source.pixel_size)


def large_shape(job: BlockJob, objects: ObjectSums) -> Columns:
    """Pass 5: shapes of objects that are too large for a window."""
    return shapes_of_large(objects, partial(_final, job), job.source.pixel_size)


def _final(job: BlockJob, rows: slice, columns: slice) -> LabelImage:
    assert job.final is not None, "it is written by now"
    return job.final.read_window(rows, columns).astype(np.int32, copy=False)


def _background(job: BlockJob, index: Index) -> ProbabilityMap:
    rows, columns = job.maps.span(index)
    return background((1 + len(job.recipe.data.class_names), rows.stop - rows.start, columns.stop - columns.start))


def _piece(sink: BlockSink, index: Index, table: Table, window: tuple[slice, slice]) -> Piece:
    """The part of a window that lies in one block."""
    span = sink.span(index)
    rows, columns = (slice(max(s.start, w.start), min(s.stop, w.stop)) for s, w in zip(span, window, strict=True))
    labels = sink.read_window(rows, columns).astype(np.int32, copy=False)
    return Piece(labels, table, rows.start - window[0].start, columns.start - window[1].start)
