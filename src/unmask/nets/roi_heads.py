"""The second stage of Mask R-CNN (He et al. 2017): class, box and mask of each region."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from unmask.nets.boxes import encode
from unmask.nets.matching import Sampler, match, without_ignored
from unmask.nets.object_targets import ObjectTargets
from unmask.nets.regions import Regions
from unmask.nets.roi_align import RegionFeatures

__all__ = ["BOX_SIDE", "MASK_SIDE", "WEIGHTS", "RoIHeads", "SampledRegions", "sample_regions"]

WEIGHTS = (10.0, 10.0, 5.0, 5.0)  # of the deltas
OBJECT_FROM = 0.5  # IoU
POSITIVE_SHARE = 0.25
BOX_SIDE, MASK_SIDE = 7, 14  # cells of a region; the masks have twice as many points
MASK_LAYERS = 4
# Regions that the heads look at in one go where no gradient needs them all: their maps stay in the cache.
BOXES_AT_ONCE, MASKS_AT_ONCE = 512, 64


class BoxHead(nn.Module):
    """Two layers over all cells of a region."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc6 = nn.Linear(width * BOX_SIDE**2, hidden)
        self.fc7 = nn.Linear(hidden, hidden)

    def forward(self, cells: Float[Tensor, "r c 7 7"]) -> Float[Tensor, "r hidden"]:
        """(r, c, 7, 7) to (r, hidden)."""
        return functional.relu(self.fc7(functional.relu(self.fc6(cells.flatten(1)))))


class BoxPredictor(nn.Module):
    """One logit and four deltas a class, the background included."""

    def __init__(self, hidden: int, classes: int) -> None:
        super().__init__()
        self.cls_score = nn.Linear(hidden, classes)
        self.bbox_pred = nn.Linear(hidden, classes * 4)

    def forward(self, hidden: Float[Tensor, "r hidden"]) -> tuple[Float[Tensor, "r k"], Float[Tensor, "r k 4"]]:
        """Class logits, and deltas of each class."""
        return self.cls_score(hidden), self.bbox_pred(hidden).unflatten(1, (-1, 4))


