"""Tiles and strips of a TIFF page, read and decoded one by one: a window costs those that it touches."""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
import tifffile

from unmask.arrays import AnyArray
from unmask.data.formats.codestream import COMPRESSIONS, HEAD, declared_size
from unmask.data.formats.reading import AGAIN, SMALL, readable
from unmask.data.formats.tiff_pages import DAMAGED, check_size
from unmask.errors import UnreadableFile

__all__ = ["KEPT_BYTES", "Page", "Recent", "Segments"]

KEPT_BYTES = 64 * 2**20  # of decoded tiles and strips that an image keeps for the next window
JPEG = {6, 7, 33007, 34892}  # Compression: those whose decoder needs the tables of the page

Page: TypeAlias = tifffile.TiffPage | tifffile.TiffFrame
Segment: TypeAlias = tuple[AnyArray, tuple[int, int]]  # (h, w, samples), and its first row and column


class Recent:
    """The arrays that were asked for last, as many as fit into some bytes. Any number of threads may ask at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[int, Segment] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: int, make: Callable[[], Segment]) -> Segment:
        """What was made for this key, or is made now."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        made = make()  # not under the lock: others go on meanwhile
        with self._lock:
            if key not in self._held:
                self._held[key] = made
                self._bytes += made[0].nbytes
            while self._bytes > self._limit:
                self._bytes -= self._held.popitem(last=False)[1][0].nbytes
        return made


class Segments:
    """The tiles or strips of one page.

    Args:
        path: the file.
        page: of the open file, which may be closed afterwards.
        keep: bytes of decoded segments to keep for the next window.

    Raises:
        UnreadableFile: data are missing or end beyond the file; a size that they cannot have.
    """

    def __init__(self, path: Path, page: Page, keep: int) -> None:
        check_size(path, page)
        keyframe = page.keyframe
        if keyframe is None:
            raise UnreadableFile("holds pixels of an unknown kind", file=path, remedy=DAMAGED)
        self._path, self._recent = path, Recent(keep)
        self._separate, _, self._rows, self._columns, contiguous = page.shaped
        self.samples = self._separate * contiguous
        self.dtype = np.dtype(page.dtype)
        self.chunk = min(page.chunks[0], self._rows), min(page.chunks[1], self._columns)
        self._grid = math.ceil(self._rows / self.chunk[0]), math.ceil(self._columns / self.chunk[1])
        self._offsets, self._counts = _table(path, page, self._separate * math.prod(self._grid))
        self._decode = keyframe.decode
        self._bounded = keyframe.compression in COMPRESSIONS
        self._tables = (
            {"jpegtables": page.jpegtables, "jpegheader": keyframe.jpegheader} if keyframe.compression in JPEG else {}
        )

    def window(self, rows: slice, columns: slice) -> AnyArray:
        """A part of the page, (h, w, samples)."""
        result = np.empty((rows.stop - rows.start, columns.stop - columns.start, self.samples), self.dtype)
        with readable(self._path), open(self._path, "rb") as file:
            for index, samples in self._touched(rows, columns):
                segment, origin = self._recent.get(index, lambda index=index: self._segment(file, index))  # type: ignore[misc]
                _copy(segment, origin, result[..., samples], (rows.start, columns.start))
        return result

    def one_by_one(self) -> Iterator[tuple[AnyArray, tuple[int, int], slice]]:
        """Every segment once, none kept: its values, its first row and column, and which samples it holds."""
        with readable(self._path), open(self._path, "rb") as file:
            for index, samples in self._touched(slice(0, self._rows), slice(0, self._columns)):
                yield *self._segment(file, index), samples

    def cost(self, side: int) -> tuple[float, int]:
        """What a window of `side` x `side` pixels costs: pixels decoded a pixel read, and bytes decoded."""
        lengths = zip(self.chunk, self._grid, (self._rows, self._columns), strict=True)
        touched = math.prod(min(n, math.ceil((side - 1) / chunk) + 1) * chunk for chunk, n, _ in lengths)
        read = min(side, self._rows) * min(side, self._columns)
        return touched / read, touched * self.samples * self.dtype.itemsize

    def _touched(self, rows: slice, columns: slice) -> Iterator[tuple[int, slice]]:
        """Numbers of the segments that share pixels with a window, and the samples that each holds."""
        contiguous = self.samples // self._separate
        for plane in range(self._separate):
            samples = slice(plane * contiguous, (plane + 1) * contiguous)
            for row in range(rows.start // self.chunk[0], math.ceil(rows.stop / self.chunk[0])):
                for column in range(columns.start // self.chunk[1], math.ceil(columns.stop / self.chunk[1])):
                    yield (plane * self._grid[0] + row) * self._grid[1] + column, samples

    def _segment(self, file: BinaryIO, index: int) -> Segment:
        file.seek(int(self._offsets[index]))
        data = file.read(int(self._counts[index]))
        if len(data) < self._counts[index]:
            raise UnreadableFile("is truncated: pixel data are missing", file=self._path, remedy=DAMAGED)
        self._check_stream(data)
        try:
            values, (_, _, row, column, _), _ = self._decode(data, index, **self._tables)
        except Exception as error:  # damaged data can raise anything in a decoder
            raise self._damaged(index, str(error)) from error
        if values is None:
            raise self._damaged(index, "it is empty")
        return values[0], (row, column)

    def _check_stream(self, data: bytes) -> None:
        """Refuses a segment that declares a size of its own that is far from the one that the TIFF gives it."""
        size = declared_size(data[:HEAD]) if self._bounded else None
        if size and math.prod(size) > max(SMALL, 2 * math.prod(self.chunk) * self.samples):
            problem = f"is damaged: a tile declares {size[0]:,} x {size[1]:,} pixels in {len(data):,} bytes"
            raise UnreadableFile(problem, file=self._path, remedy=DAMAGED)

    def _damaged(self, index: int, why: str) -> UnreadableFile:
        row, column = divmod(index % math.prod(self._grid), self._grid[1])
        places = [
            f"{i * chunk} to {min((i + 1) * chunk, n) - 1}"
            for i, chunk, n in zip((row, column), self.chunk, (self._rows, self._columns), strict=True)
        ]
        problem = f"is damaged in rows {places[0]} and columns {places[1]} ({' '.join(why.split())[:120]})"
        return UnreadableFile(problem, file=self._path, remedy=AGAIN)


def _table(path: Path, page: Page, segments: int) -> tuple[AnyArray, AnyArray]:
    """Offsets and byte counts of the segments, all of which lie in the file."""
    offsets, counts = (np.array(values, np.int64) for values in (page.dataoffsets, page.databytecounts))
    whole = len(offsets) >= segments <= len(counts)
    if not whole or (counts == 0).any() or (offsets + counts > path.stat().st_size).any():
        raise UnreadableFile("is truncated: pixel data are missing", file=path, remedy=DAMAGED)
    return offsets, counts


def _copy(segment: AnyArray, origin: tuple[int, int], result: AnyArray, start: tuple[int, int]) -> None:
    """Copies what a segment has of a window into it."""
    begins = [max(a, b) for a, b in zip(origin, start, strict=True)]
    ends = [min(a + n, b + m) for a, n, b, m in zip(origin, segment.shape, start, result.shape, strict=False)]
    into, of = (
        tuple(slice(begin - base, end - base) for begin, end, base in zip(begins, ends, bases, strict=True))
        for bases in (start, origin)
    )
    result[into] = segment[of]
