import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from stardist.matching import matching

from unmask.geometry.labels import relabel
from unmask.instances.decode import decode, drop_small, fill_holes, label_objects
from unmask.recipe import InstanceRecipe


def parameters(seed=0.7, mask=0.5, reach=4, size=1, hole=0):
    return InstanceRecipe(seed_threshold=seed, mask_threshold=mask, reach=reach, min_size=size, max_hole=hole)


def foreground(rows):
    """Digits are tenths."""
    return np.array([[int(digit) / 10 for digit in row] for row in rows], np.float32)


def two_classes(front):
    return np.stack([1 - front, front]).astype(np.float32)


def test_objects_that_touch_are_separated_by_the_ridge_and_share_it():
    front = foreground(["0000000", "0995990", "0995990", "0000000"])
    expected = [[0] * 7, [0, 1, 1, 1, 2, 2, 0], [0, 1, 1, 1, 2, 2, 0], [0] * 7]
    np.testing.assert_array_equal(label_objects(front, parameters()), expected)


def test_without_reach_the_ridge_stays_background():
    front = foreground(["99599", "99599"])
    np.testing.assert_array_equal(label_objects(front, parameters(reach=0)), [[1, 1, 0, 2, 2]] * 2)


def test_growth_ends_where_the_probability_is_below_the_mask_threshold():
    np.testing.assert_array_equal(label_objects(foreground(["0469640"]), parameters()), [[0, 0, 1, 1, 1, 0, 0]])


def test_two_seeds_in_one_mask_are_two_objects():
    labels = label_objects(foreground(["9966699"]), parameters())
    np.testing.assert_array_equal(labels, [[1, 1, 1, 1, 2, 2, 2]])


def test_what_nowhere_reaches_the_seed_threshold_is_no_object():
    assert label_objects(foreground(["0666660", "0999000"]), parameters()).max() == 1
    assert label_objects(foreground(["0666660", "0000000"]), parameters()).max() == 0


def test_seeds_of_less_than_half_the_smallest_size_do_not_split_an_object():
    front = foreground(["99966696"])
    assert label_objects(front, parameters(size=3)).max() == 1
    assert label_objects(front, parameters(size=2)).max() == 2


def test_small_objects_go_and_the_others_are_numbered_anew():
    front = foreground(["9000", "0000", "0099", "9099"])
    np.testing.assert_array_equal(
        label_objects(front, parameters(size=4)), [[0] * 4, [0] * 4, [0, 0, 1, 1], [0, 0, 1, 1]]
    )


def test_sizes_are_counted_after_growth():
    front = foreground(["0690", "0660"])
    assert label_objects(front, parameters(size=2, reach=2)).max() == 1
    assert label_objects(front, parameters(size=2, reach=0)).max() == 0


RING = np.array([[1, 1, 1, 1], [1, 0, 0, 1], [1, 1, 1, 1]], np.int32)


def test_holes_are_filled_up_to_their_size():
    assert (fill_holes(RING, 2) == 1).all()
    np.testing.assert_array_equal(fill_holes(RING, 1), RING)
    np.testing.assert_array_equal(fill_holes(RING, 0), RING)


def test_a_hole_between_two_objects_is_not_filled():
    between = RING.copy()
    between[:, 2:][between[:, 2:] == 1] = 2
    np.testing.assert_array_equal(fill_holes(between, 9), between)


def test_a_pocket_at_the_edge_of_the_image_is_not_filled():
    np.testing.assert_array_equal(fill_holes(RING[1:], 9), RING[1:])


def test_a_hole_that_leaks_through_a_corner_is_not_filled():
    leaking = np.pad(RING, 1)
    leaking[1, 1] = 0  # the hole at (2, 2) touches it by the corner
    np.testing.assert_array_equal(fill_holes(leaking, 3), leaking)


def test_every_hole_goes_to_its_own_object():
    two = np.concatenate([RING, 5 * RING], axis=1)
    np.testing.assert_array_equal(fill_holes(two, 2), np.repeat([[1, 1, 1, 1, 5, 5, 5, 5]], 3, axis=0))


def test_a_fleck_in_a_hole_is_dropped_and_the_hole_filled():
    front = np.full((7, 7), 0.9, np.float32)
    front[2:5, 2:5] = 0.1
    front[3, 3] = 0.9
    assert (label_objects(front, parameters(size=4, hole=9)) == 1).all()


def test_drop_small_keeps_labels():
    np.testing.assert_array_equal(drop_small(np.array([[1, 0, 3, 3]], np.int32), 2), [[0, 0, 3, 3]])


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (6, 6)])
def test_all_background_and_all_foreground(shape):
    nothing = decode(two_classes(np.zeros(shape)), InstanceRecipe(min_size=1))
    assert len(nothing) == 0
    assert nothing.labels.shape == shape
    assert not nothing.labels.any()
    assert nothing.classes.shape == nothing.scores.shape == (0,)
    everything = decode(two_classes(np.ones(shape)), InstanceRecipe(min_size=1))
    assert (everything.labels == 1).all()
    assert everything.classes.tolist() == everything.scores.tolist() == [1]


