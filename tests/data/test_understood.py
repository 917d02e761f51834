from pathlib import Path

import numpy as np
import pytest

from unmask.data.dataset import Dataset, Entry
from unmask.data.masks.coding import Coding
from unmask.data.sample import Sample
from unmask.data.understood import facts, understand


def made(objects: np.ndarray, classes: np.ndarray, **more: object) -> Sample:
    image = np.full((*objects.shape, 1), 7, np.uint16)
    image[0, 0] = 300
    return Sample("a", image, classes.astype(np.uint8), objects.astype(np.int32), **more)  # type: ignore[arg-type]


def test_numbers_by_hand() -> None:
    objects = np.array([[1, 1, 0, 2], [0, 0, 0, 2], [3, 0, 0, 0]])
    classes = np.array([[1, 1, 0, 2], [0, 0, 0, 2], [1, 0, 0, 0]])
    ignore = np.zeros(objects.shape, bool)
    ignore[2, 2:] = True
    found = facts(made(objects, classes, ignore=ignore), 2)
    assert (found.size, found.type, found.low, found.high) == ((3, 4), "uint16", 7, 300)
    assert (found.objects, found.pixels, found.ignored) == ((2, 1), (5, 3, 2), 2)

    entries = (Entry("a", Path("a.tif")), Entry("b", Path("b.tif")))
    data = Dataset(Path("d"), entries, 1, Coding("objects", (), "told", ("pear", "fig")), splits={"a": "val"})
    whole = understand(data, [found, found])
    assert (whole.objects, whole.classes, whole.splits) == (6, {"pear": 4, "fig": 2}, {"val": 1})
    assert whole.shares == pytest.approx({"background": 0.5, "pear": 0.3, "fig": 0.2})
    assert whole.ignored == pytest.approx(4 / 24)
    rows = dict(whole.rows())
    assert rows["images"] == "2 of 3 x 4"
    assert rows["objects"] == "6, 3 an image"
    assert rows["classes"] == "pear (4 objects, 0.3 of the pixels), fig (2 objects, 0.2 of the pixels)"
    assert rows["ignored"] == "16.67% of the pixels"


def test_overlapping_objects_are_all_counted() -> None:
    layers = np.array([[[1, 1, 2]], [[0, 3, 3]]], np.int32)
    class_of = np.array([0, 1, 2, 2], np.uint8)
    shown = np.array([[1, 3, 3]])
    assert facts(made(shown, class_of[shown], layers=layers, layer_classes=class_of), 2).objects == (1, 2)


def test_without_annotation() -> None:
    with pytest.raises(ValueError, match="a has no annotation"):
        facts(Sample("a", np.zeros((2, 2, 1), np.uint8)), 1)
