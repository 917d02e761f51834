"""The region proposal network (Ren 2015): at every anchor, is there an object, and where exactly."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from unmask.nets.anchors import anchors
from unmask.nets.boxes import decode, encode, large_enough, nms_by_group
from unmask.nets.matching import BETWEEN, Sampler, match, without_ignored
from unmask.nets.object_targets import ObjectTargets
from unmask.nets.precision import at_least_float32
from unmask.nets.regions import Regions, first_of_each

__all__ = ["RPN", "Level", "SampledAnchors", "propose", "sample_anchors"]

WEIGHTS = (1.0, 1.0, 1.0, 1.0)  # of the deltas
BACKGROUND_BELOW, OBJECT_FROM = 0.3, 0.7  # IoU
POSITIVE_SHARE = 0.5
SMALLEST = 1e-3  # pixels: the shortest side of a proposal
NMS = 0.7


@dataclass(frozen=True)
class Level:
    """What the network says about the anchors of one level.

    Attributes:
        objectness: (b, n) logits.
        deltas: (b, n, 4).
        anchors: (n, 4) pixels of the padded image, the same for every image.
    """

    objectness: Float[Tensor, "b n"]
    deltas: Float[Tensor, "b n 4"]
    anchors: Float[Tensor, "n 4"]


@dataclass(frozen=True)
class SampledAnchors:
    """Anchors drawn for training, positives first; attributes as in `RCNNOutputs`."""

    objectness: Float[Tensor, " s"]
    objectness_target: Float[Tensor, " s"]
    deltas: Float[Tensor, "p 4"]
    targets: Float[Tensor, "p 4"]


class RPNHead(nn.Module):
    """A 3x3 convolution, then one logit and four deltas an anchor; the same weights at every level."""

    def __init__(self, width: int, shapes: int) -> None:
        super().__init__()
        hidden = nn.Conv2d(width, width, 3, padding=1)
        # Nested so that the weights have torchvision's names.
        self.conv = nn.Sequential(nn.Sequential(hidden, nn.ReLU(inplace=True)))
        self.cls_logits = nn.Conv2d(width, shapes, 1)
        self.bbox_pred = nn.Conv2d(width, shapes * 4, 1)
        for layer in (hidden, self.cls_logits, self.bbox_pred):
            nn.init.normal_(layer.weight, std=0.01)
            assert layer.bias is not None, "made with a bias"
            nn.init.zeros_(layer.bias)

    def forward(self, features: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b n 4"]]:
        """Objectness and deltas of one level in the order of its anchors: y, x, shape."""
        hidden = self.conv(features)
        objectness, deltas = self.cls_logits(hidden), self.bbox_pred(hidden)
        return objectness.permute(0, 2, 3, 1).flatten(1), deltas.permute(0, 2, 3, 1).reshape(len(deltas), -1, 4)


class RPN(nn.Module):
    """The region proposal network.

    Args:
        width: channels of the pyramid.
        sizes: of each level, the sides of its anchors, pixels.
        ratios: height over width of the anchors.

    Shapes: maps (b, width, h, w) of each level to one `Level` each.
    """

    def __init__(self, width: int, sizes: Sequence[Sequence[float]], ratios: Sequence[float]) -> None:
        super().__init__()
        self.sizes, self.ratios = sizes, ratios
        self.head = RPNHead(width, len(sizes[0]) * len(ratios))

    def forward(self, maps: Sequence[Float[Tensor, "b c h w"]], padded: tuple[int, int]) -> list[Level]:
        """Logits and deltas at every anchor.

        Args:
            maps: P2 to P6.
            padded: (h, w) of the image that they were made of, pixels.
        """
        grids = [(features.shape[2], features.shape[3]) for features in maps]
        boxes = anchors(grids, padded, self.sizes, self.ratios, maps[0].device)
        exact = torch.promote_types(maps[0].dtype, torch.float32)
        said = [self.head(features) for features in maps]
        return [
            Level(objectness, deltas, level.to(exact)) for (objectness, deltas), level in zip(said, boxes, strict=True)
        ]


@torch.no_grad()
def propose(
    levels: Sequence[Level], sizes: Sequence[tuple[int, int]], limit: int, candidates: int | None = None
) -> Regions:
    """Proposals: the best anchors, moved by their deltas and thinned by non-maximum suppression.

    Args:
        levels: of the network.
        sizes: (h, w) of each image without its padding, pixels.
        limit: proposals of an image.
        candidates: taken of each level before suppression; as many as `limit` unless given, as in torchvision.

    Returns:
        Image by image, best first; no gradient leads back.
    """
    parts = [_best(level, candidates or limit) for level in levels]
    boxes, scores = (torch.cat(part, dim=1) for part in zip(*parts, strict=True))
    counts = torch.tensor([part[1].shape[1] for part in parts], device=boxes.device)
    level = torch.arange(len(levels), device=boxes.device).repeat_interleave(counts).repeat(len(sizes))
    images = torch.arange(len(sizes), device=boxes.device).repeat_interleave(scores.shape[1])

    regions = Regions(boxes.flatten(0, 1), images).clipped(sizes)
    valid = large_enough(regions.boxes, SMALLEST).nonzero().flatten()
    groups = (images * len(levels) + level)[valid]
    kept = valid[nms_by_group(regions.boxes[valid], scores.flatten()[valid], groups, NMS)]
    return regions.take(kept[first_of_each(images[kept], len(sizes), limit)])


def _best(level: Level, limit: int) -> tuple[Float[Tensor, "b k 4"], Float[Tensor, "b k"]]:
    """Boxes and scores of the best anchors of each image: only those are decoded."""
    logits, index = at_least_float32(level.objectness).topk(min(limit, level.objectness.shape[1]), dim=1)
    deltas = level.deltas.gather(1, index[..., None].expand(-1, -1, 4))
    return decode(deltas, level.anchors[index], WEIGHTS), logits.sigmoid()


def sample_anchors(
    levels: Sequence[Level], targets: Sequence[ObjectTargets], count: int, sampler: Sampler
) -> SampledAnchors:
    """Draws the anchors that a training step looks at, and what they should have said.

    Anchors of no object that lie where nothing is known, by more than half, are not drawn.

    Args:
        levels: of the network.
        targets: objects of each image.
        count: anchors drawn of each image; up to half of them positive.
        sampler: draws them.
    """
    boxes = torch.cat([level.anchors for level in levels])
    objectness = torch.cat([level.objectness for level in levels], dim=1)
    deltas = torch.cat([level.deltas for level in levels], dim=1)
    positive, negative, moved, wanted = [], [], [], []
    for image, target in enumerate(targets):
        matched = match(target.boxes, boxes, BACKGROUND_BELOW, OBJECT_FROM, rescue=True)
        labels = (matched >= 0).long().masked_fill(matched == BETWEEN, -1)
        labels = without_ignored(labels, boxes, target.ignore)
        of_objects, of_nothing = sampler(labels, count, POSITIVE_SHARE)
        positive.append(objectness[image, of_objects])
        negative.append(objectness[image, of_nothing])
        moved.append(deltas[image, of_objects])
        wanted.append(encode(target.boxes[matched[of_objects]], boxes[of_objects], WEIGHTS))
    yes, no = torch.cat(positive), torch.cat(negative)
    truth = torch.cat([torch.ones_like(yes, dtype=torch.float32), torch.zeros_like(no, dtype=torch.float32)])
    return SampledAnchors(torch.cat([yes, no]), truth, torch.cat(moved), torch.cat(wanted))
