"""Zarr read in windows: levels of OME-Zarr images, and bare arrays."""

from functools import partial
from pathlib import Path

from unmask.data.formats.multiscale import read_multiscale
from unmask.data.formats.omezarr import header_of_level, open_level
from unmask.data.formats.zarr_files import is_array
from unmask.data.streams.lazy import LazyImage, block_of, check_page

__all__ = ["open_zarr"]


def open_zarr(path: Path, page: int | None, level: int = 0) -> LazyImage:
    """Opens one image of a zarr folder, without reading pixels.

    Args:
        path: the folder of an OME-Zarr image, or of one array.
        page: which image, from 0; None: the only one.
        level: of its pyramid; 0 is the full resolution.

    Raises:
        UnreadableFile: as `open_level`.
    """
    found = open_level(path, level)
    levels = 1 if is_array(path) else len(read_multiscale(path).paths)
    sizes = tuple(open_level(path, each).size for each in range(levels))
    header = header_of_level(found)
    window = partial(found.window, check_page(header, page))
    chunk = tuple(int(found.array.chunks[found.axes.index(axis)]) for axis in "yx")
    return LazyImage(header, sizes, block_of((chunk[0], chunk[1]), header.size), window)
