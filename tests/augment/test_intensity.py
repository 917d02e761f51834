"""Grey values: each change measured on its own."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy import ndimage

from unmask.augment.intensity import vary_grey


@dataclass(frozen=True)
class Ranges:
    brightness: float = 0.0
    contrast: float = 0.0
    gamma: float = 0.0
    noise: float = 0.0
    blur: float = 0.0


def _seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _images(batch: int = 6, channels: int = 2, side: int = 24) -> torch.Tensor:
    return torch.randn(batch, channels, side, side, generator=_seeded(9)) * 0.5 + 0.5  # beyond 0 and 1 on both sides


def test_nothing_to_vary_gives_the_images_exactly():
    images = _images()
    assert torch.equal(vary_grey(images, Ranges(), _seeded()), images)


def test_brightness_adds_one_number_a_channel():
    images = _images(500, 2, 4)
    change = vary_grey(images, Ranges(brightness=0.2), _seeded()) - images
    torch.testing.assert_close(change, change[:, :, :1, :1].expand_as(change), rtol=0, atol=1e-6)
    numbers = change[:, :, 0, 0]
    assert numbers.abs().max() <= 0.2 + 1e-6
    assert numbers.std().item() == pytest.approx(0.4 / math.sqrt(12), rel=0.05)
    assert torch.corrcoef(numbers.T)[0, 1].abs() < 0.15


def test_contrast_multiplies_about_the_mean():
    images = _images(500, 2, 8)
    varied = vary_grey(images, Ranges(contrast=0.5), _seeded())
    torch.testing.assert_close(varied.mean((2, 3)), images.mean((2, 3)), rtol=0, atol=1e-5)
    factor = varied.std((2, 3)) / images.std((2, 3))
    assert factor.min() >= 1 / 1.5 - 1e-4
    assert factor.max() <= 1.5 + 1e-4
    assert factor.log().mean().abs() < 0.03
    assert factor.log().std().item() == pytest.approx(2 * math.log(1.5) / math.sqrt(12), rel=0.05)


def test_gamma_is_a_power_between_0_and_1_and_nothing_beyond():
    ramp = torch.linspace(-1, 3, 401).expand(50, 1, 1, 401).contiguous()
    varied = vary_grey(ramp, Ranges(gamma=0.7), _seeded())
    beyond = (ramp <= 0) | (ramp >= 1)
    assert torch.equal(varied[beyond], ramp[beyond])
    exponent = varied[:, 0, 0, 150].log() / math.log(0.5)  # ramp[150] is 0.5
    assert exponent.log().abs().max() <= 0.7 + 1e-4
    assert exponent.log().std() > 0.3
    torch.testing.assert_close(varied[:, 0, 0, 125], 0.25**exponent)
    assert (varied.diff(dim=-1) > 0).all()  # order of grey values is kept


def test_noise_has_a_deviation_of_its_own_in_each_image():
    images = torch.zeros(200, 1, 32, 32)
    varied = vary_grey(images, Ranges(noise=0.1), _seeded())
    deviation = varied.std((1, 2, 3))
    assert deviation.max() < 0.11
    assert deviation.mean().item() == pytest.approx(0.05, rel=0.15)
    assert deviation.std().item() == pytest.approx(0.1 / math.sqrt(12), rel=0.15)


def test_blur_is_scipy_s_gaussian():
    images = _images(4, 3, 20)
    varied = vary_grey(images, Ranges(blur=2.0), _seeded(1))
    sigmas = 2.0 * torch.rand(4, 2 + 9, generator=_seeded(1))[:, 0]
    assert sigmas.max() > 0.5
    for image, read, sigma in zip(images, varied, sigmas.tolist(), strict=True):
        expected = ndimage.gaussian_filter(image.double().numpy(), (0, sigma, sigma), mode="nearest", radius=(0, 6, 6))
        np.testing.assert_allclose(read, expected, atol=1e-5)


def test_blur_of_an_image_smaller_than_the_kernel_is_finite():
    assert torch.isfinite(vary_grey(_images(2, 1, 2), Ranges(blur=3.0), _seeded())).all()


def test_same_seed_same_image_and_the_global_state_is_not_touched():
    ranges = Ranges(0.1, 0.3, 0.3, 0.05, 1.0)
    images = _images()
    before = images.clone()
    state = torch.get_rng_state()
    first = vary_grey(images, ranges, _seeded(3))
    assert torch.equal(first, vary_grey(images, ranges, _seeded(3)))
    assert not torch.equal(first, vary_grey(images, ranges, _seeded(4)))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(images, before)
    assert torch.isfinite(first).all()
