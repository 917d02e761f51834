"""Family: all that differs between the two networks, one small frozen value each.

Data, tiling, training loop, metrics, report and commands know this interface and not which network they serve.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from unmask.arrays import ProbabilityMap
from unmask.data.sample import Sample
from unmask.instances.decode import decode
from unmask.instances.objects import Objects
from unmask.losses import unet_losses
from unmask.nets import UNet
from unmask.recipe import InstanceRecipe, Recipe
from unmask.targets.targets import Targets, unet_targets

__all__ = ["UNET", "Family", "family_of"]


@dataclass(frozen=True)
class Family:
    """A kind of network.

    Attributes:
        name: as `--net` takes it.
        build: the untrained network of a recipe.
        targets: what the loss compares with, for one sample.
        losses: (outputs, target classes, weights, recipe) to named scalars; `total` is minimised.
        decode: (network maps of a whole image, parameters, pixel size) to objects.
        bytes_per_pixel: memory of one network pass, per pixel of its input.
    """

    name: str
    build: Callable[[Recipe], nn.Module]
    targets: Callable[[Sample, Recipe], Targets]
    losses: Callable[[Any, Tensor, Tensor, Recipe], dict[str, Tensor]]
    decode: Callable[[ProbabilityMap, InstanceRecipe, tuple[float, float] | None], Objects]
    bytes_per_pixel: Callable[[Recipe], int]


def family_of(recipe: Recipe) -> Family:
    """The family of a recipe's network."""
    match recipe.network.name:
        case "unet":
            return UNET


def _build_unet(recipe: Recipe) -> UNet:
    network = recipe.network
    return UNet(
        recipe.data.channels,
        1 + len(recipe.data.class_names),
        width=network.width,
        depth=network.depth,
        norm=network.norm,
        dropout=network.dropout,
        padding=network.padding,
    )


UNET = Family(
    name="unet",
    build=_build_unet,
    targets=lambda sample, recipe: unet_targets(sample, recipe.targets, separate=recipe.data.kind != "classes"),
    losses=lambda logits, target, weight, recipe: unet_losses(logits, target, weight, dice=recipe.loss.dice),
    decode=decode,
    # At full size: the skip, the upsampled map, both side by side, and a convolution's input, output and workspace.
    bytes_per_pixel=lambda recipe: 4 * 8 * recipe.network.width,
)
