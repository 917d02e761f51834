"""The table of objects of an image that was worked on in blocks: the columns of `measure`.

Areas, places, brightness, classes and scores come from sums that are exact. So do the axes, eccentricity and
orientation, but where the object's pixels were looked at once more (blockwise_shapes.py), what was found there stands,
as in the table of a whole image. Objects too large for that have no perimeter and no solidity (NaN).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray

from unmask.arrays import AnyArray
from unmask.instances.blockwise_objects import ObjectSums
from unmask.instances.table import Columns

__all__ = ["columns_of"]

_EXACT = 9e18  # integers of 64 bits end at 9.2e18


def columns_of(
    objects: ObjectSums,
    shapes: Sequence[Columns],
    name: str,
    class_names: Sequence[str],
    pixel_size: tuple[float, float] | None,
) -> Columns:
    """The columns of `unmask.instances.table.measure`.

    Args:
        objects: whole; all of the image, or some of it to write a long table part by part.
        shapes: of `shapes_of_window`; those of other objects are passed over.
        name: the image's name.
        class_names: without the background.
        pixel_size: (y, x) in micrometres, or None where it is not known.

    Returns:
        A column a quantity, n elements each, in the order in which they are written. Perimeter and solidity are NaN
        where no shape is given.
    """
    classes, scores = objects.classes_and_scores()
    columns: Columns = {
        "image": np.full(len(objects), name, object),
        "label": objects.numbers.astype(np.int64),
        "class": np.array([class_names[k - 1] for k in classes], object),
        "score": scores,
    }
    columns |= _in_pixels(objects)
    if pixel_size is not None:
        columns |= _in_micrometres(objects, pixel_size)
    for part in shapes:
        here = np.isin(part["label"], columns["label"])
        rows = np.searchsorted(columns["label"], part["label"][here])
        for key in part:
            columns[key][rows] = part[key][here]
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
    """Variances of y and of x and their covariance; NaN where 64 bits do not hold the sums: from 100,000 x 100,000 up.

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
