"""Windows overlap enough, own every pixel once, and are no more and no longer than they must be."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from unmask.geometry.windows import Window, overlapping_axis


@given(st.integers(1, 900), st.integers(1, 300), st.integers(0, 250))
def test_windows_of_an_axis(size: int, window: int, overlap: int) -> None:
    assume(overlap < window)
    windows = overlapping_axis(size, window, overlap)
    assert windows[0].start == 0
    assert windows[-1].stop == size
    assert len({w.stop - w.start for w in windows}) == 1
    assert windows[0].stop - windows[0].start <= window
    for before, after in pairwise(windows):
        assert before.start < after.start
        assert before.stop - after.start >= overlap
        assert after.own_start - after.start >= overlap // 2
        assert before.stop - before.own_stop >= overlap // 2
    steps = {after.start - before.start for before, after in pairwise(windows)}
    assert not steps or max(steps) - min(steps) <= 1


@given(st.integers(1, 900), st.integers(1, 300), st.integers(0, 250))
def test_own_parts_reassemble_the_axis(size: int, window: int, overlap: int) -> None:
    assume(overlap < window)
    axis = np.arange(size)
    parts = []
    for w in overlapping_axis(size, window, overlap):
        assert w.start <= w.own_start < w.own_stop <= w.stop
        parts.append(axis[w.start : w.stop][w.own_start - w.start : w.own_stop - w.start])
    assert np.array_equal(np.concatenate(parts), axis)


@given(st.integers(2, 900), st.integers(1, 300), st.integers(0, 250))
def test_fewer_windows_cannot_cover_it(size: int, window: int, overlap: int) -> None:
    assume(overlap < window < size)
    count = len(overlapping_axis(size, window, overlap))
    longest_cover = (count - 1) * window - (count - 2) * overlap
    assert longest_cover < size


@given(st.integers(100, 900), st.integers(60, 300), st.integers(2, 50), st.data())
def test_an_object_no_larger_than_the_overlap_lies_whole_in_its_owner(
    size: int, window: int, overlap: int, data: st.DataObject
) -> None:
    overlap += overlap % 2  # of an odd one the middle is half a pixel off
    side = data.draw(st.integers(1, min(overlap, size)))
    first = data.draw(st.integers(0, size - side))
    middle = first + side / 2
    owners = [w for w in overlapping_axis(size, window, overlap) if w.own_start <= middle < w.own_stop]
    assert len(owners) == 1
    assert owners[0].start <= first
    assert first + side <= owners[0].stop


def test_by_hand() -> None:
    """Three windows of at most 40 over 100 pixels, sharing 8 or more: 39 long, at 0, 30 and 61."""
    assert overlapping_axis(100, 40, 8) == [Window(0, 39, 0, 34), Window(30, 69, 34, 65), Window(61, 100, 65, 100)]
    assert overlapping_axis(40, 40, 8) == [Window(0, 40, 0, 40)]
    assert overlapping_axis(1, 40, 39) == [Window(0, 1, 0, 1)]
    assert overlapping_axis(41, 40, 0) == [Window(0, 21, 0, 20), Window(20, 41, 20, 41)]


@pytest.mark.parametrize("overlap", [-1, 40, 41])
def test_an_overlap_that_leaves_nothing_new(overlap: int) -> None:
    with pytest.raises(ValueError, match=f"windows of 40 pixels cannot overlap by {overlap}"):
        overlapping_axis(100, 40, overlap)