def test_an_object_at_the_edge_is_an_object():
    assert label_objects(foreground(["0000", "9900", "9900"]), parameters(size=4)).tolist() == [
        [0, 0, 0, 0],
        [1, 1, 0, 0],
        [1, 1, 0, 0],
    ]


def test_class_and_score_by_hand():
    first = [0.6, 0.2, 0.0, 0.1]
    second = [0.3, 0.7, 0.0, 0.9]
    maps = np.array([[[1 - a - b for a, b in zip(first, second, strict=True)]], [first], [second]], np.float32)
    objects = decode(maps, parameters(seed=0.5), pixel_size=(0.5, 0.25))
    np.testing.assert_array_equal(objects.labels, [[1, 1, 0, 2]])
    assert objects.classes.tolist() == [2, 2]  # 0.8 against 1.0, 0.1 against 0.9
    np.testing.assert_allclose(objects.scores, [0.9, 1.0], atol=1e-6)
    assert objects.pixel_size == (0.5, 0.25)


def test_equal_classes_go_to_the_lower_index():
    maps = np.array([[[0, 0]], [[0.25, 0.75]], [[0.75, 0.25]]], np.float32)
    assert decode(maps, parameters()).classes.tolist() == [1]


@st.composite
def probabilities(draw):
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = ndimage.gaussian_filter(rng.standard_normal((3, *shape)), (0, 1, 1)) * 6
    return (np.exp(logits) / np.exp(logits).sum(axis=0)).astype(np.float32)


@settings(deadline=None)  # the first call compiles
@given(probabilities(), st.integers(0, 6), st.integers(1, 6), st.integers(0, 6))
def test_objects_keep_their_promises(maps, reach, size, hole):
    values = parameters(0.7, 0.5, reach, size, hole)
    objects = decode(maps, values)
    assert objects.labels.dtype == np.int32
    assert objects.classes.dtype == np.uint8
    assert objects.scores.dtype == np.float32
    np.testing.assert_array_equal(objects.labels, relabel(objects.labels))
    assert len(objects) == objects.labels.max() == objects.classes.size == objects.scores.size
    for label in range(1, len(objects) + 1):
        here = objects.labels == label
        assert here.sum() >= size
        assert (1 - maps[0])[here].max() >= 0.7
        assert objects.classes[label - 1] == 1 + maps[1:, here].sum(axis=1, dtype=float).argmax()
        assert objects.scores[label - 1] == pytest.approx((1 - maps[0][here].astype(float)).mean(), abs=1e-6)
    again = decode(maps.copy(), values)
    np.testing.assert_array_equal(again.labels, objects.labels)
    np.testing.assert_array_equal(again.scores, objects.scores)


@settings(deadline=None)
@given(probabilities(), st.integers(0, 6))
def test_objects_lie_in_the_mask_where_no_hole_is_filled(maps, reach):
    labels = label_objects(1 - maps[0], parameters(0.7, 0.5, reach))
    assert ((1 - maps[0])[labels > 0] >= np.float32(0.5)).all()


def simulated(truth):
    """About what a network gives that was trained with a ridge of two pixels: blurred and a little noisy."""
    smallest = ndimage.minimum_filter(np.where(truth > 0, truth, truth.max() + 1), 3)
    ridge = ndimage.maximum_filter(truth, 3) != smallest
    noise = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(truth.shape), 1) * 0.1
    return (
        (ndimage.gaussian_filter(np.where((truth > 0) & ~ridge, 1.0, 0.0), 1.2) + noise).clip(0, 1).astype(np.float32)
    )


@pytest.mark.skipif("UNMASK_DATA" not in os.environ, reason="UNMASK_DATA, the folder of real data, is not set")
def test_real_nuclei_are_separated_and_get_their_extent_back():
    values = {
        "grown": parameters(0.7, 0.4, 3, 10),
        "low": parameters(0.4, 0.4, 0, 10),
        "high": parameters(0.7, 0.7, 0, 10),
    }
    scores = {name: [] for name in values}
    for file in sorted(Path(os.environ["UNMASK_DATA"], "dsb2018", "masks").glob("*.tif"))[:40:5]:
        truth = relabel(tifffile.imread(file))
        for name, value in values.items():
            scores[name].append(matching(truth, label_objects(simulated(truth), value), 0.75).accuracy)
    assert np.mean(scores["grown"]) > 0.95  # both thresholds: 0.99
    assert np.mean(scores["low"]) < 0.8  # merged: 0.73
    assert np.mean(scores["high"]) < 0.8  # too small: 0.65
