"""ZarrLevel: a zarr array whose axes are known, as the images of a file, read chunk by chunk."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from unmask.arrays import AnyArray
from unmask.data.formats.header import Header
from unmask.data.formats.reading import check_header, readable

__all__ = ["ZarrLevel", "header_of_level"]


@dataclass(frozen=True)
class ZarrLevel:
    """One resolution of an OME-Zarr image, or a bare array; nothing of it read.

    Attributes:
        path: folder of the image, or of the array.
        array: the zarr array; its chunks are what can be read alone.
        axes: names of the array's axes: "y", "x", and "c", "t", "z" or others where it has them.
        scale: distance of pixels along each axis, in the unit of the axis.
        pixel_size: (y, x) in micrometres, or None where the metadata do not say.
    """

    path: Path
    array: zarr.Array[Any]
    axes: tuple[str, ...]
    scale: tuple[float, ...]
    pixel_size: tuple[float, float] | None

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns, in pixels."""
        return self._length("y"), self._length("x")

    @property
    def samples(self) -> int:
        """Channels."""
        return self._length("c") if "c" in self.axes else 1

    @property
    def pages(self) -> int:
        """Images: positions along axes other than y, x and c."""
        return math.prod(self._others())

    def window(self, page: int, rows: slice, columns: slice) -> AnyArray:
        """Reads part of an image, from no more chunks than it touches.

        Args:
            page: which image, from 0.
            rows: in pixels of this level.
            columns: in pixels of this level.

        Returns:
            (h, w, c), as stored.

        Raises:
            IndexError: there is no such image.
            UnreadableFile: a damaged chunk.
        """
        if not 0 <= page < self.pages:
            raise IndexError(f"image {page} of {self.pages}")
        others = iter(np.unravel_index(page, self._others()))
        kept = {"y": rows, "x": columns, "c": slice(None)}
        with readable(self.path):
            found = np.asarray(
                self.array[tuple(kept[axis] if axis in kept else int(next(others)) for axis in self.axes)]
            )
        order = [axis for axis in self.axes if axis in kept]
        found = found.transpose([order.index(axis) for axis in "yxc" if axis in order])
        return found if "c" in order else found[..., None]

    def _length(self, axis: str) -> int:
        return int(self.array.shape[self.axes.index(axis)])

    def _others(self) -> tuple[int, ...]:
        return tuple(n for axis, n in zip(self.axes, self.array.shape, strict=True) if axis not in ("y", "x", "c"))


def header_of_level(level: ZarrLevel) -> Header:
    """What it says of its images.

    Raises:
        UnreadableFile: no pixel, or a million images and more.
    """
    header = Header(
        path=level.path,
        pages=level.pages,
        size=level.size,
        samples=level.samples,
        colour=False,
        alpha=False,
        dtype=np.dtype(level.array.dtype),
        pixel_size=level.pixel_size,
    )
    return check_header(header)
