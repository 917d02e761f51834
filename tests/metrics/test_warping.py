"""Warping error: cases by hand, and exhaustive search over all images that a truth can be warped into."""

from functools import cache

import numpy as np
import pytest
from scipy import ndimage, sparse

from unmask.errors import PairingError
from unmask.geometry.labels import components
from unmask.metrics.warping import connectivity_numbers, separated, warp


def _image(*rows):
    return np.array([[character == "#" for character in row] for row in rows])


def _pixels(truth, prediction, radius=None):
    """Pixels left, and of these merges and splits."""
    warping = warp(truth, prediction, radius)
    assert np.count_nonzero(warping.warped != prediction) == round(warping.error * truth.size)
    return round(warping.error * truth.size), round(warping.merge_split_error * truth.size)


TWO = _image(".......", ".##.##.", ".##.##.", ".##.##.", ".......")
ONE = _image(".......", ".#####.", ".#####.", ".#####.", ".......")
RING = _image(".......", ".#####.", ".#...#.", ".#####.", ".......")
NONE = np.zeros_like(ONE)


@pytest.mark.parametrize(
    ("truth", "prediction", "left", "cuts"),
    [
        (ONE, ONE, 0, 0),
        (NONE, NONE, 0, 0),
        (TWO, ONE, 3, 3),  # merge: all three pixels of the gap; any of them would join
        (ONE, TWO, 1, 1),  # split: two of the gap's pixels go, the last one cuts
        (TWO, _image(".......", ".##.##.", ".#####.", ".##.##.", "......."), 1, 1),
        (ONE, RING, 3, 0),  # hole: all its pixels lie inside the object, none is simple
        (RING, ONE, 1, 0),  # hole filled: it shrinks to one pixel
        (NONE, ONE, 15, 0),  # object added: no pixel is simple
        (ONE, NONE, 1, 0),  # object deleted: it shrinks to one pixel
        (ONE, np.roll(ONE, 1, 1), 0, 0),  # shifted
        (TWO, np.roll(TWO, (1, 1), (0, 1)), 0, 0),
        (ONE, ndimage.binary_dilation(ONE), 0, 0),  # grown up to the image's edge
        (ONE, ndimage.binary_erosion(ONE), 0, 0),
        # corners do not join objects, so nothing is wrong here
        (_image("##..", "##..", "....", "...#"), _image("##..", "##..", "..##", "..##"), 0, 0),
    ],
)
def test_by_hand(truth, prediction, left, cuts):
    assert _pixels(truth, prediction) == (left, cuts)


def test_a_prediction_of_another_place_is_one_object_too_few_and_one_too_many():
    truth, prediction = np.zeros((2, 5, 20), bool)
    truth[1:4, 1:4], prediction[1:4, 15:18] = True, True
    assert _pixels(truth, prediction) == (1 + 9, 0)


def test_an_object_that_touches_the_edge_is_warped_like_any_other():
    truth, prediction = np.ones((6, 6), bool), np.ones((6, 6), bool)
    truth[:, 2] = False
    prediction[:, 3] = False
    assert _pixels(truth, prediction) == (0, 0)


def test_radius_limits_how_far_a_border_moves():
    truth, prediction = np.zeros((2, 9, 30), bool)
    truth[2:7, 2:6], prediction[2:7, 2:26] = True, True
    assert _pixels(truth, prediction) == (0, 0)
    assert _pixels(truth, prediction, radius=4)[0] == 5 * (20 - 4)


@cache
def _oracle(height, width):
    """All images, and which of them can be warped into each other.

    A flip keeps the topology where neither the number of objects (4-connected) nor that of backgrounds (8-connected,
    the outside among them) changes. These flips are reversible, so images fall into classes.
    """
    pixels = height * width
    codes = np.arange(1 << pixels)
    images = (codes[:, None] >> np.arange(pixels) & 1).astype(bool).reshape(-1, height, width)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    counts = np.array([(ndimage.label(one)[1], ndimage.label(~one, np.ones((3, 3)))[1]) for one in padded])
    flips = []
    for bit in range(pixels):
        keeps = (counts == counts[codes ^ 1 << bit]).all(1)
        flips.append((codes[keeps], codes[keeps] ^ 1 << bit))
    rows, columns = np.concatenate(flips, axis=1)
    graph = sparse.coo_matrix((np.ones(rows.size), (rows, columns)), (codes.size, codes.size))
    return images, sparse.csgraph.connected_components(graph)[1]


