"""Which object a box stands for, and which boxes a training step looks at (Ren 2015).

A box that stands for no object is an example of background. Where nothing is known it may hold an object that nobody
has drawn, and is an example of nothing.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional

from unmask.nets.operators import box_iou

__all__ = ["BETWEEN", "MOST", "NOTHING", "Sampler", "balanced_sample", "ignored_share", "match", "without_ignored"]

NOTHING, BETWEEN = -1, -2

# Overlaps computed at once: with every anchor of a large image against every object they would be gigabytes.
PAIRS = 2**18

# The share of a box or a point that may be ignored before the whole of it is.
MOST = 0.5

Sampler = Callable[[Int64[Tensor, " n"], int, float], tuple[Int64[Tensor, " p"], Int64[Tensor, " q"]]]


def match(
    truth: Float[Tensor, "n 4"], boxes: Float[Tensor, "r 4"], low: float, high: float, *, rescue: bool
) -> Int64[Tensor, " r"]:
    """The object that each box overlaps most.

    Args:
        truth: boxes of the objects; there may be none.
        boxes: anchors or regions.
        low: IoU below which a box stands for no object.
        high: IoU from which it stands for one.
        rescue: the boxes that overlap an object more than all others do, ties included, stand for an object even below
            `high`: for that which they themselves overlap most, as in torchvision. An object that no box overlaps
            rescues none.

    Returns:
        Index of the object, `NOTHING`, or `BETWEEN` where the IoU is from `low` to below `high`.
    """
    if not len(truth) or not len(boxes):
        return torch.full((len(boxes),), NOTHING, dtype=torch.int64, device=boxes.device)
    parts = [_compare(truth, part, rescue) for part in torch.split(boxes, max(1, PAIRS // len(truth)))]
    overlap, nearest = (torch.cat(each) for each in list(zip(*parts, strict=True))[:2])
    matched = nearest.masked_fill(overlap < high, BETWEEN).masked_fill(overlap < low, NOTHING)
    if rescue:
        rescued = _rescued([part[2] for part in parts], [len(part[0]) for part in parts])
        matched[rescued] = nearest[rescued]
    return matched


# Of one part of the boxes: the best overlap of each object, and the (object, box) pairs that reach it.
_Best = tuple[Float[Tensor, " n"], Int64[Tensor, "t 2"]]


def _compare(
    truth: Float[Tensor, "n 4"], boxes: Float[Tensor, "k 4"], rescue: bool
) -> tuple[Float[Tensor, " k"], Int64[Tensor, " k"], _Best]:
    """For each box the largest IoU and its object; and the best boxes of each object if they may be `rescue`d."""
    iou = box_iou(truth, boxes)
    overlap, nearest = iou.max(dim=0)
    if not rescue:
        return overlap, nearest, (iou[:, :0].sum(dim=1), nearest.new_empty(0, 2))
    best = iou.amax(dim=1)
    # Equal to the best, but never to a best of 0: most parts of an image have nothing of most objects.
    pairs = (iou == best.masked_fill(best == 0, torch.inf)[:, None]).nonzero()
    return overlap, nearest, (best, pairs)


def _rescued(found: list[_Best], counts: list[int]) -> Int64[Tensor, " boxes"]:
    """Positions of the boxes that no other box of any part beats at their object."""
    best = torch.stack([part for part, _ in found]).amax(dim=0)
    kept, start = [], 0
    for (part, pairs), count in zip(found, counts, strict=True):
        objects, boxes = pairs.unbind(1)
        kept.append(boxes[part[objects] == best[objects]] + start)
        start += count
    return torch.cat(kept)


def without_ignored(
    labels: Int64[Tensor, " r"], boxes: Float[Tensor, "r 4"], ignore: Bool[Tensor, "h w"] | None
) -> Int64[Tensor, " r"]:
    """Labels in which negative boxes of which more than half is ignored are neither positive nor negative.

    What is hidden where nothing is known covers no more of a box than is ignored of it: of the boxes that stay negative
    none has a hidden object of an IoU above 0.5.

    Args:
        labels: above 0 positive, 0 negative, below 0 neither.
        boxes: anchors or regions.
        ignore: true where nothing is known; None where all is.
    """
    if ignore is None:
        return labels
    return labels.masked_fill((labels == 0) & (ignored_share(ignore, boxes) > MOST), -1)


def ignored_share(ignore: Bool[Tensor, "h w"], boxes: Float[Tensor, "r 4"]) -> Float[Tensor, " r"]:
    """The share of the pixels that a box touches which is ignored; 0 outside the image.

    The cost is four look-ups a box.

    Args:
        ignore: true where nothing is known.
        boxes: with sides above 0; may leave the image.
    """
    size = boxes.new_tensor([ignore.shape[1], ignore.shape[0]])
    corners = (boxes[:, :2].floor(), boxes[:, 2:].ceil())
    (x0, y0), (x1, y1) = (corner.clamp(min=0).minimum(size).long().unbind(1) for corner in corners)
    # sums[y, x]: ignored pixels above row y and left of column x.
    sums = functional.pad(ignore.long().cumsum(0).cumsum(1), (1, 0, 1, 0))
    ignored = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]
    return ignored / ((x1 - x0) * (y1 - y0)).clamp(min=1)


def balanced_sample(
    labels: Int64[Tensor, " n"], count: int, positive_share: float
) -> tuple[Int64[Tensor, " p"], Int64[Tensor, " q"]]:
    """A random choice of positives and negatives; where positives are few, negatives take their places.

    Args:
        labels: above 0 positive, 0 negative, below 0 neither.
        count: how many are chosen in all.
        positive_share: largest share of positives among them.

    Returns:
        Positions of the chosen positives and of the chosen negatives. Drawn from torch's global generator.
    """
    positives, negatives = (labels > 0).nonzero().flatten(), (labels == 0).nonzero().flatten()
    chosen = _some(positives, int(count * positive_share))
    return chosen, _some(negatives, count - len(chosen))


def _some(positions: Int64[Tensor, " n"], count: int) -> Int64[Tensor, " m"]:
    return positions[torch.randperm(len(positions), device=positions.device)[:count]]
