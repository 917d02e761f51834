"""Class maps: figures by hand."""

import re

import numpy as np
import pytest

from unmask.errors import MaskError
from unmask.metrics import overlaps as overlaps_module
from unmask.metrics.semantic import confusion_matrix, dice, iou, pixel_error

TRUTH = np.array([[0, 0, 1, 1, 2]], np.uint8)
PREDICTION = np.array([[0, 1, 1, 2, 2]], np.uint8)


def test_confusion_by_hand():
    assert confusion_matrix(TRUTH, PREDICTION, 2).tolist() == [[1, 1, 0], [0, 1, 1], [0, 0, 1]]


def test_bands_add_up(monkeypatch):
    rng = np.random.default_rng(0)
    truth, prediction = rng.integers(0, 4, (2, 13, 7)).astype(np.uint8)
    whole = confusion_matrix(truth, prediction, 3)
    monkeypatch.setattr(overlaps_module, "_BAND", 20)
    assert (confusion_matrix(truth, prediction, 3) == whole).all()
    assert all(whole[i, j] == np.sum((truth == i) & (prediction == j)) for i in range(4) for j in range(4))


def test_figures_by_hand():
    confusion = confusion_matrix(TRUTH, PREDICTION, 2)
    assert pixel_error(confusion) == pytest.approx(2 / 5)
    assert iou(confusion, ["cell", "nucleus"]) == {"cell": 1 / 3, "nucleus": 1 / 2}
    assert dice(confusion, ["cell", "nucleus"]) == {"cell": 1 / 2, "nucleus": 2 / 3}


def test_a_class_that_is_nowhere_is_absent():
    confusion = confusion_matrix(TRUTH, PREDICTION, 3)
    assert list(iou(confusion, ["cell", "nucleus", "debris"])) == ["cell", "nucleus"]
    assert list(dice(confusion, ["cell", "nucleus", "debris"])) == ["cell", "nucleus"]


def test_a_class_without_a_name_is_refused():
    message = (
        "a class map holds class 2, and only 1 are named. "
        "Name every class, or compare class maps and not label images of objects."
    )
    with pytest.raises(MaskError, match=re.escape(message)):
        confusion_matrix(TRUTH, PREDICTION, 1)
