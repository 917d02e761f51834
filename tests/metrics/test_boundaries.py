"""V_rand, V_info, Rand error: against scikit-image, a plain version, and by hand."""

import re

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.metrics import adapted_rand_error, variation_of_information

from unmask.errors import UnmaskError
from unmask.metrics.boundaries import (
    best_over_thresholds,
    fill_borders,
    rand_error,
    v_info,
    v_rand,
    v_rand_over_thresholds,
)
from unmask.metrics.overlaps import overlaps


@st.composite
def _pairs(draw):
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 8)))
    labels = hnp.arrays(np.int64, shape, elements=st.integers(0, 4))
    truth, prediction = draw(labels), draw(labels)
    assume(truth.any())
    return truth, prediction


def _with_single_pixels(prediction):
    """Every pixel without an object becomes an object of its own."""
    return np.where(prediction == 0, 100 + np.arange(prediction.size).reshape(prediction.shape), prediction)


@given(_pairs())
def test_rand_error_is_that_of_scikit_image(pair):
    truth, prediction = pair
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = adapted_rand_error(truth, _with_single_pixels(prediction))[0]
    found = rand_error(overlaps(truth, prediction))
    assert found == pytest.approx(expected) if np.isfinite(expected) else found == 0


@given(_pairs())
def test_v_rand_is_the_papers_formula(pair):
    truth, prediction = pair[0], _with_single_pixels(pair[1])
    inside = truth > 0
    p = np.array(
        [[np.sum(inside & (prediction == i) & (truth == j)) for j in range(1, 5)] for i in np.unique(prediction)]
    )
    p = p / inside.sum()
    expected = np.sum(p**2) / (np.sum(p.sum(0) ** 2) / 2 + np.sum(p.sum(1) ** 2) / 2)
    assert v_rand(overlaps(*pair)) == pytest.approx(expected)


@given(_pairs())
def test_v_info_follows_from_scikit_images_variation_of_information(pair):
    """VI = H(S|T) + H(T|S) = H(S) + H(T) - 2 I."""
    truth, prediction = pair[0], _with_single_pixels(pair[1])
    vi = variation_of_information(truth, prediction, ignore_labels=[0]).sum() * np.log(2)
    sizes = [np.unique(one[truth > 0], return_counts=True)[1] / np.sum(truth > 0) for one in (truth, prediction)]
    entropies = sum(-np.sum(share * np.log(share)) for share in sizes)
    expected = (entropies - vi) / entropies if entropies > 1e-12 else 1
    assert v_info(overlaps(*pair)) == pytest.approx(expected, abs=1e-9)


def test_by_hand():
    merged = overlaps(np.array([[1, 1, 0, 2, 2]]), np.array([[3, 3, 3, 3, 3]]))
    assert v_rand(merged) == pytest.approx((1 / 4 + 1 / 4) / (1 / 2 + 1 / 4))
    assert v_info(merged) == 0
    assert rand_error(merged) == pytest.approx(1 - 4 / (12 / 2 + 4 / 2))
    split = overlaps(np.array([[1, 1, 1, 1]]), np.array([[3, 3, 4, 4]]))
    assert v_rand(split) == pytest.approx((1 / 4 + 1 / 4) / (1 / 4 + 1 / 2))
    assert v_info(split) == 0


def test_what_the_truth_marks_as_border_does_not_count():
    truth = np.array([[1, 1, 0, 0, 2, 2]])
    for between in ([3, 4], [8, 9], [0, 0]):
        table = overlaps(truth, np.array([[3, 3, *between, 4, 4]]))
        assert (v_rand(table), v_info(table), rand_error(table)) == (1, 1, 0)


def test_the_width_of_borders_costs_nothing_once_they_are_filled():
    truth = np.zeros((20, 20), int)
    truth[:, :10], truth[:, 11:] = 1, 2
    thick = truth.copy()
    thick[:, 5:16] = 0
    assert v_rand(overlaps(truth, fill_borders(thick))) == 1
    assert v_rand(overlaps(truth, thick)) < 0.5
    assert rand_error(overlaps(truth, thick)) > 0.5


def test_an_empty_prediction_is_worst():
    truth = np.repeat([[1] * 50, [2] * 50], 10, axis=0)
    table = overlaps(truth, fill_borders(np.zeros_like(truth)))
    assert v_rand(table) == pytest.approx((1 / 1000) / (1 / 2000 + 1 / 4))
    assert rand_error(table) == 1


def test_borders_are_filled_from_the_nearest_object():
    labels = np.array([[5, 0, 0, 0, 0, 7], [0, 0, 0, 0, 0, 0]])
    assert fill_borders(labels).tolist() == [[5, 5, 5, 7, 7, 7]] * 2
    assert fill_borders(labels).dtype == labels.dtype
    for alone in (np.zeros((2, 3), int), np.ones((2, 3), int)):
        assert (fill_borders(alone) == alone).all()


def test_best_over_thresholds_says_which():
    truth = np.zeros((9, 21), np.int32)
    truth[:, :10], truth[:, 11:] = 1, 2
    probability = np.full((9, 21), 0.9, np.float32)
    probability[:, 10] = 0.6  # the border shows above .6
    probability[4, 4] = 0.2
    probability[:, 3] = 0.75  # and above .75 a false one
    scores = v_rand_over_thresholds(truth, probability, [0.5, 0.7, 0.8, 0.95])
    assert scores[1] == 1
    assert scores[0] == pytest.approx(0.5 / 0.75)
    assert scores[3] < scores[2] < 1
    assert best_over_thresholds(truth, probability, [0.5, 0.7, 0.8, 0.95]) == (1, 0.7)


def test_a_truth_without_objects_is_refused():
    empty = np.zeros((3, 3), np.int32)
    message = "borders cannot be scored where the truth has no object. Leave such images out."
    for score in (v_rand, v_info, rand_error):
        with pytest.raises(UnmaskError, match=re.escape(message)):
            score(overlaps(empty, empty))
    with pytest.raises(UnmaskError, match=re.escape(message)):
        best_over_thresholds(empty, np.ones((3, 3), np.float32), [0.5])
