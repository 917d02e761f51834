"""One zarr array without the metadata of an image, formats 2 and 3: its axes are named, or its shape tells them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zarr

from unmask.data.formats.axes import axes_by_name, axes_by_shape
from unmask.data.formats.multiscale import image_around
from unmask.data.formats.zarr_files import open_array, zarr_attributes
from unmask.data.formats.zarr_level import ZarrLevel
from unmask.errors import UnreadableFile

__all__ = ["open_bare"]

NAMES = ("axes", "_ARRAY_DIMENSIONS")  # attributes that name axes; the second is xarray's in zarr 2
NAME_THEM = "name its axes in its attributes, such as axes: [c, y, x], or write it as OME-Zarr"


def open_bare(path: Path) -> ZarrLevel:
    """Opens an array as an image of one level, nothing of it read. It does not say the size of its pixels.

    Args:
        path: the folder of the array.

    Raises:
        UnreadableFile: it is part of an OME-Zarr image, which says more than it; its axes are not known; values that
            are no numbers; chunks larger than the memory.
        Exception: whatever zarr raises at damaged metadata.
    """
    if image := image_around(path):
        problem = "is one array, without the metadata of an image"
        raise UnreadableFile(problem, file=path, remedy=f"give the folder of one image: {image}")
    array = open_array(path)
    named = (axes_by_name(names, array.ndim) for names in _names(path, array))
    axes = next(filter(None, named), None) or axes_by_shape(path, array.shape, NAME_THEM)
    return ZarrLevel(path, array, axes, (1.0,) * array.ndim, None)


def _names(path: Path, array: zarr.Array[Any]) -> Iterator[list[str | None]]:
    """What names an array's axes, in its metadata or its attributes; many writers leave one of them empty."""
    listed = getattr(array.metadata, "dimension_names", None)
    attributes = zarr_attributes(path)
    for names in (listed, *(attributes.get(key) for key in NAMES)):
        if isinstance(names, list | tuple | str) and names:
            yield list(names)