def _least(images, classes, truth, prediction):
    """The true warping error in pixels, by looking at every image of the truth's class."""
    return int((images[classes == classes[truth]] ^ images[prediction]).sum((1, 2)).min())


def test_never_below_the_least_error_and_mostly_equal_to_it():
    """400 pairs of noise, the hardest there is; 57 % equal, 1 pixel of 12 too many on average."""
    images, classes = _oracle(3, 4)
    pairs = np.random.default_rng(0).integers(len(images), size=(400, 2))
    excess = np.array(
        [
            _pixels(images[truth], images[prediction])[0] - _least(images, classes, truth, prediction)
            for truth, prediction in pairs
        ]
    )
    assert excess.min() == 0
    assert np.mean(excess == 0) > 0.5
    assert excess.mean() < 1.2


def test_warped_images_have_the_truths_topology():
    images, classes = _oracle(3, 4)
    index = {one.tobytes(): place for place, one in enumerate(images)}
    for truth, prediction in np.random.default_rng(1).integers(len(images), size=(200, 2)):
        warped = warp(images[truth], images[prediction]).warped
        assert classes[index[warped.tobytes()]] == classes[truth]


@pytest.mark.parametrize(
    ("truth", "prediction", "excess"),
    [
        (_image("#.#.", "...."), _image("###.", "...."), 0),  # merge
        (_image("#.#.", "#.#.", "#.#."), _image("###.", "###.", "###."), 1),  # merge; one object could also shrink away
        (_image("###.", "###.", "###."), _image("#.#.", "#.#.", "#.#."), 0),  # split
        (_image("###.", "#.#.", "###."), _image("###.", "###.", "###."), 0),  # hole filled
        (_image("###.", "###.", "###."), _image("###.", "#.#.", "###."), 0),  # hole
        (_image("##..", "##..", "##.."), _image(".##.", ".##.", ".##."), 0),  # moved
        (_image("##..", "##..", "...."), _image("....", "....", "...."), 0),  # deleted
        (_image("#...", "....", "...."), _image("#...", "..#.", "...."), 0),  # added
    ],
)
def test_plain_errors_against_the_least_error(truth, prediction, excess):
    images, classes = _oracle(*truth.shape)
    codes = [int((one.ravel() << np.arange(one.size)).sum()) for one in (truth, prediction)]
    assert _pixels(truth, prediction)[0] == _least(images, classes, *codes) + excess


def test_merges_and_splits_are_told_by_counting_components():
    """A pixel added is a merge where it lowers the number of objects; one removed a split where it raises it."""
    rng = np.random.default_rng(2)
    for _ in range(20):
        truth, prediction = ndimage.gaussian_filter(rng.standard_normal((2, 24, 24)), (0, 1, 1)) > 0
        warping = warp(truth, prediction)
        before, cuts = ndimage.label(warping.warped)[1], 0
        for y, x in np.argwhere(warping.warped != prediction):
            flipped = warping.warped.copy()
            flipped[y, x] ^= True
            change = ndimage.label(flipped)[1] - before
            cuts += change < 0 if flipped[y, x] else change > 0
        assert round(warping.merge_split_error * truth.size) == cuts


def test_simple_points_are_those_of_yokois_formula():
    """Yokoi, Toriwaki, Fukumura 1975: sum over the four sides of x_k - x_k x_k+1 x_k+2 is 1."""
    bits = np.arange(256)[:, None] >> np.arange(8) & 1  # clockwise from the upper left: sides are 1, 3, 5, 7
    x = [bits[:, place % 8] for place in range(10)]
    yokoi = sum(x[side] - x[side] * x[side + 1] * x[(side + 2) % 8] for side in (1, 3, 5, 7))
    assert ((connectivity_numbers() == 1).all(1) == (yokoi == 1)).all()


def test_touching_objects_come_apart():
    rng = np.random.default_rng(3)
    labels = components(rng.random((20, 20)) < 0.4)
    assert (separated(labels) == (labels > 0)).all()
    quarters = 1 + np.arange(20)[:, None] // 10 * 2 + np.arange(20) // 10
    apart = separated(quarters)
    assert components(apart).max() == 4
    assert np.count_nonzero(~apart) == 39


def test_sizes_that_differ_are_refused():
    with pytest.raises(PairingError, match="the prediction has 5 x 6 pixels and the truth 5 x 7"):
        warp(ONE, ONE[:, :6])
