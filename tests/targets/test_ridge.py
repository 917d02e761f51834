"""The ridge between objects: its width, what it leaves alone, and that no object is eaten."""

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from unmask.arrays import LabelImage
from unmask.errors import MaskError, RecipeError
from unmask.geometry.labels import relabel
from unmask.targets.ridge import _carve, _cells, carve_ridge, class_target


def _scene(seed: int, objects: int, size: int = 48) -> LabelImage:
    """Discs that cover one another: many contacts, slivers and small gaps; ids with gaps and out of raster order."""
    random = np.random.default_rng(seed)
    labels = np.zeros((size, size), np.int32)
    y, x = np.mgrid[:size, :size]
    for label in 7 * random.permutation(np.arange(1, objects + 1)):
        cy, cx, radius = random.integers(size), random.integers(size), random.integers(1, 10)
        labels[(y - cy) ** 2 + (x - cx) ** 2 <= radius**2] = label
    return labels


def _areas(labels: LabelImage, like: LabelImage) -> np.ndarray:
    return np.array([(labels == label).sum() for label in np.unique(like[like > 0])])


def _narrowest_gap(labels: LabelImage) -> int | None:
    """Background pixels between two objects that follow one another in a row or a column, at the least."""
    gaps = []
    for line in [*labels, *labels.T]:
        at = np.flatnonzero(line)
        differ = line[at[1:]] != line[at[:-1]]
        gaps += list(np.diff(at)[differ] - 1)
    return min(gaps, default=None)


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (0, [1, 1, 1, 1, 1, 2, 2, 2, 2]),
        (1, [1, 1, 1, 1, 0, 2, 2, 2, 2]),  # from the larger object
        (2, [1, 1, 1, 1, 0, 0, 2, 2, 2]),
        (3, [1, 1, 1, 0, 0, 0, 2, 2, 2]),
        (4, [1, 1, 1, 0, 0, 0, 0, 2, 2]),
    ],
)
def test_contact_is_parted_by_the_width(width, expected):
    row = np.array([[1, 1, 1, 1, 1, 2, 2, 2, 2]], np.int32)
    np.testing.assert_array_equal(carve_ridge(row, width), [expected])
    np.testing.assert_array_equal(carve_ridge(row.T, width).T, [expected])


def test_of_two_equal_objects_the_later_gives_the_odd_pixel():
    np.testing.assert_array_equal(carve_ridge(np.array([[9, 9, 4, 4]], np.int32), 1), [[9, 9, 0, 4]])


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (1, [1, 1, 1, 1, 0, 2, 2, 2, 2]),
        (2, [1, 1, 1, 1, 0, 0, 2, 2, 2]),
        (3, [1, 1, 1, 0, 0, 0, 2, 2, 2]),
    ],
)
def test_a_gap_that_is_there_counts(width, expected):
    np.testing.assert_array_equal(carve_ridge(np.array([[1, 1, 1, 1, 0, 2, 2, 2, 2]], np.int32), width), [expected])


@settings(max_examples=200, deadline=None)
@given(st.integers(6, 12), st.integers(6, 12), st.integers(0, 6), st.integers(0, 6))
def test_ridge_and_gap_add_up_exactly(left, right, gap, width):
    row = np.array([[1] * left + [0] * gap + [2] * right], np.int32)
    carved = carve_ridge(row, width)
    assert _narrowest_gap(carved) == max(gap, width)
    given = [
        left - int((carved == 1).sum()),
        right - int((carved == 2).sum()),
    ]  # the later of two equal ones is the larger
    assert given[right >= left] - given[right < left] == (max(0, width - gap) % 2)


def test_borders_to_plain_background_stay():
    labels = np.zeros((12, 20), np.int32)
    labels[2:10, 2:10], labels[2:10, 10:18] = 1, 2
    expected = labels.copy()
    expected[2:10, 9:11] = 0
    np.testing.assert_array_equal(carve_ridge(labels, 2), expected)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 40), st.integers(0, 5))
