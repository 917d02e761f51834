"""Header: what a file says about its images before any pixel is decoded."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unmask.arrays import AnyArray

__all__ = ["Header"]


@dataclass(frozen=True)
class Header:
    """The images of one file, all of one size and type.

    Attributes:
        path: the file.
        pages: how many images it holds; more than one in a multi-page TIFF or an OME-Zarr stack.
        size: rows and columns, in pixels.
        samples: values a pixel.
        colour: the first three samples are red, green and blue (or, with one sample and alpha, grey).
        alpha: the last sample is declared to be opacity.
        dtype: as the file stores it.
        pixel_size: (y, x) in micrometres, or None where the file does not say.
    """

    path: Path
    pages: int
    size: tuple[int, int]
    samples: int
    colour: bool
    alpha: bool
    dtype: np.dtype[np.generic]
    pixel_size: tuple[float, float] | None

    def colours(self, image: AnyArray) -> AnyArray:
        """The samples of an (h, w, samples) image without its alpha."""
        return image[..., :-1] if self.alpha else image
