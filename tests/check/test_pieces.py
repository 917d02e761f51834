import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from unmask.check.pieces import find_holes, find_pieces

LABELS = arrays.arrays(np.int32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 3))


def test_pieces_by_hand() -> None:
    labels = np.array(
        [
            [1, 0, 0, 0, 0, 0],
            [0, 1, 0, 2, 2, 0],
            [0, 0, 0, 2, 2, 0],
            [0, 1, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 2],
        ],
        np.int32,
    )
    pieces = find_pieces(labels)
    assert pieces.owner.tolist() == [1, 2, 1, 2]  # in raster order; the two pixels of 1 meet at a corner
    assert pieces.area.tolist() == [2, 4, 1, 1]
    assert pieces.main.tolist() == [True, True, False, False]
    assert pieces.at_edge.tolist() == [True, False, False, True]
    assert pieces.pixels(1).tolist() == [[1, 3], [1, 4], [2, 3], [2, 4]]


@given(LABELS)
def test_pieces_are_those_of_each_id_by_itself(labels: np.ndarray) -> None:
    pieces = find_pieces(labels)
    assert np.array_equal(pieces.labels > 0, labels > 0)
    for owner in range(1, 4):
        alone, count = ndimage.label(labels == owner, np.ones((3, 3)))
        own = np.flatnonzero(pieces.owner == owner)
        assert own.size == count
        assert sorted(pieces.area[own]) == sorted(np.bincount(alone.ravel())[1:])
        assert pieces.main[own].sum() == (count > 0)
        assert not count or pieces.area[own][pieces.main[own]][0] == pieces.area[own].max()


@given(LABELS)
def test_holes_are_enclosed_by_one_object(labels: np.ndarray) -> None:
    """One region of background after the other is the reference; it goes on over sides and corners of pixels."""
    filled = np.zeros_like(labels)
    background, count = ndimage.label(labels == 0, np.ones((3, 3)))
    for region in range(1, count + 1):
        mask = background == region
        around = np.unique(labels[ndimage.binary_dilation(mask) & ~mask])
        outside = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
        if around.size == 1 and not outside:
            filled[mask] = around[0]
    holes = find_holes(labels)
    assert np.array_equal(holes.owners(), filled)
    assert holes.area.sum() == (filled > 0).sum()
    for (row, column), owner in zip(holes.first, holes.owner, strict=True):
        assert labels[row, column] == 0
        assert labels[row, column - 1] == owner  # what `id 3 at ...` is read from


def test_a_hole_with_something_else_in_it_is_none() -> None:
    labels = np.zeros((9, 9), np.int32)
    labels[1:8, 1:8], labels[3:6, 3:6] = 1, 0
    assert find_holes(labels).area.tolist() == [9]
    unknown = np.zeros(labels.shape, bool)
    unknown[4, 4] = True
    assert find_holes(labels, unknown).area.size == 0
    labels[4, 4] = 2
    assert find_holes(labels).area.size == 0
