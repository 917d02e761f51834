"""Calibration against numbers computed by hand and a slow reference that loops over pixels."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.errors import MaskError, PairingError
from unmask.metrics.calibration import BINS, LEAST, Bins, Calibration, calibration, pooled

# Foreground .1, .1, .9, 1 of four pixels; the second is wrong.
FRONT = np.array([[0.1, 0.1], [0.9, 1.0]], np.float32)
TRUTH = np.array([[0, 1], [1, 1]], np.uint8)


def maps(front: np.ndarray) -> np.ndarray:
    """Two channels from the foreground's."""
    return np.stack([1 - front, front])


def drawn(seed: int, classes: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, some of them 0 or 1, and a class map."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, random.choice([0.5, 3, 60]), (classes, *size)).astype(np.float32)
    found = np.exp(logits - logits.max(axis=0))
    return found / found.sum(axis=0), random.integers(classes, size=size).astype(np.uint8)


def ece_by_loops(probabilities: list[float], true: list[bool]) -> float:
    """As Guo et al. 2017 write it: a sum over bins of |accuracy - confidence|, weighted by the share of pixels."""
    total = 0.0
    for place in range(BINS):
        members = [at for at, p in enumerate(probabilities) if min(int(p * BINS), BINS - 1) == place]
        if members:
            confidence = sum(probabilities[at] for at in members) / len(members)
            accuracy = sum(true[at] for at in members) / len(members)
            total += len(members) / len(true) * abs(accuracy - confidence)
    return total


def test_four_pixels_by_hand() -> None:
    found = calibration(maps(FRONT), TRUTH)
    # .1 lies in bin 1 of 15 and .9 in bin 13; 1 belongs to the last.
    assert np.flatnonzero(found.foreground.pixels).tolist() == [1, 13, 14]
    assert found.foreground.pixels[[1, 13, 14]].tolist() == [2, 1, 1]
    assert found.foreground.true[[1, 13, 14]].tolist() == [1, 1, 1]
    # (|.2 - 1| + |.9 - 1| + 0) / 4; of the likeliest class .9, .9, .9 and 1 with one of three wrong: |2.7 - 2| / 4.
    assert found.foreground.ece == pytest.approx(0.225, abs=1e-6)
    assert found.label.ece == pytest.approx(0.175, abs=1e-6)
    assert found.nll == pytest.approx(-(2 * math.log(0.9) + math.log(0.1)) / 4, abs=1e-6)
    assert found.brier == pytest.approx((0.01 + 0.81 + 0.01) / 4, abs=1e-6)
    values = found.foreground.to_dict()
    assert values["share"] == [None, 0.5, *[None] * 11, 1.0, 1.0]
    assert values["probability"] == [None, pytest.approx(0.1), *[None] * 11, pytest.approx(0.9), 1.0]


@given(st.integers(0, 10_000), st.integers(2, 5), st.booleans())
def test_it_is_what_loops_over_pixels_give(seed: int, classes: int, hidden: bool) -> None:
    probabilities, truth = drawn(seed, classes, (7, 9))
    ignore = np.random.default_rng(seed).random((7, 9)) < 0.3 if hidden else None
    found = calibration(probabilities, truth, ignore)
    known = [(y, x) for y in range(7) for x in range(9) if ignore is None or not ignore[y, x]]
    columns = [probabilities[:, y, x].astype(float) for y, x in known]
    true = [int(truth[y, x]) for y, x in known]
    front = [float(np.float32(1) - np.float32(one[0])) for one in columns]
    assert found.pixels == len(known)
    assert found.foreground.ece == pytest.approx(ece_by_loops(front, [one > 0 for one in true]), abs=1e-5)
    likeliest = [max(range(classes), key=lambda c, one=one: one[c]) for one in columns]
    right = [one == other for one, other in zip(likeliest, true, strict=True)]
    assert found.label.ece == pytest.approx(ece_by_loops([max(one) for one in columns], right), abs=1e-5)
    nll = [-math.log(max(one[c], LEAST)) for one, c in zip(columns, true, strict=True)]
    assert found.nll == pytest.approx(sum(nll) / len(nll), rel=1e-5)
    squares = [sum((one[c] - (c == t)) ** 2 for c in range(classes)) for one, t in zip(columns, true, strict=True)]
    assert found.brier == pytest.approx(sum(squares) / len(squares) / 2, abs=1e-5)


def test_images_one_at_a_time_are_all_at_once() -> None:
    probabilities, truth = drawn(1, 3, (40, 30))
    whole = calibration(probabilities, truth)
    parts = pooled(calibration(probabilities[:, rows], truth[rows]) for rows in (slice(0, 13), slice(13, 40)))
    assert parts.pixels == whole.pixels == 1200
    np.testing.assert_array_equal(parts.foreground.pixels, whole.foreground.pixels)
    np.testing.assert_array_equal(parts.label.true, whole.label.true)
    for one, other in ((parts.nll, whole.nll), (parts.brier, whole.brier), (parts.label.ece, whole.label.ece)):
        assert one == pytest.approx(other, rel=1e-9)


def test_truth_drawn_from_the_probabilities_is_calibrated_and_a_shift_is_its_error() -> None:
    random = np.random.default_rng(0)
    front = random.uniform(0.2, 0.8, (600, 600)).astype(np.float32)
    truth = (random.random(front.shape) < front).astype(np.uint8)
    assert calibration(maps(front), truth).foreground.ece < 0.01
    assert calibration(maps(front + np.float32(0.15)), truth).foreground.ece == pytest.approx(0.15, abs=0.01)


def test_a_sure_mistake_is_finite() -> None:
    found = calibration(maps(np.ones((1, 1), np.float32)), np.zeros((1, 1), np.uint8))
    assert found.nll == pytest.approx(-math.log(LEAST))
    assert (found.brier, found.foreground.ece) == (1, 1)


def test_without_known_pixels_nothing_is_said() -> None:
    found = calibration(maps(FRONT), TRUTH, np.ones((2, 2), bool))
    assert found.pixels == 0
    assert all(math.isnan(value) for value in (found.nll, found.brier, found.foreground.ece, found.label.ece))
    assert pooled([]).pixels == 0


def test_wrong_input_is_refused() -> None:
    with pytest.raises(MaskError, match=r"image1: the truth has class 2, and there are probabilities of 1 classes\."):
        calibration(maps(FRONT), TRUTH * 2, name="image1")
    with pytest.raises(PairingError, match="image1"):
        calibration(maps(FRONT), TRUTH[:1], name="image1")
    with pytest.raises(PairingError, match="1 x 2 pixels and the truth 2 x 2"):
        calibration(maps(FRONT), TRUTH, np.zeros((1, 2), bool))
    with pytest.raises(MaskError, match="must be true or false"):
        calibration(maps(FRONT), TRUTH, np.zeros((2, 2), np.uint8))


def test_sums_are_of_like_things() -> None:
    bins = Bins(np.arange(BINS), np.arange(BINS) / 2, np.zeros(BINS, int))
    one = Calibration(bins, bins, 1.0, 2.0)
    both = one + one
    assert (both.pixels, both.nll_sum, both.brier_sum) == (2 * sum(range(BINS)), 2.0, 4.0)
    assert both.foreground.ece == pytest.approx(0.5)
