"""The U-Net's targets, put together."""

import numpy as np
import pytest

from unmask.data.sample import Sample
from unmask.errors import MaskError
from unmask.recipe import TargetRecipe
from unmask.targets.targets import unet_targets


def touching() -> Sample:
    """Two squares of 8 pixels side by side."""
    objects = np.zeros((12, 20), np.int32)
    objects[2:10, 2:10], objects[2:10, 10:18] = 1, 2
    return Sample("a", np.zeros((12, 20, 1), np.uint8), (objects > 0).astype(np.uint8), objects)


def test_objects_are_separated_and_their_border_weighs_most() -> None:
    recipe = TargetRecipe(ridge=2, border_weight=10, border_sigma=5, class_weights=(0.5, 2.0))
    targets = unet_targets(touching(), recipe, separate=True)
    assert (targets.classes[2:10, 9:11] == 0).all()
    assert targets.classes.sum() == 2 * 8 * 8 - 2 * 8
    # On the ridge both objects are at most a pixel away: w_c(background) + 10 exp(-(d1 + d2)^2 / 50).
    assert targets.weight[5, 9] > 0.5 + 10 * np.exp(-4 / 50)
    assert targets.weight[5, 9] > targets.weight[5, 4] > 2


def test_classes_are_only_balanced() -> None:
    recipe = TargetRecipe(ridge=2, class_weights=(0.5, 2.0))
    targets = unet_targets(touching(), recipe, separate=False)
    assert np.array_equal(targets.classes, touching().classes)
    assert set(np.unique(targets.weight)) == {0.5, 2.0}


def test_foreground_positions() -> None:
    targets = unet_targets(touching(), TargetRecipe(), separate=False)
    assert np.array_equal(targets.foreground, np.flatnonzero(targets.classes))


def test_unannotated_sample() -> None:
    with pytest.raises(MaskError, match="no mask for this image"):
        unet_targets(Sample("a", np.zeros((2, 2, 1), np.uint8)), TargetRecipe(), separate=True)
