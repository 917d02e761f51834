"""TIFF read in windows: which images and levels a file has is as in `tiff.py`; here is how windows of one are read.

Uncompressed images are mapped. Of compressed ones the tiles or strips are decoded that a window touches, and those of
the last windows kept. Where that would decode far more than is read (one strip that is the whole image, strips of
100,000 columns, tiles of 10,000 pixels) the image is unpacked once to a temporary file.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import tifffile

from unmask.data.formats.header import Header
from unmask.data.formats.reading import check_memory, in_bytes
from unmask.data.formats.tiff import by_plane, count_pages, header_of_series, image_series, locate, opened, size_of
from unmask.data.formats.tiff_pages import DAMAGED, check_series, whole_page
from unmask.data.streams.lazy import LazyImage, Window, block_of, check_level, check_page, concatenated
from unmask.data.streams.mapped import Mapped, new_temporary, remove_with
from unmask.data.streams.tiff_segments import KEPT_BYTES, Page, Segments
from unmask.errors import UnreadableFile

__all__ = ["open_tiff"]

TYPICAL = 1_536  # side of a window, pixels: a tile of 1,024 and what a network reads around it
MOST = 16  # pixels that may be decoded for each that such a window reads


@dataclass(frozen=True)
class _Way:
    """How windows are read: of chunks of which size, and for unpacked images where they lie and what to say."""

    window: Window
    chunk: tuple[int, int]
    unpacked: Path | None = None
    note: str = ""


def open_tiff(path: Path, page: int | None, level: int = 0, unpacked: Path | None = None) -> LazyImage:
    """Opens one image of a TIFF; pixels are decoded only where it has to be unpacked.

    Args:
        path: the file.
        page: which image, from 0; None: the only one.
        level: of its pyramid; 0 is the full resolution.
        unpacked: the temporary file to which another process has unpacked it; used if it is there.

    Raises:
        UnreadableFile: as `read_tiff`; no such level; or it has to be unpacked and there is no room for that.
        Exception: whatever tifffile raises at damaged data.
    """
    with opened(path) as tif:
        series = image_series(path, tif)
        header = header_of_series(path, tif, series)
        one, index = locate(series, [count_pages(each) for each in series], check_page(header, page))
        levels = [found for found in one.levels if (size_of(found)[2], found.dtype) == (size_of(one)[2], one.dtype)]
        check_level(path, level, levels)
        sizes = tuple(size_of(found)[:2] for found in levels)
        header = _of_level(header, sizes[level])
        way = _way(header, levels[level], index, unpacked)
        notes = (way.note,) if way.note else ()
        return LazyImage(header, sizes, block_of(way.chunk, header.size), way.window, notes, way.unpacked)


def _of_level(header: Header, size: tuple[int, int]) -> Header:
    """The header of a level: its size, and pixels as much larger as it is smaller."""
    if header.pixel_size is None or size == header.size:
        return replace(header, size=size)
    y, x = (pixel * whole / n for pixel, whole, n in zip(header.pixel_size, header.size, size, strict=True))
    return replace(header, size=size, pixel_size=(y, x))


def _way(header: Header, series: tifffile.TiffPageSeries, index: int, unpacked: Path | None) -> _Way:
    """How windows of image `index` of a series are read."""
    pages = _pages_of(header.path, series, index)
    if pages is None:
        return _of_series(header, series, index, unpacked)
    if all(page.is_final for page in pages):
        maps = [_mapped(header.path, page) for page in pages]
        return _Way(concatenated([partial(one.window, 0) for one in maps]), (1, header.size[1]))
    segments = [Segments(header.path, page, KEPT_BYTES // len(pages)) for page in pages]
    decoded, size = segments[0].cost(TYPICAL)
    if decoded <= MOST or size <= KEPT_BYTES // len(pages):
        return _Way(concatenated([one.window for one in segments]), segments[0].chunk)
    return _from_temporary(header, segments, unpacked)


def _pages_of(path: Path, series: tifffile.TiffPageSeries, index: int) -> list[Page] | None:
    """The pages that hold image `index`, one a channel (or one for all); None where pages are not parts of images."""
    inside = series.keyframe.axes  # what one page holds, e.g. YX or YXS
    lead = len(series.axes) - len(inside)
    if _is_one_page(series):
        numbers = [0]
    elif (
        series.axes.endswith(inside)
        and set(inside) <= set("YXS")
        and series.shape[lead:] == series.keyframe.shape  # unlike an image of one column, written as one of one row
        and len(series) == math.prod(series.shape[:lead])
    ):
        order = np.arange(len(series)).reshape(*series.shape[:lead], 1, 1)
        numbers = by_plane(order, series.axes[:lead] + "YX")[index].ravel().tolist()
    else:
        return None
    found = [series.pages[number] for number in numbers]
    pages = [page for page in found if page is not None and page.keyframe is not None]
    if len(pages) < len(found):
        raise UnreadableFile("is truncated: pixel data are missing", file=path, remedy=DAMAGED)
    for page in pages:
        if page.shape != series.keyframe.shape:
            problem = f"holds a page of {page.shape} among pages of {series.keyframe.shape}"
            raise UnreadableFile(problem, file=path, remedy=DAMAGED)
    return pages


def _is_one_page(series: tifffile.TiffPageSeries) -> bool:
    """Whether a series is one page, with no more than axes of length 1 around it, as those of an array (h, w, 1)."""
    page = series.keyframe
    same = len(series) == 1 and set(page.axes) <= set("YXS") and math.prod(page.shape) == math.prod(series.shape)
    return same and size_of(series)[:2] == (page.imagelength, page.imagewidth)


def _mapped(path: Path, page: Page) -> Mapped:
    whole_page(path, page)
    return Mapped(path, _stored(page), page.shape, page.axes, page.dataoffsets[0])


def _stored(page: Page) -> np.dtype[np.generic]:
    return np.dtype(page.dtype).newbyteorder(page.parent.byteorder)


def _of_series(header: Header, series: tifffile.TiffPageSeries, index: int, unpacked: Path | None) -> _Way:
    """A series whose pages are not parts of images: mapped where it lies in one piece, else unpacked whole."""
    path = header.path
    check_series(path, series)
    if series.dataoffset is not None:
        mapped = Mapped(path, _stored(series.keyframe), series.shape, series.axes, series.dataoffset)
        return _Way(partial(mapped.window, index), (1, header.size[1]))
    mapped = Mapped(unpacked or Path(), np.dtype(series.dtype), series.shape, series.axes)
    why = f"is compressed, with axes {series.axes}, of which images cannot be read in parts"
    mapped, note = _temporary(path, mapped, why, lambda new: series.asarray(out=str(new.path)))
    return _Way(partial(mapped.window, index), (1, header.size[1]), mapped.path, note)


def _from_temporary(header: Header, segments: list[Segments], unpacked: Path | None) -> _Way:
    """An image whose tiles or strips are too large, unpacked."""
    first = segments[0]
    check_memory(replace(header, size=first.chunk))  # of one of them, which is decoded whole
    rows, columns = first.chunk
    shape = (*header.size, header.samples)
    mapped = Mapped(unpacked or Path(), first.dtype, shape, "YXC")
    why = f"is compressed in pieces of {rows:,} x {columns:,} pixels, which cannot be read in parts"
    mapped, note = _temporary(header.path, mapped, why, lambda new: _unpack(segments, new))
    return _Way(partial(mapped.window, 0), (1, header.size[1]), mapped.path, note)


def _temporary(path: Path, wanted: Mapped, why: str, fill: Callable[[Mapped], object]) -> tuple[Mapped, str]:
    """An array in a temporary file: one that is there, or a new one, which goes when it is no longer used."""
    size = math.prod(wanted.shape) * wanted.dtype.itemsize
    if wanted.path.is_file() and wanted.path.stat().st_size == size:
        return wanted, ""
    made = replace(wanted, path=new_temporary(path, size, why))
    remove_with(made, made.path)
    try:
        fill(made)
    except BaseException:
        made.path.unlink()
        raise
    return made, f"{path.name} {why}: unpacked once to {made.path} ({in_bytes(size)}) until it has been read"


def _unpack(segments: list[Segments], into: Mapped) -> None:
    """Decodes every segment once. The file is mapped anew for each: no more than one takes memory."""
    start = 0
    for page in segments:
        for values, (row, column), samples in page.one_by_one():
            array = into.open("r+")
            rows, columns = min(len(values), len(array) - row), min(values.shape[1], array.shape[1] - column)
            array[row : row + rows, column : column + columns, start + samples.start : start + samples.stop] = values[
                :rows, :columns
            ]
        start += page.samples
