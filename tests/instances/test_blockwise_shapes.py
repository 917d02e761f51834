"""Shapes of objects that no window holds, looked at part by part."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import regionprops

from unmask.instances.blockwise_objects import finish
from unmask.instances.blockwise_shapes import large_objects, shape_windows, shapes_of_large, shapes_of_window


def sums_of(labels):
    maps = np.zeros((2, *labels.shape), np.float32)
    return finish(labels, np.arange(labels.max() + 1, dtype=np.int32), maps, None, (0, 0))[1]


def reader(labels, largest=None):
    """Reads windows within the image, none too large."""

    def read(rows, columns):
        for part, size in zip((rows, columns), labels.shape, strict=True):
            assert 0 <= part.start < part.stop <= size
            assert largest is None or part.stop - part.start <= largest
        return labels[rows, columns]

    return read


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.sampled_from([None, (0.3, 0.3), (0.3, 0.7)]))
def test_parts_of_any_size_give_the_same_to_the_bit(make_blobs, seed, step, pixel_size):
    labels = make_blobs(seed).labels
    sums = sums_of(labels)
    if len(sums) > 0:
        whole = shapes_of_window(labels, sums.numbers, pixel_size)
        for objects in (sums, *(sums.take([i]) for i in range(len(sums)))):
            parts = shapes_of_large(objects, reader(labels, step + 4), pixel_size, step)
            assert list(parts) == list(whole)
            for name, column in whole.items():
                expected = column[np.isin(whole["label"], objects.numbers)]
                np.testing.assert_array_equal(parts[name], expected, err_msg=name)


def test_every_object_is_in_a_window_or_large():
    labels = np.zeros((40, 40), np.int32)
    for i, (top, left, bottom, right) in enumerate(
        [(0, 0, 8, 8), (1, 10, 3, 19), (9, 0, 18, 2), (20, 5, 28, 13)], start=1
    ):
        labels[top:bottom, left:right] = i
    sums = sums_of(labels)
    windows, large = shape_windows(sums, [0, 16], [0, 16], 8), large_objects(sums, 8)
    assert [window.numbers.tolist() for window in windows] == [[1], [4]]
    assert [one.numbers.tolist() for one in large] == [[2], [3]]
    assert large_objects(sums, 9) == []


def test_an_object_across_many_parts_is_that_of_scikit_image():
    """A spiral arm, long and concave, with another object in its way."""
    y, x = np.mgrid[-150:151, -150:151]
    turns = (np.hypot(y, x) - 20 * np.arctan2(y, x) / np.pi) % 40
    labels = ((turns < 12) & (np.hypot(y, x) < 145)).astype(np.int32)
    labels[100:130, 100:120] = 2
    sums = sums_of(labels)
    found = shapes_of_large(sums, reader(labels, 68), None, 64)
    for i, region in enumerate(regionprops(labels)):
        assert found["solidity"][i] == region.solidity
        assert found["perimeter"][i] == pytest.approx(region.perimeter, rel=1e-12)


def test_labels_of_other_objects_are_not_measured():
    """An object that is not there, or not where it should end: its sums would mean nothing."""
    labels = np.zeros((9, 9), np.int32)
    labels[1:6, 1:4], labels[2:4, 5:8] = 1, 2
    with pytest.raises(ValueError, match="do not hold all of 1 of 2 objects, first 3"):
        shapes_of_window(labels, np.array([2, 3], np.int32), None)
    with pytest.raises(ValueError, match="do not hold all of 2 of 2 objects, first 3"):
        shapes_of_window(labels, np.array([3, 4], np.int32), None)
    with pytest.raises(ValueError, match="do not hold all of 1 of 3 objects, first 3"):
        shapes_of_window(np.where(labels == 2, 5, labels), np.array([1, 3, 5], np.int32), None)
    sums = sums_of(labels)
    for row, missing in ((1, 1), (5, 1), (2, 2), (3, 2)):
        other = np.where((np.arange(9)[:, None] == row) & (labels == missing), 0, labels)
        with pytest.raises(ValueError, match=f"do not hold all of 1 of 2 objects, first {missing}"):
            shapes_of_large(sums, reader(other), None)


def test_only_the_objects_asked_for_are_measured():
    labels = np.zeros((8, 40), np.int32)
    labels[1:4, 1:4], labels[1:6, 3:9], labels[2:4, 12:20], labels[1:7, 22:30], labels[3, 35] = 3, 1, 12, 7, 20
    found = shapes_of_window(labels, np.array([3, 12], np.int32), (0.5, 0.5))
    assert {name: column.tolist() for name, column in found.items()} == {
        "label": [3, 12],
        "solidity": [1, 1],
        "perimeter": [6, 16],  # 2 columns of the first are left, 3 pixels high
        "perimeter_um": [3, 8],
    }
