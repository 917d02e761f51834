"""Label images as SVG path data: exact to the pixel, sharp at any magnification, and small.

Coordinates are those of pixel corners: the pixel in row y and column x spans (x, y) to (x + 1, y + 1).
"""

import numpy as np
from jaxtyping import Int

from unmask.arrays import AnyArray, MaskImage

__all__ = ["border_path", "region_path"]


def border_path(labels: AnyArray) -> str:
    """The lines between pixels of different ids; the image's edge is no border.

    Args:
        labels: (h, w) integers.

    Returns:
        Path data to be stroked, e.g. "M3 4h2M5 1v3".
    """
    across = (f"M{x} {y + 1}h{length}" for y, x, length in _runs(labels[1:] != labels[:-1]))
    down = (f"M{x + 1} {y}v{length}" for x, y, length in _runs((labels[:, 1:] != labels[:, :-1]).T))
    return "".join((*across, *down))


def region_path(mask: MaskImage) -> str:
    """The area where a mask is true, as one rectangle a run of pixels.

    Args:
        mask: (h, w) bool.

    Returns:
        Path data to be filled.
    """
    return "".join(f"M{x} {y}h{length}v1h-{length}z" for y, x, length in _runs(mask))


def _runs(mask: MaskImage) -> Int[np.ndarray, "n 3"]:
    """Maximal runs of true pixels along rows: row, first column, length; in raster order."""
    change = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(change == 1)
    _, stops = np.nonzero(change == -1)
    return np.stack([rows, starts, stops - starts], axis=1)
