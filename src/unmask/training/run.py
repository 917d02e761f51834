"""A run: data in, run folder out. `unmask train` and `unmask.train` are this."""

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from lightning.fabric import Fabric
from lightning.fabric.strategies.ddp import DDPStrategy
from lightning.fabric.utilities.exceptions import MisconfigurationException

from unmask.data.files import write_text
from unmask.data.normalise import normalise, stretch_constants
from unmask.data.options import ReadOptions
from unmask.errors import RecipeError, TrainingError
from unmask.family import family_of
from unmask.metrics.scores import Scores
from unmask.model import Model
from unmask.predict.tiles import default_memory
from unmask.recipe import Recipe, dump
from unmask.training.finish import finish
from unmask.training.loop import Progress, Trained, fit_weights
from unmask.training.sampler import Prepared, PreparedImages, TileSampler, resized
from unmask.training.setup import Setup, new_setup, refuse_used, resumed_setup, start_folder
from unmask.training.step import start_net
from unmask.training.validate import Validator

__all__ = ["Run", "train"]


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        out: the run folder.
        recipe: as it ended up.
        scores: on the validation images; on the training images where there were no others.
        unseen: whether the images of `scores` were kept out of training.
    """

    out: Path
    recipe: Recipe
    scores: Scores
    unseen: bool


def train(
    data: str | Path,
    out: str | Path,
    *,
    net: Literal["unet", "mask-rcnn"] | None = None,
    recipe: str | Path = "default",
    settings: Sequence[str] = (),
    minutes: float | None = None,
    steps: int | None = None,
    kind: Literal["objects", "classes"] | None = None,
    split_file: str | Path | None = None,
    layout: str | None = None,
    ignore: str | int | None = None,
    resume: bool = False,
    devices: int | Literal["auto"] = "auto",
    nodes: int = 1,
    accelerator: str = "auto",
    started: float | None = None,
    on_start: Callable[[Setup, str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Train a network on a folder of images and masks.

    Args:
        data: the data set.
        out: the run folder to make.
        net: "unet" or "mask-rcnn"; that of a recipe file, else "unet", when None.
        recipe: "default", planned from data and machine; "paper", with the paper's network and optimiser; or a
            recipe.yaml, or a run folder that holds one, to follow.
        settings: `a.b=value` that overrule the recipe.
        minutes: wall-clock budget; the schedule is fitted to the measured speed, and the run ends on time.
        steps: a fixed number of steps instead.
        kind: what the masks hold, where looking at them is not enough.
        split_file: a split.csv that lies elsewhere; the data's own unless given.
        layout: how the data are laid out, where looking at them is not enough; a name of `unmask.data.layouts.layouts`.
        ignore: what of the masks is neither learned from nor scored: a value, a colour such as #808080, the name of a
            class, or "outside": what is not annotated is not known.
        resume: go on with a killed run; its own recipe and split are used.
        devices: how many, or "auto": all GPUs, else the CPU.
        nodes: how many machines.
        accelerator: "auto", "cpu", "cuda", "mps".
        started: `time.monotonic()` at the beginning of the command; now unless given.
        on_start: called once before training, with a sentence on the weights that it starts from.
        on_progress: called after each step.

    Raises:
        DataError: the data cannot be used.
        RecipeError: a setting or recipe that is unknown or impossible.
        ModelError: weights to start from that cannot be had or do not fit.
        TrainingError: the run folder is in use, the checkpoint does not fit, or the loss is not finite.
    """
    started = time.monotonic() if started is None else started
    out = Path(out)
    if net not in (None, "unet", "mask-rcnn"):
        raise RecipeError(f"there is no network {net}", remedy="type --net unet or --net mask-rcnn")
    reading = ReadOptions(
        kind, layout, None if ignore is None else str(ignore), None if split_file is None else Path(split_file)
    )
    if resume:
        if settings or recipe != "default" or minutes or steps or reading != ReadOptions() or net:
            raise RecipeError(
                "a resumed run follows its own recipe",
                remedy=f"type just: unmask train {shlex.quote(str(data))} --out {shlex.quote(str(out))} --resume",
            )
        setup = resumed_setup(data, out)
    else:
        refuse_used(out)
        setup = new_setup(
            data,
            net=net,
            recipe=recipe,
            settings=settings,
            minutes=minutes,
            steps=steps,
            reading=reading,
            accelerator=accelerator,
        )
        start_folder(out, setup)
    fabric = _fabric(accelerator, devices, nodes, setup.recipe)
    network, weights = start_net(setup.recipe, resumed=resume)
    if on_start is not None:
        on_start(setup, weights)
    validator = Validator(setup.dataset, setup.judged, setup.recipe.schedule.criterion)
    trained = fit_weights(
        setup.recipe,
        network,
        lambda tile, source, batch: _sampler(setup, fabric, nodes, tile, source, batch),
        validator,
        out,
        fabric,
        validation_pixels=validator.pixels,
        started=started,
        resume=resume,
        on_progress=on_progress,
    )
    if on_progress is not None:
        loss = trained.log[-1]["loss"] if trained.log else 0.0
        on_progress(Progress(trained.steps, 1.0, loss, trained.best, 0.0, "fitting thresholds"))
    # One process writes; the others wait for it and return the same.
    run = _end(setup, trained, validator, out, fabric.device) if fabric.is_global_zero else None
    run = fabric.broadcast(run)
    assert run is not None, "the first process made it"
    return run


