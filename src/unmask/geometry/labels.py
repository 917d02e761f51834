"""Label images: connected components, numbering, outlines, boxes and areas.

A label image holds 0 for background and one id an object. Numbering is always by raster order of an object's first
pixel (the topmost, of those the leftmost): it depends on nothing but the picture, so that a labelling joined from
blocks can be given the very numbers of a labelling of the whole image.
"""

import numba
import numpy as np
from jaxtyping import Int
from scipy import ndimage

from unmask.arrays import AnyArray, LabelImage, MaskImage

__all__ = ["areas", "bounding_boxes", "components", "outlines", "relabel"]

_CROSS = ndimage.generate_binary_structure(2, 1)


def components(mask: MaskImage, connectivity: int = 1) -> LabelImage:
    """Connected components, numbered in raster order of their first pixel.

    Args:
        mask: (h, w) bool.
        connectivity: 1 joins pixels that share a side (4 neighbours), 2 also those that share a corner (8).

    Returns:
        (h, w) int32, 0 where the mask is false, else 1..n.
    """
    found = np.empty(mask.shape, np.int32)
    # SciPy numbers runs in raster order and keeps the smaller number when two meet, but promises neither: tests do.
    ndimage.label(mask, ndimage.generate_binary_structure(2, connectivity), output=found)
    return found


def relabel(labels: AnyArray) -> LabelImage:
    """Numbers objects anew, 1..n in raster order of their first pixel; objects themselves stay as they are.

    Args:
        labels: (h, w) integers of any type, 0 is background; ids may have gaps and be of any size.

    Returns:
        (h, w) int32.
    """
    if labels.min() < 0 or labels.max() > labels.size:  # a lookup table by id would be too large
        ids, index = np.unique(labels, return_inverse=True)
        return _renumber(np.where(labels == 0, 0, 1 + index), ids.size)
    return _renumber(labels, int(labels.max()))


def outlines(labels: AnyArray, thickness: int = 1) -> MaskImage:
    """Inner borders of objects.

    Args:
        labels: (h, w) integers, 0 is background.
        thickness: in pixels: a border pixel is at most this many steps between side-sharing pixels away from another
            id. The image's edge is not a border.

    Returns:
        (h, w) bool, true on pixels of objects only.
    """
    border = np.zeros(labels.shape, np.bool_)
    below, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    border[1:] |= below
    border[:-1] |= below
    border[:, 1:] |= right
    border[:, :-1] |= right
    border &= labels != 0
    if thickness > 1:
        border = ndimage.binary_dilation(border, _CROSS, iterations=thickness - 1, mask=labels != 0)
    return border


def bounding_boxes(labels: LabelImage) -> Int[np.ndarray, "n 4"]:
    """The box around each object.

    Args:
        labels: (h, w) int32, 0 is background; row i - 1 of the result belongs to id i.

    Returns:
        (n, 4) int64, n the largest id: top, left, bottom, right in pixels, bottom and right exclusive.
        An id that is not there has the box 0, 0, 0, 0.
    """
    boxes = np.zeros((int(labels.max()), 4), np.int64)
    for row, place in zip(boxes, ndimage.find_objects(labels), strict=True):
        if place is not None:
            row[:] = place[0].start, place[1].start, place[0].stop, place[1].stop
    return boxes


def areas(labels: LabelImage) -> Int[np.ndarray, " n"]:
    """Pixels of each object.

    Args:
        labels: (h, w) int32, 0 is background.

    Returns:
        (n,) int64, n the largest id; element i - 1 belongs to id i, 0 where an id is not there.
    """
    return np.bincount(labels.ravel(), minlength=1)[1:]


@numba.njit(cache=True, nogil=True)
def _renumber(labels: AnyArray, largest: int) -> LabelImage:
    """`relabel` for ids 0..largest: one pass and one table."""
    number = np.zeros(largest + 1, np.int32)
    renumbered = np.zeros(labels.shape, np.int32)
    count = 0
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            label = labels[y, x]
            if label != 0:
                if number[label] == 0:
                    count += 1
                    number[label] = count
                renumbered[y, x] = number[label]
    return renumbered
