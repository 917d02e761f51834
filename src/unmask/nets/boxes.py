"""Boxes as tensors: encoding against anchors, clipping, normalised coordinates, non-maximum suppression.

A box is (x0, y0, x1, y1) in pixels, x1 and y1 exclusive: a box of one pixel is (x, y, x + 1, y + 1). Everything here
keeps the device and dtype of the boxes it is given, takes none at all (0 boxes) as well as many, and the geometry takes
any number of leading axes. The coding is Faster R-CNN's (Ren 2015), in torchvision's arithmetic.
"""

import math

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from unmask.nets.operators import nms

__all__ = [
    "clip",
    "decode",
    "encode",
    "from_normalised",
    "large_enough",
    "nms_by_group",
    "stretch",
    "to_normalised",
]

# A delta enlarges an anchor at most so much: from the 16-pixel stride of the first detectors to a 1000-pixel image.
LARGEST = math.log(1000 / 16)


def encode(
    boxes: Float[Tensor, "*n 4"], anchors: Float[Tensor, "*n 4"], weights: tuple[float, float, float, float]
) -> Float[Tensor, "*n 4"]:
    """What `decode` needs to turn anchors into boxes.

    Args:
        boxes: with sides above 0; a side of 0 encodes as minus infinity.
        anchors: (or proposals), with sides above 0.
        weights: of dx, dy, dw, dh: (1, 1, 1, 1) for proposals, (10, 10, 5, 5) for the box head.

    Returns:
        (dx, dy, dw, dh): shift of the centre by the anchor's sides, logarithm of the ratio of sides; times `weights`.
    """
    to_x, to_y, to_w, to_h = _centred(boxes)
    x, y, w, h = _centred(anchors)
    dx, dy = weights[0] * (to_x - x) / w, weights[1] * (to_y - y) / h
    return torch.stack([dx, dy, weights[2] * (to_w / w).log(), weights[3] * (to_h / h).log()], dim=-1)


def decode(
    deltas: Float[Tensor, "*n 4"], anchors: Float[Tensor, "*n 4"], weights: tuple[float, float, float, float]
) -> Float[Tensor, "*n 4"]:
    """Anchors moved and stretched by deltas: the inverse of `encode`.

    Args:
        deltas: (dx, dy, dw, dh); computed on in the anchors' dtype, so half precision loses no pixels.
        anchors: (or proposals).
        weights: those of `encode`.

    Returns:
        Boxes, not clipped to any image; sides at most 62.5 times the anchor's.
    """
    scaled = deltas.to(anchors.dtype).unbind(-1)
    dx, dy, dw, dh = (delta / weight for delta, weight in zip(scaled, weights, strict=True))
    x, y, w, h = _centred(anchors)
    x, y = dx * w + x, dy * h + y
    half_w, half_h = 0.5 * (dw.clamp(max=LARGEST).exp() * w), 0.5 * (dh.clamp(max=LARGEST).exp() * h)
    return torch.stack([x - half_w, y - half_h, x + half_w, y + half_h], dim=-1)


def _centred(boxes: Float[Tensor, "*n 4"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Centre x, centre y, width and height."""
    x0, y0, x1, y1 = boxes.unbind(-1)
    w, h = x1 - x0, y1 - y0
    return x0 + 0.5 * w, y0 + 0.5 * h, w, h


def clip(boxes: Float[Tensor, "*n 4"], size: tuple[int, int]) -> Float[Tensor, "*n 4"]:
    """Boxes cut at the edges of an image of `size` (h, w)."""
    return _joined(boxes[..., 0::2].clamp(0, size[1]), boxes[..., 1::2].clamp(0, size[0]))


def large_enough(boxes: Float[Tensor, "*n 4"], side: float) -> Bool[Tensor, "*n"]:
    """Which boxes have both sides at least `side` pixels."""
    return (boxes[..., 2:] - boxes[..., :2] >= side).all(-1)


def stretch(boxes: Float[Tensor, "*n 4"], x: float, y: float) -> Float[Tensor, "*n 4"]:
    """Boxes with horizontal coordinates times `x` and vertical ones times `y`."""
    return _joined(boxes[..., 0::2] * x, boxes[..., 1::2] * y)


def to_normalised(boxes: Float[Tensor, "*n 4"], size: tuple[int, int]) -> Float[Tensor, "*n 4"]:
    """Boxes in parts of an image of `size` (h, w): (0, 0, 1, 1) is the whole image."""
    return _joined(boxes[..., 0::2] / size[1], boxes[..., 1::2] / size[0])


def from_normalised(boxes: Float[Tensor, "*n 4"], size: tuple[int, int]) -> Float[Tensor, "*n 4"]:
    """Boxes in pixels of an image of `size` (h, w): the inverse of `to_normalised`."""
    return stretch(boxes, size[1], size[0])


def _joined(xs: Float[Tensor, "*n 2"], ys: Float[Tensor, "*n 2"]) -> Float[Tensor, "*n 4"]:
    return torch.stack([xs, ys], dim=-1).flatten(-2)


def nms_by_group(
    boxes: Float[Tensor, "n 4"], scores: Float[Tensor, "n"], groups: Int64[Tensor, "n"], threshold: float
) -> Int64[Tensor, "kept"]:
    """Non-maximum suppression within groups: of boxes that overlap by more than an IoU, the one of best score is kept.

    The greedy rule of torchvision's `nms`; boxes of different groups (classes, levels, images) never meet.

    Args:
        boxes: with finite coordinates.
        scores: equal ones fall in the order of the boxes.
        groups: any numbers.
        threshold: IoU above which the lesser box is dropped.

    Returns:
        Indices of the boxes kept, in falling order of score over all groups.
    """
    # torchvision's kernels want one type for both, and the CPU's knows no half precision.
    exact = torch.promote_types(torch.promote_types(boxes.dtype, scores.dtype), torch.float32)
    boxes, scores = boxes.to(exact), scores.to(exact)
    if boxes.is_cuda:
        return nms(_apart(boxes, groups), scores.double(), threshold)
    return _nms_each(boxes, scores, groups, threshold)


def _nms_each(
    boxes: Float[Tensor, "n 4"], scores: Float[Tensor, "n"], groups: Int64[Tensor, "n"], threshold: float
) -> Int64[Tensor, "kept"]:
    """One suppression a group: its cost grows with the square of its boxes."""
    members = groups.argsort(stable=True)
    counts = torch.unique_consecutive(groups[members], return_counts=True)[1]
    kept = [part[nms(boxes[part], scores[part], threshold)] for part in torch.split(members, counts.tolist())]
    # Back to the order of the boxes first: the stable sort then leaves equal scores in it.
    found = torch.cat(kept).sort().values if kept else members
    return found[scores[found].argsort(descending=True, stable=True)]


def _apart(boxes: Float[Tensor, "n 4"], groups: Int64[Tensor, "n"]) -> Float[Tensor, "n 4"]:
    """Boxes moved so far apart that those of different groups cannot overlap, for one suppression of all.

    In double precision: at ninety classes of an image of 20,000 pixels float32 has steps of an eighth of a pixel.
    """
    if not len(boxes):
        return boxes.double()
    boxes = boxes.double()
    return boxes + (groups * (boxes.max() - boxes.min() + 1))[:, None]