def _fabric(accelerator: str, devices: int | Literal["auto"], nodes: int, recipe: Recipe) -> Fabric:
    try:
        make = partial(
            Fabric, accelerator=accelerator, devices=devices, num_nodes=nodes, precision=recipe.schedule.precision
        )
        fabric = make()
        if fabric.world_size > 1 and recipe.network.name == "mask-rcnn":
            # Stages that are not trained yet, and heads without an object, have no gradient.
            fabric = make(strategy=DDPStrategy(find_unused_parameters=True))
    except (RuntimeError, ValueError, TypeError, MisconfigurationException) as error:
        raise TrainingError(
            f"{accelerator} with {devices} devices cannot be used here ({str(error).splitlines()[0]})",
            remedy="leave out --accelerator and --devices",
        ) from error
    fabric.launch()
    return fabric


def _sampler(setup: Setup, fabric: Fabric, nodes: int, tile: int, source: int, batch: int) -> TileSampler:
    recipe = setup.recipe
    family = family_of(recipe)

    def prepare(name: str) -> Prepared:
        sample = setup.dataset.load(name)
        image = normalise(sample.image, stretch_constants(sample.image, recipe.normalise))
        return resized(Prepared(image, family.targets(sample, recipe)), family.seen(recipe, sample.size))

    # Each device has a process of its own on its machine, and images of its own.
    images = PreparedImages(prepare, default_memory() // max(1, fabric.world_size // nodes))
    return TileSampler(
        images,
        tuple(setup.split["train"]),
        tile=tile,
        source=source,
        batch=batch,
        seed=recipe.schedule.seed,
        rank=fabric.global_rank,
    )


def _end(setup: Setup, trained: Trained, validator: Validator, out: Path, device: torch.device) -> Run:
    """Write the model: the best weights, with the schedule and instance parameters the run ended up with."""
    schedule = setup.recipe.schedule.model_copy(update={"steps": trained.steps, "knots": trained.knots})
    best = Model.load(out / "best.safetensors")
    model = Model(best.net.to(device), setup.recipe.model_copy(update={"schedule": schedule}))
    model, scores = finish(model, validator, out)
    # The model first: as long as there is none, recipe.yaml must be the one that the checkpoint knows.
    model.save(out / "model.safetensors")
    write_text(out / "recipe.yaml", dump(model.recipe))
    (out / "best.safetensors").unlink()
    return Run(out, model.recipe, scores, unseen=bool(setup.split["val"]))
