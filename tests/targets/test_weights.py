"""Border weights against the plain version, one distance transform an object; class weights by hand."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from unmask.arrays import LabelImage
from unmask.errors import MaskError, RecipeError
from unmask.targets.distances import two_nearest
from unmask.targets.weights import border_weight, class_frequencies, class_weights, cut_off, weight_map


def _scene(seed: int, objects: int, shape: tuple[int, int], largest: int = 12) -> LabelImage:
    random = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for label in 3 * random.permutation(np.arange(1, objects + 1)):
        cy, cx, radius = random.integers(shape[0]), random.integers(shape[1]), random.integers(0, largest)
        labels[(y - cy) ** 2 + (x - cx) ** 2 <= radius**2] = label
    return labels


def _plain_distances(labels: LabelImage) -> np.ndarray:
    """d1 and d2 by one whole transform an object: the definition."""
    each = [ndimage.distance_transform_edt(labels != label) for label in np.unique(labels[labels > 0])]
    each += [np.full(labels.shape, np.inf)] * 2
    return np.sort(each, axis=0)[:2]


def _plain_weight(labels: LabelImage, w0: float, sigma: float) -> np.ndarray:
    return w0 * np.exp(-(_plain_distances(labels).sum(0) ** 2) / (2 * sigma**2))


shapes = st.tuples(st.integers(1, 50), st.integers(1, 50))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 30), shapes, st.floats(0.5, 60))
def test_two_nearest_is_the_definition_within_the_radius(seed, objects, shape, radius):
    labels = _scene(seed, objects, shape)
    plain = _plain_distances(labels)
    plain[plain > radius] = np.inf
    distances, owners = two_nearest(labels, radius)
    np.testing.assert_allclose(distances, plain, rtol=1e-6)
    np.testing.assert_array_equal(owners == 0, np.isinf(plain))
    for label in np.unique(labels[labels > 0]):
        alone = ndimage.distance_transform_edt(labels != label)
        np.testing.assert_allclose(distances[owners == label], np.stack((alone, alone))[owners == label], rtol=1e-6)
    assert ((owners[0] != owners[1]) | (owners[0] == 0)).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 30), shapes, st.floats(0.5, 30), st.floats(0.3, 8), st.floats(1e-4, 1))
def test_the_error_bound(seed, objects, shape, w0, sigma, tolerance):
    labels = _scene(seed, objects, shape)
    plain = _plain_weight(labels, w0, sigma)
    error = np.abs(border_weight(labels, w0, sigma, tolerance) - plain)
    assert error.max() <= tolerance * (1 + 1e-5)
    kept = plain > tolerance * (1 + 1e-5)
    np.testing.assert_allclose(border_weight(labels, w0, sigma, tolerance)[kept], plain[kept], rtol=1e-4)


def test_an_object_that_spans_the_image():
    labels = np.ones((60, 90), np.int32)
    labels[20:30, 40:50] = 2
    labels[:, 70:73] = 0
    labels[:, 73:] = 3
    np.testing.assert_allclose(border_weight(labels), _plain_weight(labels, 10, 5), atol=1e-3)


def test_by_hand():
    labels = np.array([[1, 0, 0, 2, 2]], np.int32)
    sums = np.array([3, 1 + 2, 2 + 1, 3, 4])
    np.testing.assert_allclose(border_weight(labels, 10, 5)[0], 10 * np.exp(-(sums**2) / 50), rtol=1e-6)


def test_cut_off_is_where_the_term_meets_the_tolerance():
    assert cut_off(10, 5, 1e-3) == pytest.approx(21.4597, abs=1e-4)
    assert 10 * np.exp(-(cut_off(10, 5, 1e-3) ** 2) / 50) == pytest.approx(1e-3)
    assert cut_off(1e-4, 5, 1e-3) == 0


@pytest.mark.parametrize("labels", [np.zeros((5, 6), np.int32), np.pad(np.full((2, 2), 9, np.int32), 3)])
def test_fewer_than_two_objects_weigh_nothing(labels):
    weight = border_weight(labels)
    assert weight.dtype == np.float32
    np.testing.assert_array_equal(weight, np.zeros(labels.shape))


def test_no_weight_no_map():
    assert not border_weight(np.array([[1, 2]], np.int32), w0=0).any()


def test_time_does_not_grow_with_the_number_of_objects():
    few, many = _scene(0, 10, (700, 700), 60), _scene(0, 1000, (700, 700), 12)
    border_weight(few[:9, :9])  # compiled

    def seconds(labels: LabelImage) -> float:
        spent = []
        for _ in range(3):
            start = time.perf_counter()
            border_weight(labels)
            spent.append(time.perf_counter() - start)
        return min(spent)

    assert seconds(many) < 10 * seconds(few)  # one transform an object would take 100 times as long


def test_class_frequencies_count_over_all_maps():
    maps = [np.array([[0, 0, 1]], np.uint8), np.array([[0], [2]], np.uint8)]
    np.testing.assert_allclose(class_frequencies(maps, 4), [0.6, 0.2, 0.2, 0])


def test_class_frequencies_are_of_known_pixels():
    maps = [np.array([[0, 0, -1], [1, -1, -1]], np.int16), np.array([[0]], np.uint8)]
    np.testing.assert_allclose(class_frequencies(maps, 2), [0.75, 0.25])
    with pytest.raises(MaskError, match="no pixels to count classes in"):
        class_frequencies([np.array([[-1]], np.int16)], 2)


@pytest.mark.parametrize(
    ("power", "expected"),
    [
        (1.0, [0.5 / 0.8, 0.5 / 0.2, 1]),  # half of the total weight for each
        (0.5, [0.8**-0.5 / (0.8**0.5 + 0.2**0.5), 0.2**-0.5 / (0.8**0.5 + 0.2**0.5), 1]),
        (0.0, [1, 1, 1]),
    ],
)
def test_class_weights_balance_with_mean_one(power, expected):
    frequencies = np.array([0.8, 0.2, 0])
    weights = class_weights(frequencies, power)
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    assert frequencies @ weights == pytest.approx(1)


def test_weight_map_is_the_sum():
    objects = np.array([[1, 1, 2, 2]], np.int32)
    target = np.array([[1, 0, 0, 1]], np.uint8)
    weight = weight_map(objects, target, np.array([0.5, 3], np.float32), 10, 5)
    near, far = 10 * np.exp(-1 / 50), 10 * np.exp(-4 / 50)
    np.testing.assert_allclose(weight, [[3 + far, 0.5 + near, 0.5 + near, 3 + far]], rtol=1e-6)
    assert weight.dtype == np.float32


def test_wrong_input():
    labels, two = np.array([[1, 2]], np.int32), np.ones(2, np.float32)
    for bad in ({"w0": -1.0}, {"sigma": 0.0}, {"tolerance": 0.0}, {"sigma": float("nan")}):
        with pytest.raises(RecipeError, match=r"a border weight of w0 .*Give a w0 of 0 or more"):
            border_weight(labels, **bad)
    with pytest.raises(MaskError, match=r"class 2 in a mask, but 2 classes with the background.*[Nn]ame every class"):
        weight_map(labels, np.array([[0, 2]], np.uint8), two, 10, 5)
    with pytest.raises(MaskError, match=r"target of \(1, 3\) and objects of \(1, 2\) pixels.*size of the image"):
        weight_map(labels, np.zeros((1, 3), np.uint8), two, 10, 5)
    with pytest.raises(MaskError, match=r"class 5 in a mask"):
        class_frequencies([np.array([[5]], np.uint8)], 2)
    with pytest.raises(MaskError, match=r"no pixels to count classes in.*at least one class map"):
        class_frequencies([], 2)
