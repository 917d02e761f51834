"""Polygons with holes: filled again they are the very pixels, and they are as GeoJSON wants them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.draw import polygon2mask

from unmask.geometry.labels import components
from unmask.instances.outlines import pieces

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14))


def area(ring: np.ndarray) -> float:
    """Positive where the ring goes clockwise as seen."""
    x, y = ring.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


def painted(rings: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """By scikit-image, which knows nothing of corners: the middles of pixels within an odd number of rings."""
    mask = np.zeros(size, bool)
    for ring in rings:
        mask ^= polygon2mask(size, ring[:, ::-1] - 0.5 + 1e-3)
    return mask


@given(MASKS, st.integers(0, 3), st.integers(0, 3))
def test_filled_again_they_are_the_very_pixels(mask: np.ndarray, top: int, left: int) -> None:
    found = pieces(mask, top, left)
    size = (mask.shape[0] + top, mask.shape[1] + left)
    full = np.zeros(size, bool)
    full[top:, left:] = mask
    parts = components(full)
    assert len(found) == parts.max()
    for label, rings in enumerate(found, start=1):
        np.testing.assert_array_equal(painted(rings, size), parts == label)
        assert sum(area(ring) for ring in rings) == (parts == label).sum()


@given(MASKS)
def test_rings_are_simple_and_turn_at_every_corner(mask: np.ndarray) -> None:
    for rings in pieces(mask, 0, 0):
        for number, ring in enumerate(rings):
            assert len(np.unique(ring, axis=0)) == len(ring) >= 4  # no ring touches itself
            assert (area(ring) > 0) == (number == 0)  # holes go the other way round
            steps = np.diff(ring, axis=0, append=ring[:1])
            assert ((steps == 0).sum(axis=1) == 1).all()
            assert ((steps[1:] == 0) != (steps[:-1] == 0)).all()
        corners = [set(map(tuple, ring.tolist())) for ring in rings]
        for first, one in enumerate(corners):
            assert all(len(one & other) <= len(one) - 3 for other in corners[:first])


def test_by_hand() -> None:
    ring = np.ones((3, 3), bool)
    ring[1, 1] = False
    (rings,) = pieces(ring, 5, 7)
    assert [one.tolist() for one in rings] == [
        [[7, 5], [10, 5], [10, 8], [7, 8]],
        [[8, 7], [9, 7], [9, 6], [8, 6]],
    ]
    assert [len(part) for part in pieces(np.eye(3, dtype=bool), 0, 0)] == [1, 1, 1]
    assert pieces(np.zeros((2, 2), bool), 0, 0) == []


def test_a_gap_that_leads_out_by_a_corner_is_a_hole() -> None:
    """As one outline it would touch itself, which GeoJSON forbids."""
    mask = np.array([[1, 1, 0], [1, 0, 1], [1, 1, 1]], bool)
    (rings,) = pieces(mask, 0, 0)
    assert len(rings) == 2
    assert sorted(map(tuple, rings[1].tolist())) == [(1, 1), (1, 2), (2, 1), (2, 2)]
