"""Growth of seeds into a mask, layer by layer: how objects win back the ridge that was trained between them.

Layers alternate between 4 and 8 neighbours, so that what grows in the open is an octagon, near to a circle. A layer
depends on the labels one pixel around and on nothing else, hence the result at a pixel depends on the seeds and the
mask at most `reach` pixels away: a block with a halo of `reach` grows exactly as the whole image does. (A watershed,
which visits pixels by their probability, has no such bound.)
"""

import numba
import numpy as np
from jaxtyping import Bool, Int32, Int64
from numpy import ndarray

from unmask.arrays import LabelImage, MaskImage

__all__ = ["grow"]


def grow(seeds: LabelImage, mask: MaskImage, reach: int) -> LabelImage:
    """Grows every seed into the mask by at most `reach` layers of one pixel.

    The first, third, ... layer adds free pixels that share a side with an object, the second, fourth, ... also those
    that share a corner. A pixel that several objects reach in one layer goes to the one with the most of those
    neighbours, and of equals to the smallest label.

    Args:
        seeds: (h, w) int32, 0 where free.
        mask: (h, w) bool, where growth may go; seeds outside it stay.
        reach: the number of layers, 0 or more.

    Returns:
        (h, w) int32, the seeds and what they gained. The time grows with the pixels once and then with those gained.
    """
    labels = np.pad(seeds, 1)  # a margin that is never free: neighbours need no test for the image's edge
    free = np.pad(mask & (seeds == 0), 1)
    _grow(labels.ravel(), free.ravel(), labels.shape[1], reach)
    return labels[1:-1, 1:-1].copy()


@numba.njit(cache=True, nogil=True)
def _grow(labels: Int32[ndarray, " size"], free: Bool[ndarray, " size"], width: int, reach: int) -> None:
    sides = np.array([-width, -1, 1, width])
    around = np.array([-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1])
    queue = np.empty(labels.size, np.int64)  # a pixel enters once at most, and pages never touched cost no memory
    end = _enqueue_borders(labels, free, around, queue)
    sides_done = corners_done = 0  # before these in the queue, nothing free is left beside a pixel, or around it
    for layer in range(reach):
        with_corners = layer % 2 == 1
        neighbours = around if with_corners else sides
        stop = end
        for i in range(corners_done if with_corners else sides_done, stop):
            for offset in neighbours:
                pixel = queue[i] + offset
                if free[pixel]:
                    free[pixel] = False
                    queue[end] = pixel
                    end += 1
        _assign(labels, queue[stop:end], neighbours)
        sides_done = stop
        if with_corners:
            corners_done = stop
            if stop == end:
                break


@numba.njit(cache=True, nogil=True)
def _enqueue_borders(
    labels: Int32[ndarray, " size"],
    free: Bool[ndarray, " size"],
    around: Int64[ndarray, "8"],
    queue: Int64[ndarray, " size"],
) -> int:
    """Puts pixels of seeds that have something free around them into the queue; returns their number."""
    end = 0
    for pixel in range(labels.size):
        if labels[pixel] != 0:
            for offset in around:
                if free[pixel + offset]:
                    queue[end] = pixel
                    end += 1
                    break
    return end


@numba.njit(cache=True, nogil=True)
def _assign(
    labels: Int32[ndarray, " size"], pixels: Int64[ndarray, " claimed"], neighbours: Int64[ndarray, " k"]
) -> None:
    """Gives each claimed pixel the label that most of its neighbours bore before this layer, the smallest of equals."""
    owners = np.zeros(pixels.size, np.int32)
    for i in range(pixels.size):
        most = 0
        for offset in neighbours:
            label = labels[pixels[i] + offset]
            if label == 0 or label == owners[i]:
                continue
            votes = 0
            for other in neighbours:
                votes += labels[pixels[i] + other] == label
            if votes > most or (votes == most and label < owners[i]):
                owners[i], most = label, votes
    for i in range(pixels.size):
        labels[pixels[i]] = owners[i]
