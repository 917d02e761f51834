"""Test-time averaging: what a network says of turned copies of an image, turned back and averaged.

Over the eight flips and rotations by 90 degrees, exact under tiling; or over rotations by any angle, interpolated, of
which Ronneberger 2015 averages seven.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from math import ceil, cos, pi, sin

import numpy as np
import torch
from jaxtyping import Float
from scipy import ndimage
from torch import Tensor

from unmask.arrays import AnyArray, FloatImage, ProbabilityMap
from unmask.geometry.grid import Tile
from unmask.geometry.symmetry import SYMMETRIES, Interval, Symmetry
from unmask.predict.tiles import Logits, Network

__all__ = ["PAPER_TURNS", "predict_tile", "predict_turned", "window_probabilities"]

PAPER_TURNS = 7  # Ronneberger 2015, table 1: "averaged over 7 rotated versions of the input data"


def predict_tile(
    network: Network,
    read: Callable[[Interval, Interval], FloatImage],
    tile: Tile,
    size: tuple[int, int],
    symmetries: Sequence[Symmetry] = SYMMETRIES,
) -> ProbabilityMap:
    """Class probabilities of what a tile writes, averaged over symmetries.

    Wherever the tile lies they are those of the whole image: with P(x) the prediction of a whole image x, the mean over
    g of g^-1 P(g x). The network pools a turned image from that image's own first row and column on, which may be the
    last of the original, so every symmetry reads a window of its own.

    Args:
        network: what computes logits.
        read: rows and columns of the image to (h, w, c) float32 normalised, mirrored outside the image.
        tile: of the image; what it writes matters, not what it reads.
        size: rows and columns of the image.
        symmetries: to average over, summed in this order whatever the tile; one at least.

    Returns:
        (classes, rows, columns) float32, softmax over classes.
    """
    rows, columns = (tile.rows.start, tile.rows.stop), (tile.columns.start, tile.columns.stop)

    def turned_back(symmetry: Symmetry) -> ProbabilityMap:
        turned, back = symmetry.size(size), symmetry.inverse
        written = symmetry.window(rows, columns, size)
        part, inner = network.cutting.tile(turned, *written)
        down, across = ((span.read_start, span.read_stop) for span in (part.rows, part.columns))
        seen = back.window(down, across, turned)
        return back.maps(window_probabilities(network.of(inner), symmetry.image(read(*seen)), part))

    total: ProbabilityMap = reduce(np.add, map(turned_back, symmetries))
    return np.ascontiguousarray(total / np.float32(len(symmetries)))


@torch.inference_mode()
def window_probabilities(compute: Logits, window: FloatImage, tile: Tile) -> ProbabilityMap:
    """Class probabilities of what a tile writes, from what it reads.

    Args:
        compute: the logits.
        window: (h, w, c) float32 normalised, any strides.
        tile: of the image that the window is of.

    Returns:
        (classes, rows, columns) float32, softmax over classes.
    """
    # The permuted view of a contiguous h w c window is channels_last already.
    batch = torch.from_numpy(np.ascontiguousarray(window)).permute(2, 0, 1)[None]
    logits: Float[Tensor, "c h w"] = compute(batch.contiguous(memory_format=torch.channels_last))[0]
    rows, columns = (slice(span.offset, span.offset + span.stop - span.start) for span in (tile.rows, tile.columns))
    probabilities: ProbabilityMap = logits[:, rows, columns].float().softmax(dim=0).cpu().numpy()
    return probabilities


def predict_turned(
    predict: Callable[[FloatImage], ProbabilityMap], image: FloatImage, turns: int = PAPER_TURNS
) -> ProbabilityMap:
    """Class probabilities averaged over rotations by k * 360 / turns degrees, k from 0 (Ronneberger 2015).

    Each copy is turned about the image's centre into a canvas that holds all of it, mirrored outside, and turned back
    after prediction, bilinear both times: finest structures are blurred a little. The plain prediction, k = 0, is not.

    Args:
        predict: an image of any size to its probabilities.
        image: (h, w, c) float32 normalised. It, its canvas of up to (h + w)^2 / 2 pixels and the canvas's probabilities
            are held in memory.
        turns: how many copies; at least 1.

    Returns:
        (classes, h, w) float32, sums to 1 over classes.
    """
    total = predict(image)
    for k in range(1, turns):
        total = total + _predict_at(predict, image, 2 * pi * k / turns)
    return total / total.sum(axis=0)


def _predict_at(predict: Callable[[FloatImage], ProbabilityMap], image: FloatImage, angle: float) -> ProbabilityMap:
    """The prediction of the image turned by `angle` radians, turned back."""
    height, width = image.shape[:2]
    across, along = abs(cos(angle)), abs(sin(angle))
    # From centre to centre of the outermost pixels, so that turning back interpolates within the canvas.
    canvas = _pixels((height - 1) * across + (width - 1) * along), _pixels((height - 1) * along + (width - 1) * across)
    turned = np.stack([_turn(channel, angle, canvas) for channel in np.moveaxis(image, 2, 0)], axis=2)
    return np.stack([_turn(found, -angle, (height, width)) for found in predict(turned)])


def _pixels(distance: float) -> int:
    """How many pixels reach over a distance between centres; rounding of a whole number costs none."""
    return ceil(distance - 1e-6) + 1


def _turn(plane: AnyArray, angle: float, size: tuple[int, int]) -> AnyArray:
    """A plane (h, w) turned about its centre by `angle` radians, as seen through a frame of `size` there; bilinear."""
    turn = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    centre, frame = ((np.array(lengths) - 1) / 2 for lengths in (plane.shape, size))
    return ndimage.affine_transform(plane, turn, centre - turn @ frame, size, order=1, mode="mirror")
