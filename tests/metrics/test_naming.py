"""Classes matched by name."""

import numpy as np

from unmask.geometry.rle import encode
from unmask.metrics.coco import CocoImage, CocoObject
from unmask.metrics.naming import one_class, paint_classes, rename_classes, unnamed

SIZE = (8, 10)


def an_object(rows: slice, columns: slice, label: str, score: float = 1.0) -> CocoObject:
    mask = np.zeros(SIZE, bool)
    mask[rows, columns] = True
    return CocoObject(encode(mask, 0, 0, SIZE), label, score)


def test_what_has_no_name() -> None:
    assert unnamed([])
    assert unnamed(["object"])
    assert not unnamed(["cell"])
    assert not unnamed(["object", "cell"])


def test_one_class_keeps_masks_and_scores() -> None:
    objects = [an_object(slice(2), slice(2), "cell", 0.3), an_object(slice(4, 6), slice(2), "dirt", 0.2)]
    image = one_class(CocoImage("a", objects[:1], objects))
    assert [one.class_name for one in (*image.truth, *image.prediction)] == ["object"] * 3
    assert [(one.mask, one.score) for one in image.prediction] == [(one.mask, one.score) for one in objects]


def test_the_best_object_of_a_pixel_says_its_class() -> None:
    objects = [
        an_object(slice(0, 4), slice(0, 4), "dirt", 0.9),
        an_object(slice(2, 6), slice(2, 6), "cell", 0.5),
        an_object(slice(7, 8), slice(8, 10), "alga", 0.9),
        CocoObject(encode(np.zeros((1, 1), bool), 0, 0, SIZE), "cell"),
    ]
    expected = np.zeros(SIZE, np.uint8)
    expected[2:6, 2:6] = 1
    expected[0:4, 0:4] = 2
    assert np.array_equal(paint_classes(objects, ["cell", "dirt"], SIZE), expected)


def test_classes_in_another_order() -> None:
    classes = np.array([[0, 1, 2, 3]], np.uint8)
    assert rename_classes(classes, ["dirt", "alga", "cell"], ["cell", "dirt"]).tolist() == [[0, 2, 0, 1]]


def test_one_class_keeps_what_is_ignored() -> None:
    ignore = encode(np.ones((2, 3), bool), 1, 1, SIZE)
    assert one_class(CocoImage("a", [], [an_object(slice(2), slice(2), "cell")], ignore)).ignore == ignore
