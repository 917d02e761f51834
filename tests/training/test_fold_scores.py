"""What folds scored: means, spread, and folds that say nothing."""

import math

import pytest

from unmask.training.fold_scores import fold_scores

PARTS = (("a", "b"), ("c",), ("d", "e"))


def test_mean_of_each_fold_and_spread_over_folds() -> None:
    found = fold_scores(PARTS, {"a": 0.2, "b": 0.4, "c": 0.5, "d": 0.6, "e": 0.8}, "AP")
    assert found.images == (2, 1, 2)
    assert found.scores == pytest.approx((0.3, 0.5, 0.7))
    assert found.mean == pytest.approx(0.5)
    assert found.spread == pytest.approx(0.2)
    assert found.words == "AP, fold by fold: 0.300, 0.500, 0.700; mean 0.500, standard deviation 0.200."


def test_images_without_a_score_are_left_out() -> None:
    found = fold_scores(PARTS, {"a": 0.2, "d": 0.6, "e": 0.8}, "AP")
    assert found.scores[0] == 0.2
    assert math.isnan(found.scores[1])
    assert (found.mean, found.spread) == pytest.approx((0.45, 0.25 * math.sqrt(2)))
    assert "0.200, no object, 0.700" in found.words


def test_nothing_at_all() -> None:
    found = fold_scores(PARTS, {}, "AP")
    assert math.isnan(found.mean)
    assert found.spread == 0
