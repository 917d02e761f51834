"""Blocks of an image: which pixels a tile writes and which it reads. Integers only, no files, no networks.

A tile *writes* [start, stop) of an axis of the image and *reads* [start - halo, stop + halo), extended so that its
length is one the network takes. Origins are multiples of the network's stride, so that every tile pools the same pixels
together as one pass over the whole image does (Ronneberger 2015, overlap-tile strategy). A span that begins elsewhere
is read as from the multiple before it, and `offset` says where it begins.

Two kinds of surroundings:

- mirrored: reads may leave the image; positions outside are folded back by `mirror` (unpadded networks).
- clipped: reads are cut at the image's edge, extended to a multiple of the stride (zero-padded networks).
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from unmask.arrays import AnyArray

__all__ = [
    "Span",
    "Tile",
    "clipped_axis",
    "clipped_span",
    "inner_span",
    "mirror",
    "mirrored_axis",
    "mirrored_span",
    "tiles",
]


@dataclass(frozen=True)
class Span:
    """One axis of a tile, in pixels of the image.

    Attributes:
        start, stop: what is written.
        read_start, read_stop: what the network is given; may lie outside the image.
        offset: where `start` lies in the network's output.
    """

    start: int
    stop: int
    read_start: int
    read_stop: int
    offset: int


@dataclass(frozen=True)
class Tile:
    """A tile: its rows and its columns."""

    rows: Span
    columns: Span


def mirror(start: int, stop: int, size: int) -> AnyArray:
    """Positions start..stop-1 folded back into 0..size-1, the edge pixel not repeated.

    What `numpy.pad(mode="reflect")` reads, for any distance from the image and any size >= 1.

    Returns:
        (stop - start,) int64 positions inside the image.
    """
    if size == 1:
        return np.zeros(stop - start, np.int64)
    period = 2 * (size - 1)
    folded = np.arange(start, stop) % period
    return np.minimum(folded, period - folded)


def mirrored_span(start: int, stop: int, halo: int, stride: int, remainder: int) -> Span:
    """What an unpadded network reads to write [start, stop), wherever it lies.

    Args:
        start: first pixel written.
        stop: one after the last.
        halo: pixels that the network's output is smaller by, on each side.
        stride: of the network.
        remainder: valid input lengths are `remainder` modulo `stride`.
    """
    origin = start // stride * stride
    length = stop - origin + 2 * halo
    length += (remainder - length) % stride
    return Span(start, stop, origin - halo, origin - halo + length, start - origin)


def inner_span(start: int, stop: int, halo: int, stride: int, remainder: int, front: int) -> Span:
    """What a network reads without its padding to write what it writes with it: [start, stop).

    The first convolutions of a level take a pixel each from its front, so pooling pairs the pixels that the padded
    network pairs only where the input begins at `front` modulo the stride (2 for a plain U-Net). The values are the
    padded network's as long as the input lies within the image: no value in between has heard of the padding.

    Args:
        start: first pixel written.
        stop: one after the last.
        halo: pixels that the output of the network without padding is smaller by, on each side.
        stride: of the network.
        remainder: valid input lengths of the network without padding are `remainder` modulo `stride`.
        front: as `unmask.nets.Halo` has it.
    """
    read_start = start - halo - (start - halo - front) % stride
    length = stop + halo - read_start
    length += (remainder - length) % stride
    return Span(start, stop, read_start, read_start + length, start - halo - read_start)


def clipped_span(size: int, start: int, stop: int, halo: int, stride: int) -> Span:
    """What a zero-padded network reads to write [start, stop), wherever it lies in an image of `size` pixels.

    `halo` is rounded up to a multiple of the stride; the image counts as extended to one: there, and at 0, reads end.
    """
    reach, end, stop_read = (-(-length // stride) * stride for length in (halo, size, stop))
    read_start = max(0, start // stride * stride - reach)
    return Span(start, stop, read_start, min(end, stop_read + reach), start - read_start)


def mirrored_axis(size: int, tile: int, halo: int, stride: int, remainder: int) -> list[Span]:
    """Spans of one axis for an unpadded network.

    Args:
        size: of the image, pixels.
        tile: how many pixels a tile writes; rounded down to a multiple of the stride, at least one stride.
        halo: pixels that the network's output is smaller by, on each side.
        stride: of the network.
        remainder: valid input lengths are `remainder` modulo `stride`.
    """
    step = max(stride, tile // stride * stride)
    return [mirrored_span(start, min(start + step, size), halo, stride, remainder) for start in range(0, size, step)]


def clipped_axis(size: int, tile: int, halo: int, stride: int) -> list[Span]:
    """Spans of one axis for a zero-padded network; see `clipped_span`."""
    step = max(stride, tile // stride * stride)
    return [clipped_span(size, start, min(start + step, size), halo, stride) for start in range(0, size, step)]


def tiles(rows: list[Span], columns: list[Span]) -> list[Tile]:
    """Every tile of an image, in raster order."""
    return [Tile(row, column) for row, column in product(rows, columns)]
