"""Decoding block by block is decoding the whole image: labels, classes and scores to the bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from unmask.instances.blockwise import Piece, areas_and_firsts, assemble, compact
from unmask.instances.decode import decode
from unmask.recipe import InstanceRecipe


def parameters(reach=4, size=1, hole=0, seed=0.7, mask=0.5):
    return InstanceRecipe(seed_threshold=seed, mask_threshold=mask, reach=reach, min_size=size, max_hole=hole)


def two_classes(front):
    """Probabilities of a foreground that belongs to two classes, here to one, there to the other."""
    first = front * np.linspace(0, 1, front.size).reshape(front.shape)
    return np.stack([1 - front, first, front - first]).astype(np.float32)


def check(in_blocks, maps, values, tops, lefts, seed=0):
    whole = decode(maps, values)
    labels, sums = in_blocks(maps, values, tops, lefts, seed=seed)
    np.testing.assert_array_equal(labels, whole.labels)
    classes, scores = sums.classes_and_scores()
    np.testing.assert_array_equal(classes, whole.classes, strict=True)
    np.testing.assert_array_equal(scores, whole.scores, strict=True)
    np.testing.assert_array_equal(sums.numbers, np.arange(1, len(whole) + 1))
    return len(whole)


def spiral(side):
    """A line of one pixel that winds inwards, one pixel of background between its turns."""
    front = np.zeros((side, side))
    y, x, step, left = 0, 0, (0, 1), side - 1
    front[0, 0] = 1
    lengths = [left, *[length for length in range(left, 0, -2) for _ in (0, 1)]]
    for length in lengths:
        for _ in range(length):
            y, x = y + step[0], x + step[1]
            front[y, x] = 1
        step = (step[1], -step[0])
    return front


def snake(side):
    """A line that runs to and fro through the whole image."""
    front = np.zeros((side, side))
    front[::2] = 1
    front[1::4, -1] = front[3::4, 0] = 1
    return front


def rings(side):
    """Rings within rings: objects in holes of objects, at every distance from faces."""
    y, x = np.abs(np.indices((side, side)) - side // 2)
    return (np.maximum(y, x) % 3 == 1).astype(float)


def grid(side):
    """A single object with a hole in every second place."""
    return 1 - (np.indices((side, side)) % 2 == 1).all(axis=0)


def corners(side):
    """Squares of two pixels around every corner where blocks of four meet, and squares that touch by corners."""
    return ((np.indices((side, side)) + 1) % 4 < 2).all(axis=0).astype(float)


def checkerboard(side):
    return (np.indices((side, side)).sum(axis=0) % 2).astype(float)


PATTERNS = [spiral, snake, rings, grid, corners, checkerboard]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("step", [4, 5, 20])
def test_patterns(in_blocks, pattern, step):
    starts = list(range(0, 20, step))
    front = pattern(20)
    counts = [
        check(in_blocks, two_classes(0.3 * turned + 0.65 * (turned > 0)), parameters(reach, size, hole), starts, starts)
        for turned in (front, front.T, front[::-1, ::-1])
        for reach, size, hole in ((0, 1, 0), (1, 2, 3), (3, 4, 1000))
    ]
    assert max(counts) > 0


@pytest.mark.parametrize("pattern", PATTERNS)
def test_blocks_of_one_pixel(in_blocks, pattern):
    everywhere = list(range(9))
    check(in_blocks, two_classes(0.9 * pattern(9)), parameters(2, 1, 9), everywhere, everywhere)


@pytest.mark.parametrize("level", [0.0, 0.6, 0.9])
def test_an_image_of_one_pixel(in_blocks, level):
    maps = two_classes(np.full((1, 1), level))
    assert check(in_blocks, maps, parameters(8, 1, 1000), [0], [0]) == (level == 0.9)


def starts(size):
    return st.sets(st.integers(1, size), max_size=3).map(lambda cut: sorted({0, *cut} - {size}))


@st.composite
def cases(draw):
    """Probabilities of all kinds of textures, few levels and many; values; cuts."""
    size = draw(st.tuples(st.integers(1, 26), st.integers(1, 26)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    smooth = ndimage.gaussian_filter(random.standard_normal((3, *size)), (0, *draw(st.sampled_from([(0, 0), (1, 1)]))))
    logits = smooth / smooth.std() * draw(st.floats(0.5, 8)) + draw(st.floats(-2, 2)) * np.array([[[1]], [[0]], [[0]]])
    maps = (np.exp(logits) / np.exp(logits).sum(axis=0)).astype(np.float32)
    if draw(st.booleans()):
        maps = two_classes(np.round(1 - maps[0], 1))  # ties, and values on the thresholds
    values = parameters(
        draw(st.integers(0, 8)),
        draw(st.integers(1, 9)),
        draw(st.sampled_from([0, 1, 2, 4, 9, 1000])),
        *sorted(draw(st.tuples(*[st.sampled_from([0.3, 0.5, 0.6, 0.7, 0.9])] * 2)), reverse=True),
    )
    return maps, values, draw(starts(size[0])), draw(starts(size[1])), draw(st.integers(0, 99))


@settings(max_examples=150)
@given(case=cases())
def test_every_image_cut_and_order(in_blocks, case):
    maps, values, tops, lefts, seed = case
    check(in_blocks, maps, values, tops, lefts, seed)


def test_many_objects_with_holes_in_many_blocks(in_blocks):
    random = np.random.default_rng(0)
    front = ndimage.gaussian_filter(random.standard_normal((300, 340)), 3)
    front = 1 / (1 + np.exp(-front / front.std() * 4))
    front[random.random(front.shape) < 0.02] = 0.1
    tops, lefts = [0, 64, 128, 192, 256], [0, 17, 150, 151, 320]
    maps = two_classes(front)
    assert check(in_blocks, maps, InstanceRecipe(), tops, lefts) > 100
    assert (decode(maps, InstanceRecipe()).labels != decode(maps, parameters(hole=0, size=10)).labels).any()


def test_a_window_of_pieces_keeps_the_order_of_the_images_numbers():
    left = Piece(np.array([[1, 2], [0, 3]], np.int32), np.array([0, 90, 7, 0], np.int32), 0, 0)
    right = Piece(np.array([[1], [1]], np.int32), np.array([0, 90], np.int32), 0, 2)
    labels, table = assemble([left, right], (2, 3))
    assert labels.tolist() == [[2, 1, 2], [0, 0, 2]]
    assert table.tolist() == [0, 7, 90]


def test_compact_labels_are_those_that_are_there():
    labels, table = compact(np.array([[3, 1, 0, 4]], np.int32), np.array([0, 8, 5, 2, 8], np.int32))
    assert labels.tolist() == [[1, 2, 0, 2]]
    assert table.tolist() == [0, 2, 8]
    assert labels.dtype == table.dtype == np.int32


def test_first_pixels_are_counted_over_the_whole_image():
    areas, firsts = areas_and_firsts(np.array([[0, 2], [1, 2]], np.int32), 2, (3, 5), 100)
    assert areas.tolist() == [1, 2]
    assert firsts.tolist() == [405, 306]


def test_first_pixels_lie_beyond_32_bits_where_images_are_large():
    assert areas_and_firsts(np.ones((1, 1), np.int32), 1, (99_999, 99_999), 100_000)[1].tolist() == [9_999_999_999]
