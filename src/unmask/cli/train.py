"""unmask train."""

import os
import shlex
import time
from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.options import (
    Accelerator,
    Base,
    Classes,
    Data,
    Ignore,
    Layout,
    NetOption,
    Objects,
    SplitFile,
    kind_of,
)
from unmask.errors import TrainingError

__all__ = ["train"]


def train(
    data: Data,
    out: Annotated[Path, typer.Option(help="The run folder to make.", metavar="RUN")],
    net: NetOption = None,
    recipe: Base = "default",
    set_: Annotated[list[str] | None, typer.Option("--set", help="Overrule a value.", metavar="KEY=VALUE")] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            help="Time budget of the whole command, shared by all its trainings; 15 unless given.",
            min=0.1,
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="A fixed number of steps instead, of each training.", min=1, show_default=False)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a killed run.")] = False,
    folds: Annotated[
        int | None,
        typer.Option(
            help="Train so many networks, each on all but its part of the images, and make them one model.",
            min=2,
            metavar="K",
            show_default=False,
        ),
    ] = None,
    curve: Annotated[
        bool, typer.Option("--curve", help="Train on 2, 4, 8, ... images: is it worth drawing more masks?")
    ] = False,
    repeats: Annotated[
        int, typer.Option(help="Trainings at each point of the curve, with other images and seeds.", min=1)
    ] = 1,
    objects: Objects = False,
    classes: Classes = False,
    layout: Layout = None,
    ignore: Ignore = None,
    split_file: SplitFile = None,
    devices: Annotated[
        int | None, typer.Option(help="How many GPUs; all unless given.", min=1, show_default=False)
    ] = None,
    nodes: Annotated[int, typer.Option(help="How many machines.", min=1)] = 1,
    accelerator: Annotated[Accelerator, typer.Option(help="Where to train.")] = Accelerator.auto,
) -> None:
    """Train a network on a folder of images and masks."""
    started = time.monotonic()
    from unmask.cli.show import console, training_bar, understood
    from unmask.cli.trained import tell_trained
    from unmask.training.run import train as run_training

    # With several devices every process runs this command; one of them talks.
    console.quiet = os.environ.get("LOCAL_RANK", "0") != "0" or os.environ.get("NODE_RANK", "0") != "0"
    try:
        with training_bar() as bar:
            run = run_training(
                data,
                out,
                net=None if net is None else net.value,
                recipe=recipe,
                settings=set_ or [],
                minutes=minutes,
                steps=steps,
                kind=kind_of(objects, classes),
                split_file=split_file,
                layout=layout,
                ignore=ignore,
                resume=resume,
                folds=folds,
                curve=curve,
                repeats=repeats,
                devices=devices or "auto",
                nodes=nodes,
                accelerator=accelerator.value,
                started=started,
                on_start=understood,
                on_progress=bar,
            )
    except KeyboardInterrupt:
        raise TrainingError(
            "stopped; what was trained is kept",
            file=out,
            remedy=f"go on with it: unmask train {shlex.quote(str(data))} --out {shlex.quote(str(out))} --resume",
        ) from None
    tell_trained(run, (time.monotonic() - started) / 60)
