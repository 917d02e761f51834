"""PNG, JPEG and BMP, read by Pillow; PNG of 16 bits and several channels, which Pillow cuts to 8, by imagecodecs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image, ImagePalette

from unmask.arrays import AnyArray
from unmask.data.formats.header import Header
from unmask.data.formats.pixelsize import from_dpi
from unmask.data.formats.reading import check_header, check_memory, check_stored
from unmask.errors import UnreadableFile

__all__ = ["raster_header", "read_raster"]

# Pillow refuses images above 179 megapixels as an attack on a web server; here they are the user's own, and their size
# is checked against the file and the memory.
Image.MAX_IMAGE_PIXELS = None

SAMPLES = {"1": 1, "L": 1, "P": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 1, "I;16B": 1, "I": 1, "F": 1}
DTYPES = {"1": "bool", "I;16": "uint16", "I;16B": "uint16", "I": "int32", "F": "float32"}
ONE_BIT = ("1", "L", "P")  # of these Pillow does not say how many bits are stored: at least one
DEEP_PNG = {2: "RGB", 4: "LA", 6: "RGBA"}  # PNG's own codes of its colour types


def raster_header(path: Path, *, indices: bool = False) -> Header:
    """The header of a PNG, JPEG or BMP; arguments as `read_raster`."""
    with _opened(path) as image:
        deep = _deep_png(path)
        return _header(path, image, deep or _mode(path, image, indices), deep is not None)


def read_raster(path: Path, *, indices: bool = False) -> tuple[Header, AnyArray]:
    """Reads a PNG, JPEG or BMP.

    A palette means its colours in an image and its indices in a mask, except a palette of greys, which means its greys.

    Args:
        path: the file.
        indices: give the indices of a colour palette instead of its colours.

    Returns:
        The header, and the image, (h, w, c).

    Raises:
        UnreadableFile: a kind of colour that has no channels of its own, such as CMYK.
        Exception: whatever Pillow raises at a damaged or truncated file.
    """
    with _opened(path) as image:
        if deep := _deep_png(path):
            header = _header(path, image, deep, True)
            check_memory(header)
            image.verify()  # the checksums, of which imagecodecs only warns
            return header, imagecodecs.png_decode(path.read_bytes()).reshape(*header.size, header.samples)
        mode = _mode(path, image, indices)
        header = _header(path, image, mode, False)
        check_memory(header)
        pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return header, pixels.reshape(*header.size, header.samples)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The image, nothing of its pixels read; its size is one that the file can hold."""
    with Image.open(path, formats=("PNG", "JPEG", "BMP")) as image:
        bands, bits = (1, 1) if image.mode in ONE_BIT else (len(image.getbands()), 8)
        check_stored(path, (image.height, image.width, bands), bits, path.stat().st_size)
        yield image


def _header(path: Path, image: Image.Image, mode: str, deep: bool) -> Header:
    header = Header(
        path=path,
        pages=1,
        size=(image.height, image.width),
        samples=SAMPLES[mode],
        colour=mode.startswith("RGB"),
        alpha=mode in ("LA", "RGBA"),
        dtype=np.dtype("uint16" if deep else DTYPES.get(mode, "uint8")),
        # Cameras write into a JPEG at what size it might be printed.
        pixel_size=None if image.format == "JPEG" else from_dpi(image.info.get("dpi")),
    )
    return check_header(header)


def _mode(path: Path, image: Image.Image, indices: bool) -> str:
    """Pillow's name of the kind of pixel that this file is read as."""
    if image.mode == "P":
        if (grey := _is_grey(image.palette)) or indices:
            return "L" if grey else "P"
        return "RGBA" if "transparency" in image.info else "RGB"
    if image.mode not in SAMPLES:
        problem = f"holds {image.mode} colours, which have no direct meaning as channels"
        raise UnreadableFile(problem, file=path, remedy="save it as grey or RGB")
    return image.mode


def _is_grey(palette: ImagePalette.ImagePalette | None) -> bool:
    """Whether a palette has only greys; none is one of greys. Unlike Pillow's own way, no pixel is decoded."""
    if palette is None:
        return True
    kind, values = palette.getdata()
    colours = np.frombuffer(values[: len(values) // len(kind) * len(kind)], np.uint8).reshape(-1, len(kind))[:, :3]
    return bool((colours == colours[:, :1]).all())


def _deep_png(path: Path) -> str | None:
    """The mode of a PNG of 16 bits with more than one channel; None for all other files."""
    with open(path, "rb") as file:
        start = file.read(26)  # signature, then IHDR: length, name, width, height, bit depth, colour type
    if start[:8] != b"\x89PNG\r\n\x1a\n" or start[24] != 16:
        return None
    return DEEP_PNG.get(start[25])
