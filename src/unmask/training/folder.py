"""The run folder: what a run writes before it trains, and what one that is resumed reads."""

import json
from pathlib import Path

from unmask.data.files import write_text
from unmask.data.folder import read_folder
from unmask.data.options import options_of
from unmask.errors import TrainingError
from unmask.recipe import dump
from unmask.training.setup import Setup, read_recipe

__all__ = ["CURVE", "FOLDS", "refuse_used", "resumed_setup", "start_folder"]

FOLDS, CURVE = "folds.json", "curve.json"
"""Files that say that a run is several trainings, each in a folder of its own within."""

USED = ("last.ckpt", "model.safetensors", FOLDS, CURVE)


def resumed_setup(data: str | Path, out: Path) -> Setup:
    """The setup of a run that is resumed: its own recipe and split.

    Raises:
        TrainingError: not a run that can be resumed, or these are not its data.
    """
    if (out / "model.safetensors").exists():
        raise TrainingError("this run is complete", file=out, remedy=f"use it: unmask predict {out} IMAGES --out DIR")
    try:
        split = json.loads((out / "split.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise TrainingError(
            "not a run folder that can be resumed", file=out, remedy="train without --resume, into a new --out"
        ) from None
    recipe = read_recipe(out / "recipe.yaml")
    dataset = read_folder(Path(data), options_of(recipe.data))
    same = (dataset.kind, dataset.channels, dataset.class_values) == (
        recipe.data.kind,
        recipe.data.channels,
        recipe.data.class_values,
    )
    missing = {name for names in split.values() for name in names} - set(dataset.names())
    if not same or missing:
        raise TrainingError(
            "these are not the data that the run was started with", file=data, remedy=f"give {recipe.data.path}"
        )
    return Setup(dataset, recipe, split, None)


def start_folder(out: Path, setup: Setup) -> None:
    """Write recipe.yaml, split.json and data.json of a new run."""
    write_text(out / "recipe.yaml", dump(setup.recipe))
    write_text(out / "split.json", json.dumps(setup.split, indent=1) + "\n")
    if setup.understood is not None:
        write_text(out / "data.json", json.dumps(setup.understood.to_dict(), indent=1) + "\n")


def refuse_used(out: Path) -> None:
    """Refuse a folder that is in use.

    Raises:
        TrainingError: it holds a run, or something else.
    """
    if any((out / name).exists() for name in USED):
        raise TrainingError(
            "this folder holds a run already", file=out, remedy="choose another --out, or go on with it: --resume"
        )
    # What a run leaves that was killed before its first checkpoint is not worth keeping; anything else is.
    if out.exists() and {path.name for path in out.iterdir()} - {
        "recipe.yaml",
        "split.json",
        "data.json",
        "tensorboard",
    }:
        raise TrainingError("this folder is not empty", file=out, remedy="choose a new --out")
