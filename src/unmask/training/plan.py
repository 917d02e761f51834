"""Plan: a recipe derived from the data and the machine, each value with its reason in one line."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from unmask.data.dataset import Dataset
from unmask.errors import RecipeError
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
    overrule,
)
from unmask.targets.weights import class_weights
from unmask.training.survey import Survey, survey

__all__ = ["Machine", "Plan", "plan", "with_time"]

# Mirrored surroundings may cost this much more than the image itself before zero padding is chosen.
MIRROR_COST = 1.5
DEFAULT_MINUTES = 15.0


@dataclass(frozen=True)
class Machine:
    """What trains: how many CPU cores or GPUs, and the memory of one GPU in bytes."""

    cores: int
    gpus: int
    gpu_memory: int

    @classmethod
    def here(cls, accelerator: str = "auto") -> "Machine":
        """This machine, or only its CPU."""
        gpus = 0 if accelerator == "cpu" else torch.cuda.device_count()
        memory = torch.cuda.get_device_properties(0).total_memory if gpus else 0
        return cls(
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, gpus, memory
        )

    @property
    def words(self) -> str:
        """The machine in words."""
        return f"{self.gpus} GPU" + "s" * (self.gpus > 1) if self.gpus else f"{self.cores} CPU cores, no GPU"


@dataclass(frozen=True)
class Plan:
    """A recipe, with its reasons in it, and the survey of the data that it was derived from."""

    recipe: Recipe
    survey: Survey


def plan(
    dataset: Dataset,
    names: Sequence[str],
    *,
    base: Literal["default", "paper"] = "default",
    settings: Sequence[str] = (),
    minutes: float | None = None,
    steps: int | None = None,
    machine: Machine | None = None,
) -> Plan:
    """The recipe for a data set on a machine.

    Args:
        dataset: annotated.
        names: the training images.
        base: "default", or "paper": the paper's network and optimiser.
        settings: `a.b=value` that overrule, in order.
        minutes: wall-clock budget of training; with neither this nor steps, 15.
        steps: a fixed number of steps instead.
        machine: what trains; this one unless given.

    Raises:
        DataError: nothing to learn from.
        RecipeError: a setting that is unknown or impossible.
    """
    machine = machine or Machine.here()
    found = survey(dataset, names)
    why: dict[str, str] = {}
    network = _paper_network(why) if base == "paper" else _network(found, machine, why)
    schedule = _schedule(base, found, network, machine, minutes or DEFAULT_MINUTES, why)
    recipe = Recipe(
        base=base,
        data=_data(dataset, found, why),
        network=network,
        normalise=_normalise(found, why),
        targets=_targets(dataset, found, why),
        augment=_augment(found, schedule.tile, why),
        optimiser=_optimiser(base, why),
        schedule=schedule.model_copy(update={"criterion": _criterion(dataset, found, why)}),
        instances=_instances(found, why),
    )
    settings = with_time(settings, minutes, steps)
    for setting in settings:
        why[setting.partition("=")[0].strip()] = "you said so"
    return Plan(overrule(recipe, settings).model_copy(update={"reasons": why}), found)


def with_time(settings: Sequence[str], minutes: float | None, steps: int | None) -> list[str]:
    """Settings with a time budget or a number of steps, each of which puts the other and an old schedule out of force.

    Raises:
        RecipeError: both were given.
    """
    if minutes is not None and steps is not None:
        raise RecipeError("a run has a time budget or a number of steps, not both", remedy="leave one of them out")
    given = [*settings]
    given += [] if minutes is None else [f"schedule.minutes={minutes}"]
    given += [] if steps is None else [f"schedule.steps={steps}"]
    keys = [setting.partition("=")[0].strip() for setting in given]
    if "schedule.steps" in keys and "schedule.minutes" not in keys:
        given.append("schedule.minutes=null")
    if {"schedule.steps", "schedule.minutes"} & set(keys) and "schedule.knots" not in keys:
        given.append("schedule.knots=[]")
    return given


def _data(dataset: Dataset, found: Survey, why: dict[str, str]) -> DataRecipe:
    assert dataset.kind is not None, "annotated data have a kind"
    why["data.kind"] = dataset.decision
    why["data.channels"] = f"every image has {found.channels}; grey values {found.grey}"
    return DataRecipe(
        path=str(Path(dataset.root).resolve()),
        kind=dataset.kind,
        channels=found.channels,
        class_names=dataset.class_names,
        class_values=dataset.class_values,
        pixel_size=found.pixel_size,
    )


def _paper_network(why: dict[str, str]) -> UNetRecipe:
    why["network"] = "the paper's network: width 64, depth 4, unpadded, no norm, dropout at the bottom"
    return UNetRecipe(width=64, depth=4, norm="none", dropout=0.5, padding="valid")


def _network(found: Survey, machine: Machine, why: dict[str, str]) -> UNetRecipe:
    large = found.diameter(95)
    # The largest objects should fit into what a pixel sees; and a small image should not be pooled to nothing.
    depth = next(d for d in (3, 4, 5) if d == 5 or _halo(d, "same") >= large)
    depth = min(depth, max(1, int(math.log2(max(2, found.side // 4)))))
    sight = _halo(depth, "same")
    why["network.depth"] = f"a pixel sees {sight} pixels around it; 95 % of objects are below {large:.0f} across"
    width = 32 if machine.gpus else 16
    width = 64 if machine.gpu_memory > 20e9 else width
    why["network.width"] = f"what {machine.words} trains in minutes"
    cost = ((found.side + 2 * _halo(depth, "valid")) / found.side) ** 2
    padding: Literal["valid", "same"] = "same" if cost > MIRROR_COST else "valid"
    why["network.padding"] = (
        f"mirrored surroundings would make a {found.side}-pixel image cost {cost:.1f} times as much"
        + ("" if padding == "same" else ": little enough for unpadded convolutions")
    )
    why["network.norm"] = "batch norm learns in fewer steps; at prediction its constants are fixed, so tiles stay exact"
    return UNetRecipe(width=width, depth=depth, norm="batch", dropout=0.0, padding=padding)


def _halo(depth: int, padding: Literal["valid", "same"]) -> int:
    return derive_halo(UNet(width=1, depth=depth, padding=padding)).halo


def _normalise(found: Survey, why: dict[str, str]) -> NormaliseRecipe:
    why["normalise"] = f"each whole image is stretched between its own percentiles ({found.grey})"
    return NormaliseRecipe()


def _targets(dataset: Dataset, found: Survey, why: dict[str, str]) -> TargetRecipe:
    # The square root: full balance makes rare classes spill over.
    balanced = class_weights(np.array(found.frequencies), power=0.5)
    shown = ", ".join(f"{share:.0%}" for share in found.frequencies)
    why["targets.class_weights"] = f"square root of inverse frequencies; background and classes cover {shown}"
    weights = tuple(round(float(weight), 3) for weight in balanced)
    if dataset.kind == "classes":
        why["targets.ridge"] = "the masks are classes: nothing to separate"
        return TargetRecipe(ridge=0, border_weight=0, class_weights=weights)
    if dataset.kind == "binary":
        why["targets.ridge"] = "the masks already have background between objects"
        return TargetRecipe(ridge=0, class_weights=weights)
    why["targets.ridge"] = f"{found.touching:.0%} of objects touch another: a background ridge separates them"
    why["targets.border_weight"] = "the paper's w0 and sigma"
    return TargetRecipe(ridge=2, class_weights=weights)


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


def _schedule(
    base: str, found: Survey, network: UNetRecipe, machine: Machine, minutes: float, why: dict[str, str]
) -> ScheduleRecipe:
    stride = 2**network.depth
    if base == "paper":
        tile, batch = (388 if found.side >= 388 else max(4, (found.side - 4) // stride * stride + 4)), 1
        why["schedule.tile"] = f"the paper's 388, or what fits into the median image ({found.side})"
        why["schedule.batch"] = "the paper's: one large tile a step"
    else:
        # Small tiles mix more images in a step; but most objects should fit in.
        wanted = min(256, max(128, 2.5 * found.diameter(95)), found.side)
        tile = max(stride, int(wanted) // stride * stride)
        batch = min(64, max(1, round((16 if machine.gpus else 4) * (256 / tile) ** 2)))
        why["schedule.tile"] = (
            f"2.5 times the largest objects ({found.diameter(95):.0f} pixels), within 128 and 256 and the "
            f"median image's shorter side ({found.side})"
        )
        why["schedule.batch"] = f"{batch * tile**2 / 1e6:.2g} million pixels a step for {machine.words}"
    why["schedule.minutes"] = "enough for a first model; more time gives a better one"
    validations = min(10, max(2, round(minutes / 2.5)))
    why["schedule.validations"] = "every two or three minutes, at least 2 and at most 10"
    precision: Literal["32-true", "bf16-mixed"] = "bf16-mixed" if machine.gpus else "32-true"
    return ScheduleRecipe(tile=tile, batch=batch, minutes=DEFAULT_MINUTES, validations=validations, precision=precision)


def _criterion(dataset: Dataset, found: Survey, why: dict[str, str]) -> Literal["ap", "v_rand", "dice"]:
    if dataset.kind == "classes":
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
