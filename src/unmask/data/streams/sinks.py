"""BlockSink: labels or probabilities of an image of any size, written in blocks, by any number of processes.

A block is a chunk of an OME-Zarr 0.5 image (one a channel), so each chunk has one writer. A chunk appears under its
name when it is whole and carries a checksum: what is there after a crash is either sound or found. Until `finish` the
image lies beside its final name, hidden; then its levels are made and it gets that name.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from unmask.arrays import AnyArray
from unmask.data.formats.reading import readable
from unmask.data.formats.zarr_files import open_array
from unmask.data.streams.pyramid import build_pyramid, create_level
from unmask.data.streams.whole_folder import check_replaceable, publish, writing
from unmask.errors import UnmaskError, UnreadableFile

__all__ = ["BlockSink", "label_sink", "map_sink"]

AGAIN = "run the same command again: it goes on where it was"


@dataclass(frozen=True)
class BlockSink:
    """An image that is being written; made by `label_sink` and `map_sink`. Small, to be sent to other processes.

    Attributes:
        path: its final folder.
        size: rows and columns, in pixels.
        block: rows and columns of a block; those at the image's end are cut.
        channels: of maps; None for labels.
        dtype: of the values, its name.
        pixel_size: (y, x) in micrometres, or None.
    """

    path: Path
    size: tuple[int, int]
    block: tuple[int, int]
    channels: int | None
    dtype: str
    pixel_size: tuple[float, float] | None

    @property
    def folder(self) -> Path:
        """Where the image is until it is finished."""
        return self.path.with_name(f".unmask-{self.path.name}")

    @property
    def grid(self) -> tuple[int, int]:
        """How many blocks there are along rows and columns."""
        return -(-self.size[0] // self.block[0]), -(-self.size[1] // self.block[1])

    def indices(self) -> Iterator[tuple[int, int]]:
        """Every block, in raster order."""
        yield from np.ndindex(self.grid)

    def span(self, index: tuple[int, int]) -> tuple[slice, slice]:
        """Rows and columns of a block.

        Raises:
            IndexError: there is no such block.
        """
        if not all(0 <= i < n for i, n in zip(index, self.grid, strict=True)):
            raise IndexError(f"block {index} of {self.grid}")
        rows, columns = (
            slice(i * step, min((i + 1) * step, n)) for i, step, n in zip(index, self.block, self.size, strict=True)
        )
        return rows, columns

    def write_block(self, index: tuple[int, int], array: AnyArray) -> None:
        """Writes a block, anew if it was written. Different blocks may be written at once.

        Args:
            index: row and column of the block, as `indices` gives them.
            array: (h, w) labels or (c, h, w) maps, of the block's size.

        Raises:
            ValueError: another size; labels that are negative or above what the sink was made for.
            UnmaskError: it cannot be written.
        """
        span = self.span(index)
        self._check(array, tuple(part.stop - part.start for part in span))
        with writing(self.path):
            whole = zarr.open_array(self.folder / "0", mode="r+").with_config({"write_empty_chunks": True})
            whole[(..., *span)] = array.astype(self.dtype, copy=False)

    def read_window(self, rows: slice, columns: slice, channel: int | None = None) -> AnyArray:
        """Reads what was written, across blocks.

        Args:
            rows: start and stop within the image.
            columns: the same.
            channel: of maps; all of them unless given.

        Returns:
            (h, w) labels or one map, or (c, h, w) maps.

        Raises:
            UnreadableFile: a block there is damaged, or was not written.
        """
        for index in self.touched(rows, columns):
            if not self._is_there(index):
                problem = f"is not whole: block {index} of {self.grid} was not written"
                raise UnreadableFile(problem, file=self.folder, remedy=AGAIN)
        wanted = (... if channel is None else channel, rows, columns)
        try:
            with readable(self.folder):
                return np.asarray(open_array(self.folder / "0")[wanted])
        except UnreadableFile as error:
            raise UnreadableFile(error.problem, file=error.file, remedy=AGAIN) from error

    def verify(self, index: tuple[int, int]) -> bool:
        """Whether a block was written and is still what was written, by its checksums."""
        try:
            self.read_window(*self.span(index))
        except UnreadableFile:
            return False
        return True

    def finish(self, progress: Callable[[int, int], None] | None = None) -> Path:
        """Makes the levels and gives the image its name; what is there under that name is replaced.

        Args:
            progress: called with (pixels done, pixels in all).

        Returns:
            The final folder, an OME-Zarr image.

        Raises:
            UnmaskError: a block is missing or damaged; it cannot be written.
        """
        self.build_levels(progress)
        publish(self.folder, self.path)
        return self.path

    def build_levels(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Makes the levels: all that `finish` does but the name, for images that are to appear with others.

        Raises:
            UnmaskError: as `finish`.
        """
        missing = [index for index in self.indices() if not self._is_there(index)]
        if missing:
            problem = f"is not whole: {len(missing):,} of {self.grid[0] * self.grid[1]:,} blocks were not written"
            raise UnmaskError(f"{problem}, first {missing[0]}", file=self.folder, remedy=AGAIN)
        with writing(self.path):
            build_pyramid(self.folder, self.path.name, self.pixel_size, labels=self.channels is None, progress=progress)

    def discard(self) -> None:
        """Removes what was written so far."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def touched(self, rows: slice, columns: slice) -> Iterator[tuple[int, int]]:
        """The blocks that a window lies in, in raster order."""
        first, last = (
            tuple(edge // step for edge, step in zip(edges, self.block, strict=True))
            for edges in ((rows.start, columns.start), (rows.stop - 1, columns.stop - 1))
        )
        for row in range(first[0], last[0] + 1):
            for column in range(first[1], last[1] + 1):
                yield row, column

    def _is_there(self, index: tuple[int, int]) -> bool:
        """Whether all chunks of a block are; each appears when it is whole."""
        folder = self.folder / "0" / "c"
        channels = [folder] if self.channels is None else [folder / str(c) for c in range(self.channels)]
        return all((each / str(index[0]) / str(index[1])).is_file() for each in channels)

    def _check(self, array: AnyArray, size: tuple[int, ...]) -> None:
        shape = size if self.channels is None else (self.channels, *size)
        if array.shape != shape:
            raise ValueError(f"a block of {shape} is wanted, not {array.shape}")
        if self.channels is None:
            largest = np.iinfo(self.dtype).max
            if array.dtype.kind not in "ui" or array.min() < 0 or array.max() > largest:
                raise ValueError(f"labels are integers from 0 to {largest}, not {array.dtype} up to {array.max()}")


def label_sink(
    path: str | Path,
    size: tuple[int, int],
    block: tuple[int, int],
    largest: int,
    pixel_size: tuple[float, float] | None = None,
    *,
    resume: bool = False,
) -> BlockSink:
    """Begins a label image.

    Args:
        path: the folder to make, such as x.zarr.
        size: rows and columns, in pixels.
        block: rows and columns of a block.
        largest: the largest id that there will be: uint16, or uint32 where it exceeds 65,535.
        pixel_size: (y, x) in micrometres.
        resume: keep the blocks of an earlier run, finished or not, if it had the same sizes and type.

    Raises:
        UnmaskError: it cannot be written, or what lies there would be lost.
    """
    dtype = "uint16" if largest <= 65_535 else "uint32"
    return _begin(BlockSink(Path(path), size, block, None, dtype, pixel_size), resume)


def map_sink(
    path: str | Path,
    size: tuple[int, int],
    block: tuple[int, int],
    channels: int,
    pixel_size: tuple[float, float] | None = None,
    *,
    resume: bool = False,
) -> BlockSink:
    """Begins (c, h, w) float32 maps, such as probabilities; arguments as `label_sink`, and how many channels."""
    return _begin(BlockSink(Path(path), size, block, channels, "float32", pixel_size), resume)


def _begin(sink: BlockSink, resume: bool) -> BlockSink:
    if min(*sink.size, *sink.block, 1 if sink.channels is None else sink.channels) < 1:
        raise ValueError(f"an image of {sink.size} in blocks of {sink.block} has no pixel")
    check_replaceable(sink.path)
    if resume and not sink.folder.exists() and _is_of(sink, sink.path):
        with writing(sink.path):
            sink.path.rename(sink.folder)
    if resume and _is_of(sink, sink.folder):
        return sink
    with writing(sink.path):
        if sink.folder.exists():
            shutil.rmtree(sink.folder)
        sink.path.parent.mkdir(parents=True, exist_ok=True)
        shape = sink.size if sink.channels is None else (sink.channels, *sink.size)
        create_level(zarr.create_group(sink.folder, zarr_format=3), "0", shape, sink.dtype, sink.block)
    return sink


def _is_of(sink: BlockSink, folder: Path) -> bool:
    """Whether a folder holds an image, finished or not, of the sink's size, blocks and type: one to go on with."""
    try:
        array: zarr.Array[Any] = open_array(folder / "0")
    except (UnreadableFile, OSError):
        return False
    chunk = tuple(min(n, whole) for n, whole in zip(sink.block, sink.size, strict=True))
    channels = () if sink.channels is None else (sink.channels,)
    return (array.shape, array.dtype.name, array.chunks[-2:]) == ((*channels, *sink.size), sink.dtype, chunk)
