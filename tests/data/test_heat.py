"""Heat maps: clear at 0, in order of brightness, never out of range."""

import numpy as np
import pytest

from unmask.data.heat import heat_overlay


def test_clear_at_nothing_and_brighter_with_more() -> None:
    image = np.linspace(0, 255, 5).astype(np.uint8)[None, :, None].repeat(2, axis=0)
    shown = heat_overlay(image, np.zeros((2, 5)))
    assert shown.dtype == np.uint8
    assert (shown == shown[..., :1]).all()
    assert (np.diff(shown[0, :, 0].astype(int)) > 0).all()
    ramp = heat_overlay(np.zeros((1, 4, 1), np.uint8), np.array([[0.25, 0.5, 0.75, 1.0]]))
    assert (np.diff(ramp[0].sum(axis=1).astype(int)) > 0).all()
    assert np.array_equal(heat_overlay(image, np.full((2, 5), 7.0)), heat_overlay(image, np.ones((2, 5))))


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"values of \(3, 5\) pixels do not fit an image of \(2, 5\)"):
        heat_overlay(np.zeros((2, 5, 1), np.uint8), np.zeros((3, 5)))
