"""From the second stage's outputs to detections: the pairs of region and class that score, thinned class by class."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from unmask.nets.boxes import decode, large_enough, nms_by_group
from unmask.nets.outputs import Found
from unmask.nets.precision import at_least_float32
from unmask.nets.regions import Regions, first_of_each
from unmask.nets.roi_heads import WEIGHTS

__all__ = ["Selected", "by_image", "select"]

SMALLEST = 1e-2  # pixels: the shortest side of a detection


@dataclass(frozen=True)
class Selected:
    """Detections of a batch, image by image, best first.

    Attributes:
        regions: boxes, n in all.
        classes: (n,) int64, 1 or more.
        scores: (n,) float32.
        saturated: of each image, whether more was found than may be.
    """

    regions: Regions
    classes: Int64[Tensor, " n"]
    scores: Float[Tensor, " n"]
    saturated: list[bool]


@torch.no_grad()
def select(
    logits: Float[Tensor, "r k"],
    deltas: Float[Tensor, "r k 4"],
    regions: Regions,
    sizes: Sequence[tuple[int, int]],
    *,
    score_threshold: float,
    nms: float,
    max_detections: int,
) -> Selected:
    """Detections among all classes of all regions.

    Args:
        logits: of the classes, the background's first.
        deltas: of each class.
        regions: that they belong to.
        sizes: (h, w) of each image without its padding, pixels.
        score_threshold: what scores no more is nothing.
        nms: of boxes of one class that overlap by more than this IoU the best is kept.
        max_detections: the best of an image that are kept.
    """
    scores = at_least_float32(logits).softmax(dim=1)
    index, classes = (scores[:, 1:] > score_threshold).nonzero(as_tuple=True)
    classes = classes + 1
    boxes = decode(deltas[index, classes], regions.boxes[index], WEIGHTS)
    found, scores = Regions(boxes, regions.images[index]).clipped(sizes), scores[index, classes]

    valid = large_enough(found.boxes, SMALLEST).nonzero().flatten()
    groups = (found.images * logits.shape[1] + classes)[valid]
    kept = valid[nms_by_group(found.boxes[valid], scores[valid], groups, nms)]
    counts = torch.bincount(found.images[kept], minlength=len(sizes)).tolist()
    kept = kept[first_of_each(found.images[kept], len(sizes), max_detections)]
    return Selected(found.take(kept), classes[kept], scores[kept], [count > max_detections for count in counts])


def by_image(found: Selected, masks: Float[Tensor, "n side side"] | None) -> list[Found]:
    """Detections of a batch and their masks, image by image."""
    counts = torch.bincount(found.regions.images, minlength=len(found.saturated)).tolist()
    parts = (found.regions.boxes, found.classes, found.scores)
    boxes, classes, scores = (torch.split(part, counts) for part in parts)
    logits: Sequence[Tensor | None] = [None] * len(counts) if masks is None else torch.split(masks, counts)
    return [Found(*one) for one in zip(boxes, classes, scores, logits, found.saturated, strict=True)]
