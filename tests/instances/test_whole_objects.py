"""Objects of an image that goes by row after row of blocks are those of the image looked at at once."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from unmask.geometry.labels import relabel
from unmask.instances.blockwise_objects import ObjectSums, finish, merge_objects, whole_objects


def rows_of(labels: np.ndarray, height: int, width: int, image: np.ndarray) -> list[tuple[int, list[ObjectSums]]]:
    """What `finish` gives of each block."""
    table = np.arange(labels.max() + 1, dtype=np.int32)
    maps = np.full((2, *labels.shape), 0.5, np.float32)
    found = []
    for top, bottom in pairwise([*range(0, labels.shape[0], height), labels.shape[0]]):
        columns = pairwise([*range(0, labels.shape[1], width), labels.shape[1]])
        places = [(slice(top, bottom), slice(*column)) for column in columns]
        parts = [finish(labels[y, x], table, maps[:, y, x], image[y, x], (y.start, x.start))[1] for y, x in places]
        found.append((bottom, parts))
    return found


@given(st.integers(0, 10**6), st.tuples(st.integers(1, 40), st.integers(1, 40)), st.integers(1, 15), st.integers(1, 15))
def test_parts_in_order_make_the_whole(seed: int, size: tuple[int, int], height: int, width: int) -> None:
    random = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(random.standard_normal(size), random.uniform(0.5, 3))
    labels = relabel(ndimage.label(smooth > random.normal(0, 0.1))[0])
    image = random.integers(0, 1000, (*size, 1)).astype(np.uint16)
    rows = rows_of(labels, height, width, image)
    whole = merge_objects([part for _, parts in rows for part in parts])
    found = list(whole_objects(rows))
    assert len(found) == len(rows) + 1
    together = [np.concatenate(column) for column in zip(*(vars(part).values() for part in found), strict=True)]
    for mine, theirs in zip(together, vars(whole).values(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert list(together[0]) == list(range(1, labels.max() + 1))


def test_what_is_whole_comes_at_once_unless_an_earlier_number_goes_on() -> None:
    labels = np.zeros((12, 9), np.int32)
    labels[1:3, 1:3] = 1
    labels[1:10, 5] = 2  # through three rows of blocks
    labels[2, 7] = 3
    labels[5, 2] = 4
    labels[11, 0:3] = 5
    rows = rows_of(labels, 4, 4, np.zeros((12, 9, 1), np.uint8))
    assert [part.numbers.tolist() for part in whole_objects(rows)] == [[1], [], [2, 3, 4], [5]]
