"""A picture of an image too large to be shown: means of its pixels, and outlines drawn at the picture's size."""

from collections.abc import Callable

import numpy as np

from unmask.arrays import AnyArray, LabelImage, RGBImage
from unmask.data.picture import grey_stretch, overlay
from unmask.data.streams.sources import ImageSource, open_source

__all__ = ["downscaled"]

FINER = 4  # pixels along an axis that are looked at of labels, where the picture has one
WINDOW = 1_024, 4_096  # rows and columns that are read at once, about
LEGIBLE = 5  # pixels of the picture that objects have across: below, lines around each would hide the image
TOGETHER = "#ffe74a"
SHOWN = 4  # channels; `grey_stretch` shows the first three of four and more


def downscaled(source: ImageSource, labels: ImageSource | None = None, side: int = 2_048) -> RGBImage:
    """An image of any size, with the outlines of its objects, as a picture.

    Read from a level of its pyramid where there is one, else all of it, in blocks. Outlines are drawn in the picture,
    one pixel wide. Of several objects in one pixel it shows one, and any before background: objects smaller than a
    pixel are seen too, down to a quarter of it along an axis where the labels are a pyramid. Where most objects are too
    small for lines of their own, what they cover together is outlined, in one colour.

    Args:
        source: the image, at its full level.
        labels: its label image, at its full level; None shows the image alone.
        side: what the picture's longer side may have, pixels.

    Returns:
        (h, w, 3) uint8: smaller by a whole factor, the same along both axes; never enlarged.

    Raises:
        ValueError: `source` and `labels` differ in size.
        UnmaskError: a window cannot be read.
    """
    if labels is not None and labels.size != source.size:
        raise ValueError(f"labels of {labels.size} pixels do not fit an image of {source.size}")
    factor = -(-max(source.size) // side)
    image = _reduced(_level(source, factor), source.size, factor, _mean, min(source.channels, SHOWN))
    if labels is None:
        return grey_stretch(image)
    ids = _reduced(_level(labels, max(1, factor // FINER)), source.size, factor, _largest, 1)[..., 0].astype(np.int32)
    if _middling_side(ids) < LEGIBLE:
        return overlay(image, (ids > 0).astype(np.int32), colour=TOGETHER, scale=1, thickness=1)
    return overlay(image, ids, scale=1, thickness=1)


def _middling_side(ids: LabelImage) -> float:
    """The median of what objects have across, pixels; infinite where there is none."""
    counts = np.unique(ids[ids > 0], return_counts=True)[1]
    return float(np.sqrt(np.median(counts))) if counts.size else np.inf


def _level(source: ImageSource, factor: int) -> ImageSource:
    """The coarsest level with a pixel for each that an image smaller by `factor` has."""
    (rows, columns), found = source.size, 0
    for level, size in enumerate(source.levels):
        if size[0] * factor >= rows and size[1] * factor >= columns:
            found = level
    if found == source.level or source.file is None:
        return source
    return open_source(source.file, source.page, source.channels, found)


def _reduced(
    level: ImageSource, size: tuple[int, int], factor: int, reduce: Callable[..., AnyArray], channels: int
) -> AnyArray:
    """An image of `size` at a level, smaller by `factor`: one value for all pixels of a bin, (h, w, channels)."""
    rows, columns = (_edges(n, at_level, factor) for n, at_level in zip(size, level.size, strict=True))
    result = np.empty((len(rows) - 1, len(columns) - 1, channels), level.dtype)
    for i, ends_i in _groups(rows, WINDOW[0]):
        for j, ends_j in _groups(columns, WINDOW[1]):
            window = level.read(slice(ends_i[0], ends_i[-1]), slice(ends_j[0], ends_j[-1]))[..., :channels]
            part = reduce(window, ends_i - ends_i[0], ends_j - ends_j[0])
            result[i : i + part.shape[0], j : j + part.shape[1]] = part
    return result


def _edges(size: int, at_level: int, factor: int) -> AnyArray:
    """Where the bins of the picture begin at a level, and where the last one ends: a bin is `factor` full pixels."""
    count = -(-size // factor)
    return np.append(np.arange(count) * factor * at_level // size, at_level)


def _groups(edges: AnyArray, length: int) -> list[tuple[int, AnyArray]]:
    """Bins next to each other, about `length` pixels of them: the first one's number, and their edges."""
    step = max(1, length * (len(edges) - 1) // int(edges[-1]))
    return [(start, edges[start : start + step + 1]) for start in range(0, len(edges) - 1, step)]


def _mean(window: AnyArray, rows: AnyArray, columns: AnyArray) -> AnyArray:
    totals = np.add.reduceat(np.add.reduceat(window, rows[:-1], 0, np.float64), columns[:-1], 1)
    means = totals / (np.diff(rows)[:, None, None] * np.diff(columns)[:, None])
    return means if window.dtype.kind == "f" else np.rint(means)


def _largest(window: AnyArray, rows: AnyArray, columns: AnyArray) -> AnyArray:
    return np.maximum.reduceat(np.maximum.reduceat(window, rows[:-1], 0), columns[:-1], 1)
