"""Whether a page of a TIFF is all there and can be as large as it says; tifffile fills gaps with zeros."""

import math
from pathlib import Path
from typing import TypeAlias

import tifffile

from unmask.data.formats.codestream import COMPRESSIONS, HEAD, declared_size
from unmask.data.formats.reading import SMALL, check_chunk, check_stored
from unmask.errors import UnreadableFile

__all__ = ["DAMAGED", "check_series", "check_size", "whole_page"]

BOUNDED = {1, 5, 7, 8, 32773, 32946}  # Compression: none, LZW, JPEG, deflate, PackBits, deflate
DAMAGED = "copy or export it again; if other programs can open it, open it in Fiji and save it as TIFF"

Page: TypeAlias = tifffile.TiffPage | tifffile.TiffFrame


def whole_page(path: Path, page: Page | None) -> Page:
    """The page, if all of its data are there and can be what it says.

    Raises:
        UnreadableFile: data are missing or end beyond the file; a size that they cannot have.
    """
    missing = UnreadableFile("is truncated: pixel data are missing", file=path, remedy=DAMAGED)
    if page is None:
        raise missing
    length = path.stat().st_size
    segments = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if any(count == 0 or offset + count > length for offset, count in segments):
        raise missing
    if page.is_contiguous:
        if page.dataoffsets[0] + page.nbytes > length:
            raise missing
    elif len(segments) < math.prod(page.chunked):
        raise missing
    check_size(path, page)
    _check_streams(path, page)
    return page


def check_series(path: Path, series: tifffile.TiffPageSeries) -> None:
    """Refuses a series of which a page is not whole; errors as `whole_page`."""
    for page in series.pages:
        whole_page(path, page)
    if series.dataoffset is not None and series.dataoffset + series.nbytes > path.stat().st_size:
        raise UnreadableFile("is truncated: pixel data are missing", file=path, remedy=DAMAGED)


def check_size(path: Path, page: Page) -> None:
    """Refuses a page by what its tags say.

    Raises:
        UnreadableFile: larger than its data can be; tiles larger than the memory; pixels of no known type.
    """
    keyframe = page.keyframe
    if keyframe is None or page.dtype is None:
        raise UnreadableFile("holds pixels of an unknown kind", file=path, remedy=DAMAGED)
    if keyframe.compression in BOUNDED:
        check_stored(path, page.shape, keyframe.bitspersample, sum(page.databytecounts))
    check_chunk(path, page.chunks, page.dtype)


def _check_streams(path: Path, page: Page) -> None:
    """Refuses tiles and strips that declare a size of their own that is far from the one that the TIFF gives them."""
    if page.keyframe is None or page.keyframe.compression not in COMPRESSIONS:
        return
    file = page.parent.filehandle
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        file.seek(offset)
        size = declared_size(file.read(min(count, HEAD)))
        if size and math.prod(size) > max(SMALL, 2 * math.prod(page.chunks)):
            problem = f"is damaged: a tile declares {size[0]:,} x {size[1]:,} pixels in {count:,} bytes"
            raise UnreadableFile(problem, file=path, remedy=DAMAGED)
