"""Microseconds an object of the table: scikit-image's region properties beside unmask's sums, on the same labels.

    OMP_NUM_THREADS=1 python benchmarks/table.py

Simulated nuclei, 1,024 x 1,024 pixels. Measured are areas, places, boxes, axes, angles, solidity and perimeters,
without micrometres and with them, for which region properties are measured again with the pixel size as spacing.
Results are checked to be equal, then ways take turns; the fastest of five counts.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from skimage.measure import regionprops_table

from unmask.arrays import AnyArray, LabelImage
from unmask.data.phantom import Phantom
from unmask.geometry.labels import relabel
from unmask.instances.objects import Objects
from unmask.instances.table import measure

SIDE, SEED, RUNS = 1_024, 1, 5
CLOSE = 1e-6  # floats added up beside sums of integers
LENGTHS = {
    "equivalent_diameter": "equivalent_diameter_area",
    "major_axis": "axis_major_length",
    "minor_axis": "axis_minor_length",
    "perimeter": "perimeter",
}
SHAPE = {
    "area": "area",
    **{name: f"centroid-{axis}" for axis, name in enumerate(("centroid_y", "centroid_x"))},
    **{name: f"bbox-{side}" for side, name in enumerate(("top", "left", "bottom", "right"))},
    **LENGTHS,
    "eccentricity": "eccentricity",
    "orientation": "orientation",
    "solidity": "solidity",
}
MICROMETRES = {"area_um2": "area", **{f"{name}_um": found for name, found in LENGTHS.items()}}
Columns = Mapping[str, AnyArray]
Way = Callable[[], Columns]


def properties(labels: LabelImage, spacing: tuple[float, float], names: dict[str, str]) -> Columns:
    """Region properties as columns of the table."""
    wanted = sorted({found.split("-")[0] for found in names.values()})
    measured = regionprops_table(labels, properties=wanted, spacing=spacing)  # type: ignore[no-untyped-call]
    return {name: measured[found] for name, found in names.items()}


def of_scikit_image(labels: LabelImage, pixel_size: tuple[float, float] | None) -> Columns:
    """All columns by region properties."""
    columns = properties(labels, (1, 1), SHAPE)
    return columns if pixel_size is None else {**columns, **properties(labels, pixel_size, MICROMETRES)}


def of_unmask(objects: Objects) -> Columns:
    """All columns as the command writes them, with those of names, classes and scores."""
    return measure(objects, None, "nuclei", ["nucleus"])


def check(found: Columns, expected: Columns) -> None:
    """Nothing is timed that is not the same."""
    for name, column in expected.items():
        np.testing.assert_allclose(found[name], column, rtol=CLOSE, atol=CLOSE, err_msg=name)


def seconds(ways: dict[str, Way]) -> dict[str, float]:
    """The fastest run of each; ways take turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(RUNS):
        for name, way in ways.items():
            begun = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - begun)
    return {name: min(taken) for name, taken in times.items()}


def main() -> None:
    """A line without micrometres and one with them."""
    sample = Phantom("nuclei", (SIDE, SIDE), SEED).window(0, 0, SIDE, SIDE)
    if sample.objects is None or sample.pixel_size is None:
        raise SystemExit("the phantom has objects and a pixel size")
    labels = relabel(sample.objects)
    count = int(labels.max())
    classes, scores = np.ones(count, np.uint8), np.ones(count, np.float32)
    print(f"{count} objects, {SIDE} x {SIDE} pixels; microseconds an object")
    for title, pixel_size in (("pixels", None), ("and micrometres", sample.pixel_size)):
        theirs: Way = partial(of_scikit_image, labels, pixel_size)
        ours: Way = partial(of_unmask, Objects(labels, classes, scores, pixel_size=pixel_size))
        check(ours(), theirs())
        taken = seconds({"scikit-image": theirs, "unmask": ours})
        each = ", ".join(f"{name} {1e6 * time / count:,.1f}" for name, time in taken.items())
        print(f"{title}: {each}; ratio {taken['scikit-image'] / taken['unmask']:.0f}")


if __name__ == "__main__":
    main()
