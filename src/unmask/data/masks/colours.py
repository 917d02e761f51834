"""Masks in colours: a colour is the number 65,536 red + 256 green + blue, and stands for a class or an object."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Int32

from unmask.arrays import RawImage
from unmask.data.formats.images import ImageFile
from unmask.errors import MaskError

__all__ = ["colour_of", "flattened", "numbered", "spelled"]

GREY = 0x010101


def spelled(value: int, colours: bool) -> str:
    """A mask value as messages name it: #ff0000, or the plain number."""
    return f"#{value:06x}" if colours else str(value)


def colour_of(text: str) -> int | None:
    """The number of a colour that is written as #rrggbb; None for other text."""
    return int(text[1:], 16) if re.fullmatch("#[0-9a-fA-F]{6}", text) else None


def flattened(file: ImageFile) -> ImageFile:
    """A mask without its alpha: what is transparent is black, and alpha that is constant says nothing.

    Args:
        file: as `read_image` gives it; alpha of other than 8 bits stays.
    """
    header = file.header
    if not header.alpha or file.planes[0].dtype != np.uint8:
        return file
    planes = tuple(_on_black(plane[..., :-1], plane[..., -1:]) for plane in file.planes)
    return ImageFile(replace(header, alpha=False, samples=header.samples - 1), planes)


def _on_black(image: RawImage, alpha: RawImage) -> RawImage:
    if (alpha == alpha[0, 0]).all():
        return image
    return ((image * alpha.astype(np.uint16) + 127) // 255).astype(np.uint8)


def numbered(image: RawImage, path: Path) -> Int32[np.ndarray, "h w"]:
    """The colour of each pixel as a number.

    Args:
        image: (h, w, 1 or 3) without alpha.
        path: the file, for messages.

    Raises:
        MaskError: not of 8 bits, or of another number of channels.
    """
    if image.dtype != np.uint8 or image.shape[2] not in (1, 3):
        problem = f"holds {image.shape[2]} x {image.dtype} a pixel among masks in colours, which are 8-bit RGB"
        raise MaskError(problem, file=path, remedy="save it in the colours of the others", code="mask-type")
    if image.shape[2] == 1:
        return image[..., 0].astype(np.int32) * GREY
    red, green, blue = (image[..., channel].astype(np.int32) for channel in range(3))
    return (red << 16) | (green << 8) | blue
