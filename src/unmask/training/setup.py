"""What a new run starts from: data, split and recipe."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from shlex import quote

import yaml

from unmask.data.dataset import Dataset, split_dataset
from unmask.data.folder import read_folder
from unmask.data.options import ReadOptions, options_of
from unmask.data.understood import Understood, facts, understand
from unmask.errors import RecipeError, UnmaskError
from unmask.recipe import DataRecipe, Recipe, UNetRecipe, overrule, parse
from unmask.training.machine import Machine
from unmask.training.plan import Base, Net, plan, with_time

__all__ = ["Setup", "Split", "new_setup", "read_recipe"]

Split = dict[str, list[str]]
NAMED = ("default", "paper")
WRITE_ONE = "type default or paper, or write a recipe with: unmask plan DATA --out FILE"


@dataclass(frozen=True)
class Setup:
    """Where a run starts.

    Attributes:
        dataset: the data.
        recipe: of the run.
        split: names of the images that train, validate and test.
        understood: the data in a few numbers; None of a run that is resumed, whose folder has them.
    """

    dataset: Dataset
    recipe: Recipe
    split: Split
    understood: Understood | None

    @property
    def judged(self) -> list[str]:
        """Names of the images that validate; the training images where there are no others."""
        return self.split["val"] or self.split["train"]


def new_setup(
    data: str | Path,
    *,
    net: Net | None = None,
    recipe: str | Path = "default",
    settings: Sequence[str] = (),
    minutes: float | None = None,
    steps: int | None = None,
    reading: ReadOptions | None = None,
    accelerator: str = "auto",
) -> Setup:
    """The setup of a new run; arguments as in `unmask.train`, and `reading`: what the user says of the data.

    Every image is read, so that a damaged one is found now.

    Raises:
        DataError: the data cannot be used.
        RecipeError: a setting or recipe that is unknown or impossible.
    """
    given = None if str(recipe) in NAMED else read_recipe(recipe)
    if given is not None:
        if net not in (None, given.network.name):
            raise RecipeError(
                f"the recipe is for {given.network.name}, not {net}", file=recipe, remedy="leave --net out"
            )
        reading = _told(reading, options_of(given.data))
    dataset = _read_sound(data, reading or ReadOptions())
    seeds = [setting for setting in settings if setting.startswith("schedule.seed=")]
    split = split_dataset(dataset, overrule(given or Recipe(), seeds).schedule.seed)
    looked = [facts(dataset.load(name), len(dataset.class_names)) for name in split["train"] + split["val"]]
    machine = Machine.here(accelerator)
    if given is None:
        base: Base = "paper" if recipe == "paper" else "default"
        planned = plan(
            dataset,
            split["train"],
            net=net or "unet",
            base=base,
            settings=settings,
            minutes=minutes,
            steps=steps,
            machine=machine,
        )
        resolved = planned.recipe
    else:
        planned = plan(dataset, split["train"], net=given.network.name, machine=machine)
        resolved = _with_data(given, planned.recipe, with_time(settings, minutes, steps))
    _refuse_members(resolved)
    place = None if reading is None or reading.split is None else str(reading.split.resolve())
    told = {} if reading is None else {"layout": reading.layout, "ignore": reading.ignore}
    found = resolved.data.model_copy(update={"split_file": place, **told})
    return Setup(
        dataset,
        resolved.model_copy(update={"data": found, "versions": _versions(machine)}),
        split,
        understand(dataset, looked, {word: len(names) for word, names in split.items() if names}),
    )


def _read_sound(data: str | Path, reading: ReadOptions) -> Dataset:
    """The data set, all of it sound.

    Raises:
        DataError: the first of its problems, as `unmask check` says it.
    """
    problems: list[UnmaskError] = []
    dataset = None
    try:
        dataset = read_folder(data, replace(reading, report=problems.append))
    except UnmaskError as error:
        problems.append(error)
    if dataset is None or problems:
        raise _first(problems, data)
    return dataset


def _first(problems: Sequence[UnmaskError], data: str | Path) -> UnmaskError:
    """The first problem, and where there are others, how to see them all."""
    first = problems[0]
    if len(problems) == 1:
        return first
    remedy = f"{first.remedy}; for all {len(problems)} problems and what mends them: unmask check {quote(str(data))}"
    return type(first)(first.problem, file=first.file, remedy=remedy, code=first.code)


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a YAML file, or in a run folder.

    Raises:
        RecipeError: no such file, not YAML, or values that are unknown or impossible.
    """
    file = Path(path) / "recipe.yaml" if Path(path).is_dir() else Path(path)
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError:
        raise RecipeError("no such recipe", file=path, remedy=WRITE_ONE) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise RecipeError("not a YAML file", file=path, remedy=WRITE_ONE) from None
    if not isinstance(values, dict):
        raise RecipeError("not a recipe", file=path, remedy=WRITE_ONE)
    try:
        return parse(values)
    except RecipeError as error:
        raise RecipeError(error.problem, file=path, remedy=error.remedy) from None


def _with_data(given: Recipe, planned: Recipe, settings: Sequence[str]) -> Recipe:
    """A given recipe on these data; its network must suit them."""
    if given.data.channels != planned.data.channels or len(given.data.class_names) != len(planned.data.class_names):
        raise RecipeError(
            f"the recipe is for {_shape(given.data)}, the data have {_shape(planned.data)}",
            remedy="plan a recipe for these data: unmask plan DATA --out FILE",
        )
    reasons = given.reasons | {setting.partition("=")[0].strip(): "you said so" for setting in settings}
    # A finished run's thresholds were fitted at its end; it started, and chose its weights, with the planned ones.
    finished = bool(given.schedule.knots)
    reading = {"instances": planned.instances, "detections": planned.detections} if finished else {}
    # An ensemble's recipe is that of its members: training makes one network.
    alone = {"members": 1} if isinstance(given.network, UNetRecipe) else {}
    network = given.network.model_copy(update=alone)
    start = given.model_copy(update={"data": planned.data, "network": network, "reasons": reasons, **reading})
    return overrule(start, settings)


def _refuse_members(recipe: Recipe) -> None:
    if isinstance(recipe.network, UNetRecipe) and recipe.network.members > 1:
        count = recipe.network.members
        raise RecipeError(
            f"--set network.members={count}: a training makes one network", remedy=f"type --folds {count}"
        )


def _told(now: ReadOptions | None, before: ReadOptions) -> ReadOptions:
    """What the user says now, and said before of what is not said now."""
    if now is None:
        return before
    return replace(
        now,
        kind=now.kind or before.kind,
        layout=now.layout or before.layout,
        ignore=now.ignore or before.ignore,
        split=now.split or before.split,
    )


def _shape(data: DataRecipe) -> str:
    return f"{data.channels} channels and the classes {', '.join(data.class_names)}"


def _versions(machine: Machine) -> dict[str, str]:
    packages = ("unmask", "torch", "lightning", "numpy", "scipy", "scikit-image")
    place = f"{platform.system()} {platform.machine()}, {machine.words}"
    return {"python": platform.python_version(), **{name: version(name) for name in packages}, "machine": place}
