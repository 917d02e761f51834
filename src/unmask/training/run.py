"""A run: data in, run folder out. `unmask train` and `unmask.train` are this."""

import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import yaml
from lightning.fabric import Fabric

from unmask.data.dataset import Dataset, split_dataset
from unmask.data.files import write_text
from unmask.data.folder import read_folder
from unmask.data.normalise import normalise, stretch_constants
from unmask.errors import RecipeError, TrainingError
from unmask.family import family_of
from unmask.metrics.scores import Scores
from unmask.model import Model
from unmask.predict.tiles import default_memory
from unmask.recipe import DataRecipe, Recipe, dump, overrule, parse
from unmask.training.finish import finish
from unmask.training.loop import Progress, Trained, fit_weights
from unmask.training.plan import Machine, plan
from unmask.training.sampler import Prepared, PreparedImages, TileSampler
from unmask.training.validate import Validator

__all__ = ["Run", "plan_run", "read_recipe", "train"]


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        out: the run folder.
        recipe: as it ended up.
        scores: on the validation images.
    """

    out: Path
    recipe: Recipe
    scores: Scores


def train(
    data: str | Path,
    out: str | Path,
    *,
    net: Literal["unet"] = "unet",
    recipe: str | Path = "default",
    settings: Sequence[str] = (),
    minutes: float | None = None,
    steps: int | None = None,
    kind: Literal["objects", "classes"] | None = None,
    split_file: str | Path | None = None,
    resume: bool = False,
    devices: int | Literal["auto"] = "auto",
    nodes: int = 1,
    accelerator: str = "auto",
    started: float | None = None,
    on_start: Callable[[Recipe, dict[str, list[str]], Dataset], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Train a network on a folder of images and masks.

    Args:
        data: the data set.
        out: the run folder to make.
        net: "unet".
        recipe: "default", planned from data and machine; "paper", with the paper's network and optimiser; or a
            recipe.yaml to follow.
        settings: `a.b=value` that overrule the recipe.
        minutes: wall-clock budget; the schedule is fitted to the measured speed, and the run ends on time.
        steps: a fixed number of steps instead.
        kind: what the masks hold, where looking at them is not enough.
        split_file: a split.csv that lies elsewhere; the data's own unless given.
        resume: go on with a killed run; its own recipe and split are used.
        devices: how many, or "auto": all GPUs, else the CPU.
        nodes: how many machines.
        accelerator: "auto", "cpu", "cuda", "mps".
        started: `time.monotonic()` at the beginning of the command; now unless given.
        on_start: called once with the recipe, the split and the data.
        on_progress: called after each step.

    Raises:
        DataError: the data cannot be used.
        RecipeError: a setting or recipe that is unknown or impossible.
        TrainingError: the run folder is in use, the checkpoint does not fit, or the loss is not finite.
    """
    started = time.monotonic() if started is None else started
    out = Path(out)
    if net != "unet":
        raise RecipeError(f"there is no network {net}", remedy="type --net unet")
    if resume:
        if settings or recipe != "default" or minutes or steps or split_file:
            raise RecipeError(
                "a resumed run follows its own recipe",
                remedy="leave out --recipe, --set, --minutes, --steps, --split-file",
            )
        resolved, split = _resumed(out)
        dataset = read_folder(Path(data), None if resolved.data.kind == "binary" else resolved.data.kind)
    else:
        _refuse_used(out)
        dataset = read_folder(Path(data), kind, split_file)
        resolved, split = plan_run(dataset, recipe, settings, minutes, steps)
        write_text(out / "recipe.yaml", dump(resolved))
        write_text(out / "split.json", json.dumps(split, indent=1) + "\n")
    for name in split["val"]:  # the training images were read by the plan; a damaged file must not end a run half way
        dataset.load(name)
    if on_start is not None:
        on_start(resolved, split, dataset)
    fabric = Fabric(accelerator=accelerator, devices=devices, num_nodes=nodes, precision=resolved.schedule.precision)
    fabric.launch()
    validator = Validator(dataset, split["val"] or split["train"], resolved.schedule.criterion)
    trained = fit_weights(
        resolved,
        lambda tile, source, batch, rank: _sampler(dataset, split["train"], resolved, tile, source, batch, rank),
        validator,
        out,
        fabric,
        validation_pixels=validator.pixels,
        started=started,
        resume=resume,
        on_progress=on_progress,
    )
    # One process writes; the others wait for it and return the same.
    run = _end(resolved, trained, validator, out) if fabric.is_global_zero else None
    run = fabric.broadcast(run)
    assert run is not None, "the first process made it"
    return run


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a YAML file.

    Raises:
        RecipeError: no such file, not YAML, or values that are unknown or impossible.
    """
    try:
        values = yaml.safe_load(Path(path).read_text())
    except OSError:
        raise RecipeError("no such recipe", file=path, remedy="write one with: unmask plan DATA --out FILE") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise RecipeError("not a YAML file", file=path, remedy="write one with: unmask plan DATA --out FILE") from None
    if not isinstance(values, dict):
        raise RecipeError("not a recipe", file=path, remedy="write one with: unmask plan DATA --out FILE")
    try:
        return parse(values)
    except RecipeError as error:
        raise RecipeError(error.problem, file=path, remedy=error.remedy) from None


def _refuse_used(out: Path) -> None:
    if (out / "last.ckpt").exists() or (out / "model.safetensors").exists():
        raise TrainingError(
            "this folder holds a run already", file=out, remedy="choose another --out, or go on with it: --resume"
        )


def plan_run(
    dataset: Dataset, recipe: str | Path, settings: Sequence[str], minutes: float | None, steps: int | None
) -> tuple[Recipe, dict[str, list[str]]]:
    """The resolved recipe and the split of a run; arguments as in `train`.

    Raises:
        DataError: nothing to learn from.
        RecipeError: a setting or recipe that is unknown or impossible.
    """
    planned = recipe if recipe in ("default", "paper") else None
    given = Recipe() if planned else read_recipe(recipe)
    seed = overrule(given, [setting for setting in settings if setting.startswith("schedule.seed=")]).schedule.seed
    split = split_dataset(dataset, seed)
    base: Literal["default", "paper"] = "paper" if recipe == "paper" else "default"
    found = plan(dataset, split["train"], base=base, settings=settings, minutes=minutes, steps=steps).recipe
    resolved = found if planned else _with_data(given, found, settings, minutes, steps)
    return resolved.model_copy(update={"versions": _versions()}), split


def _with_data(
    given: Recipe, planned: Recipe, settings: Sequence[str], minutes: float | None, steps: int | None
) -> Recipe:
    """A given recipe on these data; its network must suit them."""
    if given.data.channels != planned.data.channels or len(given.data.class_names) != len(planned.data.class_names):
        raise RecipeError(
            f"the recipe is for {_shape(given.data)}, the data have {_shape(planned.data)}",
            remedy="plan a recipe for these data: unmask plan DATA --out FILE",
        )
    time_settings = [f"schedule.minutes={minutes}", "schedule.knots=[]"] if minutes else []
    time_settings += [f"schedule.steps={steps}", "schedule.minutes=null", "schedule.knots=[]"] if steps else []
    return overrule(given.model_copy(update={"data": planned.data}), [*settings, *time_settings])


def _shape(data: DataRecipe) -> str:
    return f"{data.channels} channels and the classes {', '.join(data.class_names)}"


def _resumed(out: Path) -> tuple[Recipe, dict[str, list[str]]]:
    if (out / "model.safetensors").exists():
        raise TrainingError("this run is complete", file=out, remedy=f"use it: unmask predict {out} IMAGES --out DIR")
    try:
        split = json.loads((out / "split.json").read_text())
    except (OSError, ValueError):
        raise TrainingError("not a run folder that can be resumed", file=out, remedy="train without --resume") from None
    return read_recipe(out / "recipe.yaml"), split


def _sampler(
    dataset: Dataset, names: Sequence[str], recipe: Recipe, tile: int, source: int, batch: int, rank: int
) -> TileSampler:
    targets = family_of(recipe).targets

    def prepare(name: str) -> Prepared:
        sample = dataset.load(name)
        image = normalise(sample.image, stretch_constants(sample.image, recipe.normalise))
        return Prepared(image, targets(sample, recipe))

    images = PreparedImages(prepare, default_memory())
    return TileSampler(
        images, tuple(names), tile=tile, source=source, batch=batch, seed=recipe.schedule.seed, rank=rank
    )


def _end(recipe: Recipe, trained: Trained, validator: Validator, out: Path) -> Run:
    """Write the model: the best weights, with the schedule and instance parameters the run ended up with."""
    schedule = recipe.schedule.model_copy(update={"steps": trained.steps, "knots": trained.knots})
    best = Model.load(out / "best.safetensors")
    model = Model(best.net, recipe.model_copy(update={"schedule": schedule}))
    model, scores = finish(model, validator, out)
    write_text(out / "recipe.yaml", dump(model.recipe))
    model.save(out / "model.safetensors")
    (out / "best.safetensors").unlink()
    return Run(out, model.recipe, scores)


def _versions() -> dict[str, str]:
    packages = ("unmask", "torch", "lightning", "numpy", "scipy", "scikit-image")
    machine = f"{platform.system()} {platform.machine()}, {Machine.here().words}"
    return {"python": platform.python_version(), **{name: version(name) for name in packages}, "machine": machine}
