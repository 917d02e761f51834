"""Grey values to numbers around 0 to 1, by a linear stretch whose constants belong to the whole image.

Never to a tile: a tile's constants would make a tiled prediction depend on how the image was cut.
"""

import numpy as np

from unmask.arrays import AnyArray, FloatImage, RawImage
from unmask.recipe import NormaliseRecipe

__all__ = ["normalise", "stretch_constants"]

# A hot pixel must not outweigh its whole surroundings; real signal stays far inside.
CLIP = (-1.0, 8.0)


def stretch_constants(image: RawImage, recipe: NormaliseRecipe) -> tuple[tuple[float, float], ...]:
    """The (low, high) grey values of each channel that become 0 and 1; smallest and largest where percentiles coincide.

    Args:
        image: (h, w, c), a whole image.
        recipe: percentiles of the image, or two fixed grey values.
    """
    if recipe.method == "fixed":
        return ((recipe.low, recipe.high),) * image.shape[2]
    pixels = image.reshape(-1, image.shape[2])
    pairs = np.percentile(pixels, [recipe.low, recipe.high], axis=0).T
    # A few bright objects on a ground of zeros: both percentiles are 0, but there is contrast.
    extremes = zip(pixels.min(axis=0), pixels.max(axis=0), strict=True)
    chosen = [pair if pair[0] < pair[1] else extreme for pair, extreme in zip(pairs, extremes, strict=True)]
    return tuple((float(low), float(high)) for low, high in chosen)


def normalise(image: RawImage, constants: tuple[tuple[float, float], ...]) -> FloatImage:
    """The stretched image; a channel without contrast becomes 0 everywhere.

    Args:
        image: (h, w, c), a whole image or any part of it.
        constants: `stretch_constants` of the whole image.

    Returns:
        (h, w, c) float32, within -1 to 8.
    """
    low = np.array([pair[0] for pair in constants])
    span = np.array([pair[1] - pair[0] for pair in constants])
    scale = np.divide(1.0, span, out=np.zeros_like(span), where=span > 0)
    stretched: AnyArray = (image - low) * scale
    return np.clip(stretched, *CLIP, out=stretched).astype(np.float32)
