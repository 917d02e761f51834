"""Zarr read in windows: levels of OME-Zarr images, and bare arrays, whose axes their names or their shape tell."""

from functools import partial
from pathlib import Path
from typing import Any

import zarr

from unmask.data.formats.multiscale import read_multiscale
from unmask.data.formats.omezarr import ZarrLevel, header_of_level, open_level
from unmask.data.formats.zarr_files import is_array, open_array, zarr_attributes
from unmask.data.streams.axes import axes_by_name, axes_by_shape
from unmask.data.streams.lazy import LazyImage, block_of, check_level, check_page

__all__ = ["open_zarr"]

NAMES = ("axes", "_ARRAY_DIMENSIONS")  # attributes that name axes; the second is xarray's in zarr 2
NAME_THEM = "name its axes in its attributes, such as axes: [c, y, x], or write it as OME-Zarr"


def open_zarr(path: Path, page: int | None, level: int = 0) -> LazyImage:
    """Opens one image of a zarr folder, without reading pixels.

    Args:
        path: the folder of an OME-Zarr image, or of one array.
        page: which image, from 0; None: the only one.
        level: of its pyramid; 0 is the full resolution.

    Raises:
        UnreadableFile: as `open_level`; or an array whose axes are not known.
    """
    if is_array(path):
        found = _bare(path, level)
        sizes: tuple[tuple[int, int], ...] = (found.size,)
    else:
        found = open_level(path, level)
        sizes = tuple(open_level(path, each).size for each in range(len(read_multiscale(path).paths)))
    header = header_of_level(found)
    window = partial(found.window, check_page(header, page))
    chunk = tuple(int(found.array.chunks[found.axes.index(axis)]) for axis in "yx")
    return LazyImage(header, sizes, block_of((chunk[0], chunk[1]), header.size), window)


def _bare(path: Path, level: int) -> ZarrLevel:
    """An array without the metadata of an image, as a level of one."""
    check_level(path, level, (path,))
    array = open_array(path)
    axes = axes_by_name(_names(path, array), array.ndim) or axes_by_shape(path, array.shape, NAME_THEM)
    return ZarrLevel(path, array, axes, (1.0,) * array.ndim, None)


def _names(path: Path, array: zarr.Array[Any]) -> list[str | None] | None:
    """The names of an array's axes, where its metadata or its attributes have them."""
    listed = getattr(array.metadata, "dimension_names", None)
    attributes = zarr_attributes(path)
    for names in (listed, *(attributes.get(key) for key in NAMES)):
        if isinstance(names, list | tuple | str) and names:
            return list(names)
    return None
