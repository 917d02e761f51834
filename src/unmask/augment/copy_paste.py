"""Copy-paste: objects of one tile laid over another (Ghiasi 2021, simple copy-paste)."""

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

__all__ = ["copy_paste"]

# Share of a tile's objects that are copied.
COPIED = 0.5


def copy_paste(
    images: Float32[Tensor, "b c h w"], layers: Int64[Tensor, "b l h w"], kinds: int, share: float
) -> tuple[Float32[Tensor, "b c h w"], Int64[Tensor, "b l h w"]]:
    """Pastes half of the objects of each tile's neighbour in the batch into it, at their own places.

    What they cover is cut from the tile's own objects: an object that is hidden is not annotated either. Pixels about
    which nothing is known are covered too, but never pasted. Random numbers come from torch's global generator, which
    training seeds by the step.

    Args:
        images: augmented tiles.
        layers: keys of objects, id * kinds + class, 0 is background, below 0 nothing is known
            (`unmask.targets.targets.object_targets`).
        kinds: classes, the background counted.
        share: of the tiles that get objects, 0 to 1.

    Returns:
        New images and layers; those given where nothing is pasted. Pasted ids follow the tile's own.
    """
    if not share or len(images) < 2:
        return images, layers
    chosen = torch.rand(len(images)) < share
    pairs = [
        _pasted(images, layers, tile, kinds) if chosen[tile] else (images[tile], layers[tile])
        for tile in range(len(images))
    ]
    return torch.stack([image for image, _ in pairs]), torch.stack([maps for _, maps in pairs])


def _pasted(images: Tensor, layers: Tensor, tile: int, kinds: int) -> tuple[Tensor, Tensor]:
    source = (tile + 1) % len(images)
    keys = layers[source].unique()  # type: ignore[no-untyped-call]
    keys = keys[keys > 0]
    copied = keys[torch.rand(len(keys)).to(keys.device) < COPIED]
    taken = torch.where(torch.isin(layers[source], copied), layers[source], 0)  # (l, h, w)
    over = taken.any(dim=0)
    # Ids are raised above the tile's own; classes stay, as the step is a multiple of `kinds`.
    step = (layers[tile].max() // kinds + 1) * kinds
    maps = torch.where(over, torch.where(taken > 0, taken + step, 0), layers[tile])
    return torch.where(over, images[source], images[tile]), maps
