"""Objects as polygons with holes, along the corners of their pixels: filled again, they are the very pixels."""

import numpy as np
from jaxtyping import Int64
from numpy import ndarray
from scipy import ndimage

from unmask.arrays import MaskImage
from unmask.geometry.labels import components
from unmask.geometry.rle import polygons

__all__ = ["Ring", "pieces"]

Ring = Int64[ndarray, "corners 2"]  # x and y of each corner, the first not repeated


def pieces(mask: MaskImage, top: int, left: int) -> list[list[Ring]]:
    """The 4-connected pieces of an object, each as its outer outline and those of its holes.

    Args:
        mask: (h, w) bool, a part of the image.
        top: the image's row of its first row.
        left: the image's column of its first column.

    Returns:
        Of each piece, in raster order, the outer outline, clockwise as seen, then its holes, the other way round. No
        outline crosses or touches itself; outlines of a piece meet at corners only, as GeoJSON wants it: where a gap
        within a piece leads out between two pixels that touch by a corner, it is a hole.
    """
    labels = components(mask)
    found = []
    for label, place in enumerate(ndimage.find_objects(labels), start=1):
        piece = labels[place] == label
        whole = ndimage.binary_fill_holes(piece)
        corner = (top + place[0].start, left + place[1].start)
        outer = [_ring(flat) for flat in polygons(whole, *corner)]
        found.append([*outer, *(_ring(flat)[::-1] for flat in polygons(whole & ~piece, *corner))])
    return found


def _ring(flat: list[int]) -> Ring:
    return np.array(flat, np.int64).reshape(-1, 2)
