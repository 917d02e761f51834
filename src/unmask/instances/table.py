"""The table of objects: one row each, by scikit-image's region properties, in pixels and where possible micrometres."""

import csv
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Int64
from numpy import ndarray
from scipy import ndimage
from skimage.measure import regionprops_table

from unmask.arrays import AnyArray, LabelImage, RawImage
from unmask.data.files import atomic
from unmask.geometry.labels import areas
from unmask.instances.objects import Objects

__all__ = ["Columns", "measure", "measure_shapes", "write_table"]

Columns: TypeAlias = dict[str, AnyArray]  # name -> (n,), one element an object

_ROW = ("image", "label", "class", "score")
_SHAPE = {
    "area": "area",
    "centroid_y": "centroid-0",
    "centroid_x": "centroid-1",
    "top": "bbox-0",
    "left": "bbox-1",
    "bottom": "bbox-2",
    "right": "bbox-3",
    "equivalent_diameter": "equivalent_diameter_area",
    "major_axis": "axis_major_length",
    "minor_axis": "axis_minor_length",
    "eccentricity": "eccentricity",
    "orientation": "orientation",
    "solidity": "solidity",
    "perimeter": "perimeter",
}
_LENGTHS = ("equivalent_diameter", "major_axis", "minor_axis", "perimeter")
_MICROMETRES = ("area_um2", *(f"{length}_um" for length in _LENGTHS))


def measure(objects: Objects, image: RawImage | None, name: str, class_names: Sequence[str]) -> Columns:
    """Measures every object of one image.

    Lengths and positions are in pixels, rows downwards; `bottom` and `right` are exclusive; `orientation` is the angle
    from the row axis to the major axis, radians, counter-clockwise. Columns that end in `_um` or `_um2` are there where
    the pixel size is known; pixels that are not square stretch the axes as they should, but scikit-image has no
    perimeter for them, so `perimeter_um` is then NaN. Intensities are the image's own grey values, one set of columns a
    channel, counted from 1.

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


def measure_shapes(labels: LabelImage, pixel_size: tuple[float, float] | None) -> Columns:
    """What `measure` finds without the image, of the labels that are there: `label`, area to perimeter, micrometres."""
    columns: Columns = {"label": 1 + np.flatnonzero(areas(labels))}
    columns |= _shape(labels, (1.0, 1.0), tuple(_SHAPE))
    columns["area"] = columns["area"].astype(np.int64)
    return columns if pixel_size is None else columns | _micrometres(labels, pixel_size)


def write_table(path: str | Path, tables: Iterable[Columns]) -> None:
    """Writes the objects of any number of images as one CSV file.

    A quantity that some image lacks is an empty cell there; NaN is an empty cell too. Where there is no object, or no
    image at all, the header is still written.

    Args:
        path: the file; the rest of its folder is left alone.
        tables: as `measure` gives them.

    Raises:
        UnmaskError: the file cannot be written.
    """
    tables = list(tables)
    found = dict.fromkeys(chain.from_iterable(tables))  # intensities by channel, as no image has the second alone
    header = list(dict.fromkeys([*_ROW, *_SHAPE, *(key for key in _MICROMETRES if key in found), *found]))
    with atomic(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for table in tables:
            cells = [[_cell(value) for value in table[key]] if key in table else None for key in header]
            rows = len(table["label"])
            writer.writerows(zip(*([""] * rows if column is None else column for column in cells), strict=True))


def _measured(labels: LabelImage, pixel_size: tuple[float, float] | None, image: RawImage | None) -> Columns:
    """What is measured of the objects of one label image, and their labels."""
    columns = measure_shapes(labels, pixel_size)
    if image is not None:
        columns |= _intensities(labels, image, columns["label"])
    return columns


def _shape(labels: LabelImage, spacing: tuple[float, float], names: Sequence[str]) -> Columns:
    properties = sorted({_SHAPE[name].split("-")[0] for name in names})
    measured = regionprops_table(labels, properties=properties, spacing=spacing)  # type: ignore[no-untyped-call]
    return {name: measured[_SHAPE[name]] for name in names}


def _micrometres(labels: LabelImage, pixel_size: tuple[float, float]) -> Columns:
    square = pixel_size[0] == pixel_size[1]
    measured = _shape(labels, pixel_size, ("area", *(_LENGTHS if square else _LENGTHS[:-1])))
    measured.setdefault("perimeter", np.full(len(measured["area"]), np.nan))
    return dict(zip(_MICROMETRES, measured.values(), strict=True))


def _intensities(labels: LabelImage, image: RawImage, index: Int64[ndarray, " n"]) -> Columns:
    columns: Columns = {}
    for k in range(image.shape[2]):
        channel = image[:, :, k]
        columns[f"intensity_mean_{k + 1}"] = ndimage.mean(channel, labels, index)
        columns[f"intensity_min_{k + 1}"] = ndimage.minimum(channel, labels, index)
        columns[f"intensity_max_{k + 1}"] = ndimage.maximum(channel, labels, index)
        columns[f"intensity_sum_{k + 1}"] = ndimage.sum_labels(channel, labels, index)
    return columns


def _cell(value: Any) -> str:
    if isinstance(value, float):  # float64; str writes float32 as short as it can be
        return "" if np.isnan(value) else f"{value:.10g}"
    return str(value)
