"""What a step is made of: optimiser, seeds, an augmented batch."""

import numpy as np
import torch
from torch import nn

from unmask.augment.pipeline import Batch, augment
from unmask.nets import Halo
from unmask.recipe import OptimiserRecipe, Recipe
from unmask.training.sampler import TileBatch

__all__ = ["augmented", "build_optimiser", "seed_of"]


def build_optimiser(net: nn.Module, recipe: OptimiserRecipe) -> torch.optim.Optimizer:
    """The optimiser; weight decay spares biases and norms."""
    decayed = [p for p in net.parameters() if p.ndim > 1]
    spared = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": spared, "weight_decay": 0.0}]
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
        tiles.weights.to(device, non_blocking=True),
        recipe.augment,
        side,
        halo.output(side),
        torch.Generator().manual_seed(seed),
    )
