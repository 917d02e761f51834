"""Several trainings of one command, one after another, each in a folder of its own that is an ordinary run folder.

What is finished is kept, what was begun is gone on with, and a time budget is shared evenly by what is left.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from unmask.errors import TrainingError
from unmask.recipe import Recipe
from unmask.training.folder import start_folder
from unmask.training.loop import Progress
from unmask.training.outcome import Run
from unmask.training.plan import validations_in
from unmask.training.setup import Setup, Split, read_recipe
from unmask.training.single import Place, train_setup

__all__ = ["Training", "one_device", "train_each"]

# Until it was measured, the share of the time budget that is kept for what comes after the trainings.
KEPT = 0.1
# No training gets less, however late it is: minutes.
LEAST = 0.02

OnStart = Callable[[Setup, str], None]
OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class Training:
    """One of several trainings.

    Attributes:
        folder: its run folder, below that of the command.
        words: which it is, for the progress bar: "fold 2 of 5".
        split: which images train and validate.
        seed: of weights, tiles and augmentation.
    """

    folder: str
    words: str
    split: Split
    seed: int


def one_device(place: Place, option: str) -> Place:
    """The same place with a single device, where several were not asked for.

    Raises:
        TrainingError: several devices or machines were asked for: their processes would have to be started for each
            training anew.
    """
    if place.nodes > 1 or place.devices not in ("auto", 1):
        raise TrainingError(
            f"{option} trains on one device, one network after another",
            remedy="leave out --devices and --nodes",
        )
    return replace(place, devices=1)


def train_each(
    base: Setup,
    trainings: Sequence[Training],
    out: Path,
    place: Place,
    *,
    started: float,
    ending: bool,
    on_start: OnStart | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, Run]:
    """Train all that is not finished yet.

    Args:
        base: data, and the recipe of all; its time budget is that of all trainings together.
        trainings: in their order.
        out: the folder that holds theirs.
        place: where; one device.
        started: `time.monotonic()` at the beginning of the command.
        ending: whether as much time as all trainings take to end is wanted after them.
        on_start: called once, before the first that is trained now.
        on_progress: called after each step; the whole command's progress and time left.

    Returns:
        By folder, the runs that were trained now; those that were finished before are not among them.

    Raises:
        TrainingError: as `train_setup`; the file it names lies in the folder of the training that failed.
    """
    left = [training for training in trainings if not (out / training.folder / "model.safetensors").exists()]
    budget = _minutes(base.recipe)
    deadline = None if budget is None else started + 60 * budget * len(left) / len(trainings)
    watch = _Watch(len(trainings), len(trainings) - len(left), on_progress)
    runs = {}
    for index, training in enumerate(left):
        minutes = None
        if deadline is not None:
            kept = watch.kept(deadline - started, len(trainings)) if ending else 0.0
            minutes = max(LEAST, (deadline - kept - time.monotonic()) / 60 / (len(left) - index))
        setup, resume = _begin(base, training, out / training.folder, minutes, len(trainings))
        watch.begin(training.words)
        runs[training.folder] = train_setup(
            setup,
            out / training.folder,
            place,
            resume=resume,
            on_start=partial(_tell_base, base, on_start) if on_start is not None and index == 0 else None,
            on_progress=watch,
        )
        watch.end()
    return runs


def _tell_base(base: Setup, tell: OnStart, _first: Setup, weights: str) -> None:
    """Tell of the command's data, not of the first training's part of them."""
    tell(base, weights)


def _begin(base: Setup, training: Training, folder: Path, minutes: float | None, sharing: int) -> tuple[Setup, bool]:
    """The setup of a training, with its folder begun; whether it is gone on with."""
    if (folder / "last.ckpt").exists():
        split = json.loads((folder / "split.json").read_text(encoding="utf-8"))
        return replace(base, recipe=read_recipe(folder / "recipe.yaml"), split=split, understood=None), True
    recipe = _shared(base.recipe, training.seed, minutes, sharing)
    setup = replace(base, recipe=recipe, split=training.split, understood=None)
    start_folder(folder, setup)
    return setup, False


def _minutes(recipe: Recipe) -> float | None:
    """The time budget of a recipe; None where it counts steps, or follows an earlier run's schedule."""
    return None if recipe.schedule.knots else recipe.schedule.minutes


def _shared(recipe: Recipe, seed: int, minutes: float | None, sharing: int) -> Recipe:
    """The recipe of one of several trainings that share a budget."""
    changes: dict[str, object] = {"seed": seed}
    if minutes is not None:
        changes["minutes"] = round(minutes, 4)
        if recipe.reasons.get("schedule.validations") != "you said so":
            changes["validations"] = min(recipe.schedule.validations, validations_in(minutes))
    reasons = {**recipe.reasons, "schedule.seed": "one of its own for each of several trainings"}
    if minutes is not None:
        reasons["schedule.minutes"] = f"a share of the whole command's, one of {sharing}"
    schedule = recipe.schedule.model_copy(update=changes)
    return recipe.model_copy(update={"schedule": schedule, "reasons": reasons})


class _Watch:
    """Turns the progress of one training into that of all, and measures how long trainings take to end."""

    def __init__(self, trainings: int, done: int, tell: OnProgress | None) -> None:
        self._trainings, self._done, self._tell = trainings, done, tell
        self._words = ""
        self._began = self._ending = 0.0
        self._endings: list[float] = []

    def begin(self, words: str) -> None:
        """A training begins."""
        self._words, self._began, self._ending = words, time.monotonic(), 0.0

    def end(self) -> None:
        """It has ended."""
        self._done += 1
        self._endings.append(time.monotonic() - self._ending)

    def kept(self, seconds: float, trainings: int) -> float:
        """Seconds that the endings of so many trainings take together, as measured; before that a share of all."""
        return trainings * sum(self._endings) / len(self._endings) if self._endings else KEPT * seconds

    def __call__(self, now: Progress) -> None:
        """A training's own progress."""
        if now.progress >= 1 and now.doing == "fitting thresholds":
            self._ending = time.monotonic()
        if self._tell is None:
            return
        one = time.monotonic() - self._began + now.seconds_left
        left = now.seconds_left + one * (self._trainings - self._done - 1)
        progress = (self._done + now.progress) / self._trainings
        self._tell(replace(now, progress=progress, seconds_left=left, doing=f"{self._words}: {now.doing}"))
