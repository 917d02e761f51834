"""Any kind of file as a LazyImage: TIFF, zarr and .npy in windows; PNG, JPEG and BMP read whole and kept."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from unmask.arrays import AnyArray, RawImage
from unmask.data.formats.header import Header
from unmask.data.formats.images import TIFF_STARTS, read_image
from unmask.data.formats.npy import NPY_START, open_npy
from unmask.data.formats.reading import SMALL, in_bytes, readable
from unmask.data.formats.zarr_files import holds_zarr
from unmask.data.streams.lazy import LazyImage, Window, block_of, check_level, check_page
from unmask.data.streams.mapped import Mapped, window_of
from unmask.data.streams.tiff_lazy import open_tiff
from unmask.data.streams.zarr_lazy import open_zarr

__all__ = ["lazy_array", "open_lazy"]

ARRAY = Path("array")  # the name of images that are in no file


def open_lazy(path: Path, page: int | None = None, level: int = 0, unpacked: Path | None = None) -> LazyImage:
    """Opens one image of a file, whatever its extension.

    Args:
        path: the file, or the folder of an OME-Zarr image or of one zarr array.
        page: which image, from 0; None: the only one.
        level: of its pyramid; 0 is the full resolution.
        unpacked: the temporary file to which another process has unpacked it; used if it is there.

    Raises:
        UnreadableFile: whatever is wrong, now and in every window.
    """
    with readable(path):
        if holds_zarr(path):
            image = open_zarr(path, page, level)
        else:
            with open(path, "rb") as file:
                start = file.read(len(NPY_START))
            if start.startswith(TIFF_STARTS):
                image = open_tiff(path, page, level, unpacked)
            else:
                image = _of_npy(path, page) if start == NPY_START else _read_whole(path, page)
                check_level(path, level, image.levels)
    return replace(image, window=partial(_safe, path, image.window))


def _safe(path: Path, window: Window, rows: slice, columns: slice) -> AnyArray:
    with readable(path):
        return window(rows, columns)


def _of_npy(path: Path, page: int | None) -> LazyImage:
    found = open_npy(path)
    header, size = found.header, found.header.size
    mapped = Mapped(path, header.dtype, found.shape, "".join(found.axes).upper(), found.offset, found.order)
    check_page(header, page)
    chunk = (size[0], 1) if found.order == "F" else (1, size[1])
    return LazyImage(header, (size,), block_of(chunk, size), partial(mapped.window, 0))


def _read_whole(path: Path, page: int | None) -> LazyImage:
    """An image of a kind that cannot be read in parts; refused where it is larger than the memory."""
    read = read_image(path)
    check_page(read.header, page)
    image = read.planes[0]
    note = f"{path.name} cannot be read in parts: all of its {in_bytes(image.nbytes)} are kept in memory"
    found = _of_array(replace(read.header, dtype=image.dtype), image)
    return replace(found, notes=(note,) if image.nbytes > SMALL else ())


def lazy_array(array: AnyArray, page: int | None = None, level: int = 0) -> LazyImage:
    """An array, (h, w) or (h, w, c), as a file with one image of one level.

    Raises:
        ValueError: it has another number of axes, or no pixel.
        UnreadableFile: another page or level.
    """
    if array.ndim not in (2, 3) or not array.size:
        raise ValueError(f"an image is (h, w) or (h, w, c), not {array.shape}")
    array = array if array.ndim == 3 else array[..., None]
    image = _of_array(_header(ARRAY, array.shape[:2], array.shape[2], array.dtype), array)
    check_page(image.header, page)
    check_level(ARRAY, level, image.levels)
    return image


def _of_array(header: Header, array: RawImage) -> LazyImage:
    window = partial(window_of, array, "YXC", 0)
    return LazyImage(header, (header.size,), block_of((1, 1), header.size), window)


def _header(path: Path, size: tuple[int, int], samples: int, dtype: np.dtype[np.generic]) -> Header:
    return Header(path, 1, size, samples, colour=False, alpha=False, dtype=dtype, pixel_size=None)
