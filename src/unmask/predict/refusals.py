"""Images that a model cannot predict, refused before work begins."""

from pathlib import Path
from typing import Any

import numpy as np

from unmask.errors import PredictionError
from unmask.recipe import NormaliseRecipe, Recipe

__all__ = ["check_canvas", "check_image"]

EIGHT_BIT = NormaliseRecipe(method="fixed", low=0, high=255)
TURNED = 3 * 4  # bytes a pixel and class of a turned copy: float32 of it, of what it is made of, and of the mean


def check_image(recipe: Recipe, channels: int, dtype: np.dtype[Any], file: str | Path) -> None:
    """Refuses an image that is not like those a model was trained on.

    Args:
        recipe: of the model.
        channels: of the image.
        dtype: of its values.
        file: its file or name, to be told.

    Raises:
        PredictionError: other channels; or other values, where those of training stay as they are.
    """
    if channels != recipe.data.channels:
        raise PredictionError(
            f"the image has {channels} channels, the model was trained on {recipe.data.channels}",
            file=file,
            remedy="give images like those the model was trained on, or train on images like this one",
        )
    if recipe.normalise == EIGHT_BIT and dtype != np.uint8:
        raise PredictionError(
            f"the image is {dtype}, the model was trained on 8-bit colour",
            file=file,
            remedy="save it as 8 bits a channel",
        )


def check_canvas(size: tuple[int, int], classes: int, memory: int, file: str | Path) -> None:
    """Refuses an image whose copies, turned by any angle (`predict_turned`), do not fit the memory.

    Args:
        size: rows and columns of the image.
        classes: with the background.
        memory: bytes.
        file: its file or name, to be told.

    Raises:
        PredictionError: a canvas of (h + w)^2 / 2 pixels, that of 45 degrees, is too large.
    """
    needed = sum(size) ** 2 // 2 * classes * TURNED
    if needed > memory:
        raise PredictionError(
            f"{size[0]:,} x {size[1]:,} pixels, turned by any angle, take {needed / 1e9:.1f} GB of memory, more than "
            f"the {memory / 1e9:.1f} GB to work in",
            file=file,
            remedy=f"type --tta 8, which turns one tile at a time, or --memory {-(-needed // 10**8) / 10:.1f}GB",
        )
