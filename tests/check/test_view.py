import numpy as np
from PIL import ImageColor

from unmask.check.view import CLASS_COLOURS, IGNORED, view
from unmask.data.sample import Sample

FIRST, SECOND = (ImageColor.getrgb(colour) for colour in CLASS_COLOURS[:2])


def made(**more: object) -> Sample:
    objects = np.zeros((20, 30), np.int32)
    objects[4:12, 5:15], objects[4:12, 18:26] = 1, 2
    image = np.full((20, 30, 1), 100, np.uint8)
    classes = np.array([0, 1, 2], np.uint8)[objects]
    return Sample("a", image, classes, objects, **more)  # type: ignore[arg-type]


def test_objects_are_outlined_in_the_colour_of_their_class() -> None:
    picture = view(made(), 90)
    assert picture.shape == (60, 90, 3)  # three times as large, a whole factor
    assert tuple(picture[12, 20]) == FIRST  # the upper border of object 1
    assert tuple(picture[12, 60]) == SECOND
    assert tuple(picture[24, 30]) == tuple(picture[0, 0])  # inside


def test_large_images_are_reduced() -> None:
    large = Sample("a", np.zeros((400, 1000, 3), np.uint8))
    assert view(large, 100).shape == (40, 100, 3)


def test_overlapping_objects_are_all_outlined() -> None:
    layers = np.zeros((2, 20, 30), np.int32)
    layers[0, 2:18, 2:18], layers[1, 6:10, 6:10] = 1, 2
    shown = np.where(layers[1] > 0, layers[1], layers[0])
    class_of = np.array([0, 1, 2], np.uint8)
    sample = Sample("a", np.zeros((20, 30, 1), np.uint8), class_of[shown], shown, layers=layers, layer_classes=class_of)
    picture = view(sample, 30)
    assert tuple(picture[2, 5]) == FIRST
    assert tuple(picture[6, 7]) == SECOND


def test_what_is_ignored_is_striped_and_classes_can_be_filled() -> None:
    ignore = np.zeros((20, 30), bool)
    ignore[14:] = True
    picture = view(made(ignore=ignore), 90, filled=True)
    part = picture[45:].reshape(-1, 3)
    share = (part == IGNORED).all(axis=1).mean()
    assert 0.3 < share < 0.7
    tinted = picture[24, 30].astype(int) - picture[0, 0]
    assert tinted.any()
    assert (picture[24, 30] == picture[18, 24]).all()
