"""Quantities from sums are the region properties of scikit-image."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import regionprops

from unmask.geometry.labels import relabel
from unmask.instances.blockwise_objects import finish, merge_objects
from unmask.instances.quantities import quantities
from unmask.instances.table import measure

SEEDS = st.integers(0, 2**32 - 1)


def smooth(seed):
    random = np.random.default_rng(seed)
    noise = random.standard_normal(random.integers(1, 60, 2))
    return relabel(ndimage.label(ndimage.gaussian_filter(noise, random.uniform(0.5, 3)) > 0.05)[0])


def check(row, region, unit):
    """Compares one object's lengths, in pixels (no unit) or micrometres.

    Squares of axes are compared beside the square of the longer one: the shorter one of a line is a difference of equal
    numbers, as is the eccentricity of what is as wide as high, and their roots show rounding alone.
    """
    major = region.axis_major_length
    assert row[f"equivalent_diameter{unit}"] == pytest.approx(region.equivalent_diameter_area, rel=1e-12)
    assert row[f"major_axis{unit}"] == pytest.approx(major, rel=1e-9)
    assert abs(row[f"minor_axis{unit}"] ** 2 - region.axis_minor_length**2) <= 1e-12 * major**2
    if region.axis_minor_length > 0.01 * major:
        assert row[f"minor_axis{unit}"] == pytest.approx(region.axis_minor_length, rel=1e-9)


@settings(max_examples=60)
@given(SEEDS, st.booleans())
def test_every_quantity_is_the_region_property_of_its_name(make_blobs, seed, awkward):
    labels = make_blobs(seed).labels if awkward else smooth(seed)
    columns = quantities_of(labels, None)
    for i, region in enumerate(regionprops(labels)):
        row = {name: column[i] for name, column in columns.items()}
        check(row, region, "")
        assert row["area"] == region.area
        assert (row["top"], row["left"], row["bottom"], row["right"]) == region.bbox
        assert (row["centroid_y"], row["centroid_x"]) == pytest.approx(region.centroid, rel=1e-12)
        assert row["eccentricity"] ** 2 == pytest.approx(region.eccentricity**2, rel=1e-9, abs=1e-12)
        if row["minor_axis"] < 0.99 * row["major_axis"]:  # else rounding decides which way it is longer
            assert np.sin(row["orientation"] - region.orientation) == pytest.approx(0, abs=1e-9)  # half a turn is none


@settings(max_examples=40)
@given(SEEDS, st.booleans(), st.sampled_from([(0.5, 0.5), (0.3, 0.3), (0.65, 0.25), (1.0, 3.0)]))
def test_micrometres_are_those_of_pixels_of_that_size(make_blobs, seed, awkward, pixel_size):
    labels = make_blobs(seed).labels if awkward else smooth(seed)
    columns = quantities_of(labels, pixel_size)
    for i, region in enumerate(regionprops(labels, spacing=pixel_size)):
        row = {name: column[i] for name, column in columns.items()}
        check(row, region, "_um")
        assert row["area_um2"] == pytest.approx(region.area, rel=1e-12)


@pytest.mark.parametrize("pixel_size", [None, (0.3, 0.3), (0.65, 0.25)])
def test_the_table_of_a_whole_image_has_them_and_the_shapes(make_blobs, pixel_size):
    objects = make_blobs(1)
    columns = measure(dataclasses.replace(objects, pixel_size=pixel_size), None, "a", ["alive", "dead"])
    for name, column in quantities_of(objects.labels, pixel_size).items():
        if name not in ("solidity", "perimeter", "perimeter_um"):
            np.testing.assert_array_equal(columns[name], column, err_msg=name)
    for i, region in enumerate(regionprops(objects.labels)):
        assert columns["solidity"][i] == region.solidity
        assert columns["perimeter"][i] == pytest.approx(region.perimeter, rel=1e-12)
        if pixel_size == (0.3, 0.3):
            assert columns["perimeter_um"][i] == pytest.approx(0.3 * region.perimeter, rel=1e-12)
        elif pixel_size is not None:
            assert np.isnan(columns["perimeter_um"][i])


def test_shapes_go_to_their_objects_and_those_of_others_nowhere():
    labels = np.zeros((3, 12), np.int32)
    labels[:, 1:3], labels[:, 5:7], labels[:, 9:11] = 2, 5, 9
    sums = sums_of(labels)
    shapes = [
        {"label": np.array(numbers), "solidity": np.array(numbers) / 10, "perimeter": np.array(numbers) * 2.0}
        for numbers in ([1, 5], [3, 9, 10], [])
    ]
    columns = quantities(sums, shapes, None)
    np.testing.assert_array_equal(columns["solidity"], [np.nan, 0.5, 0.9])
    np.testing.assert_array_equal(columns["perimeter"], [np.nan, 10, 18])
    assert quantities(sums.take(slice(0, 0)), shapes, None)["solidity"].shape == (0,)


def quantities_of(labels, pixel_size):
    return quantities(sums_of(labels), [], pixel_size)


def sums_of(labels):
    """Of two halves, where there are two rows."""
    middle = (labels.shape[0] + 1) // 2
    table, maps = np.arange(labels.max() + 1, dtype=np.int32), np.zeros((2, *labels.shape), np.float32)
    halves = [(slice(top, bottom), top) for top, bottom in ((0, middle), (middle, len(labels))) if top < bottom]
    return merge_objects([finish(labels[rows], table, maps[:, rows], None, (top, 0))[1] for rows, top in halves])
