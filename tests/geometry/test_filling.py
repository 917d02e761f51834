"""Areas within outlines: against points in polygons, and by hand where centres lie on edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import points_in_poly

from unmask.geometry import filling
from unmask.geometry.filling import filled
from unmask.geometry.labels import components
from unmask.geometry.rle import polygons, run_lengths

WHOLE = st.integers(-6, 26)
CORNERS = st.lists(st.tuples(WHOLE, WHOLE), min_size=1, max_size=9)


def pixels(rings, size):
    counts = filled([np.array(ring, float) for ring in rings], size)
    assert sum(counts) == size[0] * size[1]
    assert min(counts[1:], default=1) > 0
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(size[::-1]).T


def slow(rings, size):
    """Of each pixel's centre, the edges to its right counted; a hair's breadth left and below, as ImageJ has it."""
    mask = np.zeros(size, bool)
    for row, column in np.ndindex(*size):
        x, y = column + 0.5 - 1e-7, row + 0.5 + 1e-9
        for ring in rings:
            for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True):
                if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
                    mask[row, column] ^= True
    return mask


@given(st.lists(CORNERS, max_size=3), st.booleans(), st.tuples(st.integers(1, 12), st.integers(1, 12)))
def test_whole_and_half_corners(rings, halves, size):
    """Many centres lie on edges, at corners too."""
    rings = [[(x / 2, y / 2) if halves else (x, y) for x, y in ring] for ring in rings]
    np.testing.assert_array_equal(pixels(rings, size), slow(rings, size))


@given(st.lists(st.tuples(st.floats(-9, 30), st.floats(-9, 30)), min_size=3, max_size=8), st.integers(0, 99))
def test_centres_within_an_odd_number_of_outlines(corners, seed):
    random = np.random.default_rng(seed)
    outer, inner = np.array(corners) + random.uniform(0, 0.01, (len(corners), 2)), random.uniform(0, 20, (5, 2))
    centres = np.stack(np.meshgrid(np.arange(20), np.arange(15)), axis=-1).reshape(-1, 2) + 0.5
    expected = points_in_poly(centres, outer) ^ points_in_poly(centres, inner)
    np.testing.assert_array_equal(pixels([outer, inner], (15, 20)).ravel(), expected)


def test_centres_on_edges_by_hand():
    square = [(0, 0), (4, 0), (4, 4), (0, 4)]
    lower, upper = [(0, 0), (4, 4), (0, 4)], [(0, 0), (4, 0), (4, 4)]
    np.testing.assert_array_equal(pixels([lower], (4, 4)), np.tri(4, dtype=bool))  # on its right edge: inside
    np.testing.assert_array_equal(pixels([upper], (4, 4)), ~np.tri(4, dtype=bool))  # on its left edge: outside
    assert pixels([square], (4, 4)).all()
    half = [(0, 0.5), (4, 0.5), (4, 2.5), (0, 2.5)]
    assert pixels([half], (4, 4)).all(axis=1).tolist() == [True, True, False, False]  # upper edge inside, lower outside


@given(st.integers(0, 12), st.integers(0, 9))
def test_areas_that_share_edges_share_no_pixel(x, y):
    """Four triangles from any point to the corners of the image are the image."""
    corners = [(0, 0), (12, 0), (12, 9), (0, 9)]
    parts = [pixels([[(x, y), corners[k - 1], corners[k]]], (9, 12)) for k in range(4)]
    np.testing.assert_array_equal(np.sum(parts, axis=0), 1)


@given(st.integers(0, 999), st.floats(0.1, 0.9))
def test_outlines_along_pixels_are_the_very_pixels(seed, density):
    random = np.random.default_rng(seed)
    parts = components(random.random((random.integers(1, 12), random.integers(1, 12))) < density)
    mask = parts == 1  # one part: outlines of islands in its holes would count twice
    rings = [np.array(flat).reshape(-1, 2) for flat in polygons(mask)]
    holes = pixels(rings, mask.shape) & ~mask
    rings += [np.array(flat).reshape(-1, 2) for flat in polygons(holes)]
    assert filled(rings, mask.shape) == run_lengths(mask, 0, 0, mask.shape)


def test_many_edges_are_worked_out_in_blocks(monkeypatch):
    ring = np.random.default_rng(0).uniform(-5, 60, (200, 2))
    whole = filled([ring], (50, 40))
    monkeypatch.setattr(filling, "_BLOCK", 700)
    assert filled([ring], (50, 40)) == whole


@pytest.mark.parametrize("rings", [[], [np.empty((0, 2))], [np.ones((1, 2))], [np.array([(1.0, 1.0), (9.0, 9.0)])]])
def test_nothing_is_no_area(rings):
    assert filled(rings, (5, 6)) == [30]


def test_what_is_outside_is_cut_off():
    far = np.array([(-1e6, -1e6), (1e6, -1e6), (1e6, 2), (-1e6, 2)])
    assert filled([far], (5, 3)) == [0, 2, 3, 2, 3, 2, 3]
    assert filled([far + np.array([0, 1e6])], (5, 3)) == [0, 15]
    assert filled([far + np.array([5e6, 0])], (5, 3)) == [15]
