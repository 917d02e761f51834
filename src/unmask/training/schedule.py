"""The schedule: from step to progress to learning rate, and the clock that fits it to a time budget.

Progress goes from 0 to 1, piecewise linear over steps. With a fixed number of steps it is one straight line. With a
time budget the line is refitted to the measured speed as the run goes on; the corner points (knots) are kept in the
recipe, so that a rerun of the recipe follows the same schedule step by step.
"""

import math
from dataclasses import dataclass

import numpy as np

from unmask.recipe import OptimiserRecipe

__all__ = ["Clock", "Knots", "learning_rate", "progress_at", "refit", "straight"]

Knots = tuple[tuple[int, float], ...]

WARM_UP = 0.1  # share of the run in which the learning rate rises
START, END = 0.04, 0.001  # learning rate at the start and the end, as shares of the largest
CALIBRATION_STEPS = 8  # the first two are left out: they start caches and threads


def straight(steps: int) -> Knots:
    """The schedule of a fixed number of steps."""
    return ((0, 0.0), (steps, 1.0))


def progress_at(step: int, knots: Knots) -> float:
    """Progress after `step` steps, 0 to 1."""
    steps, progress = zip(*knots, strict=True)
    return float(np.interp(step, steps, progress))


def refit(knots: Knots, step: int, steps_left: int) -> Knots:
    """The same schedule up to `step`, then straight to its end in `steps_left` steps."""
    past = tuple(knot for knot in knots if knot[0] < step)
    return (*past, (step, progress_at(step, knots)), (step + max(1, steps_left), 1.0))


def learning_rate(progress: float, recipe: OptimiserRecipe) -> float:
    """One cycle: a linear warm-up, then half a cosine down; or constant (the paper's).

    Args:
        progress: 0 to 1.
        recipe: the largest learning rate and the kind of cycle.
    """
    if recipe.cycle == "constant":
        return recipe.learning_rate
    if progress < WARM_UP:
        share = START + (1 - START) * progress / WARM_UP
    else:
        share = END + (1 - END) * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))) / 2
    return recipe.learning_rate * share


@dataclass
class Clock:
    """How many steps the rest of a time budget buys.

    Attributes:
        budget: seconds for the whole command.
        step_seconds: measured mean of recent steps; 0 before any.
        validation_seconds: measured last validation; before that an estimate in steps is used.
        validation_steps: what a validation costs, in steps, before one was measured.
    """

    budget: float
    validation_steps: float
    step_seconds: float = 0.0
    validation_seconds: float = 0.0
    _seen: int = 0

    def saw_step(self, seconds: float) -> None:
        """A step took this long."""
        self._seen += 1
        if self._seen <= 2:
            return
        share = max(0.02, 1 / (self._seen - 2))
        self.step_seconds += share * (seconds - self.step_seconds)

    def saw_validation(self, seconds: float) -> None:
        """A validation took this long."""
        self.validation_seconds = seconds

    @property
    def calibrated(self) -> bool:
        """Whether enough steps were seen to fit a schedule."""
        return self._seen >= CALIBRATION_STEPS

    def steps_left(self, elapsed: float, validations_left: int) -> int:
        """Steps that fit into what is left of the budget.

        Args:
            elapsed: seconds since the command began.
            validations_left: still to come, the last included. The end (predicting the validation images with the best
                weights, fitting instance parameters, writing) is counted as two more.
        """
        validation = self.validation_seconds or self.validation_steps * self.step_seconds
        seconds = self.budget - elapsed - (validations_left + 2) * validation
        return max(1, int(seconds / self.step_seconds))
