"""TIFF as a list of images: which planes of which series, and nothing that is damaged or missing.

Axes are those tifffile finds (ImageJ, OME, its own JSON, or plain pages): Y and X are the image, C and S its channels,
and every position along any other axis (T, Z, I, Q ...) is one image more. Values are those stored: a colour map or
"0 is white" changes how a TIFF is shown, in microscopy not what it holds.
"""

import logging
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tifffile

from unmask.arrays import AnyArray
from unmask.data.header import Header
from unmask.data.pixelsize import from_ome, from_resolution
from unmask.errors import UnreadableFile

__all__ = ["read_tiff", "tiff_header"]

# In these kinds every series is an image of its own; in others (slide scanners) the first is, and the rest are
# its thumbnail, label and overview.
EQUAL_SERIES = {"generic", "imagej", "ome", "shaped", "uniform"}
ALPHA = {1, 2}  # ExtraSamples: associated and unassociated alpha
RGB = 2  # PhotometricInterpretation
UNITS = {2: "inch", 3: "cm"}  # ResolutionUnit
DAMAGED = "copy or export it again; if other programs can open it, open it in Fiji and save it as TIFF"


def tiff_header(path: Path) -> Header:
    """The header of a TIFF, without decoding pixels; errors as `read_tiff`."""
    with _opened(path) as tif:
        return _header(path, tif, _series(path, tif))


def read_tiff(path: Path, page: int | None = None) -> tuple[Header, list[AnyArray]]:
    """Reads the images of a TIFF.

    Args:
        path: the file.
        page: which image, from 0; None reads all.

    Returns:
        The header, and the images, each (h, w, c).

    Raises:
        UnreadableFile: damaged or truncated, images of different sizes, or axes that hold no image.
        Exception: whatever a decoder raises at damaged data.
    """
    with _opened(path) as tif:
        series = _series(path, tif)
        header = _header(path, tif, series)
        wanted = range(header.pages) if page is None else (page,)
        counts = [_pages(one) for one in series]
        return header, [_plane(path, *_locate(series, counts, index)) for index in wanted]


