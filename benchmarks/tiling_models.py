"""The networks, the images and the useful work of tiling.py."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from unmask.arrays import FloatImage
from unmask.data.normalise import normalise, stretch_constants
from unmask.data.phantom import Phantom
from unmask.family import family_of
from unmask.model import Model
from unmask.nets.operations import operations
from unmask.recipe import Recipe, UNetRecipe

__all__ = ["Padding", "an_image", "both_paddings", "random_model", "to_batch", "work_per_pixel"]

LARGEST_PHANTOM = 2048
# Deviation of each logit of the random network over an image. Probabilities then lie mostly in 0.1 to 0.9: were they
# all 0 or 1, no seam would show; with larger logits their rounding would pass for one.
SPREAD = 0.5
Padding = Literal["valid", "same"]
PADDINGS: tuple[Padding, ...] = ("valid", "same")


def random_model(width: int) -> Model:
    """The paper's network of another width, with random weights."""
    recipe = Recipe(network=UNetRecipe(width=width, depth=4, norm="none"))
    torch.manual_seed(0)
    model = Model(family_of(recipe).build(recipe).eval(), recipe)
    assert isinstance(model.net.head, nn.Conv2d), "the head is a 1 x 1 convolution"
    _spread(model.net, model.net.head, to_batch(an_image(model, 512)))
    return model


@torch.no_grad()
def _spread(net: nn.Module, head: nn.Conv2d, batch: Tensor) -> None:
    """Scales and shifts the logits."""
    logits = net(batch)[0].flatten(1)  # (classes, pixels)
    factor = SPREAD / logits.std(dim=1)
    assert head.bias is not None, "the head has a bias"
    head.weight.mul_(factor[:, None, None, None])
    head.bias.sub_(logits.mean(dim=1)).mul_(factor)


def both_paddings(model: Model) -> dict[Padding, Model]:
    """The weights of a U-Net in a network that pads and in one that does not."""
    network = model.recipe.network
    assert isinstance(network, UNetRecipe), "the model is a U-Net"
    made: dict[Padding, Model] = {}
    for padding in PADDINGS:
        recipe = model.recipe.model_copy(update={"network": network.model_copy(update={"padding": padding})})
        net = family_of(recipe).build(recipe).eval()
        net.load_state_dict(model.net.state_dict())
        made[padding] = Model(net, recipe)
    return made


def an_image(model: Model, side: int) -> FloatImage:
    """Simulated nuclei (side, side, 1), stretched as the model wants them; beyond 2,048 pixels mirrored on.

    Time does not depend on what is seen, and simulating 8,192 x 8,192 pixels would take minutes.
    """
    made = min(side, LARGEST_PHANTOM)
    image = Phantom("nuclei", (made, made)).window(0, 0, made, made).image
    stretched = normalise(image, stretch_constants(image, model.recipe.normalise))
    return np.pad(stretched, [(0, side - made), (0, side - made), (0, 0)], mode="symmetric")


def to_batch(image: FloatImage) -> Tensor:
    """(h, w, c) to (1, c, h, w)."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]


def work_per_pixel(model: Model) -> float:
    """Multiplications and additions that a pixel of an endless image takes: of a padded network."""
    network, data, side = model.recipe.network, model.recipe.data, 2**10
    assert isinstance(network, UNetRecipe), "the model is a U-Net"
    padded = network.model_copy(update={"padding": "same"})
    return operations(padded, data.channels, 1 + len(data.class_names), side, side) / side**2
