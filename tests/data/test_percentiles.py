"""Percentiles by counting are NumPy's by sorting, to the bit, however the image is cut."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unmask.data.percentiles import search, searched
from unmask.errors import DataError

TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "f2", "f4", "f8", "i8", ">u2", ">f4", "?"]
WANTED = st.lists(st.floats(0, 100) | st.sampled_from([0, 0.5, 50, 99.8, 100]), min_size=1, max_size=3)


def elements(dtype):
    match np.dtype(dtype).kind:
        case "f":
            width = 8 * np.dtype(dtype).itemsize
            limit = 6e4 if width == 16 else 2.0**100
            few = st.sampled_from([0.0, -0.0, 1.0, -1.5, 1024.0])
            return few | st.floats(-limit, limit, width=width) if width > 16 else few | st.floats(-999, 999, width=16)
        case "b":
            return st.booleans()
        case _:
            # NumPy subtracts neighbours in the image's own type, where those far apart go round.
            info = np.iinfo(dtype)
            return st.integers(max(info.min // 2, -(2**50)), min(info.max // 2, 2**50)) | st.integers(0, 9)


@st.composite
def images(draw):
    dtype = draw(st.sampled_from(TYPES))
    shape = draw(hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7))
    return draw(hnp.arrays(dtype, shape, elements=elements(dtype)))


@given(images(), WANTED, st.integers(1, 7))
def test_percentiles_are_numpys_to_the_bit(image, wanted, rows):
    found, lowest, highest = searched(lambda: np.array_split(image, rows)[: image.shape[0]], wanted).values()
    pixels = image.reshape(-1, image.shape[2])
    expected = np.percentile(pixels.astype(np.uint8) if image.dtype == bool else pixels, wanted, axis=0).T
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(lowest, pixels.min(axis=0))
    np.testing.assert_array_equal(highest, pixels.max(axis=0))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32"])
def test_many_pixels_of_a_spread(dtype):
    """Values that share their first bits and values that do not."""
    info = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else np.finfo(np.float16)
    random = np.random.default_rng(5)
    values = random.normal(info.max / 2, info.max / 9, (90, 110, 2)) * [1, 0.01]
    image = values.clip(0, info.max).astype(dtype)
    wanted = [0, 0.5, 25, 50, 99.8, 100]
    found = searched(lambda: (image[:, i : i + 37] for i in (0, 37, 74)), wanted).values()[0]
    np.testing.assert_array_equal(found, np.percentile(image, wanted, axis=(0, 1)).T)


def test_neighbours_far_apart_do_not_go_round():
    """NumPy's own difference of the two overflows."""
    image = np.array([-32768, 32767], np.int16).reshape(2, 1, 1)
    assert searched(lambda: [image], [25, 50]).values()[0].tolist() == [[-16384.25, -0.5]]


def test_blocks_counted_apart_and_in_any_order():
    """As many workers do it: states and counts travel, counts are added."""
    image = np.random.default_rng(1).normal(0, 50, (60, 50, 2)).astype(np.float32)
    blocks = [image[i : i + 7, j : j + 11] for i in range(0, 60, 7) for j in range(0, 50, 11)]
    state = search(image.dtype, 2, (0.5, 99.8))
    passes = 0
    while not state.done:
        sent = pickle.loads(pickle.dumps(state))
        state = state.narrow(sum(sent.count(block) for block in reversed(blocks)))
        passes += 1
    assert passes == 2
    np.testing.assert_array_equal(state.values()[0], np.percentile(image, [0.5, 99.8], axis=(0, 1)).T)
    assert len(pickle.dumps(state)) < 2000


@pytest.mark.parametrize(("dtype", "passes"), [("u1", 1), ("i2", 1), ("u4", 2), ("f4", 2), ("f8", 4)])
def test_passes_over_the_image(dtype, passes):
    asked = []
    searched(lambda: (asked.append(1), [np.ones((2, 2, 1), dtype)])[1], [50])
    assert len(asked) == passes


def test_a_single_pixel():
    found, lowest, highest = searched(lambda: [np.full((1, 1, 1), 7, np.uint16)], [0, 50, 100]).values()
    assert (found.tolist(), lowest.tolist(), highest.tolist()) == ([[7, 7, 7]], [7], [7])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value):
    image = np.zeros((2, 2, 1), np.float32)
    image[1, 1] = value
    with pytest.raises(DataError, match=r"not finite\. Replace them"):
        searched(lambda: [image], [50])


def test_blocks_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="a block of 1 channels of uint8, not 1 uint16"):
        search(np.dtype(np.uint16), 1, [50]).count(np.zeros((2, 2, 1), np.uint8))
    with pytest.raises(ValueError, match="a block of 3 channels of uint16, not 1 uint16"):
        search(np.dtype(np.uint16), 1, [50]).count(np.zeros((2, 2, 3), np.uint16))
    with pytest.raises(ValueError, match="at least one block"):
        searched(list, [50])
