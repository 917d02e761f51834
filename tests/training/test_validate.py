"""Validation figures by hand."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unmask.data.dataset import Dataset
from unmask.data.masks.coding import Coding
from unmask.data.sample import Sample
from unmask.instances.objects import Objects
from unmask.predict.prediction import Prediction
from unmask.recipe import Recipe
from unmask.training.validate import Criterion, Validator, mean_ap, mean_dice, v_rand_and_pixels, v_rand_filled


def test_mean_ap_by_hand() -> None:
    """Two objects of 10 pixels: one found exactly, one with 8 of its pixels (IoU .8), and one invented."""
    truth = np.zeros((6, 10), np.int32)
    truth[0], truth[2] = 1, 2
    found = truth.copy()
    found[2, 8:] = 0
    found[4, :3] = 3
    # Thresholds .5 to .8 (seven): 2 TP, 1 FP, 0 FN: 2/3. At .85 and .9: 1 TP, 2 FP, 1 FN: 1/4.
    assert mean_ap(truth, found) == pytest.approx((7 * 2 / 3 + 2 / 4) / 9)


def test_mean_ap_of_nothing() -> None:
    nothing, something = np.zeros((4, 4), np.int32), np.ones((4, 4), np.int32)
    assert math.isnan(mean_ap(nothing, nothing))
    assert mean_ap(nothing, something) == mean_ap(something, nothing) == 0


def test_v_rand_thins_borders() -> None:
    truth = np.repeat([[1, 1, 1, 2, 2, 2]], 4, axis=0).astype(np.int32)
    found = np.repeat([[1, 1, 0, 0, 2, 2]], 4, axis=0).astype(np.int32)
    assert v_rand_filled(truth, found) == 1
    assert v_rand_filled(truth, np.ones_like(truth)) == pytest.approx(0.5 / (0.5 + 0.25))


def test_thick_borders_cost_what_v_rand_does_not_see() -> None:
    """Border of 2 columns where the truth has 1: 4 of 24 pixels are wrong; a column that is not known costs nothing."""
    truth = np.repeat([[1, 1, 1, 0, 2, 2]], 4, axis=0).astype(np.int32)
    found = np.repeat([[1, 1, 0, 0, 2, 2]], 4, axis=0).astype(np.int32)
    assert v_rand_filled(truth, found) == 1
    assert v_rand_and_pixels(truth, found) == pytest.approx(1 - 4 / 24)
    ignore = np.zeros((4, 6), bool)
    ignore[:, 2] = True
    assert v_rand_and_pixels(truth, found, ignore) == 1
    assert math.isnan(v_rand_and_pixels(np.zeros_like(truth), found))


def test_v_rand_of_an_empty_truth_says_nothing() -> None:
    assert math.isnan(v_rand_filled(np.zeros((4, 4), np.int32), np.ones((4, 4), np.int32)))


def test_mean_dice_by_hand() -> None:
    truth, found = np.array([[1, 1, 0, 2]], np.uint8), np.array([[1, 0, 0, 2]], np.uint8)
    assert mean_dice(truth, found, 3) == pytest.approx((2 / 3 + 1) / 2)
    assert math.isnan(mean_dice(np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8), 2))


def half_drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two rows found, of which one was drawn; the lower half is to be ignored."""
    truth = np.zeros((6, 10), np.int32)
    truth[1] = 1
    found = truth.copy()
    found[4] = 2
    return truth, found, np.arange(6)[:, None] * np.ones(10) > 2


def test_figures_are_of_what_is_known() -> None:
    truth, found, ignore = half_drawn()
    assert mean_ap(truth, found) == 0.5
    assert mean_ap(truth, found, ignore) == 1
    classes = [(labels > 0).astype(np.uint8) for labels in (truth, found)]
    assert mean_dice(*classes, 1) == pytest.approx(20 / 30)
    assert mean_dice(*classes, 1, ignore) == 1
    everything = np.ones_like(ignore)
    assert math.isnan(mean_ap(truth, found, everything))
    assert math.isnan(mean_dice(*classes, 1, everything))
    assert math.isnan(v_rand_filled(truth, found, everything))


def test_v_rand_is_of_what_is_known() -> None:
    """Two cells that lie merged where the truth is not known, and apart where it is."""
    truth = np.repeat([[1, 1, 1, 2, 2, 2]], 4, axis=0).astype(np.int32)
    found = truth.copy()
    found[2:] = 3
    ignore = np.zeros((4, 6), bool)
    ignore[2:] = True
    assert v_rand_filled(truth, found, ignore) == 1
    assert v_rand_filled(truth, found) < 0.8


@pytest.mark.parametrize(("criterion", "figures"), [("ap", {"score", "ap_0.50", "dice"}), ("dice", {"score", "dice"})])
def test_validation_ignores(criterion: Criterion, figures: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Validator, figures and scores alike."""
    truth, found, ignore = half_drawn()
    image = np.zeros((6, 10, 1), np.uint8)
    sample = Sample("a", image, (truth > 0).astype(np.uint8), truth, ignore=ignore)
    objects = Objects(found, np.ones(2, np.uint8), np.ones(2, np.float32))
    prediction = Prediction(sample, objects, Recipe())
    coding = Coding("objects", (), "")
    validator = Validator(Dataset(Path(), (), 1, coding), ["a"], criterion)
    monkeypatch.setattr(validator, "predictions", lambda model: iter([prediction]))
    known = validator(None)  # type: ignore[arg-type]
    assert known == dict.fromkeys(figures, 1)
    assert validator.score(prediction).objects.extra == 0  # type: ignore[union-attr]
    assert validator.score(prediction).confusion == ((20, 0), (0, 10))
    prediction = replace(prediction, sample=replace(sample, ignore=None))
    assert validator(None)["score"] < 0.7  # type: ignore[arg-type]
    assert validator.score(prediction).objects.extra == 1  # type: ignore[union-attr]
