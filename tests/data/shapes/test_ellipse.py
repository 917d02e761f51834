import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.data.shapes.ellipse import FINENESS, ellipse

radii = st.floats(0.1, 1e6)


@given(rx=radii, ry=radii, theta=st.floats(-7, 7))
def test_corners_lie_on_the_ellipse(rx: float, ry: float, theta: float) -> None:
    away = ellipse(3, -5, rx, ry, theta) - [3, -5]
    straight = away @ np.array([[np.cos(theta), -np.sin(theta)], [np.sin(theta), np.cos(theta)]])  # turned back
    np.testing.assert_allclose(np.hypot(*(straight / [rx, ry]).T), 1, rtol=1e-6)


@given(radius=radii)
def test_a_circle_can_hardly_be_told_from_its_outline(radius: float) -> None:
    corners = ellipse(0, 0, radius, radius)
    middles = (corners + np.roll(corners, 1, axis=0)) / 2
    assert (radius - np.hypot(*middles.T)).max() <= FINENESS * 1.01


def test_it_turns_clockwise_on_the_screen() -> None:
    corner = ellipse(0, 0, 10, 1, np.pi / 4)[0]
    np.testing.assert_allclose(corner, [10 / np.sqrt(2), 10 / np.sqrt(2)])  # y is down


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_numbers_are_finite(wrong: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        ellipse(0, 0, wrong, 1)
