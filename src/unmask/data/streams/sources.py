"""ImageSource: one image of any size, read in windows, with the values that `read_image` gives.

What can be read in parts is: OME-Zarr, zarr arrays, .npy, TIFF. PNG, JPEG and BMP cannot: they are read whole and kept.
A source can be sent to other processes: the path goes, not the pixels, and the file is opened again there.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from unmask.arrays import AnyArray, RawImage
from unmask.data.streams.blocks import blocks_of
from unmask.data.streams.lazy import LazyImage
from unmask.data.streams.lazy_files import lazy_array, open_lazy
from unmask.data.streams.window_channels import Selection, select
from unmask.data.streams.window_values import plain_type, plain_window

__all__ = ["ImageSource", "open_source"]


@dataclass(frozen=True, eq=False)
class ImageSource:
    """One image, to be read in windows. Any number of threads may read at once.

    Attributes:
        file: where it is; None for arrays.
        page: which image of the file.
        level: of its pyramid; 0 is the full resolution.
        size: rows and columns, in pixels.
        channels: of every window.
        dtype: of every window: uint8, uint16, int16, int32 or float32.
        pixel_size: (y, x) in micrometres, or None where the file does not say.
        block: rows and columns of windows that are read without decoding anything twice.
        levels: (rows, columns) of each resolution that the file has of this image, the full one first.
        notes: what the user should know about how it is read, a sentence each.
    """

    file: Path | None
    page: int
    level: int
    size: tuple[int, int]
    channels: int
    dtype: np.dtype[np.generic]
    pixel_size: tuple[float, float] | None
    block: tuple[int, int]
    levels: tuple[tuple[int, int], ...]
    notes: tuple[str, ...]
    _image: LazyImage = field(repr=False)
    _selection: Selection = field(repr=False)
    _array: AnyArray | None = field(repr=False)

    def read(self, rows: slice = slice(None), columns: slice = slice(None)) -> RawImage:
        """Reads a window.

        Args:
            rows: start and stop within the image.
            columns: the same.

        Returns:
            (h, w, channels), a copy.

        Raises:
            ValueError: the window is empty or reaches beyond the image.
            UnreadableFile: damaged or truncated there; a value that is not finite, or that `dtype` cannot hold.
            DataError: a channel that was to be dropped holds something there.
        """
        rows, columns = (_within(*given) for given in zip(("rows", "columns"), (rows, columns), self.size, strict=True))
        origin = rows.start, columns.start
        window = plain_window(self._image.header.path, self._image.window(rows, columns), origin)
        return np.ascontiguousarray(self._selection.apply(window, origin))

    def blocks(self) -> Iterator[tuple[slice, slice]]:
        """Rows and columns of windows of size `block` that cover the image, in raster order."""
        return blocks_of(self.size, self.block)

    def __reduce__(self) -> tuple[Any, ...]:
        unpacked = self._image.unpacked
        if self._array is not None:
            return _source, (self._array, self.page, self.channels, self.level, unpacked)
        assert self.file is not None, "it is a file or an array"
        changed = self.file.stat().st_mtime_ns if self.file.exists() else 0  # who opens it says what is wrong
        return _sent, (os.getpid(), changed, self.file, self.page, self.channels, self.level, unpacked)


def open_source(
    image: str | Path | AnyArray, page: int | None = None, channels: int | None = None, level: int = 0
) -> ImageSource:
    """Opens one image, to be read in windows.

    Args:
        image: a file that `read_image` reads, the folder of an OME-Zarr image or of one zarr array, a .npy file; or an
            array, (h, w) or (h, w, c). Bare arrays of three axes have channels first or last, whichever is shorter,
            unless zarr names their axes.
        page: which image of the file, from 0; may be left out where it holds one.
        channels: how many are wanted, as `with_channels` gives them; every window checks what it drops. None: the
            fewest that lose nothing, for which blocks are read until that is known (`window_channels.py`).
        level: of its pyramid; 0 is the full resolution.

    Raises:
        UnreadableFile: not there, not an image, damaged as far as it is looked at; several images and no `page`; it
            cannot be read in parts and there is no room to unpack it; no such page or level.
        DataError: it cannot have so many channels.
        ValueError: an array that is no image.
    """
    return _source(Path(image) if isinstance(image, str | Path) else image, page, channels, level, None)


def _sent(
    sender: int, changed: int, path: Path, page: int, channels: int, level: int, unpacked: Path | None
) -> ImageSource:
    """What another process sent: opened once, as some files are read whole or unpacked, until the file changes."""
    if sender == os.getpid():
        return _source(path, page, channels, level, unpacked)
    return _received(path, page, channels, level, unpacked, changed)


@lru_cache(maxsize=2)
def _received(path: Path, page: int, channels: int, level: int, unpacked: Path | None, changed: int) -> ImageSource:
    return _source(path, page, channels, level, unpacked)


def _source(
    image: Path | AnyArray, page: int | None, channels: int | None, level: int, unpacked: Path | None
) -> ImageSource:
    found = open_lazy(image, page, level, unpacked) if isinstance(image, Path) else lazy_array(image, page, level)
    selection = select(found, channels)
    header = found.header
    return ImageSource(
        file=image if isinstance(image, Path) else None,
        page=page or 0,
        level=level,
        size=header.size,
        channels=selection.channels,
        dtype=plain_type(header.path, header.dtype),
        pixel_size=header.pixel_size,
        block=found.block,
        levels=found.levels,
        notes=found.notes,
        _image=found,
        _selection=selection,
        _array=None if isinstance(image, Path) else image,
    )


def _within(axis: str, given: slice, size: int) -> slice:
    """A slice with start and stop, if it lies within the image."""
    start, stop, step = (
        0 if given.start is None else given.start,
        size if given.stop is None else given.stop,
        given.step,
    )
    if step not in (None, 1) or not 0 <= start < stop <= size:
        raise ValueError(f"{axis} {start}:{stop}{'' if step is None else f':{step}'} are no window of 0:{size}")
    return slice(int(start), int(stop))
