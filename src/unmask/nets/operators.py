"""torchvision's operators on boxes, each imported when it is first called.

`import torchvision` loads PyTorch's compiler with it: 1.3 s and 150 MB, in every process. Only a Mask R-CNN needs it.
So no file of this folder imports it at its head; those that build a ResNet do it there.
"""

from collections.abc import Sequence

from jaxtyping import Float, Int64
from torch import Tensor

__all__ = ["box_iou", "nms", "roi_align"]


def box_iou(first: Float[Tensor, "n 4"], second: Float[Tensor, "m 4"]) -> Float[Tensor, "n m"]:
    """Intersection over union of each box of one set with each of another."""
    from torchvision import ops

    found: Tensor = ops.box_iou(first, second)
    return found


def nms(boxes: Float[Tensor, "n 4"], scores: Float[Tensor, " n"], threshold: float) -> Int64[Tensor, " kept"]:
    """Indices of the boxes that no better one overlaps by more than an IoU, best first."""
    from torchvision import ops

    kept: Tensor = ops.nms(boxes, scores, threshold)
    return kept


def roi_align(
    maps: Float[Tensor, "b c h w"],
    rois: Float[Tensor, "r 5"] | Sequence[Float[Tensor, "_ 4"]],
    side: int,
    scale: float = 1.0,
    points: int = -1,
) -> Float[Tensor, "r c side side"]:
    """RoIAlign (He et al. 2017) as torchvision's detectors use it: without the shift by half a pixel.

    Args:
        maps: of a batch of images.
        rois: (image, x0, y0, x1, y1), or boxes image by image.
        side: cells along each side of a region.
        scale: of the maps, to that of the boxes.
        points: a cell is the mean of points x points; -1 takes as many as the cell has pixels, rounded up.
    """
    from torchvision import ops

    cells: Tensor = ops.roi_align(maps, rois, side, scale, points)
    return cells
