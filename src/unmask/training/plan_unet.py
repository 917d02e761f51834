"""The U-Net's recipe, derived from data and machine."""

import math
from typing import Literal

import numpy as np

from unmask.nets import UNet, derive_halo
from unmask.recipe import (
    AugmentRecipe,
    DataRecipe,
    InstanceRecipe,
    NormaliseRecipe,
    OptimiserRecipe,
    Recipe,
    ScheduleRecipe,
    TargetRecipe,
    UNetRecipe,
)
from unmask.targets.weights import class_weights
from unmask.training.machine import Machine
from unmask.training.survey import Survey

__all__ = ["unet_recipe"]

# Mirrored surroundings may cost this much more than the image itself before zero padding is chosen.
MIRROR_COST = 1.5
# Where half of the objects are smaller, pixels, the ridge between them eats them: seen enlarged, they are found. Where
# only some are, the work is better spent on more tiles (docs/notes.md).
SMALL = 12
DEEPEST = 5
MOST_REDUCED = 8


def unet_recipe(
    found: Survey, data: DataRecipe, base: Literal["default", "paper"], machine: Machine, why: dict[str, str]
) -> Recipe:
    """The recipe for the data surveyed; fills `why` with the reasons."""
    network = _paper_network(why) if base == "paper" else _network(found, data.kind, machine, why)
    schedule = _schedule(base, found, network, machine, why)
    return Recipe(
        base=base,
        data=data,
        network=network,
        normalise=_normalise(found, why),
        targets=_targets(data.kind, found, why),
        augment=_augment(found, schedule.tile, why),
        optimiser=_optimiser(base, why),
        schedule=schedule.model_copy(update={"criterion": _criterion(data.kind, found, why)}),
        instances=_instances(found, why),
    )


def _paper_network(why: dict[str, str]) -> UNetRecipe:
    why["network"] = "the paper's network: width 64, depth 4, unpadded, no norm, dropout at the bottom"
    return UNetRecipe(width=64, depth=4, norm="none", dropout=0.5, padding="valid")


def _network(found: Survey, kind: str, machine: Machine, why: dict[str, str]) -> UNetRecipe:
    large = found.diameter(95)
    enlarge, reduce = _scale(found, kind, why)
    seen = enlarge / reduce
    # The largest objects should fit into what a pixel sees; and a small image should not be pooled to nothing.
    depth = next(d for d in (3, 4, DEEPEST) if d == DEEPEST or _halo(d, "same") >= large * seen)
    depth = min(depth, max(1, int(math.log2(max(2, found.side * seen / 4)))))
    sight = _halo(depth, "same") / seen
    why["network.depth"] = f"a pixel sees {sight:.0f} pixels around it; 95 % of objects are below {large:.0f} across"
    width = 32 if machine.gpus else 16
    width = 64 if machine.gpu_memory > 20e9 else width
    why["network.width"] = f"what {machine.words} trains in minutes"
    cost = ((found.side + 2 * _halo(depth, "valid") / seen) / found.side) ** 2
    padding: Literal["valid", "same"] = "same" if cost > MIRROR_COST else "valid"
    why["network.padding"] = (
        f"mirrored surroundings would make a {found.side}-pixel image cost {cost:.1f} times as much"
        + ("" if padding == "same" else ": little enough for unpadded convolutions")
    )
    why["network.norm"] = "batch norm learns in fewer steps; at prediction its constants are fixed, so tiles stay exact"
    return UNetRecipe(
        width=width, depth=depth, norm="batch", dropout=0.0, padding=padding, enlarge=enlarge, reduce=reduce
    )


