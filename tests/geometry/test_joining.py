"""Components joined from blocks are the components of the whole image."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unmask.errors import PredictionError
from unmask.geometry import joining
from unmask.geometry.joining import Faces, first_ids, join, meetings, number, outer_lines
from unmask.geometry.labels import components

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14))


@st.composite
def masks_and_cuts(draw):
    mask = draw(MASKS)
    cuts = [draw(st.sets(st.integers(1, size), max_size=4)) for size in mask.shape]
    return mask, *(sorted({0, size, *cut}) for cut, size in zip(cuts, mask.shape, strict=True))


def labelled_in_blocks(mask, ys, xs, connectivity):
    """Labels of a mask from its blocks: what the functions are for."""
    places = [np.s_[y:below, x:right] for y, below in pairwise(ys) for x, right in pairwise(xs)]
    labels = [components(mask[place], connectivity) for place in places]
    counts = [int(block.max()) for block in labels]
    component = join([Faces.of(block) for block in labels], counts, (len(ys) - 1, len(xs) - 1), connectivity)
    pixels = np.arange(mask.size).reshape(mask.shape)
    firsts = np.full(component.max(initial=-1) + 1, mask.size)
    ids = first_ids(counts)
    for block, place in enumerate(places):
        for own in range(1, counts[block] + 1):
            whole = component[ids[block] + own - 1]
            firsts[whole] = min(firsts[whole], pixels[place][labels[block] == own].min())
    numbers = number(firsts, np.ones(firsts.size, bool))
    joined = np.zeros(mask.shape, np.int32)
    for block, place in enumerate(places):
        table = np.append(0, numbers[component[ids[block] : ids[block + 1]]])
        joined[place] = table[labels[block]]
    return joined


@given(masks_and_cuts(), st.sampled_from([1, 2]))
def test_joined_components_are_those_of_the_whole(case, connectivity):
    mask, ys, xs = case
    np.testing.assert_array_equal(
        labelled_in_blocks(mask, ys, xs, connectivity), components(mask, connectivity), strict=True
    )


@pytest.mark.parametrize("connectivity", [1, 2])
def test_blocks_of_one_pixel(connectivity):
    mask = np.random.default_rng(connectivity).random((9, 11)) < 0.6
    joined = labelled_in_blocks(mask, range(10), range(12), connectivity)
    np.testing.assert_array_equal(joined, components(mask, connectivity))


@pytest.mark.parametrize("connectivity", [1, 2])
def test_a_checkerboard_falls_apart_or_hangs_together_by_corners(connectivity):
    mask = np.indices((12, 12)).sum(axis=0) % 2 == 0
    joined = labelled_in_blocks(mask, [0, 4, 5, 12], [0, 6, 12], connectivity)
    assert joined.max() == (72 if connectivity == 1 else 1)


def test_four_blocks_that_meet_at_a_corner():
    for diagonal in (np.eye(2, dtype=bool), np.eye(2, dtype=bool)[::-1]):
        assert labelled_in_blocks(diagonal, [0, 1, 2], [0, 1, 2], 1).max() == 2
        assert labelled_in_blocks(diagonal, [0, 1, 2], [0, 1, 2], 2).max() == 1


def test_faces_are_copies():
    labels = np.arange(6, dtype=np.int32).reshape(2, 3)
    faces = Faces.of(labels)
    labels[:] = 0
    assert [line.tolist() for line in vars(faces).values()] == [[0, 1, 2], [3, 4, 5], [0, 3], [2, 5]]


def test_only_positive_ids_join():
    left, right = Faces.of(np.array([[-3], [2]], np.int32)), Faces.of(np.array([[1], [-2]], np.int32))
    assert len(set(join([left, right], [2, 1], (1, 2)).tolist())) == 3


def test_meetings_and_outer_lines_of_a_grid_by_hand():
    blocks = [Faces.of(np.full((1, 1), i, np.int32)) for i in range(6)]
    met = [(block, other) for block, _, other, _ in meetings(blocks, (2, 3))]
    assert sorted(met) == [(0, 1), (0, 3), (1, 2), (1, 4), (2, 5), (3, 4), (4, 5)]
    outside = [block for block, _ in outer_lines(blocks, (2, 3))]
    assert {block: outside.count(block) for block in range(6)} == {0: 2, 1: 1, 2: 2, 3: 2, 4: 1, 5: 2}


def test_numbers_follow_first_pixels_and_leave_out_what_is_not_kept():
    numbers = number(np.array([40, 7, 9, 12]), np.array([True, True, False, True]))
    assert numbers.tolist() == [3, 1, 0, 2]
    assert numbers.dtype == np.int32


def test_nothing_to_join():
    assert join([Faces.of(np.zeros((3, 3), np.int32))] * 4, [0] * 4, (2, 2)).size == 0
    assert number(np.empty(0, np.int64), np.empty(0, bool)).size == 0


def test_a_grid_that_is_not_full_is_refused():
    with pytest.raises(ValueError, match="3 blocks do not fill a grid of 2 x 2"):
        join([Faces.of(np.ones((1, 1), np.int32))] * 3, [1] * 3, (2, 2))


def test_more_than_an_int32_can_number_is_refused():
    with pytest.raises(
        PredictionError, match=r"2,147,483,648 pieces of objects, and 32-bit labels end at 2,147,483,647"
    ):
        first_ids([2**31 - 1, 1])
    assert first_ids([2**31 - 2, 1])[-1] == 2**31 - 1


def test_too_many_objects_are_refused(monkeypatch):
    monkeypatch.setattr(joining, "_MOST", 2)
    assert number(np.arange(3), np.array([True, False, True])).max() == 2
    with pytest.raises(PredictionError, match=r"the image has 3 objects, .* Raise instances\.seed_threshold"):
        number(np.arange(3), np.ones(3, bool))
