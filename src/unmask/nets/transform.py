"""Images into the size that Mask R-CNN sees, and boxes back out of it.

Three ways to choose the size:

- native: the image's own size times a constant. What tiling and small objects want: the size of an object on the
  network's grid does not depend on the size of its image.
- shortest-edge: torchvision's and the paper's. The shorter side becomes 800 unless the longer would pass 1333.
- square: the frame of 1024 x 1024 of the well-known Keras implementation. Images are enlarged until the shorter side
  is 800, larger ones are left as they are, and whatever would pass 1024 is scaled to fit. The image lies at the top
  left here, not in the middle, so that a box needs scaling only.

Images are resized bilinearly without antialiasing and padded with zeros on the right and at the bottom.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from unmask.errors import RecipeError
from unmask.nets.boxes import stretch

__all__ = ["Resize", "pad", "resize_image", "scale_boxes"]

Kind = Literal["native", "shortest-edge", "square"]

# The pyramid's deepest convolutional level, C5, has this stride.
STRIDE = 32
SQUARE_SHORT, SQUARE = 800, 1024


@dataclass(frozen=True)
class Resize:
    """How large the network sees an image.

    Attributes:
        kind: native, shortest-edge or square.
        scale: of native, how much images are enlarged.
        short: of shortest-edge, the shorter side that is aimed at, pixels.
        long: of shortest-edge, what the longer side never exceeds, pixels.

    Raises:
        RecipeError: a kind that is none of the three, or a scale or side that is not above 0.
    """

    kind: Kind
    scale: float = 1.0
    short: int = 800
    long: int = 1333

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise RecipeError(f"{self.kind!r} is no way to resize", remedy=f"use {', '.join(get_args(Kind))}")
        if min(self.scale, self.short, self.long) <= 0:
            raise RecipeError("scale, short and long of a resize must be above 0")

    def size(self, h: int, w: int) -> tuple[int, int]:
        """(h, w) of a resized image of h x w pixels, at least 1 x 1."""
        if self.kind == "shortest-edge":
            scale = min(self.short / min(h, w), self.long / max(h, w))
            return max(1, math.floor(h * scale)), max(1, math.floor(w * scale))
        scale = self.scale if self.kind == "native" else _square_scale(h, w)
        return max(1, round(h * scale)), max(1, round(w * scale))

    def padded(self, h: int, w: int) -> tuple[int, int]:
        """(h, w) that a resized image of h x w pixels is padded to: multiples of 32, or the square."""
        if self.kind == "square":
            return SQUARE, SQUARE
        return -(-h // STRIDE) * STRIDE, -(-w // STRIDE) * STRIDE


def _square_scale(h: int, w: int) -> float:
    scale = max(1.0, SQUARE_SHORT / min(h, w))
    return SQUARE / max(h, w) if round(max(h, w) * scale) > SQUARE else scale


def resize_image(images: Float[Tensor, "b c h w"], size: tuple[int, int]) -> Float[Tensor, "b c h2 w2"]:
    """Images of one size, resized bilinearly to `size` (h, w); as they are where they have it already.

    Pixels are squares (align_corners False) and nothing is smoothed before shrinking, as in torchvision's transform.
    """
    if (images.shape[2], images.shape[3]) == size:
        return images
    return functional.interpolate(images, size=size, mode="bilinear", align_corners=False)


def pad(images: Float[Tensor, "b c h w"], size: tuple[int, int]) -> Float[Tensor, "b c h2 w2"]:
    """Images with zeros added on the right and at the bottom, up to `size` (h, w).

    Raises:
        ValueError: `size` is smaller than the images.
    """
    down, right = size[0] - images.shape[2], size[1] - images.shape[3]
    if min(down, right) < 0:
        raise ValueError(
            f"images of {images.shape[2]} x {images.shape[3]} pixels do not fit into {size[0]} x {size[1]}"
        )
    return functional.pad(images, (0, right, 0, down))


def scale_boxes(
    boxes: Float[Tensor, "*n 4"], from_size: tuple[int, int], to_size: tuple[int, int]
) -> Float[Tensor, "*n 4"]:
    """Boxes of an image of `from_size` (h, w) in the pixels of the same image resized to `to_size`."""
    return stretch(boxes, to_size[1] / from_size[1], to_size[0] / from_size[0])
