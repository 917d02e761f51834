"""Losses: network outputs and targets to named scalars."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from unmask.nets.outputs import RCNNOutputs
from unmask.nets.precision import at_least_float32
from unmask.targets.targets import IGNORED

__all__ = ["mask_rcnn_losses", "soft_dice", "unet_losses", "weighted_cross_entropy"]

SMOOTH = 1 / 9  # deltas below it cost their square, those above their absolute value


def weighted_cross_entropy(
    logits: Float[Tensor, "b c h w"], target: Int64[Tensor, "b h w"], weight: Float[Tensor, "b h w"]
) -> Float[Tensor, ""]:
    """Pixel-wise softmax cross entropy under the weight map, E = mean of w(x) * -log p_target(x) (Ronneberger 2015).

    The paper sums over the tile; the mean makes the learning rate independent of the tile's size. It is over the known
    pixels of the batch, those whose target is not `IGNORED`; 0 where there are none.
    """
    cross_entropy = F.cross_entropy(logits, target, reduction="none", ignore_index=IGNORED)
    # A factor, of 1 where all is known: then the mean is the very same.
    all_over_known = target.numel() / (target != IGNORED).sum().clamp(min=1)
    return (cross_entropy * weight).mean() * all_over_known


def soft_dice(logits: Float[Tensor, "b c h w"], target: Int64[Tensor, "b h w"]) -> Float[Tensor, ""]:
    """1 - the soft Dice coefficient of each class but the background, over the batch, averaged over classes.

    Squared denominators as in V-Net (Milletari 2016). A class that is absent and not predicted costs nothing. Pixels
    whose target is `IGNORED` are left out.
    """
    probability = logits.softmax(dim=1)[:, 1:] * (target != IGNORED)[:, None]
    truth = F.one_hot(target.clamp(min=0), logits.shape[1]).movedim(-1, 1)[:, 1:].to(probability.dtype)
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
        target: class of each pixel, 0 is background; `IGNORED` where nothing is known.
        weight: the weight map.
        dice: weight of the Dice loss beside the cross entropy's 1; 0 leaves it out.
    """
    losses = {"cross_entropy": weighted_cross_entropy(logits.float(), target, weight)}
    if dice:
        losses["dice"] = dice * soft_dice(logits.float(), target)
    return {**losses, "total": torch.stack(list(losses.values())).sum()}


def mask_rcnn_losses(outputs: RCNNOutputs) -> dict[str, Float[Tensor, ""]]:
    """Named losses of Mask R-CNN, unweighted as in the paper (He 2017) and in torchvision; `total` is their sum.

    Args:
        outputs: of one training step; half precision is computed on in float32.

    Returns:
        `objectness` and `class`: cross entropy, the mean over what was sampled. `proposal_box` and `box`: smooth L1 of
        the deltas of what stands for an object, summed, over the number sampled. `mask`, if there are masks: binary
        cross entropy, the mean over all known points; 0 where nothing stands for an object.
    """
    objectness, truth = at_least_float32(outputs.objectness), outputs.objectness_target
    logits = at_least_float32(outputs.class_logits)
    losses = {
        "objectness": _mean(
            F.binary_cross_entropy_with_logits(objectness, truth.to(objectness.dtype), reduction="none")
        ),
        "proposal_box": _smooth_l1(outputs.anchor_deltas, outputs.anchor_targets, outputs.sampled_anchors),
        "class": _mean(F.cross_entropy(logits, outputs.class_target, reduction="none")),
        "box": _smooth_l1(outputs.box_deltas, outputs.box_targets, len(logits)),
    }
    if outputs.mask_logits is not None and outputs.mask_targets is not None:
        masks = at_least_float32(outputs.mask_logits)
        losses["mask"] = _mean(
            F.binary_cross_entropy_with_logits(masks, outputs.mask_targets.to(masks.dtype), reduction="none"),
            outputs.mask_known,
        )
    return {**losses, "total": torch.stack(list(losses.values())).sum()}


def _mean(values: Float[Tensor, "*n"], known: Bool[Tensor, "*n"] | None = None) -> Float[Tensor, ""]:
    """The mean, of the `known` values where some are not; 0 of nothing, with a gradient of 0."""
    if known is None:
        return values.sum() / max(values.numel(), 1)
    return (values * known).sum() / known.sum().clamp(min=1)


def _smooth_l1(deltas: Float[Tensor, "n 4"], targets: Float[Tensor, "n 4"], sampled: int) -> Float[Tensor, ""]:
    deltas = at_least_float32(deltas)
    return F.smooth_l1_loss(deltas, targets.to(deltas.dtype), beta=SMOOTH, reduction="sum") / max(sampled, 1)