@contextmanager
def _opened(path: Path) -> Iterator[tifffile.TiffFile]:
    """Opens a TIFF and turns what tifffile only logs as an error, such as a cut-off list of pages, into an error."""
    with _complaints() as complaints, tifffile.TiffFile(path) as tif:
        if tif.is_ome and len(set(re.findall(r'FileName="([^"]+)"', tif.ome_metadata or ""))) > 1:
            tif.is_ome = False  # one file of a set: its own pages, not those of the whole set
        yield tif
    if complaints:
        raise UnreadableFile("is damaged or truncated: " + complaints[0], file=path, remedy=DAMAGED)


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collects the errors that tifffile logs in this thread."""
    messages: list[str] = []
    thread = threading.get_ident()

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread and record.levelno >= logging.ERROR:
                messages.append(re.sub(r"<tifffile[^>]*> ", "", record.getMessage()))

    collector = Collector()
    logger = logging.getLogger("tifffile")
    logger.addHandler(collector)
    try:
        yield messages
    finally:
        logger.removeHandler(collector)


def _series(path: Path, tif: tifffile.TiffFile) -> list[tifffile.TiffPageSeries]:
    """The series that hold images, all of one size, number of samples and type."""
    found = [one for one in tif.series if one.kind in EQUAL_SERIES and not one.keyframe.is_reduced] or tif.series[:1]
    for one in found:
        if not {"Y", "X"} <= set(one.axes):
            raise UnreadableFile(
                f"has axes {one.axes}, which hold no image", file=path, remedy="save it as a plain TIFF"
            )
    kinds = [(*_size(one), one.dtype) for one in found]
    odd = next((kind for kind in kinds if kind != kinds[0]), None)
    if odd is not None:
        first, other = (f"{h} x {w} x {c} {dtype}" for h, w, c, dtype in (kinds[0], odd))
        problem = f"holds images of different sizes or types ({first}, {other})"
        raise UnreadableFile(problem, file=path, remedy="save each in a file of its own")
    return found


def _size(series: tifffile.TiffPageSeries) -> tuple[int, int, int]:
    """Rows, columns, and samples a pixel."""
    length = dict(zip(series.axes, series.shape, strict=True))
    return length["Y"], length["X"], length.get("C", 1) * length.get("S", 1)


def _pages(series: tifffile.TiffPageSeries) -> int:
    return math.prod(n for axis, n in zip(series.axes, series.shape, strict=True) if axis not in "CSYX")


def _header(path: Path, tif: tifffile.TiffFile, series: list[tifffile.TiffPageSeries]) -> Header:
    keyframe = series[0].keyframe
    rows, columns, samples = _size(series[0])
    colour = keyframe.photometric == RGB and "C" not in series[0].axes
    return Header(
        path=path,
        pages=sum(_pages(one) for one in series),
        size=(rows, columns),
        samples=samples,
        colour=colour,
        alpha="C" not in series[0].axes and bool(keyframe.extrasamples) and keyframe.extrasamples[-1] in ALPHA,
        dtype=np.dtype(series[0].dtype),
        pixel_size=_pixel_size(tif, keyframe),
    )


def _pixel_size(tif: tifffile.TiffFile, page: tifffile.TiffPage) -> tuple[float, float] | None:
    if tif.is_ome and tif.ome_metadata and (size := from_ome(tif.ome_metadata)):
        return size
    (y, per_y), (x, per_x) = (page.tags.valueof(name, (0, 0)) for name in ("YResolution", "XResolution"))
    if not (per_y and per_x):
        return None
    unit = str((tif.imagej_metadata or {}).get("unit", "")) or UNITS.get(int(page.resolutionunit), "")
    return from_resolution((y / per_y, x / per_x), unit)


def _locate(
    series: list[tifffile.TiffPageSeries], counts: list[int], index: int
) -> tuple[tifffile.TiffPageSeries, int]:
    """The series that holds image `index` of the file, and its number there."""
    for one, count in zip(series, counts, strict=True):
        if index < count:
            return one, index
        index -= count
    raise IndexError(f"image {index} of {sum(counts)}")


def _plane(path: Path, series: tifffile.TiffPageSeries, index: int) -> AnyArray:
    """Decodes image `index` of a series, and only its pages where the file has a page for each; (h, w, c)."""
    inside = series.keyframe.axes  # what one page holds, e.g. YX or YXS
    lead = len(series.axes) - len(inside)
    paged = (
        series.axes.endswith(inside)
        and set(inside) <= set("YXS")
        and len(series.pages) == math.prod(series.shape[:lead])
    )
    if not paged:
        _whole(path, series.keyframe)
        return np.array(_by_plane(series.asarray(out="memmap"), series.axes)[index])
    numbers = np.arange(len(series.pages)).reshape(*series.shape[:lead], 1, 1)
    channels = _by_plane(numbers, series.axes[:lead] + "YX")[index].ravel()  # the pages of this image
    pages = [_whole(path, series.pages[int(number)]) for number in channels]
    return np.array(_by_plane(np.stack([page.asarray() for page in pages]), "C" + inside)[0])


def _by_plane(array: AnyArray, axes: str) -> AnyArray:
    """Any array whose axes have these names as (planes, h, w, c)."""
    order = [axes.index(a) for a in axes if a not in "YXCS"] + [axes.index(a) for a in "YXCS" if a in axes]
    array = array.transpose(order)
    trailing = sum(a in "CS" for a in axes)
    rows, columns = array.shape[array.ndim - trailing - 2 : array.ndim - trailing]
    return array.reshape(-1, rows, columns, math.prod(array.shape[array.ndim - trailing :]))


def _whole(path: Path, page: tifffile.TiffPage | tifffile.TiffFrame | None) -> tifffile.TiffPage | tifffile.TiffFrame:
    """The page, or an error where its data are missing or end beyond the file: tifffile would put zeros there."""
    length = path.stat().st_size
    segments = [] if page is None else zip(page.dataoffsets, page.databytecounts, strict=False)
    if page is None or any(count == 0 or offset + count > length for offset, count in segments):
        raise UnreadableFile("is truncated: pixel data are missing", file=path, remedy=DAMAGED)
    return page