def test_ridge_properties(seed, objects, width):
    labels = _scene(seed, objects)
    carved = carve_ridge(labels, width)
    before, after = _areas(labels, labels), _areas(carved, labels)
    assert ((carved == labels) | (carved == 0)).all()
    assert (2 * after >= before).all()  # so none vanishes
    for label in np.unique(labels[labels > 0]):
        alone = ndimage.distance_transform_edt(~((labels > 0) & (labels != label)))
        far = (labels == label) & (alone > width + 1)
        assert (carved[far] == label).all()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 25), st.integers(1, 5))
def test_gap_is_at_least_the_width_unless_an_object_would_starve(seed, objects, width):
    labels = _scene(seed, objects)
    numbers = relabel(labels)
    areas = np.bincount(numbers.ravel())
    order = np.argsort(np.argsort(areas, kind="stable")).astype(np.int32)
    full = _carve(numbers, _cells(numbers, order, width), np.full(areas.size, width, np.int32), order)
    gap = _narrowest_gap(full)
    assert gap is None or gap >= width
    kept = np.bincount(full.ravel(), minlength=areas.size)
    if (2 * kept[1:] >= areas[1:]).all():
        np.testing.assert_array_equal(carve_ridge(labels, width), np.where(full > 0, labels, 0))


def test_small_objects_in_a_crowd_get_a_thinner_ridge():
    # Nine objects of 3 x 3 pixels in contact: a ridge of 2 would leave 1 pixel of the one in the middle, one of 1
    # leaves it 4 of 9, so it keeps all of them, and those around it give as far as they can.
    labels = np.kron(np.arange(1, 10).reshape(3, 3), np.ones((3, 3))).astype(np.int32)
    carved = carve_ridge(labels, 2)
    assert (2 * _areas(carved, labels) >= 9).all()
    assert (carved == 0).any()
    tiny = np.array([[1, 2], [3, 4]], np.int32)
    np.testing.assert_array_equal(carve_ridge(tiny, 2), tiny)


def test_a_small_object_against_a_large_one_is_parted_at_the_cost_of_the_large_one():
    labels = np.ones((9, 9), np.int32)
    labels[4, 4] = 2
    carved = carve_ridge(labels, 2)
    assert carved[4, 4] == 2
    assert [carved[3, 4], carved[5, 4], carved[4, 3], carved[4, 5]] == [0, 0, 0, 0]
    assert (carved == 1).sum() == 76


@pytest.mark.parametrize("labels", [np.zeros((3, 4), np.int32), np.full((3, 4), 5, np.int32)])
def test_fewer_than_two_objects_stay(labels):
    carved = carve_ridge(labels, 2)
    np.testing.assert_array_equal(carved, labels)
    assert carved.dtype == np.int32
    assert carved is not labels


def test_class_target_keeps_classes_away_from_the_ridge():
    objects = np.array([[1, 1, 1, 2, 2, 2, 0, 0]], np.int32)
    classes = np.array([[1, 1, 1, 2, 2, 2, 3, 0]], np.uint8)
    target = class_target(classes, objects, 2)
    np.testing.assert_array_equal(target, [[1, 1, 0, 0, 2, 2, 3, 0]])
    assert target.dtype == np.uint8


def test_wrong_input():
    with pytest.raises(
        MaskError, match=r"class map of \(2, 3\) and objects of \(3, 2\) pixels.*Give both the size of the image"
    ):
        class_target(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.int32), 2)
    with pytest.raises(RecipeError, match=r"a ridge of -1 pixels.*[Gg]ive a width of 0 or more"):
        carve_ridge(np.zeros((2, 3), np.int32), -1)


def test_no_real_nucleus_is_eaten_and_none_stay_in_contact():
    data = os.environ.get("UNMASK_DATA")
    if not data:
        pytest.skip("UNMASK_DATA is not set")
    for name in ("9c95eae11da04118", "094afe36759e7daf", "da79a2b105f055ce"):  # nuclei of 7 to 9 pixels across
        labels = tifffile.imread(Path(data) / "dsb2018" / "masks" / f"{name}.tif").astype(np.int32)
        carved = carve_ridge(labels, 2)
        assert (2 * _areas(carved, labels) >= _areas(labels, labels)).all()
        assert _narrowest_gap(carved) >= 1
