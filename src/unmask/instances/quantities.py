"""Quantities of objects from what was added up over their pixels: places, axes, brightness.

Sums are integers, so that the same pixels give the same quantities to the bit, however the image was cut. Axes and
angles are those of scikit-image's region properties: of the ellipse that has the object's second moments.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray

from unmask.arrays import AnyArray
from unmask.instances.blockwise_objects import ObjectSums

__all__ = ["Columns", "quantities"]

Columns: TypeAlias = dict[str, AnyArray]  # name -> (n,), one element an object

_EXACT = 9e18  # integers of 64 bits end at 9.2e18


def quantities(objects: ObjectSums, shapes: Sequence[Columns], pixel_size: tuple[float, float] | None) -> Columns:
    """All that a table says of objects but their names, classes and scores.

    Args:
        objects: whole, in the order of their numbers.
        shapes: `label`, perimeter and solidity, of any of them; those of other objects are passed over.
        pixel_size: (y, x) in micrometres, or None where it is not known.

    Returns:
        A column a quantity, n elements each, in the order in which they are written. Perimeter and solidity are NaN
        where no shape is given.
    """
    columns = _in_pixels(objects)
    if pixel_size is not None:
        columns |= _in_micrometres(objects, pixel_size)
    numbers = np.append(objects.numbers, np.int32(0))  # what is not there is past the end
    for part in shapes:
        rows = np.searchsorted(objects.numbers, part["label"])
        here = numbers[rows] == part["label"]
        for name in part.keys() - {"label"}:
            columns[name][rows[here]] = part[name][here]
    return columns | _intensities(objects)


def _in_pixels(objects: ObjectSums) -> Columns:
    yy, xx, xy = _variances(objects)
    major, minor = _axes(yy, xx, xy)
    ratio = np.divide(minor, major, out=np.ones_like(major), where=major != 0)
    # The angle of scikit-image: of equal variances 45 degrees, one way or the other.
    turned = np.where(xy > 0, np.pi / 4, -np.pi / 4)
    centroids = objects.moments[:, :2] / objects.areas[:, None]
    boxes = zip(("top", "left", "bottom", "right"), objects.boxes.T, strict=True)
    return {
        "area": objects.areas,
        "centroid_y": centroids[:, 0],
        "centroid_x": centroids[:, 1],
        **dict(boxes),
        "equivalent_diameter": np.sqrt(4 * objects.areas / np.pi),
        "major_axis": major,
        "minor_axis": minor,
        "eccentricity": np.sqrt(1 - ratio**2),
        "orientation": np.where(yy == xx, turned, np.arctan2(2 * xy, yy - xx) / 2),
        "solidity": np.full(len(objects), np.nan),
        "perimeter": np.full(len(objects), np.nan),
    }


def _in_micrometres(objects: ObjectSums, pixel_size: tuple[float, float]) -> Columns:
    high, wide = pixel_size
    yy, xx, xy = _variances(objects)
    major, minor = _axes(yy * high**2, xx * wide**2, xy * high * wide)
    area = objects.areas * (high * wide)
    return {
        "area_um2": area,
        "equivalent_diameter_um": np.sqrt(4 * area / np.pi),
        "major_axis_um": major,
        "minor_axis_um": minor,
        "perimeter_um": np.full(len(objects), np.nan),
    }


def _intensities(objects: ObjectSums) -> Columns:
    columns: Columns = {}
    for k in range(objects.totals.shape[1]):
        total = objects.totals[:, k].astype(np.float64)
        columns[f"intensity_mean_{k + 1}"] = total / objects.areas
        columns[f"intensity_min_{k + 1}"] = objects.lows[:, k]
        columns[f"intensity_max_{k + 1}"] = objects.highs[:, k]
        columns[f"intensity_sum_{k + 1}"] = total
    return columns


def _variances(objects: ObjectSums) -> tuple[Float64[ndarray, " n"], Float64[ndarray, " n"], Float64[ndarray, " n"]]:
    """Variances of y and of x and their covariance; NaN where 64 bits may not hold the sums: above 100,000 x 100,000.

    Sums about the pixel next to the centroid are small, hence exact, though those about the image's corner may have
    gone round; what is left to subtract is at most of their size.
    """
    y, x, yy, xx, xy = objects.moments.T
    n = objects.areas
    row, column = _nearest(y, n), _nearest(x, n)
    sums = (
        yy - 2 * row * y + n * row * row,
        xx - 2 * column * x + n * column * column,
        xy - row * x - column * y + n * row * column,
    )
    dy, dx = (y - n * row) / n, (x - n * column) / n
    variances = (sums[0] / n - dy * dy, sums[1] / n - dx * dx, sums[2] / n - dy * dx)
    height, width = (objects.boxes[:, 2:] - objects.boxes[:, :2]).T.astype(np.float64)
    fits = height * width * np.maximum(height, width) ** 2 / 12 < _EXACT
    return tuple(np.where(fits, variance, np.nan) for variance in variances)  # type: ignore[return-value]


def _nearest(total: Int64[ndarray, " n"], n: Int64[ndarray, " n"]) -> Int64[ndarray, " n"]:
    return (2 * total + n) // (2 * n)


def _axes(yy: AnyArray, xx: AnyArray, xy: AnyArray) -> tuple[Float64[ndarray, " n"], Float64[ndarray, " n"]]:
    """Axes of the ellipse that has these variances."""
    middle, spread = (yy + xx) / 2, np.hypot((yy - xx) / 2, xy)
    return 4 * np.sqrt(middle + spread), 4 * np.sqrt(np.maximum(middle - spread, 0))
