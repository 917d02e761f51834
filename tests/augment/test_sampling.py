"""Sampling against NumPy's mirrored padding and a plain bilinear formula in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.augment.sampling import STEP, sample


def _plain(source: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Bilinear in float64, mirrored by numpy.pad."""
    margin = 40
    # numpy repeats the only pixel of a side of 1 when it reflects, as `sample` does
    padded = np.pad(source.astype(np.float64), margin, mode="reflect")
    y, x = y + margin, x + margin
    i, j = np.floor(y).astype(int), np.floor(x).astype(int)
    v, u = y - i, x - j
    return (
        (1 - v) * (1 - u) * padded[i, j]
        + (1 - v) * u * padded[i, j + 1]
        + v * (1 - u) * padded[i + 1, j]
        + v * u * padded[i + 1, j + 1]
    )


sides = st.integers(1, 40)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), sides, sides)
def test_bilinear_is_numpy_s_and_mirrors_as_numpy_pads(seed, height, width):
    random = np.random.default_rng(seed)
    source = random.random((height, width), np.float32)
    y = random.integers(-20 / STEP, (height + 20) / STEP, (7, 9)) * STEP
    x = random.integers(-20 / STEP, (width + 20) / STEP, (7, 9)) * STEP
    positions = torch.from_numpy(np.stack((y, x)).astype(np.float32))[None]
    read = sample(torch.from_numpy(source)[None, None], positions, "bilinear")
    np.testing.assert_allclose(read[0, 0], _plain(source, y, x), atol=1e-6)


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (33, 34), (255, 257), (256, 400), (513, 2049), (1, 5000)])
def test_whole_pixels_are_read_exactly_also_outside(shape, mode):
    source = torch.randn(1, 2, *shape, generator=torch.Generator().manual_seed(0))
    y, x = torch.meshgrid(*(torch.arange(-5, side + 5).float() for side in shape), indexing="ij")
    expected = np.pad(source.numpy(), ((0, 0), (0, 0), (5, 5), (5, 5)), mode="reflect")
    np.testing.assert_array_equal(sample(source, torch.stack((y, x))[None], mode), expected)


def test_nearest_keeps_large_ids_and_rounds_half_way_to_even():
    source = torch.tensor([[[[2.0**24 - 1, 3.0, 2.0**24 - 3]]]])
    x = torch.tensor([[0.0, 0.49, 0.5, 0.51, 1.5, 1.75]])
    read = sample(source, torch.stack((torch.zeros_like(x), x))[None], "nearest")
    assert read.flatten().tolist() == [2**24 - 1, 2**24 - 1, 2**24 - 1, 3, 2**24 - 3, 2**24 - 3]


def test_each_image_is_read_at_its_own_positions():
    source = torch.arange(2 * 3 * 4 * 4).float().view(2, 3, 4, 4)
    positions = torch.tensor([[[[1.0]], [[2.0]]], [[[3.0]], [[0.0]]]])
    read = sample(source, positions, "bilinear")[:, :, 0, 0]
    torch.testing.assert_close(read, torch.stack((source[0, :, 1, 2], source[1, :, 3, 0])), rtol=0, atol=0)
