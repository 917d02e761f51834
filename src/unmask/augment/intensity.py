"""Grey-value augmentation (Ronneberger 2015: "grey value variations"), in the order in which a microscope makes them.

Blur by the optics, then gamma, contrast and offset by the way from light to numbers, then the detector's noise.
"""

import math
from typing import Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Float32
from torch import Tensor

__all__ = ["GreyRange", "vary_grey"]


class GreyRange(Protocol):
    """How far grey values may vary, 0 for not at all; `unmask.recipe.AugmentRecipe` is one."""

    @property
    def brightness(self) -> float:
        """The largest change of the offset, in normalised grey values."""

    @property
    def contrast(self) -> float:
        """The largest relative change of the contrast: 0.5 for factors from 1 / 1.5 to 1.5."""

    @property
    def gamma(self) -> float:
        """The largest absolute value of the logarithm of gamma."""

    @property
    def noise(self) -> float:
        """The largest standard deviation of Gaussian noise, in normalised grey values."""

    @property
    def blur(self) -> float:
        """The largest standard deviation of a Gaussian blur, pixels."""


def vary_grey(
    images: Float32[Tensor, "b c h w"], ranges: GreyRange, generator: torch.Generator
) -> Float32[Tensor, "b c h w"]:
    """Varies blur and noise of each image, gamma, contrast and offset of each of its channels.

    Args:
        images: normalised, about 0 to 1, though values beyond are welcome.
        ranges: how far.
        generator: every random number comes from here; on the CPU it gives the same numbers for every device.

    Returns:
        New images, float32; with all ranges 0 the images as they were.
    """
    batch, channels = images.shape[:2]
    uniform = torch.rand(batch, 2 + 3 * channels, generator=generator, device=generator.device).to(images.device)
    blur, noise = (uniform[:, :2] * uniform.new_tensor((ranges.blur, ranges.noise))).unbind(1)
    gamma, contrast, brightness = (2 * uniform[:, 2:].view(batch, 3, channels, 1, 1) - 1).unbind(1)
    if ranges.blur:
        images = _blurred(images, blur, math.ceil(3 * ranges.blur))
    if ranges.gamma:
        images = _gamma(images, torch.exp(ranges.gamma * gamma))
    factor = (1 + ranges.contrast) ** contrast
    mean = images.mean((2, 3), keepdim=True)
    images = images * factor + (mean * (1 - factor) + ranges.brightness * brightness)
    if ranges.noise:
        grain = torch.randn(images.shape, generator=generator, device=generator.device).to(images.device)
        images = images + noise[:, None, None, None] * grain
    return images


def _gamma(images: Tensor, exponent: Tensor) -> Tensor:
    """Values of 0 to 1 to a power. Those beyond stay: continuous and increasing, and no root of what is negative."""
    return torch.where((images > 0) & (images < 1), images.clamp(0, 1).pow(exponent), images)


def _blurred(images: Tensor, sigma: Tensor, radius: int) -> Tensor:
    """Each image under its own Gaussian, cut at `radius`; edge pixels are repeated outside."""
    batch, channels, height, width = images.shape
    offset = torch.arange(-radius, radius + 1, device=images.device)
    kernel = torch.exp(-0.5 * (offset / sigma.clamp(min=1e-3)[:, None]).square())
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)[:, None]  # (b * c, 1, 2 radius + 1)
    planes = F.pad(images.reshape(1, batch * channels, height, width), (radius,) * 4, mode="replicate")
    planes = F.conv2d(planes, kernel[:, :, :, None], groups=batch * channels)
    planes = F.conv2d(planes, kernel[:, :, None, :], groups=batch * channels)
    return planes.view(batch, channels, height, width)
