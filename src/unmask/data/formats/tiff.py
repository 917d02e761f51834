"""TIFF as a list of images: which planes of which series, and nothing that is damaged or missing.

Axes are those tifffile finds (ImageJ, OME, its own JSON, or plain pages): Y and X are the image, C and S its channels,
and every position along any other axis (T, Z, I, Q ...) is one image more. Of a pyramid the full resolution is read. A
file of an OME-TIFF set holds those images of the set that lie in it. Values are those stored: a colour map or "0 is
white" changes how a TIFF is shown, in microscopy not what it holds.
"""

import logging
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import tifffile

from unmask.arrays import AnyArray
from unmask.data.formats.header import Header
from unmask.data.formats.ome_xml import check_declared, is_set, own_planes, with_companion
from unmask.data.formats.pixelsize import from_ome, from_resolution
from unmask.data.formats.reading import check_header, check_memory
from unmask.data.formats.tiff_pages import DAMAGED, check_series, check_size, whole_page
from unmask.errors import UnreadableFile

__all__ = [
    "by_plane",
    "count_pages",
    "header_of_series",
    "image_series",
    "locate",
    "opened",
    "read_tiff",
    "size_of",
    "tiff_header",
]

# In these kinds every series is an image of its own; in others (slide scanners) the first is, and the rest are
# its thumbnail, label and overview.
EQUAL_SERIES = {"generic", "imagej", "ome", "shaped", "uniform"}
ALPHA = {1, 2}  # ExtraSamples: associated and unassociated alpha
RGB = 2  # PhotometricInterpretation
UNITS = {2: "inch", 3: "cm"}  # ResolutionUnit


def tiff_header(path: Path) -> Header:
    """The header of a TIFF, without decoding pixels; errors as `read_tiff`."""
    with opened(path) as tif:
        return header_of_series(path, tif, image_series(path, tif))


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
    with opened(path) as tif:
        series = image_series(path, tif)
        header = header_of_series(path, tif, series)
        wanted = range(header.pages) if page is None else (page,)
        check_memory(header, len(wanted))
        counts = [count_pages(one) for one in series]
        return header, [_plane(path, *locate(series, counts, index)) for index in wanted]


@contextmanager
def opened(path: Path) -> Iterator[tifffile.TiffFile]:
    """Opens a TIFF and turns what tifffile only logs as an error, such as a cut-off list of pages, into an error."""
    with _complaints() as complaints, tifffile.TiffFile(path) as tif:
        if xml := _ome(tif):
            check_declared(path, xml)
            if is_set(xml):
                tif.is_ome = False  # its own pages, not those of all files
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


def _ome(tif: tifffile.TiffFile) -> str:
    """The OME-XML of a file; empty where it has none, or what only looks so."""
    page = tif.pages.first
    if not page.is_ome:
        return ""
    try:
        ElementTree.fromstring(page.description)
    except ElementTree.ParseError:
        return ""
    return page.description


def image_series(path: Path, tif: tifffile.TiffFile) -> list[tifffile.TiffPageSeries]:
    """The series that hold images, all of one size, number of samples and type."""
    found = (
        _own_series(path, tif)
        or [one for one in tif.series if one.kind in EQUAL_SERIES and not one.keyframe.is_reduced]
        or tif.series[:1]
    )
    for one in found:
        if not {"Y", "X"} <= set(one.axes):
            problem = f"has axes {one.axes or 'of no length'}, which hold no image"
            raise UnreadableFile(problem, file=path, remedy="save it as a plain TIFF")
    kinds = [(*size_of(one), one.dtype) for one in found]
    odd = next((kind for kind in kinds if kind != kinds[0]), None)
    if odd is not None:
        first, other = (f"{h} x {w} x {c} {dtype}" for h, w, c, dtype in (kinds[0], odd))
        problem = f"holds images of different sizes or types ({first}, {other})"
        raise UnreadableFile(problem, file=path, remedy="save each in a file of its own")
    return found


