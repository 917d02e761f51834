"""Overlapping windows of an image: what each sees and what each owns. Integers only, no files, no networks.

For networks whose reach is the whole window (Mask R-CNN), where a halo cannot make a tile's output that of the whole
image: every pixel is owned by one window, and an object whose middle is there and that is no larger than the overlap
lies in that window whole. `grid.py` has the tiles of networks with a halo.
"""

from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Window", "overlapping_axis"]


@dataclass(frozen=True)
class Window:
    """One axis of a window, in pixels of the image.

    Attributes:
        start, stop: what is seen.
        own_start, own_stop: what is owned; lies within what is seen.
    """

    start: int
    stop: int
    own_start: int
    own_stop: int


def overlapping_axis(size: int, window: int, overlap: int) -> list[Window]:
    """Windows that cover an axis, as few as possible, equally long, evenly spread, in order.

    They are as short as their number and the overlap allow: no pixel is looked at more often than it must be.

    Args:
        size: of the image, pixels, at least 1.
        window: largest length of a window, pixels.
        overlap: pixels that neighbours share at least, below `window`.

    Returns:
        Windows whose own parts follow each other from 0 to `size`, with borders in the middle of what neighbours share;
        a single one where the image is no larger than a window.

    Raises:
        ValueError: `overlap` is negative or not below `window`.
    """
    if not 0 <= overlap < window:
        raise ValueError(f"windows of {window} pixels cannot overlap by {overlap}")
    count = 1 if size <= window else -(-(size - overlap) // (window - overlap))
    length = -(-(size + (count - 1) * overlap) // count)
    starts = [i * (size - length) // max(count - 1, 1) for i in range(count)]
    # Neighbours share [next start, this start + length): the border is its middle.
    borders = [0, *((after + before + length) // 2 for before, after in pairwise(starts)), size]
    return [Window(start, start + length, *own) for start, own in zip(starts, pairwise(borders), strict=True)]
