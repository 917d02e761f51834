from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from unmask.instances.growth import grow

SIDES = [(-1, 0), (0, -1), (0, 1), (1, 0)]
AROUND = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]


@st.composite
def seeds_and_masks(draw):
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=16))
    seeds = draw(hnp.arrays(np.int32, shape, elements=st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2, 3])))
    return seeds, draw(hnp.arrays(np.bool_, shape, elements=st.sampled_from([True, True, False])))


def grow_slowly(seeds, mask, reach):
    """The definition, word by word: every layer looks at every free pixel of the state before it."""
    labels = seeds.copy()
    for layer in range(reach):
        before = np.pad(labels, 1)
        for y, x in np.argwhere(mask & (labels == 0)):
            votes = Counter(int(before[y + 1 + v, x + 1 + u]) for v, u in (AROUND if layer % 2 else SIDES))
            del votes[0]
            if votes:
                labels[y, x] = min(votes, key=lambda label: (-votes[label], label))
    return labels


@settings(deadline=None, max_examples=200)  # the first call compiles
@given(seeds_and_masks(), st.integers(0, 9))
def test_growth_is_its_definition(case, reach):
    seeds, mask = case
    np.testing.assert_array_equal(grow(seeds, mask, reach), grow_slowly(seeds, mask, reach))


@settings(deadline=None)
@given(seeds_and_masks(), st.integers(0, 9))
def test_growth_keeps_seeds_stays_in_the_mask_and_within_reach(case, reach):
    seeds, mask = case
    labels = grow(seeds, mask, reach)
    np.testing.assert_array_equal(labels[seeds != 0], seeds[seeds != 0])
    gained = (labels != 0) & (seeds == 0)
    assert mask[gained].all()
    for label in np.unique(labels[gained]):
        here = gained & (labels == label)
        assert ndimage.distance_transform_cdt(seeds != label, "chessboard")[here].max() <= reach
        assert ndimage.distance_transform_cdt(seeds != label, "taxicab")[here].max() <= reach + reach // 2


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 6), st.integers(0, 30), st.integers(0, 30))
def test_a_window_with_a_halo_of_reach_grows_as_the_whole_image_does(seed, reach, top, left):
    rng = np.random.default_rng(seed)
    seeds = np.where(rng.random((40, 40)) < 0.03, rng.integers(1, 9, (40, 40)), 0).astype(np.int32)
    mask = rng.random((40, 40)) < 0.8
    whole = grow(seeds, mask, reach)[top : top + 10, left : left + 10]
    y, x = max(0, top - reach), max(0, left - reach)
    window = np.s_[y : top + 10 + reach, x : left + 10 + reach]
    part = grow(seeds[window], mask[window], reach)[top - y : top - y + 10, left - x : left - x + 10]
    np.testing.assert_array_equal(part, whole)


def test_layers_alternate_between_sides_and_corners():
    seeds = np.zeros((7, 7), np.int32)
    seeds[3, 3] = 1
    mask = np.ones((7, 7), bool)
    assert [int(grow(seeds, mask, reach).sum()) for reach in (0, 1, 2, 3)] == [1, 5, 21, 37]  # octagons


def test_corners_are_passed_by_the_second_layer_only():
    seeds = np.diag([1, 0, 0, 0]).astype(np.int32)
    mask = np.eye(4, dtype=bool)
    lengths = [int(grow(seeds, mask, reach).sum()) for reach in range(7)]
    assert lengths == [1, 1, 2, 2, 3, 3, 4]


@pytest.mark.parametrize(
    ("row", "grown"),
    [
        ([1, 0, 0, 2], [1, 1, 2, 2]),
        ([2, 0, 1], [2, 1, 1]),  # one vote each: the smallest label
        ([0, 3, 0], [3, 3, 3]),
    ],
)
def test_contested_pixels(row, grown):
    seeds = np.array([row], np.int32)
    np.testing.assert_array_equal(grow(seeds, np.ones(seeds.shape, bool), 5), [grown])


def test_most_neighbours_win_over_the_smallest_label():
    seeds = np.array([[0, 2, 0], [1, 0, 2], [0, 0, 0]], np.int32)
    assert grow(seeds, np.ones((3, 3), bool), 1)[1, 1] == 2


def test_the_input_is_not_changed():
    seeds = np.array([[1, 0]], np.int32)
    mask = np.ones((1, 2), bool)
    grow(seeds, mask, 1)
    assert seeds.tolist() == [[1, 0]]
    assert mask.all()
