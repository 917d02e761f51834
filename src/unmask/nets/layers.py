"""From layers of object keys, as augmentation leaves them, to what Mask R-CNN is trained on."""

import torch
from jaxtyping import Int64
from torch import Tensor

from unmask.nets.object_targets import ObjectTargets

__all__ = ["objects_in"]

# Slivers of objects that a tile's edge cuts off: nobody could tell what they are.
FEWEST_PIXELS = 4


def objects_in(layers: Int64[Tensor, "l h w"], classes: int) -> ObjectTargets:
    """The objects of one tile.

    Args:
        layers: keys of objects, id * (1 + classes) + class; 0 is background. Below 0, in the first layer, nothing is
            known.
        classes: how many there are, without the background.

    Returns:
        Objects of `FEWEST_PIXELS` pixels or more, by layer and then by key.
    """
    found = [_of_layer(layer) for layer in layers]
    boxes, keys = (torch.cat(parts) for parts in zip(*found, strict=True))
    counts = torch.tensor([len(part[1]) for part in found])
    layer = torch.repeat_interleave(torch.arange(len(layers)), counts).to(layers.device)
    ignore = layers[0] < 0
    return ObjectTargets(
        boxes=boxes,
        classes=keys % (1 + classes),
        layers=layers,
        keys=keys,
        layer=layer,
        ignore=ignore if ignore.any() else None,
    )


def _of_layer(layer: Tensor) -> tuple[Tensor, Tensor]:
    """(n, 4) boxes and (n,) keys of one layer's objects."""
    rows, columns = torch.nonzero(layer > 0, as_tuple=True)
    keys, index, counts = torch.unique(layer[rows, columns], return_inverse=True, return_counts=True)
    size = keys.shape
    ends = [
        torch.empty(size, dtype=torch.int64, device=layer.device).scatter_reduce_(0, index, at, how, include_self=False)
        for at, how in ((columns, "amin"), (rows, "amin"), (columns, "amax"), (rows, "amax"))
    ]
    boxes = torch.stack([ends[0], ends[1], ends[2] + 1, ends[3] + 1], dim=1).float()
    kept = counts >= FEWEST_PIXELS
    return boxes[kept], keys[kept]