class MaskPredictor(nn.Module):
    """A 2x2 transposed convolution of stride 2, ReLU, and a 1x1 convolution to one map a class."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.conv5_mask = nn.ConvTranspose2d(width, width, 2, stride=2)
        self.mask_fcn_logits = nn.Conv2d(width, classes, 1)
        for layer in (self.conv5_mask, self.mask_fcn_logits):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, cells: Float[Tensor, "r c h w"], classes: Int64[Tensor, " r"]) -> Float[Tensor, "r 2h 2w"]:
        """Logits of one class a region; those of the others are never computed.

        A kernel as large as its stride makes a transposed convolution a matrix product: each cell gives 2 x 2 points.
        """
        r, c, h, w = cells.shape
        weight = self.conv5_mask.weight.permute(2, 3, 1, 0).reshape(4 * c, c)
        assert self.conv5_mask.bias is not None, "made with a bias"
        points = functional.linear(
            cells.permute(0, 2, 3, 1).reshape(r, h * w, c), weight, self.conv5_mask.bias.repeat(4)
        )
        points = functional.relu(points, inplace=True).view(r, h * w * 4, c)
        last = self.mask_fcn_logits
        assert last.bias is not None, "made with a bias"
        logits = (points @ last.weight[classes, :, 0])[:, :, 0] + last.bias[classes][:, None]
        return logits.view(r, h, w, 2, 2).permute(0, 1, 3, 2, 4).reshape(r, 2 * h, 2 * w)


class RoIHeads(nn.Module):
    """The heads over regions.

    Args:
        width: channels of the pyramid and of the mask head.
        classes: classes, with the background.
        box_width: width of the box head's layers.
        masks: False leaves the mask head out: Faster R-CNN.
    """

    def __init__(self, width: int, classes: int, *, box_width: int = 1024, masks: bool = True) -> None:
        super().__init__()
        self.box_head = BoxHead(width, box_width)
        self.box_predictor = BoxPredictor(box_width, classes)
        self.mask_head = nn.Sequential(*[_mask_layer(width) for _ in range(MASK_LAYERS)]) if masks else None
        self.mask_predictor = MaskPredictor(width, classes) if masks else None

    def classify(self, features: RegionFeatures, regions: Regions) -> tuple[Tensor, Tensor]:
        """(r, k) class logits and (r, k, 4) deltas of every class."""
        parts = [
            self.box_predictor(self.box_head(features.cut(part, BOX_SIDE))) for part in _parts(regions, BOXES_AT_ONCE)
        ]
        logits, deltas = (torch.cat(part) for part in zip(*parts, strict=True))
        return logits, deltas

    def masks(
        self, features: RegionFeatures, regions: Regions, classes: Int64[Tensor, " r"]
    ) -> Float[Tensor, "r 28 28"] | None:
        """Mask logits of one class a region; None from a network without masks."""
        if self.mask_head is None or self.mask_predictor is None:
            return None
        parts = _parts(regions, MASKS_AT_ONCE)
        chosen = torch.split(classes, [len(part) for part in parts])
        return torch.cat(
            [
                self.mask_predictor(self.mask_head(features.cut(part, MASK_SIDE)), kind)
                for part, kind in zip(parts, chosen, strict=True)
            ]
        )


def _mask_layer(width: int) -> nn.Sequential:
    convolution = nn.Conv2d(width, width, 3, padding=1)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    assert convolution.bias is not None, "made with a bias"
    nn.init.zeros_(convolution.bias)
    return nn.Sequential(convolution, nn.ReLU(inplace=True))


def _parts(regions: Regions, count: int) -> list[Regions]:
    """Regions in parts of `count`, in one part where gradients are wanted; at least one part, which may be empty."""
    if torch.is_grad_enabled():
        return [regions]
    return [
        Regions(*part)
        for part in zip(torch.split(regions.boxes, count), torch.split(regions.images, count), strict=True)
    ]


@dataclass(frozen=True)
class SampledRegions:
    """Regions drawn for training, image by image, those of objects first.

    Attributes:
        regions: r of them.
        matched: (r,) the object of each, an index into its image's targets; 0 for those of nothing.
        classes: (r,) of the object; 0 for those of nothing.
        deltas: (q, 4) from the regions of objects to the objects' boxes.
    """

    regions: Regions
    matched: Int64[Tensor, " r"]
    classes: Int64[Tensor, " r"]
    deltas: Float[Tensor, "q 4"]


@torch.no_grad()
def sample_regions(
    proposals: Regions, targets: Sequence[ObjectTargets], count: int, sampler: Sampler
) -> SampledRegions:
    """Draws the regions that a training step looks at, from the proposals and the objects' own boxes.

    Regions of no object that lie where nothing is known, by more than half, are not drawn.

    Args:
        proposals: of all images.
        targets: objects of each image.
        count: regions drawn of each image; up to a quarter of them stand for objects.
        sampler: draws them.
    """
    regions, matched, classes, deltas = [], [], [], []
    for image, target in enumerate(targets):
        boxes = torch.cat([proposals.boxes[proposals.images == image], target.boxes])
        nearest = match(target.boxes, boxes, OBJECT_FROM, OBJECT_FROM, rescue=False)
        kinds = torch.cat([target.classes, target.classes.new_zeros(1)])[nearest]  # NOTHING is the last
        kinds = without_ignored(kinds, boxes, target.ignore)
        of_objects, of_nothing = sampler(kinds, count, POSITIVE_SHARE)
        chosen = torch.cat([of_objects, of_nothing])
        regions.append(Regions(boxes[chosen], torch.full_like(chosen, image)))
        matched.append(nearest[chosen].clamp(min=0))
        classes.append(kinds[chosen])
        deltas.append(encode(target.boxes[nearest[of_objects]], boxes[of_objects], WEIGHTS))
    boxes, images = (torch.cat(part) for part in zip(*[(part.boxes, part.images) for part in regions], strict=True))
    return SampledRegions(Regions(boxes, images), torch.cat(matched), torch.cat(classes), torch.cat(deltas))
