"""Which channels of an image its windows give: what `channels.py` does for whole images.

The rule. Where a number of channels is wanted, nothing is read ahead: every window checks what it drops (that alpha is
what it is at the image's first pixel, that three colours are one grey), and the first one that would lose something is
an error. Where none is wanted it is the smallest that loses nothing, and blocks are read until that is known: none of
images whose header leaves no choice, up to the first pixel of colour in RGB, all of them where there is alpha or where
all is grey.
"""

from dataclasses import dataclass

import numpy as np

from unmask.arrays import AnyArray
from unmask.data.formats.channels import by_header, is_grey_jpeg
from unmask.data.formats.header import Header
from unmask.data.streams.blocks import blocks_of
from unmask.data.streams.lazy import LazyImage
from unmask.errors import DataError

__all__ = ["Selection", "fewest_channels", "select"]

REMEDY = "convert it in Fiji (Image > Type) or leave it out"


@dataclass(frozen=True)
class Selection:
    """The channels that are kept.

    Attributes:
        header: of the image.
        channels: how many.
        alpha: the value that the dropped alpha has everywhere; None where none is dropped.
    """

    header: Header
    channels: int
    alpha: int | float | None

    def apply(self, window: AnyArray, origin: tuple[int, int]) -> AnyArray:
        """The kept channels of a window.

        Args:
            window: (h, w, samples).
            origin: row and column of its first pixel in the image.

        Raises:
            DataError: what would be dropped is no copy of grey and no constant alpha.
        """
        samples = window.shape[2]
        if samples == self.channels:
            return window
        if samples < self.channels:  # a grey JPEG
            return window.repeat(self.channels, axis=2)
        if self.alpha is not None:
            self._check(window[..., -1] != self.alpha, origin, "its alpha is not constant")
        if self.channels == 1 and samples - self.header.alpha == 3:
            colours = self.header.colours(window)
            self._check((colours != colours[..., :1]).any(axis=2), origin, "it is not grey")
        return window[..., : self.channels]

    def _check(self, lost: AnyArray, origin: tuple[int, int], why: str) -> None:
        if not lost.any():
            return
        row, column = (start + int(i) for start, i in zip(origin, np.argwhere(lost)[0], strict=True))
        raise _impossible(self.header, self.channels, f"{why}, first at row {row}, column {column}")


def select(image: LazyImage, channels: int | None) -> Selection:
    """The selection of so many channels; of the fewest that lose nothing where `channels` is None.

    Raises:
        DataError: by its header the image cannot have so many.
    """
    header = image.header
    channels = fewest_channels(image) if channels is None else channels
    if channels not in by_header(header):
        raise _impossible(header, channels)
    drops_alpha = header.alpha and channels < header.samples
    return Selection(header, channels, _alpha(image) if drops_alpha else None)


def fewest_channels(image: LazyImage) -> int:
    """The smallest number of channels that the image can have without losing anything."""
    header = image.header
    possible = by_header(header)
    if len(possible) == 1 or is_grey_jpeg(header):
        return min(possible)
    alpha = _alpha(image) if header.alpha else None
    grey = header.colour and header.samples - header.alpha == 3
    for rows, columns in blocks_of(header.size, image.block):
        window = image.window(rows, columns)
        if alpha is not None and (window[..., -1] != alpha).any():
            return header.samples
        colours = header.colours(window)
        grey = grey and bool((colours == colours[..., :1]).all())
        if not grey and alpha is None:
            break
    return 1 if grey else header.samples - header.alpha


def _alpha(image: LazyImage) -> int | float:
    value: int | float = image.window(slice(0, 1), slice(0, 1))[0, 0, -1].item()
    return value


def _impossible(header: Header, channels: int, why: str = "") -> DataError:
    wanted = f"{channels} {'is' if channels == 1 else 'are'} wanted"
    has = f"has {header.samples} {'channel' if header.samples == 1 else 'channels'}"
    problem = f"{has} where {wanted}" + (f": {why}" if why else "")
    return DataError(problem, file=header.path, remedy=REMEDY)
