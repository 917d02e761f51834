"""The background ridge that separates objects in contact (Ronneberger 2015: "generated with morphological operations").

A network that sees only classes cannot tell two touching objects from one. The ridge turns the pixels along their
line of contact into background, and only those: an object's border to plain background stays where it is.
"""

import numba
import numpy as np
from jaxtyping import Int32

from unmask.arrays import ClassMap, LabelImage
from unmask.errors import MaskError, RecipeError
from unmask.geometry.labels import relabel
from unmask.targets.distances import two_nearest

__all__ = ["carve_ridge", "class_target"]


def carve_ridge(objects: LabelImage, width: int) -> LabelImage:
    """Takes pixels from objects that touch or nearly touch until a ridge of background lies between them.

    The ridge follows the line midway between the two objects, so a gap that is there already counts: in every row
    and column at least `width` background pixels lie between two objects. Both give half of it; the odd pixel comes
    from the larger object, of two equal ones from the one that starts later in raster order.

    But no object loses more than half of its pixels. Where it would, the ridge around it is made one pixel narrower,
    and again if need be, down to none: only then do objects stay in contact. An object with a narrow waist may fall
    into pieces (2 of 1000 nuclei of DSB2018 at a width of 2, most of them losing crumbs of 1 to 3 pixels).

    Args:
        objects: (h, w) int32, 0 is background.
        width: of the ridge in pixels; 0 carves nothing. A ridge of 1 parts objects that share a side, but not those
            that share a corner.

    Returns:
        (h, w) int32, the ids as they were.

    Raises:
        RecipeError: the width is negative.
    """
    if width < 0:
        raise RecipeError(f"a ridge of {width} pixels", remedy="give a width of 0 or more")
    numbers = relabel(objects)
    areas = np.bincount(numbers.ravel())
    if width == 0 or areas.size <= 2:
        return objects.copy()
    order = np.argsort(np.argsort(areas, kind="stable")).astype(np.int32)
    cells = _cells(numbers, order, width)
    widths = np.full(areas.size, width, np.int32)
    while True:
        carved = _carve(numbers, cells, widths, order)
        starved = 2 * np.bincount(carved.ravel(), minlength=areas.size) < areas
        starved[0] = False
        if not starved.any():
            return np.where(carved == 0, 0, objects)
        widths[starved] -= 1


def class_target(classes: ClassMap, objects: LabelImage, width: int) -> ClassMap:
    """The class map that a network is trained on: background along the ridges between objects.

    Args:
        classes: (h, w) uint8, 0 is background.
        objects: (h, w) int32, 0 is background; pixels of a class that belong to no object keep their class.
        width: of the ridge in pixels.

    Raises:
        MaskError: the two differ in size.
        RecipeError: the width is negative.
    """
    if classes.shape != objects.shape:
        raise MaskError(
            f"class map of {classes.shape} and objects of {objects.shape} pixels",
            remedy="give both the size of the image",
        )
    return np.where(carve_ridge(objects, width) == objects, classes, 0).astype(np.uint8)


def _cells(numbers: LabelImage, order: Int32[np.ndarray, " n"], width: int) -> LabelImage:
    """The object nearest to each pixel, 0 where none is near enough to matter for a ridge of this width.

    Pixels half way between two objects lie in a gap of odd width. They go to the object of higher order if the ridge
    is odd too, else to the other: then ridge and gap add up, and the object of higher order gives the odd pixel.
    """
    distances, (nearest, second) = two_nearest(numbers, (width + 1) // 2)
    swap = order[second] > order[nearest] if width % 2 else order[second] < order[nearest]
    return np.where((second > 0) & (distances[0] == distances[1]) & swap, second, nearest)


@numba.njit(cache=True)
def _carve(
    numbers: LabelImage, cells: LabelImage, widths: Int32[np.ndarray, " n"], order: Int32[np.ndarray, " n"]
) -> LabelImage:
    """Drops each object pixel that lies too close to the cell of another object.

    Args:
        numbers: (h, w) objects 1..n, 0 is background.
        cells: (h, w) the object nearest to each pixel, 0 where none is near.
        widths: (n + 1,) of the ridge around each object; between two objects the narrower one counts.
        order: (n + 1,) of two objects the one of higher order gives the odd pixel.
    """
    height, width = numbers.shape
    carved = numbers.copy()
    for y in range(height):
        for x in range(width):
            own = numbers[y, x]
            reach = (widths[own] + 1) // 2 if own else 0
            for v in range(max(0, y - reach), min(height, y + reach + 1)):
                for u in range(max(0, x - reach), min(width, x + reach + 1)):
                    other = cells[v, u]
                    if own and other and other != own:
                        ridge = min(widths[own], widths[other])
                        share = ridge // 2 + (ridge % 2 if order[own] > order[other] else 0)
                        if (v - y) ** 2 + (u - x) ** 2 <= share**2:
                            carved[y, x] = 0
    return carved
