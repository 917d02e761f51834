"""Grey values to numbers around 0 to 1, by a stretch whose constants belong to the whole image.

Never to a tile: a tile's constants would make a tiled prediction depend on how the image was cut.
"""

from typing import Literal

import numpy as np

from unmask.arrays import AnyArray, FloatImage, RawImage
from unmask.recipe import NormaliseRecipe

__all__ = ["normalise", "stretch_constants"]

# The asinh curve is linear up to about a tenth of the range and logarithmic beyond (Lupton 1999's magnitudes).
SOFTENING = 10.0

# A hot pixel must not outweigh its whole surroundings; real signal stays far inside.
CLIP = (-1.0, 8.0)


def stretch_constants(image: RawImage, recipe: NormaliseRecipe) -> tuple[tuple[float, float], ...]:
    """The (low, high) grey values of each channel that become 0 and 1.

    Args:
        image: (h, w, c), a whole image.
        recipe: percentiles of the image, or two fixed grey values.
    """
    if recipe.method == "fixed":
        return ((recipe.low, recipe.high),) * image.shape[2]
    pairs = np.percentile(image.reshape(-1, image.shape[2]), [recipe.low, recipe.high], axis=0).T
    return tuple((float(low), float(high)) for low, high in pairs)


def normalise(
    image: RawImage, constants: tuple[tuple[float, float], ...], curve: Literal["linear", "asinh"] = "linear"
) -> FloatImage:
    """The stretched image; a channel without contrast becomes 0 everywhere.

    Args:
        image: (h, w, c), a whole image or any part of it.
        constants: `stretch_constants` of the whole image.
        curve: "linear", or "asinh": 0 and 1 stay where they are, dim values gain contrast and bright ones lose it.

    Returns:
        (h, w, c) float32, within -1 to 8.
    """
    low = np.array([pair[0] for pair in constants])
    span = np.array([pair[1] - pair[0] for pair in constants])
    scale = np.divide(1.0, span, out=np.zeros_like(span), where=span > 0)
    stretched: AnyArray = (image - low) * scale
    np.clip(stretched, *CLIP, out=stretched)
    if curve == "asinh":
        stretched = np.arcsinh(SOFTENING * stretched) / np.arcsinh(SOFTENING)
    return stretched.astype(np.float32)
