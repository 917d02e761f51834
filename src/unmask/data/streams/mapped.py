"""Arrays that lie in files as they are: .npy, uncompressed TIFF, and images unpacked to a temporary file.

A file is mapped anew for every window: pages of a map that stays count as memory of the process until the whole image
is among them.
"""

import os
import tempfile
import weakref
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import disk_usage

import numpy as np

from unmask.arrays import AnyArray
from unmask.data.formats.reading import in_bytes
from unmask.errors import UnreadableFile

__all__ = ["Mapped", "new_temporary", "remove_with", "window_of"]

SHARE = 2  # of the free disk a temporary file may take one part in so many


@dataclass(frozen=True)
class Mapped:
    """An array in a file.

    Attributes:
        path: the file.
        dtype: with the file's byte order.
        shape: of the array.
        axes: a letter for each axis: Y, X, C and S are the image, others number images.
        offset: of the first value, in bytes.
        order: "C", or "F" where the first axis is the fastest.
    """

    path: Path
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    axes: str
    offset: int = 0
    order: str = "C"

    def open(self, mode: str = "r") -> AnyArray:
        """The array, mapped."""
        return np.memmap(self.path, self.dtype, mode, self.offset, self.shape, self.order)  # type: ignore[call-overload]

    def window(self, page: int, rows: slice, columns: slice) -> AnyArray:
        """A copy of a part of image `page`, (h, w, samples)."""
        return window_of(self.open(), self.axes, page, rows, columns)


def window_of(array: AnyArray, axes: str, page: int, rows: slice, columns: slice) -> AnyArray:
    """Copies a part of one image out of an array.

    Args:
        array: with any axes.
        axes: their letters: Y, X, C and S are the image, positions along others number images, the last the fastest.
        page: which image.
        rows: of the image.
        columns: of the image.

    Returns:
        (h, w, c * s).
    """
    others = tuple(n for axis, n in zip(axes, array.shape, strict=True) if axis not in "YXCS")
    place = iter(np.unravel_index(page, others)) if others else iter(())
    kept = {"Y": rows, "X": columns, "C": slice(None), "S": slice(None)}
    part = array[tuple(kept[axis] if axis in kept else int(next(place)) for axis in axes)]
    left = [axis for axis in axes if axis in kept]
    part = np.array(part.transpose([left.index(axis) for axis in "YXCS" if axis in left]), order="C", subok=False)
    return part.reshape(*part.shape[:2], -1)


def new_temporary(path: Path, size: int, why: str) -> Path:
    """Makes an empty file of `size` bytes for the unpacked image of `path`, in the folder for temporary files.

    Raises:
        UnreadableFile: it would take more than half of what is free there.
    """
    folder = tempfile.gettempdir()
    free = disk_usage(folder).free
    if size > free // SHARE:
        problem = f"{why}, and unpacked it takes {in_bytes(size)}, more than half of what is free in {folder}"
        remedy = f"save it as a tiled TIFF or as OME-Zarr, or set TMPDIR to a folder with {in_bytes(SHARE * size)} free"
        raise UnreadableFile(f"{problem} ({in_bytes(free)})", file=path, remedy=remedy)
    number, name = tempfile.mkstemp(prefix="unmask-", suffix=".raw", dir=folder)
    with os.fdopen(number, "wb") as file:
        file.truncate(size)
    return Path(name)


def remove_with(owner: object, path: Path) -> None:
    """Removes a temporary file when its owner is no more, or this process ends; not when a fork of it does."""
    weakref.finalize(owner, partial(_remove, path, os.getpid()))


def _remove(path: Path, process: int) -> None:
    if os.getpid() == process:
        path.unlink(missing_ok=True)
