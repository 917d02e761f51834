"""Prediction of an image that need not fit the memory: read in windows, decoded in blocks, written in blocks.

Labels, classes and scores are those that `Predictor.predict` gives for the whole image (`unmask.instances.blockwise`),
whoever works on the blocks (`crew.py`). A killed run goes on where it was: finished blocks are not computed again,
damaged ones are.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from unmask.data.files import write_text
from unmask.data.normalise import stretch_constants_of_blocks
from unmask.data.streams.sinks import label_sink, map_sink
from unmask.data.streams.sources import ImageSource
from unmask.instances.blockwise import Lookups
from unmask.instances.blockwise_growth import number_objects
from unmask.instances.blockwise_holes import join_holes
from unmask.instances.blockwise_seeds import join_seeds
from unmask.model import Model
from unmask.predict.block_job import (
    BlockJob,
    finish_block,
    grow_block,
    grow_window_of,
    hole_block,
    predict_part,
    seed_block,
)
from unmask.predict.crew import Crew
from unmask.predict.seams import Seams, verify_seams
from unmask.predict.stream_table import stream_table
from unmask.predict.stream_work import stamp_of
from unmask.predict.tiles import tile_at
from unmask.recipe import NormaliseRecipe

__all__ = ["StreamOptions", "Streamed", "predict_stream"]

MOST_IDS = 2**31 - 1  # of a block
# Shares of the time that passes take, about, for the time that is left: network and seeds, growth, holes, final labels,
# shapes. Of a small network on two cores; the larger the network, the more the first one takes.
WEIGHTS = (12, 2, 1, 3, 6)

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class StreamOptions:
    """How an image is predicted in blocks.

    Attributes:
        side: largest side of a block, pixels.
        symmetries: flips and turns that are averaged, 1 or 8.
        skip_blank: tiles that see one grey value only are background, unseen.
        probabilities: keep them.
        table: measure the objects.
        verify: predict windows across borders of blocks alone, and compare.
        tolerance: by which their probabilities may differ.
    """

    side: int
    symmetries: int = 1
    skip_blank: bool = False
    probabilities: bool = False
    table: bool = True
    verify: bool = False
    tolerance: float = 1e-5


@dataclass(frozen=True)
class Streamed:
    """What a streamed prediction gave.

    Attributes:
        labels: the label image, an OME-Zarr folder; of models of classes the class map.
        objects: how many there are.
        parts: files of the table, in order (`unmask.instances.table_files`).
        probabilities: the maps, an OME-Zarr folder; None where they were not wanted.
        constants: grey values of each channel that became 0 and 1.
        computed: blocks that the network looked at in this run; the others were there from an earlier one, or blank.
        blank: blocks that were left out as nothing is to be seen there.
        blocks: of the image.
        seams: what was found across borders of blocks; None where nobody looked.
    """

    labels: Path
    objects: int
    parts: tuple[Path, ...]
    probabilities: Path | None
    constants: tuple[tuple[float, float], ...]
    computed: int
    blank: int
    blocks: int
    seams: Seams | None


def predict_stream(
    model: Model,
    source: ImageSource,
    name: str,
    out: Path,
    crew: Crew,
    options: StreamOptions,
    *,
    use: Callable[[Path], None] = lambda labels: None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Streamed:
    """Predicts one image in blocks.

    Args:
        model: a U-Net.
        source: the image.
        name: of the image, for the table.
        out: folder to write to, which all of the crew must see. Nothing in it is removed: as long as it is there, the
            same call goes on where it was.
        crew: who works on the blocks.
        options: how.
        use: called with the label image.
        progress: called with (steps done, steps in all) over all passes.

    Raises:
        PredictionError: seams were found.
        UnmaskError: a file cannot be read or written; what is done so far is kept.
    """
    passes = _Passes(_job(model, source, out / ".work", options), crew, progress, options)
    seeds, computed, blank = passes.seeds(model)
    objects = passes.grown(seeds)
    passes.finished(objects, passes.holes(objects), out)
    parts, count = passes.table(name, out / "table")
    seams = passes.seams() if options.verify else None
    labels = passes.publish()
    use(labels)
    job = passes.job
    maps = job.maps.finish() if options.probabilities else None
    return Streamed(labels, count, parts, maps, job.constants, computed, blank, len(passes.indices), seams)


def _job(model: Model, source: ImageSource, work: Path, options: StreamOptions) -> BlockJob:
    """The working folder of an image, begun or found."""
    first = tile_at(source.size, model.halo, options.side, (0, 0))
    block = first.rows.stop - first.rows.start, first.columns.stop - first.columns.start
    classes = 1 + len(model.recipe.data.class_names)
    maps = map_sink(work / "probabilities.zarr", source.size, block, classes, source.pixel_size, resume=True)
    seeds, grown = (
        label_sink(work / f"{name}.zarr", source.size, block, MOST_IDS, resume=True) for name in ("seeds", "grown")
    )
    return BlockJob(
        work,
        source,
        model.recipe,
        model.halo,
        options.side,
        _constants(source, model.recipe.normalise, work / "constants.json"),
        options.symmetries,
        options.skip_blank,
        maps,
        seeds,
        grown,
    )


def _constants(source: ImageSource, recipe: NormaliseRecipe, kept: Path) -> tuple[tuple[float, float], ...]:
    """Of the whole image, by one pass over it; kept for a run that goes on."""
    with suppress(OSError, ValueError):  # there is none yet, or it was cut short
        return tuple((float(low), float(high)) for low, high in json.loads(kept.read_text(encoding="utf-8")))
    found = stretch_constants_of_blocks(
        lambda: (source.read(*window) for window in source.blocks()), source.channels, recipe
    )
    write_text(kept, json.dumps(found))
    return found


class _Passes:
    """The passes over the blocks of one image, in their order."""

    def __init__(self, job: BlockJob, crew: Crew, tell: Callable[[int, int], None], options: StreamOptions) -> None:
        self.job = job
        self.crew = crew
        self.indices = list(job.maps.indices())
        self._tell, self._told = tell, 0
        wanted = (True, True, job.recipe.instances.max_hole > 0, True, options.table)
        self._weights = [weight if is_done else 0 for weight, is_done in zip(WEIGHTS, wanted, strict=True)]
        self._options = options

    def seeds(self, model: Model) -> tuple[Lookups, int, int]:
        """Pass 1: the network, and the seeds of each block; and how many blocks it was asked about and spared."""
        self.network = self.crew.network(partial(_model_file, model, self.job.work))
        found = self._over_blocks(0, partial(seed_block, self.job, self.network), self.indices)
        self.blank = [bool(block.blank) for block, _ in found]
        self.job = replace(self.job, stamp=stamp_of(block for block, _ in found))
        seeds = join_seeds([block.seeds for block, _ in found], self.job.maps.grid, self.job.recipe.instances)
        return seeds, sum(asked for _, asked in found), sum(self.blank)

    def grown(self, seeds: Lookups) -> Lookups:
        """Pass 2: seeds grow."""
        columns = self.job.maps.grid[1]
        tasks = (
            (
                index,
                {
                    (row, column): seeds.table(row * columns + column)
                    for row, column in self.job.seeds.touched(*grow_window_of(self.job, index))
                },
            )
            for index in self.indices
        )
        found = self._over_blocks(1, partial(grow_block, self.job), tasks)
        self.job = replace(self.job, stamp=stamp_of(found))
        return number_objects(found, self.job.recipe.instances)

    def holes(self, objects: Lookups) -> Lookups:
        """Pass 3: who gets the holes, also those that lie in several blocks; skipped where none are filled."""
        largest = self.job.recipe.instances.max_hole
        if not largest:
            return objects
        tasks = ((index, objects.table(number)) for number, index in enumerate(self.indices))
        found = self._over_blocks(2, partial(hole_block, self.job), tasks)
        self.job = replace(self.job, stamp=self.job.stamp + stamp_of(found))
        return join_holes(objects, found, self.job.maps.grid, largest)

    def finished(self, objects: Lookups, filled: Lookups, out: Path) -> None:
        """Pass 4: final labels written, and what is known of the objects."""
        sink = partial(
            label_sink, size=self.job.source.size, block=self.job.maps.block, pixel_size=self.job.source.pixel_size
        )
        data = self.job.recipe.data
        is_map = data.kind == "classes"
        self.job = replace(
            self.job,
            final=sink(
                self.job.work / "objects.zarr" if is_map else out / "labels.zarr",
                largest=int(filled.numbers.max(initial=0)),
                resume=True,
            ),
            classes=sink(out / "labels.zarr", largest=max(data.class_values), resume=True) if is_map else None,
        )
        tasks = ((index, objects.table(number), filled.table(number)) for number, index in enumerate(self.indices))
        self._over_blocks(3, partial(finish_block, self.job), tasks)

    def table(self, name: str, folder: Path) -> tuple[tuple[Path, ...], int]:
        """Pass 5: the table, part by part, where it is wanted; and how many objects there are."""
        folder = folder.with_name(f"{folder.name}-{self.job.stamp}")
        return stream_table(self.job, self.crew, name, folder, partial(self._step, 4), shapes=self._options.table)

    def seams(self) -> Seams:
        """What windows across borders of blocks look like alone."""
        look = partial(predict_part, self.job, self.network)
        return verify_seams(
            self.job.maps,
            self.job.halo,
            lambda tiles: self.crew.each(look, tiles),
            (self.job.recipe.instances.seed_threshold, self.job.recipe.instances.mask_threshold),
            tolerance=self._options.tolerance,
            unseen=[index for index, blank in zip(self.indices, self.blank, strict=True) if blank],
        )

    def publish(self) -> Path:
        """Gives the label image, or the class map, its name."""
        wanted = self.job.final if self.job.classes is None else self.job.classes
        assert wanted is not None, "it was written"
        return wanted.finish()

    def _over_blocks(self, number: int, work: Callable[[Task], Result], tasks: Iterable[Task]) -> list[Result]:
        """The results of a pass, in raster order, whoever was first."""
        found = dict(self._told_of(number, self.crew.each(work, tasks)))
        return [found[each] for each in range(len(self.indices))]

    def _told_of(self, number: int, results: Iterator[tuple[int, Result]]) -> Iterator[tuple[int, Result]]:
        for result in results:
            self._step(number)
            yield result

    def _step(self, number: int, blocks: int = 1) -> None:
        """Says that a pass is done on more blocks."""
        self._told += self._weights[number] * blocks
        self._tell(self._told, len(self.indices) * sum(self._weights))


def _model_file(model: Model, work: Path) -> Path:
    """The model where all who work see it; one that is there is written anew if it is damaged."""
    file, fingerprint = work / "model.safetensors", work / "model.sha256"
    try:
        is_sound = hashlib.sha256(file.read_bytes()).hexdigest() == fingerprint.read_text(encoding="utf-8")
    except (OSError, ValueError):
        is_sound = False
    if not is_sound:
        write_text(fingerprint, model.save(file).fingerprint)
    return file
