"""Plan: a recipe derived from the data and the machine, each value with its reason in one line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from unmask.data.dataset import Dataset
from unmask.errors import RecipeError
from unmask.recipe import DataRecipe, MaskRCNNRecipe, Recipe, overrule
from unmask.training.machine import Machine
from unmask.training.plan_mask_rcnn import mask_rcnn_recipe
from unmask.training.plan_unet import unet_recipe
from unmask.training.survey import Survey, survey

__all__ = ["Base", "Net", "Plan", "plan", "validations_in", "with_time"]

Net = Literal["unet", "mask-rcnn"]
Base = Literal["default", "paper"]

DEFAULT_MINUTES = 15.0


@dataclass(frozen=True)
class Plan:
    """A recipe, with its reasons in it, and the survey of the data that it was derived from."""

    recipe: Recipe
    survey: Survey


def plan(
    dataset: Dataset,
    names: Sequence[str],
    *,
    net: Net = "unet",
    base: Base = "default",
    settings: Sequence[str] = (),
    minutes: float | None = None,
    steps: int | None = None,
    machine: Machine | None = None,
) -> Plan:
    """The recipe for a data set on a machine.

    Args:
        dataset: annotated.
        names: the training images.
        net: which network.
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
    data = _data(dataset, found, why)
    if net == "unet":
        recipe = unet_recipe(found, data, base, machine, why)
    else:
        # Anchors, tile and elastic strength follow from the scale.
        scales = [setting for setting in settings if setting.partition("=")[0].strip() == "network.scale"]
        given = overrule(Recipe(network=MaskRCNNRecipe()), scales).network
        scale = given.scale if scales and isinstance(given, MaskRCNNRecipe) else None
        recipe = mask_rcnn_recipe(found, data, base, machine, why, scale)
    why["schedule.minutes"] = "enough for a first model; more time gives a better one"
    why["schedule.validations"] = "every two or three minutes, at least 2 and at most 10"
    validations = validations_in(minutes or DEFAULT_MINUTES)
    settings = with_time(settings, minutes, steps)
    for setting in settings:
        why[setting.partition("=")[0].strip()] = "you said so"
    derived = [f"schedule.minutes={DEFAULT_MINUTES}", f"schedule.validations={validations}"]
    return Plan(overrule(recipe, [*derived, *settings]).model_copy(update={"reasons": why}), found)


def validations_in(minutes: float) -> int:
    """How often a run of so many minutes is validated."""
    return min(10, max(2, round(minutes / 2.5)))


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
