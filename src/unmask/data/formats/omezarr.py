"""OME-Zarr 0.4 and 0.5, and bare zarr arrays, read lazily: a folder in chunks, as the images of a file.

Of an image's levels the first, at full resolution, is read. Axes y and x are the image, c its channels, and every
position along any other axis (t, z) is one image more. Label images lie in labels/ and are images like others.
Chunks that are not stored hold the fill value, mostly 0: that is how zarr stores what is empty.
"""

import math
from pathlib import Path

from unmask.arrays import AnyArray
from unmask.data.formats.header import Header
from unmask.data.formats.multiscale import Multiscale, is_omezarr, read_multiscale
from unmask.data.formats.pixelsize import from_scale
from unmask.data.formats.reading import AGAIN, check_memory, readable
from unmask.data.formats.zarr_array import open_bare
from unmask.data.formats.zarr_files import is_array, open_array, zarr_attributes
from unmask.data.formats.zarr_level import ZarrLevel, header_of_level
from unmask.errors import UnreadableFile

__all__ = ["ZarrLevel", "header_of_level", "labels_of", "omezarr_header", "open_level", "read_omezarr"]

MOST_CHUNKS = 200_000  # of one image; each takes a third of a millisecond, stored or not


def open_level(path: str | Path, level: int = 0) -> ZarrLevel:
    """Opens one resolution of an OME-Zarr image, or a bare array, without reading pixels.

    Args:
        path: folder of the image, or of the array, which has one level.
        level: 0 is the full resolution.

    Raises:
        UnreadableFile: not there, no OME-Zarr image (names the folder to give instead), an array whose axes are not
            known, damaged, or no such level.
    """
    path = Path(path)
    with readable(path):
        if is_array(path):
            _check_level(path, level, 1)
            return open_bare(path)
        image = read_multiscale(path)
        _check_level(path, level, len(image.paths))
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
    """The header of an OME-Zarr image or a bare array, without reading pixels; errors as `open_level`."""
    return header_of_level(open_level(path))


def read_omezarr(path: Path, page: int | None = None) -> tuple[Header, list[AnyArray]]:
    """Reads the images of an OME-Zarr image at full resolution, or of a bare array.

    Args:
        path: its folder.
        page: which image, from 0; None reads all.

    Returns:
        The header, and the images, each (h, w, c).

    Raises:
        UnreadableFile: as `open_level`; in too many chunks, or larger than the memory.
    """
    level = open_level(path)
    header = header_of_level(level)
    wanted = range(header.pages) if page is None else (page,)
    check_memory(header, len(wanted))
    _check_chunks(level)
    return header, [level.window(index, slice(None), slice(None)) for index in wanted]


def _check_level(path: Path, level: int, count: int) -> None:
    if not 0 <= level < count:
        there = "only level 0" if count == 1 else f"levels 0 to {count - 1}"
        raise UnreadableFile(f"has {there}, not {level}", file=path, remedy="give a level that it has")


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


def _pixel_size(image: Multiscale, level: int) -> tuple[float, float] | None:
    y, x = image.axes.index("y"), image.axes.index("x")
    scale = image.scales[level]
    return from_scale((scale[y], scale[x]), (image.units[y], image.units[x]))
