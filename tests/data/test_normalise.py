"""Stretching by hand-computed numbers; constants belong to the whole image."""

import numpy as np
import pytest

from unmask.data.normalise import normalise, stretch_constants, stretch_constants_of_blocks
from unmask.recipe import NormaliseRecipe


def test_percentiles_by_hand() -> None:
    """0..100: the 10th percentile is 10, the 90th 90; 50 becomes .5."""
    image = np.arange(101, dtype=np.uint16).reshape(1, 101, 1)
    constants = stretch_constants(image, NormaliseRecipe(low=10, high=90))
    assert constants == ((10.0, 90.0),)
    stretched = normalise(image, constants)
    assert stretched.dtype == np.float32
    assert stretched[0, [10, 50, 90, 98], 0] == pytest.approx([0, 0.5, 1, 1.1])


def test_channels_have_their_own_constants() -> None:
    image = np.random.default_rng(0).integers(0, 1000, (20, 30, 2)).astype(np.int32) * [1, 50]
    stretched = normalise(image, stretch_constants(image, NormaliseRecipe(low=0, high=100)))
    assert stretched.min(axis=(0, 1)) == pytest.approx([0, 0])
    assert stretched.max(axis=(0, 1)) == pytest.approx([1, 1])


def test_fixed_constants() -> None:
    image = np.array([[[100.0], [300.0]]], np.float32)
    recipe = NormaliseRecipe(method="fixed", low=100, high=200)
    assert normalise(image, stretch_constants(image, recipe)).ravel().tolist() == [0, 2]


def test_constant_channel_becomes_0() -> None:
    image = np.full((4, 4, 1), 7, np.uint8)
    assert not normalise(image, stretch_constants(image, NormaliseRecipe())).any()


def test_hot_pixels_are_clipped() -> None:
    image = np.array([[[0], [1], [60000]]], np.uint16)
    assert normalise(image, ((0.0, 1.0),)).ravel().tolist() == [0, 1, 8]


def test_part_of_an_image_is_stretched_like_the_whole() -> None:
    image = np.random.default_rng(1).integers(0, 4096, (40, 50, 1)).astype(np.uint16)
    constants = stretch_constants(image, NormaliseRecipe())
    assert np.array_equal(normalise(image[5:20, 7:30], constants), normalise(image, constants)[5:20, 7:30])


def test_bright_objects_on_a_ground_of_zeros_keep_their_contrast() -> None:
    """Both percentiles are 0; a stretch by them would make the object vanish."""
    image = np.zeros((100, 100, 1), np.uint16)
    image[3, 3:8] = 5000
    stretched = normalise(image, stretch_constants(image, NormaliseRecipe()))
    assert stretched.max() == 1
    assert stretched.sum() == 5


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.float32])
def test_blocks_give_the_constants_of_the_whole(dtype: type) -> None:
    """Percentiles of NumPy, or the extremes where these coincide, as in the second channel."""
    image = np.random.default_rng(2).gamma(2, 20, (50, 70, 2)).astype(dtype)
    image[:, :, 1] = 3
    image[4, 4, 1] = 90
    recipe = NormaliseRecipe()
    low, high = np.percentile(image[:, :, 0], [recipe.low, recipe.high])
    constants = stretch_constants_of_blocks(lambda: (image[:, i : i + 9] for i in range(0, 70, 9)), 2, recipe)
    assert constants == stretch_constants(image, recipe) == ((low, high), (3, 90))


def test_fixed_constants_need_no_look_at_the_image() -> None:
    recipe = NormaliseRecipe(method="fixed", low=1, high=2)
    assert stretch_constants_of_blocks(lambda: pytest.fail("looked"), 2, recipe) == ((1, 2), (1, 2))


def test_large_images_are_counted_band_by_band(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(3).integers(0, 4096, (41, 30, 2)).astype(np.uint16)
    expected = stretch_constants(image, NormaliseRecipe())
    monkeypatch.setattr("unmask.data.normalise._BAND", 100)
    assert stretch_constants(image, NormaliseRecipe()) == expected
