"""Backbone: a ResNet (He et al. 2016) as torchvision builds it, and the feature pyramid on top of it.

image ── conv1 ── layer1 ── layer2 ── layer3 ── layer4
 / 1      / 4      C2 / 4    C3 / 8    C4 / 16   C5 / 32 ── FPN ── P2 ... P6 / 64
"""

from functools import partial
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from unmask.errors import ModelError
from unmask.nets.fpn import FPN

__all__ = ["RESNETS", "STAGES", "Backbone", "Norm", "ResNetBody"]

Norm = Literal["frozen", "batch"]

RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101")
STAGES = 5  # the first convolution, and layer1 to layer4
RGB = 3


class ResNetBody(nn.Module):
    """torchvision's ResNet without its classifier; names of parameters and initialisation are torchvision's.

    Args:
        name: resnet18, resnet34, resnet50 or resnet101.
        channels: channels of the image.
        norm: "frozen": batch norms are constants, those of the weights that are loaded; "batch": they are trained.
        frozen_eps: what frozen norms add to the variance; torchvision's COCO_V1 weights were trained with 0.

    Attributes:
        name: as given.
        widths: channels of C2 to C5.

    Raises:
        ModelError: a ResNet or a norm that is none of these, or no channels.
    """

    def __init__(self, name: str, channels: int = 3, norm: Norm = "frozen", frozen_eps: float = 1e-5) -> None:
        super().__init__()
        _check(name, channels, norm)
        # Not above: `unmask.nets.operators` says why.
        from torchvision.models import get_model
        from torchvision.ops.misc import FrozenBatchNorm2d

        layer = partial(FrozenBatchNorm2d, eps=frozen_eps) if norm == "frozen" else nn.BatchNorm2d
        net = get_model(name, norm_layer=layer)
        self.name = name
        self.widths = _widths(net.fc.in_features)
        self.conv1 = net.conv1 if channels == RGB else _first_convolution(channels)
        self.bn1, self.relu, self.maxpool = net.bn1, net.relu, net.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = net.layer1, net.layer2, net.layer3, net.layer4
        self.fixed_stages = 0

    @property
    def fixed_stages(self) -> int:
        """How many stages, of `STAGES`, are left as they are: 1 is the first convolution, 2 layer1 as well, 5 all.

        They run without gradient and with the statistics they have. It may be set between steps.

        Raises:
            ValueError: when set below 0 or above `STAGES`.
        """
        return self._fixed

    @fixed_stages.setter
    def fixed_stages(self, count: int) -> None:
        if not 0 <= count <= STAGES:
            raise ValueError(f"a ResNet has {STAGES} stages: {count} of them cannot be fixed")
        self._fixed = count
        self.train(self.training)

    def train(self, mode: bool = True) -> "ResNetBody":
        """Training mode, or not; batch norms of fixed stages stay out of it, or their statistics would move."""
        super().train(mode)
        for stage in self._stages()[: self._fixed]:
            for module in stage:
                module.eval()
        return self

    def forward(self, x: Float[Tensor, "b channels h w"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """C2 to C5: (b, width, ., .) at a 4th, 8th, 16th and 32nd of the image's size, rounded up."""
        maps = []
        for number, stage in enumerate(self._stages()):
            with torch.set_grad_enabled(torch.is_grad_enabled() and number >= self._fixed):
                for module in stage:
                    x = module(x)
            maps.append(x)
        _, c2, c3, c4, c5 = maps
        return c2, c3, c4, c5

    def _stages(self) -> tuple[tuple[nn.Module, ...], ...]:
        stem = (self.conv1, self.bn1, self.relu, self.maxpool)
        return stem, (self.layer1,), (self.layer2,), (self.layer3,), (self.layer4,)


class Backbone(nn.Module):
    """ResNet and feature pyramid.

    Args:
        name: resnet18, resnet34, resnet50 or resnet101.
        channels: channels of the image.
        width: channels of the pyramid's maps.
        norm: of the ResNet, "frozen" or "batch"; the pyramid has none.
        frozen_eps: what frozen norms add to the variance.

    Attributes:
        body: the ResNet.
        fpn: the feature pyramid.

    Raises:
        ModelError: a ResNet or a norm that is none of these, or no channels.
    """

    def __init__(
        self, name: str, *, channels: int = 3, width: int = 256, norm: Norm = "frozen", frozen_eps: float = 1e-5
    ) -> None:
        super().__init__()
        self.body = ResNetBody(name, channels, norm, frozen_eps)
        self.fpn = FPN(self.body.widths, width)

    def forward(self, images: Float[Tensor, "b channels h w"]) -> list[Float[Tensor, "b width _ _"]]:
        """P2 to P6: at a 4th, 8th, 16th, 32nd and 64th of the images' size, rounded up."""
        pyramid: list[Tensor] = self.fpn(self.body(images))
        return pyramid


def _check(name: str, channels: int, norm: str) -> None:
    if name not in RESNETS:
        raise ModelError(f"no backbone is called {name!r}", remedy=f"use {', '.join(RESNETS)}")
    if norm not in get_args(Norm):
        raise ModelError(f"{norm!r} is no norm of a backbone", remedy=f"use {' or '.join(get_args(Norm))}")
    if channels < 1:
        raise ModelError(f"an image of {channels} channels cannot be looked at")


def _widths(deepest: int) -> tuple[int, int, int, int]:
    return deepest // 8, deepest // 4, deepest // 2, deepest


def _first_convolution(channels: int) -> nn.Conv2d:
    """torchvision's, for other images than RGB, and initialised as it does."""
    convolution = nn.Conv2d(channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution
