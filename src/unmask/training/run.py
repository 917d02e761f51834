"""A run: data in, run folder out. `unmask train` and `unmask.train` are this."""

import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from unmask.data.options import ReadOptions
from unmask.errors import RecipeError
from unmask.training.curve import train_curve
from unmask.training.folder import CURVE, FOLDS, refuse_used, resumed_setup, start_folder
from unmask.training.folds import train_folds
from unmask.training.loop import Progress
from unmask.training.outcome import Run
from unmask.training.setup import Setup, new_setup
from unmask.training.single import Place, train_setup

__all__ = ["Run", "train"]


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
    folds: int | None = None,
    curve: bool = False,
    repeats: int = 1,
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
        minutes: wall-clock budget of all; the schedule is fitted to the measured speed, and the run ends on time.
        steps: a fixed number of steps instead; of each training where there are several.
        kind: what the masks hold, where looking at them is not enough.
        split_file: a split.csv that lies elsewhere; the data's own unless given.
        layout: how the data are laid out, where looking at them is not enough; a name of `unmask.data.layouts.layouts`.
        ignore: what of the masks is neither learned from nor scored: a value, a colour such as #808080, the name of a
            class, or "outside": what is not annotated is not known.
        resume: go on with a killed run; its own recipe and split are used, and what of several trainings is finished
            is kept.
        folds: train so many U-Nets, each on all but its part of the images, and make them one model.
        curve: train on 2, 4, 8, ... images, to see what more of them would be worth.
        repeats: trainings at each point of the curve.
        devices: how many, or "auto": all GPUs, else the CPU.
        nodes: how many machines.
        accelerator: "auto", "cpu", "cuda", "mps".
        started: `time.monotonic()` at the beginning of the command; now unless given.
        on_start: called once before (the first) training, with a sentence on the weights that it starts from.
        on_progress: called after each step.

    Raises:
        DataError: the data cannot be used, or are too few for a curve.
        RecipeError: a setting or recipe that is unknown or impossible, or folds that are.
        ModelError: weights to start from that cannot be had or do not fit.
        TrainingError: the run folder is in use, the checkpoint does not fit, or the loss is not finite.
    """
    started = time.monotonic() if started is None else started
    out = Path(out)
    place = Place(accelerator, devices, nodes)
    if net not in (None, "unet", "mask-rcnn"):
        raise RecipeError(f"there is no network {net}", remedy="type --net unet or --net mask-rcnn")
    _check_several(folds, curve, repeats)
    reading = ReadOptions(
        kind, layout, None if ignore is None else str(ignore), None if split_file is None else Path(split_file)
    )
    if resume:
        several = folds or curve or repeats > 1
        if settings or recipe != "default" or minutes or steps or reading != ReadOptions() or net or several:
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
    if folds or (resume and (out / FOLDS).exists()):
        return train_folds(setup, out, place, folds, started=started, on_start=on_start, on_progress=on_progress)
    if curve or (resume and (out / CURVE).exists()):
        return train_curve(
            setup,
            out,
            place,
            None if resume else repeats,
            started=started,
            on_start=on_start,
            on_progress=on_progress,
        )
    if not resume:
        start_folder(out, setup)
    return train_setup(setup, out, place, started=started, resume=resume, on_start=on_start, on_progress=on_progress)


def _check_several(folds: int | None, curve: bool, repeats: int) -> None:
    if folds is not None and curve:
        raise RecipeError("--folds and --curve are two ways of training", remedy="leave one of them out")
    if folds is not None and folds < 2:
        raise RecipeError(f"--folds {folds} is no cut", remedy="type a number from 2 to that of the images")
    if repeats < 1:
        raise RecipeError(f"--repeats {repeats} is no number of trainings", remedy="type 1 or more")
    if repeats > 1 and not curve:
        raise RecipeError("--repeats are those of a learning curve", remedy="add --curve, or leave --repeats out")
