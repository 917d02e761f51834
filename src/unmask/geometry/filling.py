"""Areas within closed outlines as run lengths: a pixel belongs to one where its centre lies within it.

The rule of ImageJ and QuPath, to the pixel; COCO's own rasteriser draws slanted edges otherwise. Of centres that lie on
an edge, those on the right one and on the upper one belong to the area, as in ImageJ: each of two areas that share an
edge leaves to the other what it does not take.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray

__all__ = ["filled"]

_BLOCK = 2**20  # crossings of edges and columns of pixels that are worked out at once


def filled(rings: Sequence[Float64[ndarray, "corners 2"]], size: tuple[int, int]) -> list[int]:
    """The pixels within an odd number of outlines, so that an outline within another is that of a hole.

    Args:
        rings: x and y of each corner, the first pixel from 0 to 1; the last corner is joined to the first. Finite, and
            not so far off that differences overflow.
        size: rows and columns of the image; what lies outside is cut off.

    Returns:
        Lengths of background and area by turns, column by column over the whole image: COCO's run lengths, unpacked.
    """
    edges = np.concatenate([np.empty((0, 4)), *(np.hstack([ring, np.roll(ring, -1, axis=0)]) for ring in rings)])
    backwards = edges[:, 0] > edges[:, 2]
    edges[backwards] = edges[backwards][:, [2, 3, 0, 1]]
    # Half-open, so that of two edges that meet at a column's middle only one is crossed there.
    first, end = (np.clip(np.floor(edges[:, axis] + 0.5), 0, size[1]).astype(np.int64) for axis in (0, 2))
    edges, first, end = edges[end > first], first[end > first], end[end > first]
    step = max(1, _BLOCK // max(1, len(edges)))
    starts = range(int(first.min(initial=size[1])), int(end.max(initial=0)), step)
    blocks = [_turns(edges, np.maximum(first, start), np.minimum(end, start + step), size[0]) for start in starts]
    turns = _odd(np.concatenate([np.empty(0, np.int64), *blocks]))
    counts = np.diff(turns, prepend=0, append=size[0] * size[1])
    return [*counts[:-1].tolist(), *counts[-1:][counts[-1:] > 0].tolist()]


def _turns(
    edges: Float64[ndarray, "n 4"], first: Int64[ndarray, " n"], end: Int64[ndarray, " n"], rows: int
) -> Int64[ndarray, " t"]:
    """Where edges cross the middles of columns: the first pixel below, pixels counted column by column.

    Args:
        edges: x and y of the left end and of the right end.
        first: the first column that each crosses.
        end: the column after the last.
        rows: of the image.
    """
    count = np.maximum(end - first, 0)
    edge = np.repeat(np.arange(len(edges)), count)
    column = np.arange(count.sum()) + np.repeat(first - np.cumsum(count) + count, count)
    x, y, right, bottom = edges[edge].T
    # A product and a quotient: exact where coordinates are whole numbers, as crossings at a centre then are.
    crossing = y + (column + 0.5 - x) * (bottom - y) / (right - x)
    row = np.where(bottom < y, np.floor(crossing + 0.5), np.ceil(crossing - 0.5))
    return _odd(column * rows + np.clip(row, 0, rows).astype(np.int64))


def _odd(turns: Int64[ndarray, " t"]) -> Int64[ndarray, " u"]:
    """In order, without those that are there an even number of times: they change nothing."""
    values, counts = np.unique(turns, return_counts=True)
    return values[counts % 2 == 1]
