"""What Mask R-CNN is trained on: the objects of one image, without a full frame for each."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Bool, Float32, Int64
from torch import Tensor

__all__ = ["ObjectTargets", "check_targets"]


@dataclass  # not frozen: Lightning fills a copy on the network's device
class ObjectTargets:
    """The objects of one image; there may be none.

    The pixels of object i are those where `layers[layer[i]] == keys[i]`. Objects that overlap lie in different layers.

    Attributes:
        boxes: (n, 4) float32 (x0, y0, x1, y1), pixels; each holds all pixels of its object.
        classes: (n,) int64, 1 or more: 0 is the background.
        layers: (l, h, w) int64, the key of the object that each pixel belongs to, as large as the image.
        keys: (n,) int64.
        layer: (n,) int64.
        ignore: (h, w) bool, true where nothing is known: what lies there is neither an object nor none. None: all is
            known.
    """

    boxes: Float32[Tensor, "n 4"]
    classes: Int64[Tensor, " n"]
    layers: Int64[Tensor, "l h w"]
    keys: Int64[Tensor, " n"]
    layer: Int64[Tensor, " n"]
    ignore: Bool[Tensor, "h w"] | None = None

    def __len__(self) -> int:
        return len(self.classes)


def check_targets(targets: Sequence[ObjectTargets], count: int) -> None:
    """Checks that targets can be trained on; a box without area would turn losses into NaN.

    Raises:
        ValueError: not `count` targets, or a box without area.
    """
    if len(targets) != count:
        raise ValueError(f"{count} images want {count} targets, not {len(targets)}")
    for number, target in enumerate(targets):
        if (target.boxes[:, 2:] <= target.boxes[:, :2]).any():
            raise ValueError(f"image {number} of the batch has a box without area")
