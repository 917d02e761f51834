"""Grey values to numbers around 0 to 1, by a linear stretch whose constants belong to the whole image.

Never to a tile: a tile's constants would make a tiled prediction depend on how the image was cut.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from unmask.arrays import AnyArray, FloatImage, RawImage
from unmask.data.percentiles import Search, searched
from unmask.recipe import NormaliseRecipe

__all__ = ["constants_found", "normalise", "stretch_constants", "stretch_constants_of_blocks"]

# A hot pixel must not outweigh its whole surroundings; real signal stays far inside.
CLIP = (-1.0, 8.0)

_BAND = 1 << 20  # grey values that are counted at once


def stretch_constants(image: RawImage, recipe: NormaliseRecipe) -> tuple[tuple[float, float], ...]:
    """The (low, high) grey values of each channel that become 0 and 1; smallest and largest where percentiles coincide.

    Args:
        image: (h, w, c), a whole image.
        recipe: percentiles of the image, or two fixed grey values.

    Raises:
        DataError: the image has values that are not finite.
    """
    return stretch_constants_of_blocks(lambda: _bands(image), image.shape[2], recipe)


def stretch_constants_of_blocks(
    blocks: Callable[[], Iterable[RawImage]], channels: int, recipe: NormaliseRecipe
) -> tuple[tuple[float, float], ...]:
    """`stretch_constants` of an image that comes in blocks: the very same numbers.

    Args:
        blocks: gives all parts of the image, (h, w, c) each, whenever it is called; not at all for fixed grey values,
            once for images of 8 and 16 bits, twice for 32 bits.
        channels: of the image.
        recipe: percentiles of the image, or two fixed grey values.

    Raises:
        DataError: the image has values that are not finite.
    """
    if recipe.method == "fixed":
        return ((recipe.low, recipe.high),) * channels
    return constants_found(searched(blocks, (recipe.low, recipe.high)))


def constants_found(search: Search) -> tuple[tuple[float, float], ...]:
    """`stretch_constants` from a search for two percentiles that is done, wherever the blocks were counted."""
    pairs, lowest, highest = search.values()
    # A few bright objects on a ground of zeros: both percentiles are 0, but there is contrast.
    extremes = zip(lowest, highest, strict=True)
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


def _bands(image: RawImage) -> Iterator[RawImage]:
    rows = max(1, _BAND // (image.shape[1] * image.shape[2]))
    return (image[top : top + rows] for top in range(0, image.shape[0], rows))
