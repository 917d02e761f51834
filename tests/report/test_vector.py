import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unmask.report.vector import border_path, region_path
from unmask.report.window import busiest_window

LABELS = arrays(np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3))


def test_a_border_is_drawn_along_pixel_edges() -> None:
    labels = np.array([[0, 0, 0, 0], [0, 5, 5, 7], [0, 0, 0, 7]])
    # By hand: the top of 5 and 7 is one line; 5 and 7 share a side; the image's right edge is no border.
    assert sorted(re.findall(r"M[^M]+", border_path(labels))) == ["M1 1h3", "M1 1v1", "M1 2h2", "M3 1v2"]


def test_a_region_is_a_rectangle_for_each_run() -> None:
    assert (
        region_path(np.array([[1, 1, 0, 1], [0, 0, 0, 0], [0, 1, 1, 1]], bool))
        == "M0 0h2v1h-2zM3 0h1v1h-1zM1 2h3v1h-3z"
    )


def test_no_border_no_path() -> None:
    assert border_path(np.zeros((3, 4), int)) == region_path(np.zeros((3, 4), bool)) == ""


@given(LABELS)
def test_borders_have_the_length_that_counting_pixel_pairs_gives(labels: np.ndarray) -> None:
    across = (labels[1:] != labels[:-1]).sum()
    down = (labels[:, 1:] != labels[:, :-1]).sum()
    path = border_path(labels)
    assert sum(map(int, re.findall(r"h(\d+)", path))) == across
    assert sum(map(int, re.findall(r"v(\d+)", path))) == down


@given(LABELS)
def test_a_region_filled_again_is_the_mask(labels: np.ndarray) -> None:
    mask = labels > 1
    again = np.zeros_like(mask)
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)", region_path(mask)):
        again[int(y), int(x) : int(x) + int(length)] = True
    np.testing.assert_array_equal(again, mask)


@given(arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40))), st.integers(1, 45))
def test_the_busiest_window_is_that_of_trying_every_one(interesting: np.ndarray, side: int) -> None:
    rows, columns = busiest_window(interesting, side)
    height, width = min(side, interesting.shape[0]), min(side, interesting.shape[1])
    assert interesting[rows, columns].shape == (height, width)
    tops = {*range(0, interesting.shape[0] - height, 8), interesting.shape[0] - height}
    lefts = {*range(0, interesting.shape[1] - width, 8), interesting.shape[1] - width}
    most = max(interesting[y : y + height, x : x + width].sum() for y in tops for x in lefts)
    assert interesting[rows, columns].sum() == most
