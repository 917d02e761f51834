"""LazyImage: an image of a file of which nothing is read yet, and windows of it as they are stored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from unmask.arrays import AnyArray
from unmask.data.formats.header import Header
from unmask.errors import UnreadableFile

__all__ = ["LazyImage", "Window", "block_of", "check_level", "check_page", "concatenated"]

SIDE = 1_024  # pixels that a block has along an axis, as far as the chunks allow
AREA = SIDE * SIDE

Window = Callable[[slice, slice], AnyArray]  # rows and columns, both within the image -> (h, w, samples)


@dataclass(frozen=True, eq=False)
class LazyImage:
    """One image of a file, to be read in windows.

    Attributes:
        header: of the file, with the size and the pixel size of the level that is read.
        levels: (rows, columns) of each resolution that the file has of this image, the full one first.
        block: rows and columns of windows that are read without decoding anything twice.
        window: reads rows and columns as they are stored; any number of threads may call it at once.
        notes: what the user should know about how the file is read, a sentence each.
        unpacked: the temporary file that holds the image where the file itself cannot be read in parts.
    """

    header: Header
    levels: tuple[tuple[int, int], ...]
    block: tuple[int, int]
    window: Window = field(repr=False)
    notes: tuple[str, ...] = ()
    unpacked: Path | None = None


def block_of(chunk: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of whole chunks, about a megapixel of them, cut at the image's size.

    Args:
        chunk: rows and columns of what a file can give alone: a tile, a strip, a chunk.
        size: of the image.
    """
    columns = min(chunk[1] * max(1, SIDE // chunk[1]), size[1])
    rows = min(SIDE, max(1, AREA // columns))
    return min(chunk[0] * max(1, rows // chunk[0]), size[0]), columns


def concatenated(windows: list[Window]) -> Window:
    """The channels of several images of one size as one image."""
    if len(windows) == 1:
        return windows[0]
    return lambda rows, columns: np.concatenate([window(rows, columns) for window in windows], axis=2)


def check_page(header: Header, page: int | None) -> int:
    """The image of a file that is meant.

    Raises:
        UnreadableFile: there is no such image; or there are several and none is named.
    """
    last = header.pages - 1
    if page is None and last:
        problem = f"holds {header.pages:,} images, of which one is read at a time"
        raise UnreadableFile(problem, file=header.path, remedy=f"say which, from page 0 to {last}")
    if not 0 <= (page or 0) <= last:
        there = f"images 0 to {last:,}" if last else "one image"
        raise UnreadableFile(f"has {there}, not number {page}", file=header.path, remedy="give a page that it has")
    return page or 0


def check_level(path: Path, level: int, levels: Sequence[object]) -> int:
    """The level, if there is such a one.

    Raises:
        UnreadableFile: names those that there are.
    """
    if not 0 <= level < len(levels):
        there = "only level 0" if len(levels) == 1 else f"levels 0 to {len(levels) - 1}"
        raise UnreadableFile(f"has {there}, not {level}", file=path, remedy="give a level that it has")
    return level
