"""last.ckpt: all that a killed run needs to go on as if nothing had happened.

Tiles, augmentation and dropout are functions of seed and step, so the state is small: weights, optimiser, the best
score so far, and the clock. Written whole or not at all; read with weights-only loading, which executes no code.
"""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from unmask.data.files import atomic
from unmask.errors import TrainingError
from unmask.training.schedule import Knots

__all__ = ["Checkpoint", "read_checkpoint", "write_checkpoint"]


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after `step` steps.

    Attributes:
        step: steps done.
        net: the network's state dict.
        optimiser: its state dict.
        scaler: the gradient scaler's state dict; empty without mixed precision of 16 bits.
        knots: of the schedule.
        validations: done so far.
        best: the best validation score so far.
        elapsed: seconds of the budget that were used.
        step_seconds, validation_seconds: measured speed.
        recipe: the recipe as JSON; a resumed run must have the same.
        log: rows of log.csv so far.
        losses: rows of loss.csv so far.
    """

    step: int
    net: dict[str, Any]
    optimiser: dict[str, Any]
    scaler: dict[str, Any]
    knots: Knots
    validations: int
    best: float
    elapsed: float
    step_seconds: float
    validation_seconds: float
    recipe: str
    log: list[dict[str, float]]
    losses: list[dict[str, float]]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write it, whole or not at all."""
    with atomic(path) as temporary:
        torch.save({name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}, temporary)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one.

    Raises:
        TrainingError: there is none, or it is damaged.
    """
    if not path.exists():
        raise TrainingError(
            "there is no checkpoint to resume from", file=path, remedy="train without --resume, into a new --out"
        )
    try:
        return Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
    except (RuntimeError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise TrainingError(
            f"not a readable checkpoint ({str(error).splitlines()[0]})",
            file=path,
            remedy="train again, into a new --out",
        ) from None
