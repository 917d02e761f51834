"""The table of objects: one row each, in pixels and where possible micrometres, as scikit-image's region properties."""

import csv
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from unmask.arrays import LabelImage, RawImage
from unmask.data.files import atomic
from unmask.instances.blockwise_objects import object_sums
from unmask.instances.blockwise_shapes import shapes_of_window
from unmask.instances.objects import Objects
from unmask.instances.quantities import Columns, quantities

__all__ = ["Columns", "measure", "write_table"]

_ROW = ("image", "label", "class", "score")
_SHAPE = (
    *("area", "centroid_y", "centroid_x", "top", "left", "bottom", "right", "equivalent_diameter"),
    *("major_axis", "minor_axis", "eccentricity", "orientation", "solidity", "perimeter"),
)
_MICROMETRES = ("area_um2", "equivalent_diameter_um", "major_axis_um", "minor_axis_um", "perimeter_um")


def measure(objects: Objects, image: RawImage | None, name: str, class_names: Sequence[str]) -> Columns:
    """Measures every object of one image.

    Lengths and positions are in pixels, rows downwards; `bottom` and `right` are exclusive; `orientation` is the angle
    from the row axis to the major axis, radians, counter-clockwise. Columns that end in `_um` or `_um2` are there where
    the pixel size is known; pixels that are not square stretch the axes as they should, but the estimate of perimeters
    is for square pixels only, so `perimeter_um` is then NaN. Intensities are the image's own grey values, one set of
    columns a channel, counted from 1.

    Args:
        objects: what is measured; with `layers`, each object whole, also where another covers it.
        image: (h, w, c) in the file's own values, or None to leave the intensities out.
        name: the image's name.
        class_names: without the background; class k is `class_names[k - 1]`.

    Returns:
        A column a quantity, n elements each, in the order in which they are written.
    """
    columns: Columns = {
        "image": np.full(len(objects), name, object),
        "label": np.arange(1, len(objects) + 1),
        "class": np.array([class_names[k - 1] for k in objects.classes], object),
        "score": objects.scores,
    }
    layers = [objects.labels] if objects.layers is None else objects.layers
    measured = [_measured(layer, objects.pixel_size, image) for layer in layers]
    order = np.argsort(np.concatenate([part.pop("label") for part in measured]))
    return columns | {key: np.concatenate([part[key] for part in measured])[order] for key in measured[0]}


def write_table(path: str | Path, tables: Iterable[Columns], names: Iterable[str] | None = None) -> None:
    """Writes the objects of any number of images as one CSV file.

    A quantity that some image lacks is an empty cell there; NaN is an empty cell too. Where there is no object, or no
    image at all, the header is still written.

    Args:
        path: the file; the rest of its folder is left alone.
        tables: as `measure` gives them, or parts of them.
        names: of all their columns, so that one table after the other is looked at; None: all are held at once.

    Raises:
        UnmaskError: the file cannot be written.
    """
    if names is None:
        tables = list(tables)
        names = chain.from_iterable(tables)
    found = dict.fromkeys(names)  # intensities by channel, as no image has the second alone
    header = list(dict.fromkeys([*_ROW, *_SHAPE, *(key for key in _MICROMETRES if key in found), *found]))
    with atomic(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for table in tables:
            cells = [[_cell(value) for value in table[key]] if key in table else None for key in header]
            rows = len(table["label"])
            writer.writerows(zip(*([""] * rows if column is None else column for column in cells), strict=True))


def _measured(labels: LabelImage, pixel_size: tuple[float, float] | None, image: RawImage | None) -> Columns:
    """What is measured of the objects of one label image, and their labels: as of an image that is a single block."""
    numbers = np.arange(1, labels.max(initial=0) + 1, dtype=np.int32)
    sums = object_sums(labels, numbers, np.zeros((0, *labels.shape), np.float32), image, (0, 0))
    sums = sums.take(sums.areas > 0)
    shapes = shapes_of_window(labels, sums.numbers, pixel_size)
    return {"label": sums.numbers} | quantities(sums, [shapes], pixel_size)


def _cell(value: Any) -> str:
    if isinstance(value, float):  # float64; str writes float32 as short as it can be
        return "" if np.isnan(value) else f"{value:.10g}"
    return str(value)
