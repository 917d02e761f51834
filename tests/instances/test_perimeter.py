"""Perimeters of all objects at once are those that scikit-image finds one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import perimeter

from unmask.geometry.labels import relabel
from unmask.instances.perimeter import RIM, add_borders, perimeters

ROOT = np.sqrt(2)


def perimeters_of(labels, count):
    borders = np.zeros((count, 4), np.int64)
    add_borders(labels, (slice(0, labels.shape[0]), slice(0, labels.shape[1])), borders)
    return perimeters(borders)


def one_by_one(labels, count):
    """Each object cut out with nothing around it."""
    places = ndimage.find_objects(labels, count)
    return [perimeter(labels[place] == i, neighborhood=4) for i, place in enumerate(places, start=1)]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["1"], 0),  # no border pixel beside it: scikit-image counts nothing
        (["11"], 0),
        (["111"], 1),
        (["111", "111", "111"], 8),  # 8 border pixels, straight or at a corner, each 1
        ([".1.", "111", ".1."], 4 * ROOT),  # the middle is inside; each arm lies between two others at its corners
        (["1..", ".1.", "..1"], ROOT),  # a pixel between two at its corners; the ends count nothing
        (["111111", "1....1", "1....1", "1....1", "111111"], 18),  # a ring of 18 pixels, each with two at its sides
    ],
)
def test_shapes_by_hand(rows, expected):
    labels = np.array([[character == "1" for character in row] for row in rows]).astype(np.int32)
    assert perimeters_of(labels, 1)[0] == pytest.approx(expected, rel=1e-15)
    assert perimeters_of(np.pad(labels, 3), 1) == perimeters_of(labels, 1)  # the image's edge is where an object ends


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1))
def test_objects_of_every_awkward_shape(make_blobs, seed):
    """With holes, in several pieces, of one pixel, touching one another and the image's edge."""
    objects = make_blobs(seed)
    found = perimeters_of(objects.labels, len(objects))
    np.testing.assert_allclose(found, one_by_one(objects.labels, len(objects)), rtol=1e-12, atol=0)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 60), st.floats(0, 4))
def test_smooth_objects(seed, height, width, smooth):
    noise = np.random.default_rng(seed).standard_normal((height, width))
    labels = relabel(ndimage.label(ndimage.gaussian_filter(noise, smooth) > 0)[0])
    count = int(labels.max())
    np.testing.assert_allclose(perimeters_of(labels, count), one_by_one(labels, count), rtol=1e-12, atol=0)


def test_what_is_not_there_has_none_and_neighbours_change_nothing():
    labels = np.zeros((9, 14), np.int32)
    labels[1:7, 2:8], labels[2:8, 8:12] = 3, 1
    together = perimeters_of(labels, 4)
    assert together.tolist() == [18 - 2, 0, 20, 0]  # a rectangle has 2 (height + width) - 4 border pixels
    assert perimeters_of(np.where(labels == 3, 1, 0).astype(np.int32), 1) == together[2]


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0), (1, 1)])
def test_images_of_next_to_nothing(size):
    assert perimeters_of(np.zeros(size, np.int32), 0).shape == (0,)
    assert perimeters_of(np.ones(size, np.int32), 1).tolist() == [0]


def test_the_same_to_the_bit_however_many_there_are():
    """Sums of products differ in their last digit by how many rows a matrix has."""
    disc = (np.hypot(*np.mgrid[-9:10, -9:10]) < 8.5).astype(np.int32)
    row = np.hstack([disc * i for i in range(1, 12)])
    assert set(perimeters_of(row, 11)) == {perimeters_of(disc, 1)[0]}


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 30))
def test_parts_with_their_rims_add_up_to_the_whole(make_blobs, seed, high, wide):
    labels = make_blobs(seed).labels
    count = int(labels.max())
    whole, parts = np.zeros((count, 4), np.int64), np.zeros((count, 4), np.int64)
    add_borders(labels, (slice(0, labels.shape[0]), slice(0, labels.shape[1])), whole)
    for y in range(0, labels.shape[0], high):
        for x in range(0, labels.shape[1], wide):
            top, left = max(0, y - RIM), max(0, x - RIM)
            part = labels[top : y + high + RIM, left : x + wide + RIM]
            bottom, right = min(y + high, labels.shape[0]) - top, min(x + wide, labels.shape[1]) - left
            add_borders(part, (slice(y - top, bottom), slice(x - left, right)), parts)
    np.testing.assert_array_equal(parts, whole)
