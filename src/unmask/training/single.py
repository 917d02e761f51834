"""One training: from a setup to a finished run folder."""

import time
from collections.abc import Callable
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
from unmask.errors import TrainingError
from unmask.family import family_of
from unmask.model import Model
from unmask.predict.tiles import default_memory, usable_device
from unmask.recipe import Recipe, dump
from unmask.training.finish import finish
from unmask.training.loop import Progress, Trained, fit_weights
from unmask.training.outcome import Run
from unmask.training.sampler import Prepared, PreparedImages, TileSampler, resized
from unmask.training.setup import Setup
from unmask.training.step import start_net
from unmask.training.validate import Validator

__all__ = ["Place", "train_setup"]


@dataclass(frozen=True)
class Place:
    """Where a network trains.

    Attributes:
        accelerator: "auto", "cpu", "cuda" or "mps".
        devices: how many, or "auto": all GPUs, else the CPU.
        nodes: how many machines.
    """

    accelerator: str = "auto"
    devices: int | Literal["auto"] = "auto"
    nodes: int = 1

    @property
    def device(self) -> torch.device:
        """Where one network alone predicts."""
        return usable_device(None if self.accelerator == "auto" else self.accelerator)


def train_setup(
    setup: Setup,
    out: Path,
    place: Place,
    *,
    started: float | None = None,
    resume: bool = False,
    on_start: Callable[[Setup, str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Train what was set up.

    Args:
        setup: data, split and recipe, as `start_folder` wrote them.
        out: the run folder; exists.
        place: where.
        started: `time.monotonic()` at the beginning of the time budget; now unless given.
        resume: go on from `out/last.ckpt`.
        on_start: called once before training, with a sentence on the weights that it starts from.
        on_progress: called after each step.

    Raises:
        ModelError: weights to start from that cannot be had or do not fit.
        TrainingError: the checkpoint does not fit, the devices cannot be used, or the loss is not finite.
    """
    started = time.monotonic() if started is None else started
    fabric = _fabric(place, setup.recipe)
    network, weights = start_net(setup.recipe, resumed=resume)
    if on_start is not None:
        on_start(setup, weights)
    validator = Validator(setup.dataset, setup.judged, setup.recipe.schedule.criterion)
    trained = fit_weights(
        setup.recipe,
        network,
        lambda tile, source, batch: _sampler(setup, fabric, place.nodes, tile, source, batch),
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


def _fabric(place: Place, recipe: Recipe) -> Fabric:
    try:
        make = partial(
            Fabric,
            accelerator=place.accelerator,
            devices=place.devices,
            num_nodes=place.nodes,
            precision=recipe.schedule.precision,
        )
        fabric = make()
        if fabric.world_size > 1 and recipe.network.name == "mask-rcnn":
            # Stages that are not trained yet, and heads without an object, have no gradient.
            fabric = make(strategy=DDPStrategy(find_unused_parameters=True))
    except (RuntimeError, ValueError, TypeError, MisconfigurationException) as error:
        raise TrainingError(
            f"{place.accelerator} with {place.devices} devices cannot be used here ({str(error).splitlines()[0]})",
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
    model, scores = finish(model, validator, out, unseen=bool(setup.split["val"]))
    # The model first: as long as there is none, recipe.yaml must be the one that the checkpoint knows.
    model.save(out / "model.safetensors")
    write_text(out / "recipe.yaml", dump(model.recipe))
    (out / "best.safetensors").unlink()
    return Run(out, model.recipe, scores, unseen=bool(setup.split["val"]))
