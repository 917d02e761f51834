"""The training loop, on Lightning Fabric: devices, precision and many processes are its; the loop is plain.

Every step is a function of (recipe, seed, step): tiles, augmentation and dropout draw from generators seeded by them.
So `--resume` after a kill reaches the very weights of an uninterrupted run, and nothing but weights, optimiser and
clock has to be kept.
"""

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, current_thread, main_thread

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from unmask.augment.warp import source_size
from unmask.errors import RecipeError, TrainingError
from unmask.family import family_of
from unmask.model import Model
from unmask.recipe import Recipe
from unmask.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from unmask.training.log import Recorder, Row
from unmask.training.sampler import TileSampler
from unmask.training.schedule import Clock, Knots, learning_rate, progress_at, refit, straight
from unmask.training.step import augmented, build_optimiser, seed_of

__all__ = ["Progress", "Trained", "fit_weights"]

# A killed run loses at most this much work.
CHECKPOINT_SECONDS = 60.0
# Until the speed is measured a time budget's schedule stands at its start.
UNMEASURED = 10**9
REFIT_SHARE = 0.05


@dataclass(frozen=True)
class Progress:
    """What a progress bar shows.

    Attributes:
        step: steps done.
        progress: 0 to 1.
        loss: of the last step.
        best: the best validation score so far; -inf before the first.
        seconds_left: estimate to the end of the run.
        doing: "training", "validating" or "fitting thresholds".
    """

    step: int
    progress: float
    loss: float
    best: float
    seconds_left: float
    doing: str


@dataclass(frozen=True)
class Trained:
    """The end of training: the steps done, the schedule they followed, and the best validation score."""

    steps: int
    knots: Knots
    best: float
    log: list[Row]


