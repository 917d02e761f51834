"""The last pass over the blocks of an image: the table of its objects, a part for each row of blocks.

Parts stand in files, in the order of the objects' numbers, so that no table need fit the memory; a killed run finds
those that it wrote.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from unmask.errors import UnreadableFile
from unmask.instances.blockwise_objects import ObjectSums, whole_objects
from unmask.instances.blockwise_shapes import large_objects, shape_windows
from unmask.instances.blockwise_table import columns_of
from unmask.instances.table import Columns
from unmask.instances.table_files import read_part, write_part
from unmask.predict.block_job import BlockJob, large_shape, shape
from unmask.predict.crew import Crew
from unmask.predict.stream_work import Records

__all__ = ["stream_table"]


def stream_table(
    job: BlockJob, crew: Crew, name: str, folder: Path, step: Callable[[int], None], *, shapes: bool
) -> tuple[tuple[Path, ...], int]:
    """Writes the table.

    Args:
        job: with final labels, and a record of every block's objects.
        crew: who measures shapes.
        name: of the image.
        folder: for the parts.
        step: called with how many blocks more are done.
        shapes: write the table; else objects are only counted.

    Returns:
        The parts, in order, and how many objects there are.

    Raises:
        UnmaskError: a file cannot be read or written.
    """
    paths, count = [], 0
    for number, objects in enumerate(whole_objects(_rows(job))):
        count += len(objects)
        if shapes:
            path = folder / f"{number:05}.npz"
            if (earlier := read_part(path)) is None or not np.array_equal(earlier["label"], objects.numbers):
                write_part(path, _columns(job, crew, name, objects))
            paths.append(path)
            step(job.maps.grid[1] if number < job.maps.grid[0] else 0)
    return tuple(paths), count


def _rows(job: BlockJob) -> Iterator[tuple[int, list[ObjectSums]]]:
    """What pass 4 found, row by row of blocks."""
    records = Records(job.work / f"finished-{job.stamp}")
    for row in range(job.maps.grid[0]):
        found = [records.earlier((row, column), ObjectSums) for column in range(job.maps.grid[1])]
        whole = [sums for sums in found if sums is not None]
        if len(whole) < len(found):
            problem = f"has damaged records in row {row} of blocks"
            raise UnreadableFile(problem, file=records.folder, remedy="type the same command again: it makes them anew")
        yield job.maps.span((row, 0))[0].stop, whole


def _columns(job: BlockJob, crew: Crew, name: str, objects: ObjectSums) -> Columns:
    tops, lefts = ([i * step for i in range(n)] for n, step in zip(job.maps.grid, job.maps.block, strict=True))
    small = crew.each(partial(shape, job), shape_windows(objects, tops, lefts))
    large = crew.each(partial(large_shape, job), large_objects(objects))
    shapes = [columns for _, columns in (*small, *large)]  # in any order: each object is in one of them
    return columns_of(objects, shapes, name, job.recipe.data.class_names, job.source.pixel_size)
