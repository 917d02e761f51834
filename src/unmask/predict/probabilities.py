"""Probabilities of a whole image in memory, from tiles: equal to one pass over it."""

from collections.abc import Callable, Sequence

import numpy as np

from unmask.arrays import FloatImage, ProbabilityMap
from unmask.geometry.grid import Tile, mirror
from unmask.geometry.symmetry import SYMMETRIES, Interval, Symmetry
from unmask.nets import Halo
from unmask.predict.tiles import Network, plan_tiles
from unmask.predict.tta import predict_tile

__all__ = ["background", "is_blank", "predict_probabilities"]


def predict_probabilities(
    network: Network,
    image: FloatImage,
    side: int,
    classes: int,
    progress: Callable[[int, int], None] | None = None,
    *,
    symmetries: Sequence[Symmetry] = SYMMETRIES[:1],
    skip_blank: bool = False,
) -> tuple[ProbabilityMap, int]:
    """Class probabilities of every pixel.

    Args:
        network: what computes logits.
        image: (h, w, c) normalised.
        side: largest side of a tile, pixels written.
        classes: of the network, with the background.
        progress: called with (pixels done, pixels in all) after each tile.
        symmetries: that are averaged over.
        skip_blank: tiles that see one grey value only are background, and not given to the network.

    Returns:
        (classes, h, w) float32, softmax over classes; and how many tiles were left out as blank.
    """
    height, width = image.shape[:2]

    def read(rows: Interval, columns: Interval) -> FloatImage:
        return image[np.ix_(mirror(*rows, height), mirror(*columns, width))]

    result = np.empty((classes, height, width), np.float32)
    left_out, done = 0, 0
    for tile in plan_tiles(height, width, network.cutting.halo, side):
        blank = skip_blank and is_blank(read, tile, network.cutting.halo)
        part = result[:, tile.rows.start : tile.rows.stop, tile.columns.start : tile.columns.stop]
        size = height, width
        part[:] = background(part.shape) if blank else predict_tile(network, read, tile, size, symmetries)
        left_out += blank
        done += part[0].size
        if progress is not None:
            progress(done, height * width)
    return result, left_out


def is_blank(read: Callable[[Interval, Interval], FloatImage], tile: Tile, halo: Halo) -> bool:
    """Whether all that a tile reads is one grey value, in each channel; turned copies read up to a stride more."""
    more = halo.stride - 1
    window = read(*((span.read_start - more, span.read_stop + more) for span in (tile.rows, tile.columns)))
    return bool((window == window[0, 0]).all())


def background(shape: tuple[int, ...]) -> ProbabilityMap:
    """(classes, h, w) float32 that say background with certainty."""
    maps = np.zeros(shape, np.float32)
    maps[0] = 1
    return maps
