"""What twice as many images would be worth: exact where the law holds, and as unsure as the points are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

from unmask.training.extrapolate import _line, doubled

IMAGES = (2, 4, 8, 16, 32)


def law(images: np.ndarray, top: float, drop: float, power: float) -> np.ndarray:
    return top - drop * images**-power


def test_a_curve_that_follows_the_law_is_followed() -> None:
    scores = law(np.array(IMAGES, float), 0.9, 0.4, 0.5)
    found = doubled(IMAGES, scores.tolist(), noise=0.0)
    assert found is not None
    gain = 0.4 * (32**-0.5 - 64**-0.5)
    assert found.images == 64
    assert (found.gain, found.low, found.high) == pytest.approx((gain, gain, gain), abs=1e-9)


def test_a_flat_curve_promises_nothing() -> None:
    found = doubled(IMAGES, [0.7] * 5, noise=0.0)
    assert found is not None
    assert (found.gain, found.high) == pytest.approx((0, 0), abs=1e-12)


def test_noise_that_is_known_widens_the_span() -> None:
    scores = law(np.array(IMAGES, float), 0.9, 0.4, 0.5).tolist()
    sure, unsure = (doubled(IMAGES, scores, noise) for noise in (0.002, 0.02))
    assert sure is not None
    assert unsure is not None
    assert unsure.low < sure.low < sure.gain < sure.high < unsure.high


def test_three_points_are_too_few() -> None:
    assert doubled((2, 4, 8), (0.5, 0.6, 0.65), 0.01) is None
    assert doubled((2, 4, 8, 16), (0.5, 0.6, 0.65, 0.68), 0.01) is not None


def test_scores_stay_below_one() -> None:
    found = doubled((2, 4, 8, 16), (0.9, 0.95, 0.98, 0.999), 0.01)
    assert found is not None
    assert 0 <= found.low <= found.gain <= 0.001 + 1e-9


def test_the_span_holds_the_truth_most_of_the_time() -> None:
    """Curves with a noise of .01: the span, made for 8 of 10, holds what twice as many really give in 6 or more."""
    random = np.random.default_rng(1)
    held = []
    for _ in range(60):
        top, drop, power = random.uniform(0.7, 0.95), random.uniform(0.2, 0.6), random.uniform(0.4, 1.2)
        scores = law(np.array(IMAGES, float), top, drop, power) + random.normal(0, 0.01, 5)
        found = doubled(IMAGES, scores.tolist(), 0.01)
        assert found is not None
        held.append(found.low <= drop * (32**-power - 64**-power) <= found.high)
    assert 0.6 <= np.mean(held) <= 0.97


@given(st.lists(st.floats(0, 1.2), min_size=4, max_size=7), st.floats(0.1, 2))
@settings(max_examples=60)
def test_the_line_is_the_best_within_its_bounds(scores: list[float], power: float) -> None:
    """Beside SciPy's bounded least squares."""
    fall, y = np.arange(2, 2 + len(scores), dtype=float) ** -power, np.array(scores)
    top, drop = (float(one[0]) for one in _line(fall, y[None]))
    best = lsq_linear(np.stack([np.ones_like(fall), -fall], axis=1), y, ([-np.inf, 0], [1, np.inf]), tol=1e-12)
    assert top <= 1
    assert drop >= 0
    assert np.square(y - (top - drop * fall)).sum() / 2 <= best.cost + 1e-8
