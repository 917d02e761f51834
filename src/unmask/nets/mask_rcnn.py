"""Mask R-CNN (He, Gkioxari, Dollar, Girshick 2017) as torchvision's `maskrcnn_resnet50_fpn` computes it.

    image ── backbone ── P2 ... P6 ── RPN ── proposals
                          └─ P2 ... P5 ───── RoIAlign ─┬─ 7 x 7 ── box head ── class, box
                                                       └─ 14 x 14 ── mask head ── 28 x 28 points of the class's mask

Weights have torchvision's names, so its state dicts load. What is computed differs in order only: anchors are chosen
before they are decoded, boxes are decoded for the (region, class) pairs that score, masks for the class that was found.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from unmask.nets.backbone import Backbone
from unmask.nets.boxes import from_normalised
from unmask.nets.folding import folded
from unmask.nets.mask_targets import known_points, mask_targets
from unmask.nets.matching import Sampler, balanced_sample
from unmask.nets.object_targets import ObjectTargets, check_targets
from unmask.nets.outputs import Found, RCNNOutputs
from unmask.nets.regions import Regions
from unmask.nets.roi_align import RegionFeatures
from unmask.nets.roi_heads import MASK_SIDE, RoIHeads, SampledRegions, sample_regions
from unmask.nets.rpn import RPN, Level, propose, sample_anchors
from unmask.nets.selection import by_image, select
from unmask.nets.transform import Resize, pad, resize_image, scale_boxes

__all__ = ["MaskRCNN"]

HEAD_LEVELS = 4  # P2 to P5: P6 is for proposals only
# Regions of the probe, as parts of the image: all of it, a part inside, a part that leaves it.
PROBE_REGIONS = ((0.0, 0.0, 1.0, 1.0), (0.2, 0.1, 0.6, 0.8), (0.5, 0.5, 3.0, 2.0))
PROBE_STEP = 3  # of the 28 x 28 points of its masks; odd, so that all four positions of the 2x2 kernel are seen


class MaskRCNN(nn.Module):
    """Mask R-CNN; the defaults are torchvision's network.

    Args:
        backbone: ResNet and feature pyramid.
        classes: classes, with the background.
        width: channels of the pyramid and of the mask head.
        box_width: width of the two layers of the box head.
        masks: False leaves the mask head out: Faster R-CNN.
        anchor_sizes: of P2 to P6, the sides of their anchors, pixels.
        anchor_ratios: height over width of the anchors.
        mean: of each channel, subtracted from images.
        std: of each channel, which images are then divided by.
        anchors_sampled: anchors of an image that the proposal loss looks at.
        regions: regions of an image that the heads are trained on.
        proposals: regions of an image that the heads look at in prediction.
        train_proposals: regions of an image that `regions` are drawn from.
        sampler: draws anchors and regions; random unless a test wants otherwise.

    Attributes:
        backbone, rpn, roi_heads: the parts.
        proposals, train_proposals: as given; they may be changed.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int,
        width: int = 256,
        box_width: int = 1024,
        masks: bool = True,
        anchor_sizes: Sequence[Sequence[float]] = ((32.0,), (64.0,), (128.0,), (256.0,), (512.0,)),
        anchor_ratios: Sequence[float] = (0.5, 1.0, 2.0),
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        anchors_sampled: int = 256,
        regions: int = 512,
        proposals: int = 1000,
        train_proposals: int = 2000,
        sampler: Sampler = balanced_sample,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.rpn = RPN(width, anchor_sizes, anchor_ratios)
        self.roi_heads = RoIHeads(width, classes, box_width=box_width, masks=masks)
        self.classes, self.mean, self.std = classes, tuple(mean), tuple(std)
        self.anchors_sampled, self.regions, self.sampler = anchors_sampled, regions, sampler
        self.proposals, self.train_proposals = proposals, train_proposals

    def normalise(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Images minus `mean`, over `std`. It comes before padding, whose zeros stand for the mean.

        Raises:
            ValueError: the images have other channels than the network.
        """
        if images.shape[1] != len(self.mean):
            raise ValueError(f"the network wants images of {len(self.mean)} channels, not {images.shape[1]}")
        mean, std = (images.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (images - mean) / std

    def forward(self, images: Float[Tensor, "b c h w"], targets: Sequence[ObjectTargets]) -> RCNNOutputs:
        """One training step: what the losses compare.

        Args:
            images: of any one size, not normalised.
            targets: objects of each image.

        Raises:
            RuntimeError: the network is not in training mode; `detect` finds objects.
            ValueError: not one target an image, or a box without area.
        """
        if not self.training:
            raise RuntimeError("forward is for training: use detect, or call train() first")
        check_targets(targets, len(images))
        maps, levels = self._first_stage(images)
        anchors = sample_anchors(levels, targets, self.anchors_sampled, self.sampler)
        proposals = propose(levels, [(images.shape[2], images.shape[3])] * len(images), self.train_proposals)
        sampled = sample_regions(proposals, targets, self.regions, self.sampler)

        features = RegionFeatures(maps[:HEAD_LEVELS])
        logits, deltas = self.roi_heads.classify(features, sampled.regions)
        objects = sampled.classes.nonzero().flatten()
        mask_logits, mask_truth, mask_known = self._masks(features, sampled, objects, targets)
        return RCNNOutputs(
            objectness=anchors.objectness,
            objectness_target=anchors.objectness_target,
            anchor_deltas=anchors.deltas,
            anchor_targets=anchors.targets,
            sampled_anchors=len(anchors.objectness),
            class_logits=logits,
            class_target=sampled.classes,
            box_deltas=deltas[objects, sampled.classes[objects]],
            box_targets=sampled.deltas,
            mask_logits=mask_logits,
            mask_targets=mask_truth,
            mask_known=mask_known,
        )

    def _first_stage(self, images: Float[Tensor, "b c h w"]) -> tuple[list[Tensor], list[Level]]:
        """P2 to P6 of images as they are, and what is said of the anchors there."""
        frame = Resize("native").padded(images.shape[2], images.shape[3])
        maps = self.backbone(pad(self.normalise(images), frame).contiguous(memory_format=torch.channels_last))
        return maps, self.rpn(maps, frame)

    def _masks(
        self, features: RegionFeatures, sampled: SampledRegions, objects: Tensor, targets: Sequence[ObjectTargets]
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Logits, targets and known points of the masks of those regions that stand for objects."""
        regions = sampled.regions.take(objects)
        logits = self.roi_heads.masks(features, regions, sampled.classes[objects])
        if logits is None:
            return None, None, None
        truth = mask_targets(targets, regions, sampled.matched[objects], 2 * MASK_SIDE)
        return logits, truth, known_points(targets, regions, 2 * MASK_SIDE)

    @torch.no_grad()
    def detect(
        self,
        images: Float[Tensor, "b c h w"],
        sizes: Sequence[tuple[int, int]],
        *,
        score_threshold: float = 0.05,
        nms: float = 0.5,
        max_detections: int = 100,
        proposals: int | None = None,
        candidates: int | None = None,
    ) -> list[Found]:
        """The objects of images that lie normalised in one padded frame.

        Args:
            images: normalised, then padded on the right and at the bottom.
            sizes: (h, w) of each image without its padding.
            score_threshold: what scores no more is nothing.
            nms: of boxes of one class that overlap by more than this IoU the best is kept.
            max_detections: objects of an image; the best are kept.
            proposals: regions of an image that the heads look at; the network's own unless given.
            candidates: anchors of a level and image that proposals are chosen from; as many as proposals unless given.

        Returns:
            What was found in each image, boxes in pixels of the frame.
        """
        maps = self.backbone.fpn(folded(self.backbone.body, images.contiguous(memory_format=torch.channels_last)))
        levels = self.rpn(maps, (images.shape[2], images.shape[3]))
        regions = propose(levels, sizes, proposals or self.proposals, candidates)
        features = RegionFeatures(maps[:HEAD_LEVELS])
        logits, deltas = self.roi_heads.classify(features, regions)
        found = select(
            logits,
            deltas,
            regions,
            sizes,
            score_threshold=score_threshold,
            nms=nms,
            max_detections=max_detections,
        )
        return by_image(found, self.roi_heads.masks(features, found.regions, found.classes))

    def detect_images(
        self,
        images: Sequence[Float[Tensor, "c h w"]],
        resize: Resize,
        *,
        score_threshold: float = 0.05,
        nms: float = 0.5,
        max_detections: int = 100,
    ) -> list[Found]:
        """The objects of images of any sizes, as they are: normalised, resized and padded here.

        Args:
            images: not normalised.
            resize: how large the network sees them.
            score_threshold: as in `detect`.
            nms: as in `detect`.
            max_detections: as in `detect`.

        Returns:
            What was found in each image, boxes in its own pixels.
        """
        own = [(image.shape[1], image.shape[2]) for image in images]
        sizes = [resize.size(*size) for size in own]
        rows, columns = zip(*[resize.padded(*size) for size in sizes], strict=True)
        resized = [resize_image(self.normalise(image[None]), size) for image, size in zip(images, sizes, strict=True)]
        found = self.detect(
            torch.cat([pad(image, (max(rows), max(columns))) for image in resized]),
            sizes,
            score_threshold=score_threshold,
            nms=nms,
            max_detections=max_detections,
        )
        return [
            replace(one, boxes=scale_boxes(one.boxes, size, to))
            for one, size, to in zip(found, sizes, own, strict=True)
        ]

    @torch.no_grad()
    def probe(self, image: Float[Tensor, "1 c h w"]) -> Float[Tensor, " n"]:
        """Numbers that depend on every weight, for comparing two copies of a network.

        Nothing is chosen on the way, so rounding changes them by rounding: objectness and deltas of all anchors, logits
        and deltas of fixed regions, and some points of the masks of all classes there.

        Args:
            image: not normalised.
        """
        maps, levels = self._first_stage(image)
        boxes = from_normalised(image.new_tensor(PROBE_REGIONS), (image.shape[2], image.shape[3]))
        regions = Regions(boxes, torch.zeros(len(boxes), dtype=torch.int64, device=image.device))
        features = RegionFeatures(maps[:HEAD_LEVELS])
        outputs = [*self.roi_heads.classify(features, regions)]
        first = Regions(boxes[:1].repeat(self.classes, 1), regions.images[:1].repeat(self.classes))
        masks = self.roi_heads.masks(features, first, torch.arange(self.classes, device=image.device))
        if masks is not None:
            outputs.append(masks[:, ::PROBE_STEP, ::PROBE_STEP])
        outputs += [part for level in levels for part in (level.objectness, level.deltas)]
        return torch.cat([part.flatten() for part in outputs])
