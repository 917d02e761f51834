"""Values of a mask that only line borders: the trace of smoothing, resizing or JPEG.

They are no annotation, and are refused, since each would become a class or an object of its own.
"""

import numpy as np
from jaxtyping import Int32
from scipy import ndimage

from unmask.arrays import AnyArray, MaskImage

__all__ = ["colours_between", "values_between"]

CROSS = ndimage.generate_binary_structure(2, 1)
FEWEST = 3  # so many in-between values make a mask suspect
NEAR = 4  # colours of neighbours that differ by no more are one colour, rounded by JPEG


def values_between(mask: AnyArray, values: AnyArray, several: AnyArray, lossy: bool) -> tuple[AnyArray, int]:
    """Values between 0 and the highest that only line borders; none where they are an annotation.

    Such values hardly ever fill a 2 x 2 block, and they are scattered in many pieces or lie on a slope, between a lower
    and a higher neighbour; ids of objects as thin as a line are neither. A class of thin lines is possible, three of
    them are not likely, so fewer values are believed, except in JPEG.

    Args:
        mask: (h, w).
        values: (k,) its values but 0, rising.
        several: (k,) bool, whether each is in several pieces.
        lossy: the file is a JPEG, of which one such value is enough.

    Returns:
        Those in between, and how many pixels have them.
    """
    if values.size - 1 < (1 if lossy else FEWEST):
        return values[:0], 0
    between = (mask > 0) & (mask < values[-1])
    thin = between & ~_solid(mask)
    lining = int(thin.sum())
    if 2 * lining <= between.sum() or not (several[:-1].mean() > 0.5 or 2 * (thin & _slope(mask)).sum() > lining):
        return values[:0], 0
    return values[:-1], lining


def colours_between(mask: Int32[np.ndarray, "h w"], lossy: bool) -> tuple[AnyArray, int]:
    """Colours that only line borders.

    Args:
        mask: colours as numbers.
        lossy: the file is a JPEG, of which one such colour is enough.

    Returns:
        (k,) the colours, rising, and how many pixels have them; none in a sound mask.
    """
    colours, index = np.unique(mask, return_inverse=True)
    index = index.reshape(mask.shape)
    filling = np.bincount(index[_solid(mask)], minlength=colours.size)
    thin = 2 * filling < np.bincount(index.ravel(), minlength=colours.size)
    if thin.sum() < (1 if lossy else FEWEST):
        return colours[:0], 0
    lining: MaskImage = thin[index]
    if 2 * (lining & _blurred(mask)).sum() <= lining.sum():
        return colours[:0], 0
    return colours[thin], int(lining.sum())


def _blurred(mask: Int32[np.ndarray, "h w"]) -> MaskImage:
    """Where red, green or blue lies between a lower and a higher neighbour's, or all neighbours are nearly the same."""
    slope = np.zeros(mask.shape, np.bool_)
    near = np.ones(mask.shape, np.bool_)
    for shift in (16, 8, 0):
        part = ((mask >> shift) & 255).astype(np.uint8)
        slope |= _slope(part)
        near &= ndimage.maximum_filter(part, footprint=CROSS) - ndimage.minimum_filter(part, footprint=CROSS) <= NEAR
    return slope | near


def _slope(mask: AnyArray) -> MaskImage:
    """(h, w) bool, true between a lower and a higher neighbour."""
    lower = ndimage.minimum_filter(mask, footprint=CROSS) < mask
    return lower & (ndimage.maximum_filter(mask, footprint=CROSS) > mask)


def _solid(mask: AnyArray) -> MaskImage:
    """(h, w) bool, true on pixels of 2 x 2 blocks of one value: not on thin lines, gradients and noise."""
    corner = mask[:-1, :-1]
    block = (corner == mask[1:, :-1]) & (corner == mask[:-1, 1:]) & (corner == mask[1:, 1:])
    solid = np.zeros(mask.shape, bool)
    for rows in (slice(None, -1), slice(1, None)):
        for columns in (slice(None, -1), slice(1, None)):
            solid[rows, columns] |= block
    return solid
