"""How many channels the images of a data set have.

Files store more than was measured: a grey image as three equal colour channels, an opacity that is constant. What is
dropped must be the same for all images of a set, so each image says which numbers of channels it could have without
losing anything, and the set takes the smallest number that all of them could. Alpha that varies is data and stays. Grey
JPEGs are photographs, which programs save so where there is no colour: among coloured ones they have three channels.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unmask.arrays import AnyArray, RawImage
from unmask.data.formats.header import Header
from unmask.data.formats.images import read_image
from unmask.errors import DataError

__all__ = ["by_header", "common_channels", "is_grey_jpeg", "with_channels"]

JPEG = (".jpg", ".jpeg")


def common_channels(headers: Sequence[Header]) -> int:
    """The smallest number of channels that all images can have without losing anything.

    Pixels are read only while they could change the answer: never of grey files, of colour files until one has colour.

    Args:
        headers: one a file, at least one.

    Returns:
        The number of channels.

    Raises:
        DataError: there is none; names one file of each kind.
        UnreadableFile: an image that had to be looked at cannot be read.
    """
    common = set(by_header(headers[0]))
    first = headers[0].path
    for header in headers:
        narrowed = common & set(by_header(header))
        if len(narrowed) > 1 or (narrowed and header.samples not in narrowed):
            narrowed &= _by_pixels(header)
        if not narrowed:
            raise _mixed(first, max(common), header.path, header.samples)
        if narrowed != common:
            common, first = narrowed, header.path
    return min(common)


def with_channels(image: RawImage, header: Header, channels: int) -> RawImage:
    """The image with so many channels, dropping only copies of grey and constant alpha, or repeating a JPEG's grey.

    Args:
        image: (h, w, samples), as the file holds it.
        header: the header of its file.
        channels: how many are wanted.

    Returns:
        (h, w, channels).

    Raises:
        DataError: that is not possible without losing something.
    """
    if image.shape[2] == channels:
        return image
    if channels not in _possible(image, header):
        problem = f"has {image.shape[2]} channels where {channels} {'is' if channels == 1 else 'are'} wanted"
        raise DataError(problem, file=header.path, remedy="convert it in Fiji (Image > Type) or leave it out")
    return image[..., :channels] if image.shape[2] > channels else np.repeat(image, channels, axis=2)


def by_header(header: Header) -> set[int]:
    """Numbers of channels that the image could have, as far as its header tells."""
    if is_grey_jpeg(header):
        return {1, 3}
    colours = header.samples - header.alpha
    return {header.samples, colours} | ({1} if header.colour and colours == 3 else set())


def is_grey_jpeg(header: Header) -> bool:
    return header.samples == 1 and header.path.suffix.lower() in JPEG


def _by_pixels(header: Header) -> set[int]:
    """Numbers of channels that every image of a file can have."""
    if len(by_header(header)) == 1 or is_grey_jpeg(header):
        return by_header(header)
    return set.intersection(*(_possible(plane, header) for plane in read_image(header.path).planes))


def _possible(image: AnyArray, header: Header) -> set[int]:
    if is_grey_jpeg(header):
        return by_header(header)
    possible = {image.shape[2]}
    colours = header.colours(image)
    if header.alpha and (image[..., -1] != image[0, 0, -1]).any():
        return possible
    possible.add(colours.shape[2])
    if header.colour and colours.shape[2] == 3 and (colours == colours[..., :1]).all():
        possible.add(1)
    return possible


def _mixed(first: Path, channels: int, second: Path, other: int) -> DataError:
    problem = f"has {other} {'channel' if other == 1 else 'channels'}, but {first.name} has {channels}"
    return DataError(problem, file=second, remedy="make them all grey or all RGB, in Fiji with Image > Type")
