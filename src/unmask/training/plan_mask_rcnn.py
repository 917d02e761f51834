"""Mask R-CNN's recipe, derived from data and machine."""

import math
from typing import Literal

from unmask.family import resize_of
from unmask.recipe import (
    AugmentRecipe,
    DataRecipe,
    DetectionRecipe,
    MaskRCNNRecipe,
    NormaliseRecipe,
    OptimiserRecipe,
    Recipe,
    ScheduleRecipe,
)
from unmask.training.anchoring import AnchorPlan, choose_anchors
from unmask.training.machine import Machine
from unmask.training.survey import Survey

__all__ = ["mask_rcnn_recipe"]

STRIDE = 32
LARGE_GPU = 20e9  # bytes; untried on smaller ones, which get the CPU's network
# New images may hold more objects than the fullest of training; and largest objects may be larger.
HEADROOM, MARGIN = 2.0, 1.2


def mask_rcnn_recipe(
    found: Survey,
    data: DataRecipe,
    base: Literal["default", "paper"],
    machine: Machine,
    why: dict[str, str],
    scale: float | None = None,
) -> Recipe:
    """The recipe for the data surveyed, at a given scale where there is one; fills `why` with the reasons."""
    if base == "paper":
        network = _paper_network(why)
    else:
        network = _network(choose_anchors(found.boxes, found.sizes, scale=scale), machine, why)
    seen = resize_of(network).size(found.side, found.side)[0] / found.side
    schedule = _schedule(base, found, seen, machine, why)
    return Recipe(
        base=base,
        data=data,
        network=network,
        normalise=_normalise(found, why),
        augment=_augment(found, seen, schedule.tile, why),
        optimiser=_optimiser(base, why),
        schedule=schedule,
        detections=_detections(found, why),
    )


def _paper_network(why: dict[str, str]) -> MaskRCNNRecipe:
    why["network"] = "torchvision's: ResNet-50, images of 800 by at most 1333 pixels, 512 regions an image"
    return MaskRCNNRecipe(resize="shortest-edge", frozen_until=0.0, backbone_rate=1.0)


def _network(anchors: AnchorPlan, machine: Machine, why: dict[str, str]) -> MaskRCNNRecipe:
    why["network.anchor_sizes"] = anchors.reason
    why["network.scale"] = anchors.scale_reason
    why["network.weights"] = "features learned from a million photographs: most of what few images cannot teach"
    why["network.backbone"] = why["network.width"] = f"what {machine.words} trains in minutes"
    large = machine.gpu_memory > LARGE_GPU
    return MaskRCNNRecipe(
        backbone="resnet50" if large else "resnet18",
        width=256 if large else 128,
        box_width=1024 if large else 512,
        regions=512 if large else 64,
        proposals=1000 if large else 300,
        scale=anchors.scale,
        anchor_sizes=anchors.anchor_sizes,
    )


def _normalise(found: Survey, why: dict[str, str]) -> NormaliseRecipe:
    if found.channels == 3 and found.grey.startswith("uint8,"):
        why["normalise"] = "8-bit colour, as the photographs that the backbone was trained on"
        return NormaliseRecipe(method="fixed", low=0, high=255)
    why["normalise"] = f"each whole image is stretched between its own percentiles ({found.grey})"
    return NormaliseRecipe()


def _augment(found: Survey, scale: float, tile: int, why: dict[str, str]) -> AugmentRecipe:
    why["augment"] = "flips, any rotation, 0.7 to 1.4 times, grey values, the U-Net paper's elastic deformation"
    diameter = found.diameter(50) * scale
    elastic = round(min(10.0, diameter / 3, tile / 12), 1)
    why["augment.elastic"] = (
        f"the least of the paper's 10 pixels, a third of the median diameter as the network sees it ({diameter:.0f}) "
        f"and a twelfth of the tile ({tile})"
    )
    return AugmentRecipe(elastic=elastic, scale=(0.7, 1.4))


def _optimiser(base: str, why: dict[str, str]) -> OptimiserRecipe:
    if base == "paper":
        why["optimiser"] = "the paper's: SGD with momentum 0.9, 0.02 for 16 images a step"
        return OptimiserRecipe(
            name="sgd", learning_rate=2.5e-3, weight_decay=1e-4, momentum=0.9, cycle="constant", clip=0.0
        )
    why["optimiser"] = "AdamW, one cycle: most accuracy from a short training"
    return OptimiserRecipe(learning_rate=1e-3)


def _schedule(base: str, found: Survey, seen: float, machine: Machine, why: dict[str, str]) -> ScheduleRecipe:
    if base == "paper":
        tile, batch = 800, 2
        why["schedule.tile"] = "the paper's shorter side"
    else:
        side, large = found.side * seen, found.diameter(95) * seen
        wanted = min(512, max(256, 2.5 * large), max(64, side))
        tile = max(2 * STRIDE, int(wanted) // STRIDE * STRIDE)
        many = 2 if not machine.gpus else 16 if machine.gpu_memory > LARGE_GPU else 4
        batch = min(32, max(2, round(many * (512 / tile) ** 2)))
        why["schedule.tile"] = (
            f"2.5 times the largest objects as the network sees them ({large:.0f} pixels), within 256 and 512 and the "
            f"median image's shorter side ({side:.0f})"
        )
    why["schedule.batch"] = f"{batch * tile**2 / 1e6:.2g} million pixels a step for {machine.words}"
    why["schedule.criterion"] = "Mask R-CNN finds objects"
    precision: Literal["32-true", "bf16-mixed"] = "bf16-mixed" if machine.gpus else "32-true"
    return ScheduleRecipe(tile=tile, batch=batch, precision=precision, criterion="ap")


def _detections(found: Survey, why: dict[str, str]) -> DetectionRecipe:
    densest = max(1e6 * len(boxes) / max(1, known) for boxes, known in zip(found.boxes, found.known, strict=True))
    largest = max(float((boxes[:, 2:] - boxes[:, :2]).max()) for boxes in found.boxes if len(boxes))
    why["detections"] = "start values; thresholds are fitted on the validation images at the end of training"
    why["detections.max_detections"] = f"twice the fullest image's {densest:.0f} objects a million pixels"
    why["detections.overlap"] = f"the largest object ({largest:.0f} pixels), and a fifth more"
    return DetectionRecipe(
        max_detections=math.ceil(HEADROOM * densest),
        overlap=math.ceil(MARGIN * largest),
        min_size=max(1, int(math.pi / 4 * found.diameter(1) ** 2 / 3)),
    )
