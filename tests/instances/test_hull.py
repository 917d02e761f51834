"""Areas of convex hulls, in integers, are those of scikit-image."""

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.draw import disk, ellipse, line, polygon
from skimage.measure import regionprops
from skimage.morphology import convex_hull_image

from unmask.geometry.labels import relabel
from unmask.instances.hull import NOWHERE, add_sides, convex_areas
from unmask.instances.shape_sums import areas_and_rows


def areas_of(labels, count):
    _, tops, bottoms = areas_and_rows(labels, count)
    starts = np.append(0, np.cumsum(bottoms - tops))
    sides = np.full((2, starts[-1]), NOWHERE)
    add_sides(labels, 0, 0, starts[:-1] - tops, sides)
    return convex_areas(sides, starts)


def one_by_one(labels, count):
    areas = np.zeros(count, np.int64)
    for region in regionprops(labels):
        areas[region.label - 1] = region.area_convex
    return areas


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["1"], 1),
        (["1111"], 4),
        (["1..", ".1.", "..1"], 3),
        (["111", "1..", "111"], 9),  # concave
        (["1.....1"], 7),  # two pieces
        (["1", ".", ".", "1"], 4),
        (["1..", "...", "..1"], 3),  # the line from centre to centre goes through the middle one
        (["1.", "..", ".1"], 4),  # and here at half a pixel from both of the row between
        (["1...", "11..", "111.", "1111"], 10),  # centres on the edge count, those beyond do not
    ],
)
def test_shapes_by_hand(rows, expected):
    labels = np.array([list(row) for row in np.char.ljust(rows, max(map(len, rows)), ".")])
    labels = (labels == "1").astype(np.int32)
    assert areas_of(labels, 1).tolist() == [expected]
    assert areas_of(labels.T.copy(), 1).tolist() == [expected]


@settings(max_examples=120)
@given(st.integers(0, 2**32 - 1))
def test_objects_of_every_awkward_shape(make_blobs, seed):
    """With holes, in several pieces, of one pixel, concave, in one another's hulls and at the image's edge."""
    objects = make_blobs(seed)
    np.testing.assert_array_equal(areas_of(objects.labels, len(objects)), one_by_one(objects.labels, len(objects)))


@settings(max_examples=80)
@given(st.integers(0, 2**32 - 1), st.integers(1, 70), st.integers(1, 70), st.floats(0, 4))
def test_smooth_objects(seed, height, width, smooth):
    noise = np.random.default_rng(seed).standard_normal((height, width))
    labels = relabel(ndimage.label(ndimage.gaussian_filter(noise, smooth) > 0)[0])
    count = int(labels.max())
    np.testing.assert_array_equal(areas_of(labels, count), one_by_one(labels, count))


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_drawn_objects(seed):
    """Discs, ellipses, lines and polygons, whole and hollow: long straight sides meet many centres."""
    random = np.random.default_rng(seed)
    size = (220, 180)
    ends = random.integers(0, size, (7, 2))
    outline = polygon(*ends.T, size), line(*ends[0], *ends[1])
    round_ones = disk(ends[2], random.uniform(1, 90), shape=size), ellipse(*ends[3], *random.uniform(1, 90, 2), size)
    for rows, columns in (*outline, *round_ones):
        mask = np.zeros(size, np.bool_)
        mask[rows, columns] = True
        for drawn in (mask, mask & ~ndimage.binary_erosion(mask)):
            assert areas_of(drawn.astype(np.int32), 1)[0] == convex_hull_image(drawn).sum() if drawn.any() else True


def test_any_two_pixels():
    """All lines up to 24 pixels, counted with fractions."""
    for down in range(24):
        for right in range(24):
            labels = np.zeros((down + 1, right + 1), np.int32)
            labels[0, 0] = labels[down, right] = 1
            assert areas_of(labels, 1)[0] == pixels_along(down, right), (down, right)


def pixels_along(down, right):
    """Centres within the sum of a line and a diamond of half a pixel."""
    steeper, other = max(down, right), min(down, right)
    if steeper == 0:
        return 1
    slope = Fraction(other, steeper)
    # At a whole step along the steeper way the sum reaches half a pixel to either side, and no further.
    return (
        sum(
            floor(step * slope + Fraction(1, 2)) - ceil(step * slope - Fraction(1, 2)) + 1 for step in range(1, steeper)
        )
        + 2
    )


def test_a_triangle_too_large_for_floats_to_be_sure_of():
    """Every centre on the slanted side counts: (n + 1) (n + 2) / 2."""
    size = 3000
    labels = np.zeros((size + 1, size + 1), np.int32)
    labels[0, 0] = labels[size, 0] = labels[size, size] = 1
    assert areas_of(labels, 1)[0] == (size + 1) * (size + 2) // 2


def test_what_is_not_there_has_none():
    labels = np.zeros((6, 9), np.int32)
    labels[1:4, 2:5], labels[2:6, 5:9] = 4, 2
    assert areas_of(labels, 5).tolist() == [0, 16, 0, 9, 0]


def test_an_object_whose_pixels_were_not_seen_has_none():
    starts = np.array([0, 8, 9, 12])
    sides = np.full((2, 12), NOWHERE)
    sides[:, 8] = 3, -5  # of the second, its only row
    assert convex_areas(sides, starts).tolist() == [0, 3, 0]


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0), (3, 4)])
def test_images_without_objects(size):
    assert areas_of(np.zeros(size, np.int32), 0).shape == (0,)
