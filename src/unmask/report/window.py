"""The part of a large image that is worth showing."""

import numpy as np

from unmask.arrays import MaskImage

__all__ = ["busiest_window"]

# Windows start at multiples of this.
STEP = 8


def busiest_window(interesting: MaskImage, side: int) -> tuple[slice, slice]:
    """The window with the most interesting pixels; the first in raster order of several.

    Args:
        interesting: (h, w) bool.
        side: of the window, pixels; a shorter side of the image is shown whole.

    Returns:
        Rows and columns.
    """
    size = [min(side, length) for length in interesting.shape]
    spare = [length - shown for length, shown in zip(interesting.shape, size, strict=True)]
    if not any(spare):
        return slice(0, size[0]), slice(0, size[1])
    starts = [np.unique(np.append(np.arange(0, most, STEP), most)) for most in spare]
    rows = _sums(interesting.astype(np.int64), starts[0], size[0])
    both = _sums(rows.T, starts[1], size[1]).T
    y, x = np.unravel_index(int(both.argmax()), both.shape)
    top, left = int(starts[0][y]), int(starts[1][x])
    return slice(top, top + size[0]), slice(left, left + size[1])


def _sums(values: np.ndarray, starts: np.ndarray, size: int) -> np.ndarray:
    """Sums of `size` rows from each of `starts`."""
    running = np.concatenate([np.zeros_like(values[:1]), values.cumsum(axis=0)])
    found: np.ndarray = running[starts + size] - running[starts]
    return found
