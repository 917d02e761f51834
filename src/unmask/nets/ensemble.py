"""Ensemble: several networks as one, whose probabilities are the mean of theirs.

Its logits are the logarithm of the members' mean softmax, so that all that takes a network takes an ensemble: softmax
of them is the mean, as deep ensembles have it (Lakshminarayanan, Pritzel, Blundell 2017).
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Ensemble"]


@torch.fx.wrap
def log_share(logits: Tensor, members: int) -> Tensor:
    """What one of so many members adds to the mean of their probabilities, as a logarithm; classes are axis 1."""
    return logits.log_softmax(1) - math.log(members)


@torch.fx.wrap
def log_sum(first: Tensor, second: Tensor) -> Tensor:
    """Logarithm of the sum of what two logarithms are of, without leaving them: nothing underflows."""
    return torch.logaddexp(first, second)


class Ensemble(nn.Module):
    """Several networks of the same shapes, asked one after another; memory holds the maps of one of them at a time.

    Args:
        members: (b, c, h, w) to logits (b, classes, h', w') each; they stay where they are in memory.

    Shapes: those of a member. Over classes, exp of what it returns sums to 1.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes h2 w2"]:
        """Logits, not probabilities: log of the mean over members of softmax."""
        count = len(self.members)
        first, *others = self.members
        total: Tensor = log_share(first(x), count)
        for member in others:
            total = log_sum(total, log_share(member(x), count))
        return total