def fit_weights(
    recipe: Recipe,
    net: nn.Module,
    sampler_for: Callable[[int, int, int], TileSampler],
    validate: Callable[[Model], Row],
    out: Path,
    fabric: Fabric,
    *,
    validation_pixels: int,
    started: float,
    resume: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> Trained:
    """Train; leaves `best.safetensors`, `last.ckpt`, `log.csv`, `loss.csv` and TensorBoard events in `out`.

    Args:
        recipe: the run.
        net: with the weights that training starts from (`start_net`).
        sampler_for: (output side, source side, batch) to the tiles of one device.
        validate: a model to named validation figures; `score` decides which weights are best.
        out: the run folder; exists.
        fabric: launched.
        validation_pixels: of all validation images, for the time budget before a validation was measured.
        started: `time.monotonic()` at the beginning of the command, for time budgets.
        resume: go on from `out/last.ckpt`.
        on_progress: called after each step.

    Raises:
        TrainingError: the loss is not finite; the checkpoint is missing, damaged or of another recipe.
    """
    loop = _Loop(recipe, net, sampler_for, validate, out, fabric, validation_pixels, started, on_progress)
    if resume:
        loop.restore(read_checkpoint(out / "last.ckpt"))
    try:
        with deferred_interrupt() as interrupted:
            return loop.run(interrupted)
    finally:
        loop.close()


def share_of(batch: int, devices: int) -> int:
    """Tiles of a step on one device.

    Raises:
        RecipeError: they cannot be shared evenly.
    """
    share, rest = divmod(batch, devices)
    if rest or not share:
        raise RecipeError(
            f"a batch of {batch} tiles cannot be shared by {devices} devices",
            remedy=f"type --set schedule.batch={(share + 1) * devices}",
        )
    return share


@contextmanager
def deferred_interrupt() -> Iterator[Event]:
    """Ctrl-C sets the event instead of stopping in the middle of a step; a second one stops at once."""
    interrupted = Event()
    if current_thread() is not main_thread():  # only the main thread may handle signals
        yield interrupted
        return

    def handle(_signal: int, _frame: object) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


class _Loop:
    def __init__(
        self,
        recipe: Recipe,
        net: nn.Module,
        sampler_for: Callable[[int, int, int], TileSampler],
        validate: Callable[[Model], Row],
        out: Path,
        fabric: Fabric,
        validation_pixels: int,
        started: float,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self.recipe, self.out, self.fabric, self.started = recipe, out, fabric, started
        self.validate, self.on_progress = validate, on_progress
        self.family = family_of(recipe)
        net = net.to(memory_format=torch.channels_last)
        self.model = Model(net, recipe)
        self.tile = self.model.halo.input_for(recipe.schedule.tile)
        optimiser = build_optimiser(net, recipe.optimiser, self.family.slow(recipe))
        self.net, self.optimiser = fabric.setup(net, optimiser)
        share = share_of(recipe.schedule.batch, fabric.world_size)
        source = source_size(self.tile, recipe.augment)
        self.sampler = sampler_for(self.model.halo.output(self.tile), source, share)
        self.recorder = Recorder(out, writes=fabric.is_global_zero)
        schedule = recipe.schedule
        self.timed = schedule.minutes is not None and not schedule.knots
        self.knots = schedule.knots or straight(UNMEASURED if self.timed else schedule.steps)
        # A step's forward and backward pass costs three forward ones; reading objects and scoring, about one.
        per_step = 1.5 * schedule.batch * schedule.tile**2
        self.clock = Clock((schedule.minutes or 0) * 60, validation_steps=validation_pixels / per_step)
        self.step, self.validations, self.best = 0, 0, -math.inf
        self.kept_at, self.refit_at = time.monotonic(), 0
        self.stop = False

    def restore(self, kept: Checkpoint) -> None:
        """Stand where the checkpoint was written."""
        if kept.recipe != self.recipe.model_dump_json():
            raise TrainingError(
                "the checkpoint belongs to another recipe",
                file=self.out / "last.ckpt",
                remedy="resume with the recipe.yaml beside it, or train into another folder",
            )
        self.net.load_state_dict(kept.net)
        self.optimiser.load_state_dict(kept.optimiser)
        if kept.scaler:
            self.fabric.strategy.precision.load_state_dict(kept.scaler)
        self.step, self.knots, self.validations, self.best = kept.step, kept.knots, kept.validations, kept.best
        self.recorder.restore(kept.step, kept.log, kept.losses)
        self.clock.step_seconds, self.clock.validation_seconds = kept.step_seconds, kept.validation_seconds
        self.started = time.monotonic() - kept.elapsed

    def run(self, interrupted: Event) -> Trained:
        """Steps, validations and checkpoints until progress is 1, or until someone presses Ctrl-C."""
        planned = self.recipe.schedule.validations
        while self.progress < 1:
            loss, rate = self.one_step(interrupted)
            self.recorder.step(self.step, self.progress, loss, rate)
            self.fit_to_clock()
            if self.progress >= (self.validations + 1) / planned:
                self.look(loss, rate)
            elif time.monotonic() - self.kept_at > CHECKPOINT_SECONDS:
                self.keep()
            self.tell(loss, "training")
            if self.stop or (self.fabric.world_size == 1 and interrupted.is_set()):
                self.keep()
                raise KeyboardInterrupt
        return Trained(self.step, self.knots, self.best, self.recorder.log)

    @property
    def progress(self) -> float:
        """0 to 1."""
        return progress_at(self.step, self.knots)

    @property
    def elapsed(self) -> float:
        """Seconds of the budget that are used."""
        return time.monotonic() - self.started

    def one_step(self, interrupted: Event) -> tuple[float, float]:
        """One batch; returns its loss and the learning rate."""
        began = time.monotonic()
        recipe = self.recipe
        rate = learning_rate(self.progress, recipe.optimiser)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        self.family.stage(self.model.net, self.progress, recipe)
        seed = seed_of(recipe.schedule.seed, self.step, self.fabric.global_rank)
        torch.manual_seed(seed)  # dropout
        tiles = self.sampler.batch(self.step)
        batch = augmented(tiles, recipe, self.model.halo, self.tile, seed, self.fabric.device)
        losses = self.family.losses(self.net, batch, recipe)
        loss = self.agree(losses["total"].detach(), interrupted)
        self.check_finite("loss", loss, tiles.names)
        self.fabric.backward(losses["total"])
        if recipe.optimiser.clip:
            norm = self.fabric.clip_gradients(
                self.net, self.optimiser, max_norm=recipe.optimiser.clip, error_if_nonfinite=False
            )
            if recipe.schedule.precision == "32-true" and norm is not None:  # a scaler skips such steps by itself
                self.check_finite("gradient", float(norm), tiles.names)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        self.clock.saw_step(time.monotonic() - began)
        return loss, rate

    def agree(self, loss: Tensor, interrupted: Event) -> float:
        """The mean loss of all devices; they stop together, or one would wait for the others for ever."""
        if self.fabric.world_size == 1:
            return float(loss)
        stop = float(interrupted.is_set())
        both = self.fabric.all_reduce(torch.stack([loss.float(), torch.tensor(stop, device=loss.device)]))
        assert isinstance(both, Tensor), "a tensor is reduced to a tensor"
        self.stop = float(both[1]) > 0
        return float(both[0])

    def check_finite(self, what: str, value: float, names: tuple[str, ...]) -> None:
        """Refuses to go on with a value that is not finite."""
        if math.isfinite(value):
            return
        raise TrainingError(
            f"the {what} is {value} at step {self.step}, on tiles of {', '.join(dict.fromkeys(names))}",
            file=self.out,
            remedy="look at these images and their masks, or lower the learning rate: train into a new --out with "
            f"--set optimiser.learning_rate={self.recipe.optimiser.learning_rate / 10:g}",
        )

    def fit_to_clock(self) -> None:
        """With a time budget: refit the schedule to the measured speed, now and then."""
        if not (self.timed and self.clock.calibrated):
            return
        # The last stretch is left as it is: a schedule that moves just before its end may never end.
        if self.step >= self.refit_at and self.progress < 1 - REFIT_SHARE:
            self.refit()

    def refit(self) -> None:
        """Steps left = what the time left buys by rank 0's clock; when to look again is counted in steps, as all
        ranks must do it together.
        """
        validations = self.recipe.schedule.validations - self.validations
        left = self.fabric.broadcast(self.clock.steps_left(self.elapsed, validations))
        self.knots = refit(self.knots, self.step, left)
        self.refit_at = self.step + max(1, int(REFIT_SHARE * left))

    def look(self, loss: float, rate: float) -> None:
        """Predict the validation images, log, keep the weights if they are the best so far."""
        self.tell(loss, "validating")
        began = time.monotonic()
        if self.fabric.is_global_zero:
            figures = self.validate(self.model)
            row = {"step": self.step, "loss": loss, "learning_rate": rate, **figures, "seconds": self.elapsed}
            self.recorder.validation(row, figures)
            if figures["score"] >= self.best:  # of equals, the better trained
                self.best = figures["score"]
                self.model.save(self.out / "best.safetensors")
        self.fabric.barrier()
        self.best = self.fabric.broadcast(self.best)
        self.net.train()
        self.validations += 1
        self.clock.saw_validation(time.monotonic() - began)
        if self.timed and self.progress < 1 - REFIT_SHARE:
            self.refit()
        self.keep()

    def keep(self) -> None:
        """Write last.ckpt."""
        self.kept_at = time.monotonic()
        if not self.fabric.is_global_zero:
            return
        self.recorder.write_losses()
        scaler = self.fabric.strategy.precision.state_dict()
        write_checkpoint(
            self.out / "last.ckpt",
            Checkpoint(
                self.step,
                self.net.state_dict(),
                self.optimiser.state_dict(),
                scaler,
                self.knots,
                self.validations,
                self.best,
                self.elapsed,
                self.clock.step_seconds,
                self.clock.validation_seconds,
                self.recipe.model_dump_json(),
                self.recorder.log,
                self.recorder.losses,
            ),
        )

    def tell(self, loss: float, doing: str) -> None:
        """Report progress."""
        if self.on_progress is None:
            return
        if self.timed:
            left = self.clock.budget - self.elapsed
        else:
            left = (self.knots[-1][0] - self.step) * self.clock.step_seconds
            left += (self.recipe.schedule.validations - self.validations) * self.clock.validation_seconds
        self.on_progress(Progress(self.step, self.progress, loss, self.best, max(0.0, left), doing))

    def close(self) -> None:
        """End threads and files."""
        self.sampler.close()
        self.recorder.close()
