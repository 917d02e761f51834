"""OME-Zarr 0.4 and 0.5, read lazily: a folder in chunks, as the images of a file.

Of an image's levels the first, at full resolution, is read. Axes y and x are the image, c its channels, and every
position along any other axis (t, z) is one image more. Label images lie in labels/ and are images like others.
Chunks that are not stored hold the fill value, mostly 0: that is how zarr stores what is empty.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from unmask.arrays import AnyArray
from unmask.data.formats.header import Header
from unmask.data.formats.multiscale import Multiscale, is_omezarr, read_multiscale
from unmask.data.formats.pixelsize import from_scale
from unmask.data.formats.reading import AGAIN, check_header, check_memory, readable
from unmask.data.formats.zarr_files import open_array, zarr_attributes
from unmask.errors import UnreadableFile

__all__ = ["ZarrLevel", "header_of_level", "labels_of", "omezarr_header", "open_level", "read_omezarr"]

MOST_CHUNKS = 200_000  # of one image; each takes a third of a millisecond, stored or not


@dataclass(frozen=True)
class ZarrLevel:
    """One resolution of an OME-Zarr image, nothing of it read.

    Attributes:
        path: folder of the image.
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


def open_level(path: str | Path, level: int = 0) -> ZarrLevel:
    """Opens one resolution of an OME-Zarr image, without reading pixels.

    Args:
        path: folder of the image.
        level: 0 is the full resolution.

    Raises:
        UnreadableFile: not there, no OME-Zarr image (names the folder to give instead), damaged, or no such level.
    """
    path = Path(path)
    with readable(path):
        image = read_multiscale(path)
        if not 0 <= level < len(image.paths):
            there = "only level 0" if len(image.paths) == 1 else f"levels 0 to {len(image.paths) - 1}"
            raise UnreadableFile(f"has {there}, not {level}", file=path, remedy="give a level that it has")
        array = open_array(image.paths[level])
        if array.ndim != len(image.axes):
            problem = f"has a level of {array.ndim} axes, its metadata name {len(image.axes)}"
            raise UnreadableFile(problem, file=path, remedy=AGAIN)
        return ZarrLevel(path, array, image.axes, image.scales[level], _pixel_size(image, level))


def labels_of(path: str | Path) -> list[Path]:
    """The label images of an OME-Zarr image, each to be read as an image of its own.

    Args:
        path: folder of the image.

    Returns:
        Folders, such as x.zarr/labels/nuclei, in the order in which the metadata list them; where they list none, by
        name. Empty where there are none.

    Raises:
        UnreadableFile: damaged metadata, or a label image that they list is not there.
    """
    folder = Path(path) / "labels"
    with readable(folder):
        if not folder.is_dir():
            return []
        listed = zarr_attributes(folder).get("labels")
        if not isinstance(listed, list):
            return sorted(child for child in folder.iterdir() if child.is_dir() and is_omezarr(child))
        missing = next((str(name) for name in listed if not _is_inside(folder, str(name))), None)
        if missing is not None:
            problem = f"lists the label image {missing[:100]}, which is not there"
            raise UnreadableFile(problem, file=folder, remedy=AGAIN)
        return [folder / str(name) for name in listed]


def omezarr_header(path: Path) -> Header:
    """The header of an OME-Zarr image, without reading pixels; errors as `open_level`."""
    return header_of_level(open_level(path))


def read_omezarr(path: Path, page: int | None = None) -> tuple[Header, list[AnyArray]]:
    """Reads the images of an OME-Zarr image at full resolution.

    Args:
        path: its folder.
        page: which image, from 0; None reads all.

    Returns:
        The header, and the images, each (h, w, c).

    Raises:
        UnreadableFile: not there, no OME-Zarr image, damaged, or larger than the memory.
    """
    level = open_level(path)
    header = header_of_level(level)
    wanted = range(header.pages) if page is None else (page,)
    check_memory(header, len(wanted))
    _check_chunks(level)
    return header, [level.window(index, slice(None), slice(None)) for index in wanted]


def _check_chunks(level: ZarrLevel) -> None:
    """Refuses an image in so many chunks that reading it would seem to hang."""
    parts = zip(level.axes, level.array.shape, level.array.chunks, strict=True)
    count = math.prod(-(-n // chunk) for axis, n, chunk in parts if axis in ("y", "x", "c"))
    if count > MOST_CHUNKS:
        problem = f"has {count:,} chunks an image, more than {MOST_CHUNKS:,}, which would take minutes to read"
        remedy = "write it again in chunks of 1,024 x 1,024 pixels"
        raise UnreadableFile(problem, file=level.path, remedy=remedy)


def _is_inside(folder: Path, name: str) -> bool:
    return not Path(name).is_absolute() and ".." not in Path(name).parts and (folder / name).is_dir()


def header_of_level(level: ZarrLevel) -> Header:
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


def _pixel_size(image: Multiscale, level: int) -> tuple[float, float] | None:
    y, x = image.axes.index("y"), image.axes.index("x")
    scale = image.scales[level]
    return from_scale((scale[y], scale[x]), (image.units[y], image.units[x]))
