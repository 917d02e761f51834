"""Losses: network outputs and targets to named scalars."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

__all__ = ["soft_dice", "unet_losses", "weighted_cross_entropy"]


def weighted_cross_entropy(
    logits: Float[Tensor, "b c h w"], target: Int64[Tensor, "b h w"], weight: Float[Tensor, "b h w"]
) -> Float[Tensor, ""]:
    """Pixel-wise softmax cross entropy under the weight map, E = mean of w(x) * -log p_target(x) (Ronneberger 2015).

    The paper sums over the tile; the mean makes the learning rate independent of the tile's size.
    """
    return (F.cross_entropy(logits, target, reduction="none") * weight).mean()


def soft_dice(logits: Float[Tensor, "b c h w"], target: Int64[Tensor, "b h w"]) -> Float[Tensor, ""]:
    """1 - the soft Dice coefficient of each class but the background, over the batch, averaged over classes.

    Squared denominators as in V-Net (Milletari 2016). A class that is absent and not predicted costs nothing.
    """
    probability = logits.softmax(dim=1)[:, 1:]
    truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1)[:, 1:].to(probability.dtype)
    over = (0, 2, 3)
    overlap = 2 * (probability * truth).sum(over)
    total = probability.square().sum(over) + truth.sum(over)
    return (1 - (overlap + 1) / (total + 1)).mean()


def unet_losses(
    logits: Float[Tensor, "b c h w"], target: Int64[Tensor, "b h w"], weight: Float[Tensor, "b h w"], *, dice: float
) -> dict[str, Float[Tensor, ""]]:
    """Named losses of the U-Net; `total` is what is minimised.

    Args:
        logits: the network's output.
        target: class of each pixel, 0 is background.
        weight: the weight map.
        dice: weight of the Dice loss beside the cross entropy's 1; 0 leaves it out.
    """
    losses = {"cross_entropy": weighted_cross_entropy(logits.float(), target, weight)}
    if dice:
        losses["dice"] = dice * soft_dice(logits.float(), target)
    return {**losses, "total": torch.stack(list(losses.values())).sum()}
