"""What a step is made of: optimiser, seeds, an augmented batch."""

import numpy as np
import torch
from torch import nn

from unmask.augment.pipeline import Batch, augment
from unmask.family import family_of
from unmask.nets import Halo
from unmask.recipe import OptimiserRecipe, Recipe
from unmask.training.sampler import TileBatch

__all__ = ["augmented", "build_optimiser", "seed_of", "start_net"]


def start_net(recipe: Recipe, *, resumed: bool) -> tuple[nn.Module, str]:
    """The network that training starts from, and in a sentence where its weights are from; empty where from nowhere.

    Args:
        recipe: the run.
        resumed: a checkpoint will fill it.

    Raises:
        ModelError: weights that cannot be had or do not fit.
    """
    torch.manual_seed(recipe.schedule.seed)
    family = family_of(recipe)
    net = family.build(recipe)
    return net, "" if resumed else family.start(net, recipe)


def build_optimiser(net: nn.Module, recipe: OptimiserRecipe, slow: tuple[str, float]) -> torch.optim.Optimizer:
    """The optimiser; weight decay spares biases and norms.

    Args:
        net: the network.
        recipe: which optimiser.
        slow: start of the names of parameters that learn at a share of the rate, and that share; a group's "share".
    """
    groups = []
    for share in sorted({1.0, slow[1]}):
        named = [p for name, p in net.named_parameters() if (slow[1] if name.startswith(slow[0]) else 1.0) == share]
        groups += [
            {"params": [p for p in named if p.ndim > 1], "weight_decay": recipe.weight_decay, "share": share},
            {"params": [p for p in named if p.ndim <= 1], "weight_decay": 0.0, "share": share},
        ]
    groups = [group for group in groups if group["params"]]
    if recipe.name == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999))


def seed_of(seed: int, step: int, rank: int) -> int:
    """One number for the generators of one step on one device."""
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0] >> 1)


def augmented(tiles: TileBatch, recipe: Recipe, halo: Halo, side: int, seed: int, device: torch.device) -> Batch:
    """A step's batch on the device, augmented; its random numbers are the same on every device."""
    return augment(
        tiles.images.to(device, non_blocking=True),
        tiles.targets.to(device, non_blocking=True),
        None if tiles.weights is None else tiles.weights.to(device, non_blocking=True),
        recipe.augment,
        side,
        halo.output(side),
        torch.Generator().manual_seed(seed),
    )