def _own_series(path: Path, tif: tifffile.TiffFile) -> list[tifffile.TiffPageSeries]:
    """The images of a file of an OME-TIFF set, with their channels together; none where it is not one."""
    own = own_planes(path, xml) if (xml := _ome(tif)) and not tif.is_ome else None
    if own is None:
        return []
    pages = [tif.pages[number] for number in own.pages]
    shape = (len(pages) // own.channels, own.channels, *pages[0].shape)
    return [tifffile.TiffPageSeries(pages, shape, pages[0].dtype, "IC" + pages[0].axes, parent=tif, kind="ome")]


def size_of(series: tifffile.TiffPageSeries) -> tuple[int, int, int]:
    """Rows, columns, and samples a pixel."""
    length = dict(zip(series.axes, series.shape, strict=True))
    return length["Y"], length["X"], length.get("C", 1) * length.get("S", 1)


def count_pages(series: tifffile.TiffPageSeries) -> int:
    return math.prod(n for axis, n in zip(series.axes, series.shape, strict=True) if axis not in "CSYX")


def header_of_series(path: Path, tif: tifffile.TiffFile, series: list[tifffile.TiffPageSeries]) -> Header:
    keyframe = series[0].keyframe
    rows, columns, samples = size_of(series[0])
    check_size(path, keyframe)
    colour = keyframe.photometric == RGB and "C" not in series[0].axes
    header = Header(
        path=path,
        pages=sum(count_pages(one) for one in series),
        size=(rows, columns),
        samples=samples,
        colour=colour,
        alpha="C" not in series[0].axes and bool(keyframe.extrasamples) and keyframe.extrasamples[-1] in ALPHA,
        dtype=np.dtype(series[0].dtype),
        pixel_size=_pixel_size(path, tif, keyframe),
    )
    return check_header(header)


def _pixel_size(path: Path, tif: tifffile.TiffFile, page: tifffile.TiffPage) -> tuple[float, float] | None:
    if (xml := _ome(tif)) and (size := from_ome(with_companion(path, xml))):
        return size
    (y, per_y), (x, per_x) = (page.tags.valueof(name, (0, 0)) for name in ("YResolution", "XResolution"))
    if not (per_y and per_x):
        return None
    unit = str((tif.imagej_metadata or {}).get("unit", "")) or UNITS.get(int(page.resolutionunit), "")
    return from_resolution((y / per_y, x / per_x), unit)


def locate(series: list[tifffile.TiffPageSeries], counts: list[int], index: int) -> tuple[tifffile.TiffPageSeries, int]:
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
        check_series(path, series)
        return np.array(by_plane(series.asarray(out="memmap"), series.axes)[index])
    numbers = np.arange(len(series.pages)).reshape(*series.shape[:lead], 1, 1)
    channels = by_plane(numbers, series.axes[:lead] + "YX")[index].ravel()  # the pages of this image
    pages = [whole_page(path, series.pages[int(number)]) for number in channels]
    odd = next((page.shape for page in pages if page.shape != series.keyframe.shape), None)
    if odd is not None:
        problem = f"holds a page of {odd} among pages of {series.keyframe.shape}"
        raise UnreadableFile(problem, file=path, remedy=DAMAGED)
    return np.array(by_plane(np.stack([page.asarray() for page in pages]), "C" + inside)[0])


def by_plane(array: AnyArray, axes: str) -> AnyArray:
    """Any array whose axes have these names as (planes, h, w, c)."""
    order = [axes.index(a) for a in axes if a not in "YXCS"] + [axes.index(a) for a in "YXCS" if a in axes]
    array = array.transpose(order)
    trailing = sum(a in "CS" for a in axes)
    rows, columns = array.shape[array.ndim - trailing - 2 : array.ndim - trailing]
    return array.reshape(-1, rows, columns, math.prod(array.shape[array.ndim - trailing :]))
