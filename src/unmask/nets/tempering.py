"""Tempering: a network's logits divided by a constant, within its weights (Guo et al. 2017, temperature scaling)."""

import copy

import torch
from torch import nn

from unmask.nets.unet import UNet

__all__ = ["tempered"]


@torch.no_grad()
def tempered(net: nn.Module, temperature: float) -> nn.Module:
    """A copy of a network whose U-Nets' logits are divided by a temperature.

    The last convolution is linear, so dividing its weights and bias divides the logits, and nothing else is needed
    wherever the network runs. Whatever is linear and follows (resizing of logits) keeps the division. The mean of
    several members' probabilities does not: each member is tempered then, and not their mean.

    Args:
        net: a U-Net, or a module with U-Nets within.
        temperature: above 1 for probabilities nearer to each other, below 1 for surer ones.
    """
    copied = copy.deepcopy(net)
    for module in copied.modules():
        if isinstance(module, UNet):
            for parameter in module.head.parameters():
                parameter.div_(temperature)
    return copied
