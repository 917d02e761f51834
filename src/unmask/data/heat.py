"""Heat maps for people: values from 0 to 1 as colours over a grey image."""

import numpy as np
from jaxtyping import Float

from unmask.arrays import RawImage, RGBImage
from unmask.data.picture import grey_stretch

__all__ = ["heat_overlay"]

# From dark to bright, so that it also reads in grey, and told apart by readers who confuse red and green.
_AT = (0.0, 0.25, 0.5, 0.75, 1.0)
_COLOURS = ((40, 11, 84), (122, 28, 109), (203, 65, 73), (245, 125, 21), (250, 242, 120))
_DIM = 0.6  # the image's own brightness beneath, so that the colours stand out
_OPAQUE = 0.5  # value from which little of the image shows through
_MOST = 0.85


def heat_overlay(image: RawImage, values: Float[np.ndarray, "h w"]) -> RGBImage:
    """An image in dim grey, and over it values as colours from violet (low) to yellow (1), clear at 0.

    Args:
        image: (h, w, c), stretched by `grey_stretch`.
        values: (h, w), 0 to 1; what is beyond is taken as the nearer.

    Returns:
        (h, w, 3) uint8.

    Raises:
        ValueError: `image` and `values` differ in size.
    """
    if image.shape[:2] != values.shape:
        raise ValueError(f"values of {values.shape} pixels do not fit an image of {image.shape[:2]}")
    grey = _DIM * grey_stretch(image).mean(axis=2, keepdims=True)
    colours = np.stack([np.interp(values, _AT, channel) for channel in zip(*_COLOURS, strict=True)], axis=2)
    cover = _MOST * np.clip(values / _OPAQUE, 0, 1)[..., None]
    return np.rint(grey + cover * (colours - grey)).astype(np.uint8)
