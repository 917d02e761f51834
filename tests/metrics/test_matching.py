"""Matching: parity with StarDist, and cases by hand."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from stardist.matching import matching

from unmask.errors import UnmaskError
from unmask.metrics.matching import THRESHOLDS, match, threshold_name
from unmask.metrics.overlaps import overlaps


def _assert_equal_to_stardist(truth, prediction):
    table = overlaps(truth, prediction)
    for ours, theirs in zip(
        (match(table, threshold) for threshold in THRESHOLDS),
        matching(truth, prediction, thresh=THRESHOLDS),
        strict=True,
    ):
        assert (ours.true_positives, ours.false_positives, ours.false_negatives) == (theirs.tp, theirs.fp, theirs.fn)
        assert ours.ap == theirs.accuracy
        assert ours.precision == theirs.precision
        assert ours.recall == theirs.recall
        assert ours.f1 == theirs.f1
        assert ours.panoptic_quality == pytest.approx(theirs.panoptic_quality, abs=1e-6)  # StarDist's IoU is float32
        assert ours.mean_iou == pytest.approx(theirs.mean_matched_score, abs=1e-6)


@settings(deadline=None)
@given(st.data())
def test_noise_is_matched_as_stardist_does(data):
    shape = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 8)))
    labels = hnp.arrays(np.int32, shape, elements=st.integers(0, 4))
    _assert_equal_to_stardist(data.draw(labels), data.draw(labels))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_grids_that_are_cut_moved_and_joined_are_matched_as_stardist_does(seed):
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((24, 24))
    truth = (1 + rows // 6 * 4 + columns // 6).astype(np.int32) * (rng.random((24, 24)) < 0.9)
    prediction = np.roll(truth, rng.integers(0, 3, 2), (0, 1))
    prediction = rng.permutation(17)[prediction]  # some ids change places, some become background
    prediction[rng.random((24, 24)) < rng.uniform(0, 0.3)] = 0
    prediction += 20 * (rows % 6 < rng.integers(0, 6)) * (prediction > 0)
    _assert_equal_to_stardist(truth, prediction)


@pytest.mark.parametrize(
    ("truth", "prediction"),
    [
        ([[0, 0]], [[0, 0]]),
        ([[1, 1]], [[0, 0]]),
        ([[0, 0]], [[1, 2]]),
        ([[1, 1]], [[1, 2]]),  # halved: two partners of IoU .5, one match
        ([[1, 2]], [[1, 1]]),
        ([[1, 1, 2, 2, 3, 4]], [[1, 2, 3, 3, 4, 4]]),
        ([[1] * 20], [[1] * 11 + [0] * 9]),  # IoU exactly .55
        ([[1] * 20], [[1] * 19 + [0]]),  # IoU exactly .95
    ],
)
def test_edges_are_matched_as_stardist_does(truth, prediction):
    _assert_equal_to_stardist(np.array(truth), np.array(prediction))


def test_figures_by_hand():
    truth = np.array([[1, 1, 1, 1, 0, 2, 2, 0, 3]])
    prediction = np.array([[4, 4, 4, 0, 0, 5, 5, 5, 0]])  # IoU 3/4, 2/3, and 3 is missed
    loose, strict = match(overlaps(truth, prediction), 0.5), match(overlaps(truth, prediction), 0.7)
    assert (loose.true_positives, loose.false_positives, loose.false_negatives) == (2, 0, 1)
    assert (strict.true_positives, strict.false_positives, strict.false_negatives) == (1, 1, 2)
    assert loose.ap == 2 / 3
    assert strict.ap == 1 / 4
    assert strict.f1 == 2 / 5
    assert strict.precision == 1 / 2
    assert strict.recall == 1 / 3
    assert loose.mean_iou == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert loose.panoptic_quality == pytest.approx((3 / 4 + 2 / 3) / 2.5)


def test_thresholds_are_the_very_decimals():
    assert THRESHOLDS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
    assert [threshold_name(one) for one in THRESHOLDS[:2]] == ["0.50", "0.55"]


@pytest.mark.parametrize("threshold", [0.4, 1.1, float("nan")])
def test_ambiguous_thresholds_are_refused(threshold):
    message = (
        f"objects cannot be matched at an IoU of {threshold}, for below .5 matches are ambiguous. "
        "Use a threshold from 0.5 to 1."
    )
    with pytest.raises(UnmaskError, match=re.escape(message)):
        match(overlaps(np.ones((1, 1), int), np.ones((1, 1), int)), threshold)
