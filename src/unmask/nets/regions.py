"""Regions: the boxes of a batch of images in one tensor, so that the second stage is one pass for all images."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

__all__ = ["Regions", "first_of_each"]


@dataclass(frozen=True)
class Regions:
    """Boxes of a batch of images.

    Attributes:
        boxes: (r, 4) float32 (x0, y0, x1, y1), pixels.
        images: (r,) int64, which image of the batch each lies in.
    """

    boxes: Float[Tensor, "r 4"]
    images: Int64[Tensor, " r"]

    def __len__(self) -> int:
        return len(self.images)

    def take(self, index: Tensor) -> "Regions":
        """Some of them: by a mask or by positions."""
        return Regions(self.boxes[index], self.images[index])

    def clipped(self, sizes: Sequence[tuple[int, int]]) -> "Regions":
        """Boxes cut at the edges of their images, whose `sizes` are (h, w)."""
        far = torch.tensor([[w, h, w, h] for h, w in sizes], dtype=self.boxes.dtype, device=self.boxes.device)
        return Regions(self.boxes.clamp(min=0).minimum(far[self.images]), self.images)


def first_of_each(images: Int64[Tensor, " n"], count: int, limit: int) -> Int64[Tensor, " kept"]:
    """The first entries of every image.

    Args:
        images: which image each entry belongs to, in any order.
        count: images in all.
        limit: how many entries of an image are kept.

    Returns:
        Positions of the entries kept, image by image, those of one image in the order given.
    """
    order = images.argsort(stable=True)
    ordered = images[order]
    counts = torch.bincount(images, minlength=count)
    starts = counts.cumsum(0) - counts
    rank = torch.arange(len(images), device=images.device) - starts[ordered]
    return order[rank < limit]
