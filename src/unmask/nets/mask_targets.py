"""Mask targets: the part of an object that lies in a region, as 28 x 28 numbers.

They equal RoIAlign of the object's full-frame mask, as torchvision computes them, without the full frames: each object
is cut from its layer into a window a little larger than itself, outside of which its mask is 0 anyway.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from unmask.nets.matching import MOST
from unmask.nets.object_targets import ObjectTargets
from unmask.nets.operators import roi_align
from unmask.nets.regions import Regions

__all__ = ["known_points", "mask_targets"]

# Pixels of background around an object: interpolation between its last pixel and the next needs one.
MARGIN = 2


def mask_targets(
    targets: Sequence[ObjectTargets], regions: Regions, matched: Int64[Tensor, " r"], side: int
) -> Float32[Tensor, "r side side"]:
    """What the mask head should say.

    Args:
        targets: objects of each image.
        regions: those that stand for an object.
        matched: the object, an index into the targets of the region's image.
        side: points along each side of a region.

    Returns:
        Share of each cell that the object covers, 0 to 1.
    """
    result = torch.empty(len(regions), side, side, device=matched.device)
    for image, target in enumerate(targets):
        index = (regions.images == image).nonzero().flatten()
        if len(index):
            result[index] = _of_image(target, regions.boxes[index].float(), matched[index], side)
    return result


def known_points(targets: Sequence[ObjectTargets], regions: Regions, side: int) -> Bool[Tensor, "r side side"] | None:
    """Which of the mask head's points are known: not more than half ignored.

    Args:
        targets: objects of each image.
        regions: those that stand for an object.
        side: points along each side of a region.

    Returns:
        True where a point is known; None where all are, in every image.
    """
    if all(target.ignore is None for target in targets):
        return None
    result = torch.ones(len(regions), side, side, dtype=torch.bool, device=regions.images.device)
    for image, target in enumerate(targets):
        index = (regions.images == image).nonzero().flatten()
        if len(index) and target.ignore is not None:
            mask, boxes = target.ignore[None, None].float(), regions.boxes[index].float()
            result[index] = roi_align(mask, [boxes], side)[:, 0] <= MOST
    return result


def _of_image(
    target: ObjectTargets, boxes: Float32[Tensor, "r 4"], matched: Int64[Tensor, " r"], side: int
) -> Float32[Tensor, "r side side"]:
    """One RoIAlign for all objects whose windows are of one size, a power of two: few sizes, little memory."""
    objects, at = torch.unique(matched, return_inverse=True)
    corner = target.boxes[objects, :2].floor().long() - MARGIN
    extent = (target.boxes[objects, 2:].ceil().long() + MARGIN - corner).amax(dim=1)
    exponents = extent.float().log2().ceil().long()
    result = torch.empty(len(boxes), side, side, device=boxes.device)
    for exponent in torch.unique(exponents).tolist():
        chosen, index = exponents == exponent, (exponents[at] == exponent).nonzero().flatten()
        masks, origin = _windows(target, objects[chosen], corner[chosen], 2**exponent)
        window = (chosen.cumsum(0) - 1)[at[index]]
        moved = boxes[index] - origin[window].repeat(1, 2)
        rois = torch.cat([window[:, None].float(), moved], dim=1)
        result[index] = roi_align(masks, rois, side)[:, 0]
    return result


def _windows(
    target: ObjectTargets, objects: Int64[Tensor, " n"], corner: Int64[Tensor, "n 2"], size: int
) -> tuple[Float32[Tensor, "n 1 h w"], Int64[Tensor, "n 2"]]:
    """Masks of objects in windows of `size`, and the (x, y) of their first pixels.

    Windows are moved into the image, not padded: beyond the image's edge RoIAlign repeats the last pixel.
    """
    h, w = target.layers.shape[1:]
    height, width = min(size, h), min(size, w)
    left, top = corner[:, 0].clamp(0, w - width), corner[:, 1].clamp(0, h - height)
    rows = top[:, None] + torch.arange(height, device=top.device)
    columns = left[:, None] + torch.arange(width, device=left.device)
    layer = target.layer[objects][:, None, None]
    found = target.layers[layer, rows[:, :, None], columns[:, None, :]]
    masks = (found == target.keys[objects][:, None, None]).float()
    return masks[:, None], torch.stack([left, top], dim=1)