def _scale(found: Survey, kind: str, why: dict[str, str]) -> tuple[Literal[1, 2], int]:
    """How many times images are enlarged, and reduced, for the network."""
    # Pieces of classes, and what membranes cut off, are of any size: their smallest say nothing.
    if kind == "classes" or found.membranes:
        return 1, 1
    median, small, large = (found.diameter(percent) for percent in (50, 10, 95))
    if median < SMALL:
        why["network.enlarge"] = f"half of the objects are below {median:.0f} pixels across; costs 4 times as much"
        return 2, 1
    reduce = max(1, min(MOST_REDUCED, math.ceil(large / _halo(DEEPEST, "same")), int(small // SMALL)))
    if reduce > 1:
        why["network.reduce"] = f"5 % of the objects are above {large:.0f} pixels across, more than a pixel would see"
    return 1, reduce


def _halo(depth: int, padding: Literal["valid", "same"]) -> int:
    return derive_halo(UNet(width=1, depth=depth, padding=padding)).halo


def _targets(kind: str, found: Survey, why: dict[str, str]) -> TargetRecipe:
    # The square root: full balance makes rare classes spill over.
    balanced = class_weights(np.array(found.frequencies), power=0.5)
    shown = ", ".join(f"{share:.0%}" for share in found.frequencies)
    why["targets.class_weights"] = f"square root of inverse frequencies; background and classes cover {shown}"
    weights = tuple(round(float(weight), 3) for weight in balanced)
    if kind == "classes":
        why["targets.ridge"] = "the masks are classes: nothing to separate"
        return TargetRecipe(ridge=0, border_weight=0, class_weights=weights)
    if kind == "binary":
        why["targets.ridge"] = "the masks already have background between objects"
        return TargetRecipe(ridge=0, class_weights=weights)
    why["targets.ridge"] = f"{found.touching:.0%} of objects touch another: a background ridge separates them"
    why["targets.border_weight"] = "the paper's w0 and sigma"
    return TargetRecipe(ridge=2, class_weights=weights)


def _normalise(found: Survey, why: dict[str, str]) -> NormaliseRecipe:
    why["normalise"] = f"each whole image is stretched between its own percentiles ({found.grey})"
    return NormaliseRecipe()


def _augment(found: Survey, tile: int, why: dict[str, str]) -> AugmentRecipe:
    why["augment"] = "flips, any rotation, 0.8 to 1.25 times, grey values, the paper's elastic deformation"
    # Displacements of 10 pixels suit the paper's cells and tiles: they tear objects that are smaller, and in tiles of
    # less than 128 pixels the field folds.
    elastic = round(min(10.0, found.diameter(50) / 3, tile / 12), 1)
    why["augment.elastic"] = (
        f"the least of the paper's 10 pixels, a third of the median diameter ({found.diameter(50):.0f} pixels) and a "
        f"twelfth of the tile ({tile})"
    )
    return AugmentRecipe(elastic=elastic)


def _optimiser(base: str, why: dict[str, str]) -> OptimiserRecipe:
    if base == "paper":
        why["optimiser"] = "the paper's: SGD with momentum 0.99"
        return OptimiserRecipe(
            name="sgd", learning_rate=1e-3, weight_decay=0.0, momentum=0.99, cycle="constant", clip=0.0
        )
    why["optimiser"] = "AdamW, one cycle: most accuracy from a short training"
    return OptimiserRecipe()


def _schedule(base: str, found: Survey, network: UNetRecipe, machine: Machine, why: dict[str, str]) -> ScheduleRecipe:
    seen = network.enlarge / network.reduce
    stride = derive_halo(UNet(width=1, depth=network.depth, enlarge=network.enlarge, reduce=network.reduce)).stride
    if base == "paper":
        tile, batch = (388 if found.side >= 388 else max(4, (found.side - 4) // stride * stride + 4)), 1
        why["schedule.tile"] = f"the paper's 388, or what fits into the median image ({found.side})"
        why["schedule.batch"] = "the paper's: one large tile a step"
    else:
        # Small tiles mix more images in a step; but most objects should fit in.
        most = 256 if network.enlarge == 1 else 192
        wanted = min(most / seen, max(128 / seen, 2.5 * found.diameter(95)), found.side)
        tile = max(stride, int(wanted) // stride * stride)
        batch = min(64, max(1, round((16 if machine.gpus else 4) * (256 / (tile * seen)) ** 2)))
        why["schedule.tile"] = (
            f"2.5 times the largest objects ({found.diameter(95):.0f} pixels), within {128 / seen:.0f} and "
            f"{most / seen:.0f} and the median image's shorter side ({found.side})"
        )
        why["schedule.batch"] = f"{batch * tile**2 / 1e6:.2g} million pixels a step for {machine.words}"
    precision: Literal["32-true", "bf16-mixed"] = "bf16-mixed" if machine.gpus or machine.bf16 else "32-true"
    if machine.bf16:
        why["schedule.precision"] = "bfloat16 where it does no harm: the CPU has matrix units for it"
    return ScheduleRecipe(tile=tile, batch=batch, precision=precision)


def _criterion(kind: str, found: Survey, why: dict[str, str]) -> Literal["ap", "v_rand", "dice"]:
    if kind == "classes":
        why["schedule.criterion"] = "the masks are classes"
        return "dice"
    cover = 1 - found.frequencies[0]
    if found.membranes:
        why["schedule.criterion"] = f"cells cover {cover:.0%} of the images, with membranes between them"
        return "v_rand"
    why["schedule.criterion"] = f"the masks are objects; they cover {cover:.0%} of the images"
    return "ap"


def _instances(found: Survey, why: dict[str, str]) -> InstanceRecipe:
    smallest = math.pi / 4 * found.diameter(1) ** 2
    why["instances"] = "start values; fitted on the validation images at the end of training"
    if found.membranes:
        why["instances"] = "cells between membranes: safe seeds, grown until they meet; " + why["instances"]
        return InstanceRecipe(seed_threshold=0.9, mask_threshold=0.5, reach=12, min_size=max(1, int(smallest / 3)))
    return InstanceRecipe(min_size=max(1, int(smallest / 3)))
