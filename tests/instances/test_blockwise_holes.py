import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unmask.instances.blockwise import Lookups
from unmask.instances.blockwise_holes import holes_of_block, join_holes
from unmask.instances.decode import fill_holes

LABELS = hnp.arrays(
    np.int32,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12),
    elements=st.sampled_from([0, 0, 1, 1, 1, 2, 3]),
)


def filled(labels, tops, lefts, max_hole):
    """A label image filled block by block; ids of blocks are those of the image."""
    cuts = [sorted({0, size, *starts}) for starts, size in zip((tops, lefts), labels.shape, strict=True)]
    blocks = [
        np.s_[cuts[0][i] : cuts[0][i + 1], cuts[1][j] : cuts[1][j + 1]]
        for i in range(len(cuts[0]) - 1)
        for j in range(len(cuts[1]) - 1)
    ]
    count = int(labels.max())
    numbers = np.tile(np.arange(1, count + 1, dtype=np.int32), len(blocks))
    lookups = Lookups(numbers, count * np.arange(len(blocks) + 1))
    parts, messages = zip(
        *(holes_of_block(labels[place], lookups.table(i), max_hole) for i, place in enumerate(blocks)), strict=True
    )
    joined = join_holes(lookups, messages, (len(cuts[0]) - 1, len(cuts[1]) - 1), max_hole)
    result = np.full_like(labels, -1)
    for i, place in enumerate(blocks):
        result[place] = joined.table(i)[parts[i]]
    return result


@settings(max_examples=200)
@given(LABELS, st.lists(st.integers(1, 11), max_size=4), st.lists(st.integers(1, 11), max_size=4), st.integers(0, 12))
def test_holes_of_blocks_are_those_of_the_whole(labels, tops, lefts, max_hole):
    tops, lefts = ([i for i in cut if i < size] for cut, size in zip((tops, lefts), labels.shape, strict=True))
    np.testing.assert_array_equal(filled(labels, tops, lefts, max_hole), fill_holes(labels, max_hole))


@pytest.mark.parametrize("second", range(8))
def test_whoever_lies_across_a_face_is_asked(second):
    """A hole of one pixel in a block of its own: of eight pixels around it one belongs to another object."""
    labels = np.ones((3, 3), np.int32)
    labels[1, 1] = 0
    around = [(y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1)]
    labels[around[second]] = 2
    expected = fill_holes(labels, 1)
    assert (expected == 0).any() == (1 in around[second])  # sides count, corners do not
    np.testing.assert_array_equal(filled(labels, [1, 2], [1, 2], 1), expected)


def test_sizes_are_those_of_the_whole_hole():
    labels = np.ones((3, 6), np.int32)
    labels[1, 1:5] = 0
    assert (filled(labels, [], [3], 4) == 1).all()
    np.testing.assert_array_equal(filled(labels, [], [3], 3), labels)


def test_a_hole_that_leaks_through_the_corner_of_four_blocks():
    labels = np.ones((6, 6), np.int32)
    labels[2, 2] = labels[3, 3] = 0
    assert (filled(labels, [3], [3], 2) == 1).all()
    labels[3:, 3:] = 0
    np.testing.assert_array_equal(filled(labels, [3], [3], 99), labels)


def test_objects_without_a_number_are_background():
    labels = np.ones((5, 5), np.int32)
    labels[2, 2] = 2
    filled_labels, block = holes_of_block(labels, np.array([0, 7, 0], np.int32), 1)
    assert (filled_labels == 1).all()
    assert block.areas.size == 0
    assert (block.faces.top == -7).all()


def test_only_what_reaches_a_side_is_handed_on():
    labels = np.ones((9, 9), np.int32)
    labels[4, 4] = labels[1:3, 1:3] = labels[7:, 4] = 0
    marked, block = holes_of_block(labels, np.array([0, 5], np.int32), 1)
    assert marked[4, 4] == 1
    assert (marked[1:3, 1:3] == 0).all()  # judged: too large
    assert (marked[7:, 4] == 2).all()
    assert (block.areas.tolist(), block.faces.bottom.tolist()) == ([2], [-5] * 4 + [1] + [-5] * 4)
