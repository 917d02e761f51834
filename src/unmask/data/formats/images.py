"""Images from files and to files: PNG, JPEG, BMP, TIFF, .npy, OME-Zarr and zarr; one file may hold many images.

An OME-Zarr image or a zarr array is a folder; here it is a file like others.

An image is (h, w, c) with the file's own values. Types become one of uint8, uint16, int16, int32 and float32, if that
loses nothing: bool as uint8 0 and 1, int8 as int16, uint32 and 64-bit integers as int32, float16 and float64 as
float32. Whether three equal colour channels are one grey channel, and a constant alpha none, is a matter of the whole
data set: see `channels.py`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tifffile
from jaxtyping import Int32
from PIL import Image

from unmask.arrays import AnyArray, ProbabilityMap, RawImage, RGBImage
from unmask.data.files import atomic, write_text
from unmask.data.formats.header import Header
from unmask.data.formats.npy import NPY_START, npy_header, read_npy
from unmask.data.formats.omezarr import omezarr_header, read_omezarr
from unmask.data.formats.raster import raster_header, read_raster
from unmask.data.formats.reading import AGAIN, readable
from unmask.data.formats.tiff import read_tiff, tiff_header
from unmask.data.formats.zarr_files import holds_zarr
from unmask.errors import UnreadableFile

__all__ = [
    "PICTURES",
    "SUFFIXES",
    "Header",
    "ImageFile",
    "read_header",
    "read_image",
    "write_float",
    "write_image",
    "write_labels",
    "write_layers",
    "write_png",
    "write_text",
]

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")  # which programs show
SUFFIXES = (*PICTURES, ".npy")
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
OTHER_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"BM")
ZIP_START, NPZ = b"PK", ".npz"
KEPT = ("uint8", "uint16", "int16", "int32", "float32")
WIDENED = {"bool": "uint8", "int8": "int16", "float16": "float32"}
HEADERS = {"tiff": tiff_header, "omezarr": omezarr_header, "npy": npy_header, "raster": raster_header}
NARROWED = {"uint32": "int32", "int64": "int32", "uint64": "int32", "float64": "float32"}


@dataclass(frozen=True)
class ImageFile:
    """What `read_image` read.

    Attributes:
        header: the file's header.
        planes: its images (or the one asked for), each (h, w, c), finite.
    """

    header: Header
    planes: tuple[RawImage, ...]

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """(y, x) in micrometres, or None where the file does not say."""
        return self.header.pixel_size


def read_header(path: str | Path) -> Header:
    """Number, size, channels, type and pixel size of a file's images, without decoding them.

    Raises:
        UnreadableFile: not there, not an image, or damaged as far as the header goes: also a size that the file cannot
            hold.
    """
    path = Path(path)
    with readable(path):
        return HEADERS[_format(path)](path)


def read_image(path: str | Path, page: int | None = None, *, indices: bool = False, finite: bool = True) -> ImageFile:
    """Reads the images of a file, whatever its extension.

    Args:
        path: a PNG, JPEG, BMP, TIFF or .npy file, or the folder of an OME-Zarr image or of one zarr array.
        page: which image of a multi-page TIFF or a zarr stack, from 0; None reads all.
        indices: of a palette PNG or BMP give the indices, not the colours; for masks.
        finite: refuse values that are not; False gives them as they are, for who mends them.

    Returns:
        The images, each (h, w, c), in the file's order: along all axes but Y, X, C and S, the last fastest.

    Raises:
        UnreadableFile: not there, not an image, damaged or truncated; larger than its file can hold or than the memory;
            values that are complex, not finite, or of a type that none of uint8, uint16, int16, int32 and float32 holds
            without loss.
    """
    path = Path(path)
    with readable(path):
        match _format(path):
            case "tiff":
                header, planes = read_tiff(path, page)
            case "omezarr":
                header, planes = read_omezarr(path, page)
            case "npy":
                header, plane = read_npy(path)
                planes = [plane]
            case "raster":
                header, plane = read_raster(path, indices=indices)
                planes = [plane]
        return ImageFile(header, tuple(_plain(path, plane, finite) for plane in planes))


def write_image(path: str | Path, image: RawImage, pixel_size: tuple[float, float] | None = None) -> None:
    """Writes an (h, w, c) image as TIFF, deflate-compressed, with its own type: axes YX, or CYX for many channels.

    Args:
        path: the file.
        image: (h, w, c) of a type that `read_image` gives.
        pixel_size: (y, x) in micrometres, stored as resolution tags.

    Raises:
        ValueError: `image` does not have three axes.
        UnmaskError: the file cannot be written; all or nothing.
    """
    if image.ndim != 3:
        raise ValueError(f"an image is (h, w, c), not {image.shape}")
    one = image.shape[2] == 1
    _write_tiff(
        path, image[..., 0] if one else np.moveaxis(image, 2, 0), "YX" if one else "CYX", pixel_size, compression="zlib"
    )


def write_labels(path: str | Path, labels: AnyArray, pixel_size: tuple[float, float] | None = None) -> None:
    """Writes a label image as TIFF, deflate-compressed: uint16, or uint32 where an id exceeds 65,535; all or nothing.

    Args:
        path: the file.
        labels: (h, w) integers, none negative.
        pixel_size: (y, x) in micrometres, stored as resolution tags.

    Raises:
        ValueError: `labels` is no label image.
        UnmaskError: the file cannot be written.
    """
    if labels.ndim != 2 or labels.dtype.kind not in "ui" or (labels.size and labels.min() < 0):
        raise ValueError(f"a label image is (h, w) integers from 0, not {labels.shape} {labels.dtype}")
    narrow = not labels.size or labels.max() <= 65_535
    _write_tiff(path, labels.astype(np.uint16 if narrow else np.uint32), "YX", pixel_size, compression="zlib")


def write_layers(path: str | Path, layers: Int32[np.ndarray, "l h w"], pixel_size: tuple[float, float] | None) -> None:
    """Writes label images of objects that overlap as the pages of one int32 TIFF; all or nothing.

    Raises:
        UnmaskError: the file cannot be written.
    """
    _write_tiff(path, layers.astype(np.int32, copy=False), "QYX", pixel_size, compression="zlib")


def write_float(path: str | Path, maps: ProbabilityMap, pixel_size: tuple[float, float] | None = None) -> None:
    """Writes (c, h, w) float32 maps, such as probabilities, as an uncompressed TIFF with axes CYX; all or nothing.

    Raises:
        ValueError: `maps` does not have three axes.
        UnmaskError: the file cannot be written.
    """
    if maps.ndim != 3:
        raise ValueError(f"maps are (c, h, w), not {maps.shape}")
    _write_tiff(path, maps.astype(np.float32, copy=False), "CYX", pixel_size, compression=None)


def write_png(path: str | Path, rgb: RGBImage) -> None:
    """Writes an (h, w, 3) uint8 picture; all or nothing.

    Raises:
        UnmaskError: the file cannot be written.
    """
    with atomic(path) as temporary:
        Image.fromarray(rgb).save(temporary, format="PNG")


def _write_tiff(
    path: str | Path, array: AnyArray, axes: str, pixel_size: tuple[float, float] | None, compression: str | None
) -> None:
    per_cm = None if pixel_size is None else (1e4 / pixel_size[1], 1e4 / pixel_size[0])  # x first, as tifffile wants it
    with atomic(path) as temporary:
        tifffile.imwrite(
            temporary,
            array,
            photometric="minisblack",
            compression=compression,
            resolution=per_cm,
            resolutionunit=None if per_cm is None else "CENTIMETER",
            metadata={"axes": axes},
        )


def _format(path: Path) -> Literal["tiff", "omezarr", "npy", "raster"]:
    """What reads a file, by its first bytes; refuses what is no image at all."""
    if holds_zarr(path):
        return "omezarr"
    with open(path, "rb") as file:
        start = file.read(len(NPY_START))
    if not start:
        raise UnreadableFile("is empty (0 bytes)", file=path, remedy=AGAIN)
    if start == NPY_START:
        return "npy"
    if not start.startswith((*TIFF_STARTS, *OTHER_STARTS)):
        raise _no_image(path, start)
    return "tiff" if start.startswith(TIFF_STARTS) else "raster"


def _no_image(path: Path, start: bytes) -> UnreadableFile:
    if start.startswith(ZIP_START) and path.suffix.lower() == NPZ:
        remedy = (
            f"save each array as a file, in Python numpy.save('{path.stem}.npy', numpy.load('{path.name}')['NAME'])"
        )
        return UnreadableFile("is an archive of arrays, of which each can be an image", file=path, remedy=remedy)
    problem = "is not a PNG, JPEG, BMP, TIFF or .npy image"
    return UnreadableFile(problem, file=path, remedy="save it as TIFF or PNG, in Fiji for example")


def _plain(path: Path, image: AnyArray, finite: bool) -> RawImage:
    """The image in one of the five types that unmask works with, finite."""
    name = image.dtype.name
    if finite:
        _finite(path, image)
    if name in KEPT:
        return np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("="))
    if name in WIDENED:
        return image.astype(WIDENED[name])
    if name not in NARROWED:
        raise UnreadableFile(f"holds {name} values", file=path, remedy="save it as 8 or 16 bit or as 32-bit float")
    with np.errstate(over="ignore"):
        narrow = image.astype(NARROWED[name])
    if not np.array_equal(narrow, image, equal_nan=image.dtype.kind == "f"):
        problem = f"holds {name} values that {NARROWED[name]} cannot hold exactly"
        raise UnreadableFile(problem, file=path, remedy=f"save it as {_advice(name)}")
    return narrow


def _advice(name: str) -> str:
    return "32-bit float, in Python image.astype('float32')" if name == "float64" else "16-bit integers"


def _finite(path: Path, image: AnyArray) -> None:
    if image.dtype.kind != "f":
        return
    wrong = np.argwhere(~np.isfinite(image))
    if len(wrong):
        row, column, channel = (int(i) for i in wrong[0])
        first = f"{image[row, column, channel]} at row {row}, column {column}"
        problem = (
            f"has {len(wrong)} {'value that is' if len(wrong) == 1 else 'values that are'} not finite, first {first}"
        )
        remedy = "replace them, in Python with numpy.nan_to_num(image), and save it again"
        raise UnreadableFile(problem, file=path, remedy=remedy, code="not-finite")
