"""unmask train."""

import os
import shlex
import time
from collections.abc import Mapping
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
        typer.Option(help="Time budget of the whole command; 15 unless given.", min=0.1, show_default=False),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="A fixed number of steps instead.", min=1, show_default=False)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a killed run.")] = False,
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
    took = time.monotonic() - started
    judged = "validation" if run.unseen else "on the training images themselves:"
    console.print(f"Trained in {took / 60:.1f} minutes, {run.recipe.schedule.steps} steps.")
    console.print(f"{judged} {headline(run.scores.to_dict())}".capitalize())
    if found_little(run.scores.to_dict()):
        console.print(
            "It finds next to nothing yet: train longer, for example with --minutes 15, and into a new --out."
        )
    place = shlex.quote(str(out))
    console.print(f"Look at it:  unmask report {place}\nUse it:      unmask predict {place} IMAGES --out DIR")


def found_little(scores: Mapping[str, object]) -> bool:
    """Whether hardly an object was found."""
    match scores:
        case {"objects": {"f1": {"0.50": float(f1)}}}:
            return f1 < 0.1
    return False


def headline(scores: Mapping[str, object]) -> str:
    """The one or two figures that matter most, in words."""
    words = []
    match scores:
        case {"objects": {"ap": {"0.50": float(ap)}, "f1": {"0.50": float(f1)}}}:
            words.append(f"AP {ap:.3f} and F1 {f1:.3f} at IoU .5")
    match scores:
        case {"boundaries": {"v_rand": float(value)}}:
            words.append(f"V_rand {value:.3f}")
    match scores:
        case {"semantic": {"dice": dict(dice)}}:
            words += [f"Dice {value:.3f} ({name})" for name, value in dice.items()]
    return "; ".join(words) + "."
