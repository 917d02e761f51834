"""The U-Net's targets, put together."""

from dataclasses import replace

import numpy as np
import pytest

from unmask.data.sample import Sample
from unmask.errors import MaskError
from unmask.recipe import TargetRecipe
from unmask.targets.targets import IGNORED, object_targets, unet_targets


def touching() -> Sample:
    """Two squares of 8 pixels side by side."""
    objects = np.zeros((12, 20), np.int32)
    objects[2:10, 2:10], objects[2:10, 10:18] = 1, 2
    return Sample("a", np.zeros((12, 20, 1), np.uint8), (objects > 0).astype(np.uint8), objects)


def test_objects_are_separated_and_their_border_weighs_most() -> None:
    recipe = TargetRecipe(ridge=2, border_weight=10, border_sigma=5, class_weights=(0.5, 2.0))
    targets = unet_targets(touching(), recipe, separate=True)
    assert (targets.maps[0, 2:10, 9:11] == 0).all()
    assert targets.maps.sum() == 2 * 8 * 8 - 2 * 8
    assert targets.weight is not None
    # On the ridge both objects are at most a pixel away: w_c(background) + 10 exp(-(d1 + d2)^2 / 50).
    assert targets.weight[5, 9] > 0.5 + 10 * np.exp(-4 / 50)
    assert targets.weight[5, 9] > targets.weight[5, 4] > 2


def test_classes_are_only_balanced() -> None:
    recipe = TargetRecipe(ridge=2, class_weights=(0.5, 2.0))
    targets = unet_targets(touching(), recipe, separate=False)
    assert np.array_equal(targets.maps[0], touching().classes)
    assert set(np.unique(targets.weight)) == {0.5, 2.0}


def test_foreground_positions() -> None:
    targets = unet_targets(touching(), TargetRecipe(), separate=False)
    assert np.array_equal(targets.foreground, np.flatnonzero(targets.maps[0]))


def test_unannotated_sample() -> None:
    with pytest.raises(MaskError, match="no mask for this image"):
        unet_targets(Sample("a", np.zeros((2, 2, 1), np.uint8)), TargetRecipe(), separate=True)


def test_object_keys_carry_id_and_class() -> None:
    """Ids with gaps are numbered anew; key = id * (1 + classes) + class."""
    sample = touching()
    assert sample.objects is not None
    assert sample.classes is not None
    objects = np.where(sample.objects == 2, 70_000, sample.objects).astype(np.int32)
    classes = np.where(sample.objects == 2, 3, sample.classes).astype(np.uint8)
    targets = object_targets(replace(sample, objects=objects, classes=classes), 3)
    assert targets.weight is None
    assert targets.maps.shape == (1, 12, 20)
    assert (targets.maps[0, 2:10, 2:10] == 1 * 4 + 1).all()
    assert (targets.maps[0, 2:10, 10:18] == 2 * 4 + 3).all()
    assert np.count_nonzero(targets.maps) == 2 * 64
    assert targets.copies == 3 * 4


def test_overlapping_objects_keep_their_layers() -> None:
    layers = np.zeros((2, 12, 20), np.int32)
    layers[0, 2:10, 2:10], layers[1, 4:12, 4:12] = 1, 2
    classes = np.array([0, 2, 1], np.uint8)
    sample = replace(touching(), layers=layers, layer_classes=classes)
    maps = object_targets(sample, 2).maps
    assert (maps[0, 2:10, 2:10] == 1 * 3 + 2).all()
    assert (maps[1, 4:12, 4:12] == 2 * 3 + 1).all()


def test_too_many_objects_for_their_keys() -> None:
    objects = np.arange(1, 1501 * 1001, dtype=np.int32).reshape(1, -1)
    sample = Sample("a", np.zeros((1, objects.size, 1), np.uint8), np.ones(objects.shape, np.uint8), objects)
    with pytest.raises(MaskError, match=r"holds 1,502,500 objects, more than 932,067\. Cut the image into several"):
        object_targets(sample, 1)


def half_known() -> Sample:
    """The two squares; of the image nothing is known from column 12 on, where the second square goes on."""
    ignore = np.zeros((12, 20), bool)
    ignore[:, 12:] = True
    return replace(touching(), ignore=ignore)


def test_ignored_pixels_have_a_target_of_their_own() -> None:
    """All else is that of an image that shows background there."""
    sample = half_known()
    assert sample.objects is not None
    assert sample.ignore is not None
    blank = np.where(sample.ignore, 0, sample.objects).astype(np.int32)
    empty = replace(sample, objects=blank, classes=(blank > 0).astype(np.uint8), ignore=None)
    for separate in (True, False):
        found, plain = (unet_targets(one, TargetRecipe(ridge=2), separate=separate) for one in (sample, empty))
        assert (found.maps[0, :, 12:] == IGNORED).all()
        assert np.array_equal(found.maps[0, :, :12], plain.maps[0, :, :12])
        assert np.array_equal(found.weight, plain.weight)
        assert plain.maps.dtype == np.uint8


def test_ignored_pixels_of_objects() -> None:
    """In the first layer only, with keys as they are."""
    sample = half_known()
    targets = object_targets(sample, 1)
    assert (targets.maps[0, :, 12:] == IGNORED).all()
    assert (targets.maps[0, 2:10, 2:10] == 3).all()
    assert (targets.maps[0, 2:10, 10:12] == 5).all()
    layers = np.zeros((2, 12, 20), np.int32)
    layers[0, 2:10, 2:10], layers[1, 4:12, 4:11] = 1, 2
    maps = object_targets(replace(sample, layers=layers, layer_classes=np.array([0, 1, 1], np.uint8)), 1).maps
    assert (maps[0, :, 12:] == IGNORED).all()
    assert set(np.unique(maps[1])) == {0, 5}


def test_known_pixels_are_counted_by_row() -> None:
    sample = half_known()
    targets = unet_targets(sample, TargetRecipe(), separate=False)
    assert targets.known is not None
    assert targets.known.tolist() == [12 * row for row in range(1, 13)]
    assert np.array_equal(targets.foreground, np.flatnonzero(targets.maps[0] == 1))
    for plain in (touching(), replace(sample, ignore=np.zeros((12, 20), bool))):
        assert unet_targets(plain, TargetRecipe(), separate=True).known is None
        assert object_targets(plain, 1).known is None
