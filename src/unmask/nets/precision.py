"""Half precision is for the layers; coordinates, scores and losses need more."""

import torch
from torch import Tensor

__all__ = ["at_least_float32"]


def at_least_float32(values: Tensor) -> Tensor:
    """Half precision as float32, all else as it is."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
