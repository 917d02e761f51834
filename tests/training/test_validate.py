"""Validation figures by hand."""

import math

import numpy as np
import pytest

from unmask.training.validate import mean_ap, mean_dice, v_rand_filled


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


def test_v_rand_of_an_empty_truth_says_nothing() -> None:
    assert math.isnan(v_rand_filled(np.zeros((4, 4), np.int32), np.ones((4, 4), np.int32)))


def test_mean_dice_by_hand() -> None:
    truth, found = np.array([[1, 1, 0, 2]], np.uint8), np.array([[1, 0, 0, 2]], np.uint8)
    assert mean_dice(truth, found, 3) == pytest.approx((2 / 3 + 1) / 2)
    assert math.isnan(mean_dice(np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8), 2))
