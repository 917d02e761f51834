"""What crops are scored by: objects that copies see differently, counted by hand."""

from pathlib import Path

import numpy as np
import pytest

from unmask.data.sample import Sample
from unmask.model import Model
from unmask.predict.disagreement import Copies
from unmask.predict.predictor import Predictor
from unmask.predict.trouble import SCORES, class_instability, instability, look


def squares(*places: tuple[int, int, int, int]) -> np.ndarray:
    """(20, 20) label image: object i has the rows and columns of the i-th."""
    labels = np.zeros((20, 20), np.int32)
    for label, (top, left, bottom, right) in enumerate(places, start=1):
        labels[top:bottom, left:right] = label
    return labels


A, B, HALF_A, C = (0, 0, 4, 4), (10, 10, 14, 14), (0, 0, 4, 2), (0, 10, 2, 12)


def test_unstable_objects_by_hand() -> None:
    """A is whole in one copy and half in the other, B in one only, and C is in one copy but not in the mean.

    A: 1 - (1 + .5) / 2 = .25; B: 1 - (1 + 0) / 2 = .5; C counts one half, of one half. Together 1.25 of 2.5 objects.
    """
    trouble, heat = instability(squares(A, B), [squares(A, B), squares(HALF_A, C)])
    assert trouble.amount.sum() == pytest.approx(0.25 + 0.5 + 0.5)
    assert trouble.of.sum() == pytest.approx(1 + 1 + 0.5)
    assert trouble.amount[:4, :4].sum() == pytest.approx(0.25)
    assert trouble.amount[10:14, 10:14].sum() == pytest.approx(0.5)
    assert (heat[0, 0], heat[11, 11], heat[1, 11], heat[19, 19]) == (0.25, 0.5, 0.5, 0)


def test_objects_that_are_cut_in_two() -> None:
    """Each half has IoU .5 with the whole, so it is that object, not another; a third of it is another."""
    halves = squares((0, 0, 4, 2), (0, 2, 4, 4))
    trouble, _ = instability(squares(A), [halves])
    assert (trouble.amount.sum(), trouble.of.sum()) == pytest.approx((0.5, 1))
    thirds = squares((0, 0, 3, 1), (0, 1, 3, 3))
    trouble, _ = instability(squares((0, 0, 3, 3)), [thirds])
    assert (trouble.amount.sum(), trouble.of.sum()) == pytest.approx((1 / 3 + 1, 1 + 1))


def test_copies_of_one_mind_are_no_trouble() -> None:
    trouble, heat = instability(squares(A, B), [squares(A, B)] * 3)
    assert trouble.amount.max() == pytest.approx(0, abs=1e-7)
    assert heat.max() == pytest.approx(0, abs=1e-7)
    nothing, heat = instability(squares(), [squares()] * 2)
    assert (nothing.amount.sum(), nothing.of.sum(), heat.max()) == (0, 0, 0)


def test_classes_by_hand() -> None:
    """Four pixels of class 1; one copy has two of them as class 2, another a pixel of class 1 more."""
    mean = np.array([[1, 1, 1, 1, 0, 0]], np.uint8)
    copies = [np.array([[1, 1, 2, 2, 0, 0]], np.uint8), np.array([[1, 1, 1, 1, 1, 0]], np.uint8)]
    trouble, heat = class_instability(mean, copies)
    assert heat.tolist() == [[0, 0, 0.5, 0.5, 0.5, 0]]
    assert (trouble.amount.sum(), trouble.of.sum()) == (1.5, 5)


def test_a_look_has_every_score(disc_run: Path, make_discs) -> None:  # type: ignore[no-untyped-def]
    predictor = Predictor(Model.load(disc_run), "cpu", tta=8)
    sample = Sample("disc", make_discs(3)[0][..., None])
    found = look(Copies(predictor), sample)
    assert set(found.trouble) == set(SCORES)
    assert np.array_equal(found.prediction.labels, predictor.predict(sample).labels)
    for trouble in found.trouble.values():
        assert trouble.amount.shape == (72, 60)
        assert (trouble.amount <= trouble.of + 1e-6).all()
    assert 0 < found.heat.max() <= 1
