"""The eight symmetries form the group of the square, and commute with cutting windows and with mirroring."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.geometry.grid import mirror
from unmask.geometry.symmetry import SYMMETRIES, Symmetry

MARKED = np.arange(3 * 3 * 2).reshape(3, 3, 2)  # no symmetry of its own


def test_they_are_the_rotations_and_their_mirror_images() -> None:
    expected = [np.rot90(image, k) for image in (MARKED, MARKED[:, ::-1]) for k in range(4)]
    found = [symmetry.image(MARKED) for symmetry in SYMMETRIES]
    assert np.array_equal(found[0], MARKED)
    for image in expected:
        assert sum(np.array_equal(image, other) for other in found) == 1


@pytest.mark.parametrize("first", SYMMETRIES)
def test_group_laws(first: Symmetry) -> None:
    """Closed, and each has its inverse, on either side."""
    products = [first.image(second.image(MARKED)) for second in SYMMETRIES]
    for symmetry in SYMMETRIES:
        assert sum(np.array_equal(symmetry.image(MARKED), other) for other in products) == 1
    assert first.inverse in SYMMETRIES
    assert np.array_equal(first.inverse.image(first.image(MARKED)), MARKED)
    assert np.array_equal(first.image(first.inverse.image(MARKED)), MARKED)


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_maps_turn_as_images_do(symmetry: Symmetry) -> None:
    image = np.arange(2 * 5 * 3).reshape(2, 5, 3)
    turned = symmetry.image(image)
    assert turned.shape == (*symmetry.size((2, 5)), 3)
    assert np.array_equal(np.moveaxis(symmetry.maps(np.moveaxis(image, 2, 0)), 0, 2), turned)


def test_by_hand() -> None:
    """A quarter turn against the clock of 2 x 3 pixels: the last column becomes the first row."""
    quarter = Symmetry(transposed=True, rows_reversed=True, columns_reversed=False)
    image = np.array([[1, 2, 3], [4, 5, 6]])[..., None]
    assert quarter.image(image)[..., 0].tolist() == [[3, 6], [2, 5], [1, 4]]
    assert quarter.window((0, 1), (2, 5), (2, 3)) == ((-2, 1), (0, 1))
    assert quarter.inverse.window((-2, 1), (0, 1), (3, 2)) == ((0, 1), (2, 5))


def seen(image: np.ndarray, rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
    """A window of an image, mirrored outside."""
    return image[np.ix_(mirror(*rows, image.shape[0]), mirror(*columns, image.shape[1]))]


interval = st.tuples(st.integers(-60, 60), st.integers(0, 30)).map(lambda drawn: (drawn[0], drawn[0] + drawn[1]))


@given(st.sampled_from(SYMMETRIES), st.tuples(st.integers(1, 12), st.integers(1, 12)), interval, interval)
def test_windows_turn_with_the_image_also_outside(
    symmetry: Symmetry, size: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    """Mirroring commutes with the symmetries: the turned window is the window of the turned image."""
    image = np.arange(size[0] * size[1]).reshape(*size, 1)
    turned = symmetry.window(rows, columns, size)
    assert np.array_equal(seen(symmetry.image(image), *turned), symmetry.image(seen(image, rows, columns)))
    assert symmetry.inverse.window(*turned, symmetry.size(size)) == (rows, columns)
