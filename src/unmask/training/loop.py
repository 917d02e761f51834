"""The training loop, on Lightning Fabric: devices, precision and many processes are its; the loop is plain.

Every step is a function of (recipe, seed, step): tiles, augmentation and dropout draw from generators seeded by them.
So `--resume` after a kill reaches the very weights of an uninterrupted run, and nothing but weights, optimiser and
clock has to be kept.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from unmask.augment.pipeline import Batch, augment
from unmask.augment.warp import source_size
from unmask.errors import TrainingError
from unmask.family import family_of
from unmask.model import Model
from unmask.nets import Halo
from unmask.recipe import OptimiserRecipe, Recipe
from unmask.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from unmask.training.log import write_log
from unmask.training.sampler import TileBatch, TileSampler
from unmask.training.schedule import Clock, Knots, learning_rate, progress_at, refit, straight

__all__ = ["Progress", "Trained", "fit_weights"]

# A killed run loses at most this much work.
CHECKPOINT_SECONDS = 60.0
# Until the speed is measured a time budget's schedule stands at its start.
UNMEASURED = 10**9
REFIT_SHARE = 0.05
CURVE_POINTS = 100

Row = dict[str, float]


@dataclass(frozen=True)
class Progress:
    """What a progress bar shows.

    Attributes:
        step: steps done.
        progress: 0 to 1.
        loss: of the last step.
        best: the best validation score so far; -inf before the first.
        seconds_left: estimate to the end of the run.
        doing: "training" or "validating".
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
    sampler_for: Callable[[int, int, int, int], TileSampler],
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
        sampler_for: (output side, source side, batch, rank) to the tiles of one device.
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
    loop = _Loop(recipe, sampler_for, validate, out, fabric, validation_pixels, started, on_progress)
    if resume:
        loop.restore(read_checkpoint(out / "last.ckpt"))
    try:
        return loop.run()
    except KeyboardInterrupt:
        loop.keep()
        raise
    finally:
        loop.close()


class _Loop:
    def __init__(
        self,
        recipe: Recipe,
        sampler_for: Callable[[int, int, int, int], TileSampler],
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
        torch.manual_seed(recipe.schedule.seed)
        net = self.family.build(recipe).to(memory_format=torch.channels_last)
        self.model = Model(net, recipe)
        self.tile = self.model.halo.input_for(recipe.schedule.tile)
        optimiser = build_optimiser(net, recipe.optimiser)
        self.net, self.optimiser = fabric.setup(net, optimiser)
        share = max(1, recipe.schedule.batch // fabric.world_size)
        source = source_size(self.tile, recipe.augment)
        self.sampler = sampler_for(self.model.halo.output(self.tile), source, share, fabric.global_rank)
        self.writer = SummaryWriter(str(out / "tensorboard")) if fabric.is_global_zero else None
        schedule = recipe.schedule
        self.timed = schedule.minutes is not None and not schedule.knots
        self.knots = schedule.knots or straight(UNMEASURED if self.timed else schedule.steps)
        # A step's forward and backward pass costs three forward ones; reading objects and scoring, about one.
        per_step = 1.5 * schedule.batch * schedule.tile**2
        self.clock = Clock((schedule.minutes or 0) * 60, validation_steps=validation_pixels / per_step)
        self.step, self.validations, self.best, self.spent = 0, 0, -math.inf, 0.0
        self.log: list[Row] = []
        self.losses: list[Row] = []
        self.recent: list[float] = []
        self.kept_at = self.refitted_at = 0.0

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
        self.log, self.losses, self.spent = list(kept.log), list(kept.losses), kept.elapsed
        self.clock.step_seconds, self.clock.validation_seconds = kept.step_seconds, kept.validation_seconds
        self.started = time.monotonic() - self.spent
        if self.writer is not None:
            self.writer.close()
            self.writer = SummaryWriter(str(self.out / "tensorboard"), purge_step=self.step)

    def run(self) -> Trained:
        """Steps, validations and checkpoints until progress is 1."""
        planned = self.recipe.schedule.validations
        while self.progress < 1:
            loss, rate = self.one_step()
            self.note(loss, rate)
            self.fit_to_clock()
            if self.progress >= (self.validations + 1) / planned:
                self.look(loss, rate)
            elif time.monotonic() - self.kept_at > CHECKPOINT_SECONDS:
                self.keep()
            self.tell(loss, "training")
        return Trained(self.step, self.knots, self.best, self.log)

    def note(self, loss: float, rate: float) -> None:
        """Every step to TensorBoard, and its mean to loss.csv for every hundredth of the run."""
        if self.writer is not None:
            self.writer.add_scalar("train/loss", loss, self.step)
            self.writer.add_scalar("train/learning_rate", rate, self.step)
        self.recent.append(loss)
        if self.progress >= (len(self.losses) + 1) / CURVE_POINTS:
            self.losses.append({"step": self.step, "loss": sum(self.recent) / len(self.recent)})
            self.recent = []

    @property
    def progress(self) -> float:
        """0 to 1."""
        return progress_at(self.step, self.knots)

    @property
    def elapsed(self) -> float:
        """Seconds of the budget that are used."""
        return time.monotonic() - self.started

    def one_step(self) -> tuple[float, float]:
        """One batch; returns its loss and the learning rate."""
        began = time.monotonic()
        recipe = self.recipe
        rate = learning_rate(self.progress, recipe.optimiser)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        seed = seed_of(recipe.schedule.seed, self.step, self.fabric.global_rank)
        torch.manual_seed(seed)  # dropout
        tiles = self.sampler.batch(self.step)
        batch = augmented(tiles, recipe, self.model.halo, self.tile, seed, self.fabric.device)
        outputs = self.net(batch.images.contiguous(memory_format=torch.channels_last))
        losses = self.family.losses(outputs, batch.targets, batch.weights, recipe)
        loss = float(losses["total"].detach())
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} at step {self.step}, on tiles of {', '.join(dict.fromkeys(tiles.names))}",
                file=self.out,
                remedy=f"look at these images and their masks, or lower the learning rate: "
                f"--set optimiser.learning_rate={recipe.optimiser.learning_rate / 10:g}",
            )
        self.fabric.backward(losses["total"])
        if recipe.optimiser.clip:
            self.fabric.clip_gradients(
                self.net, self.optimiser, max_norm=recipe.optimiser.clip, error_if_nonfinite=False
            )
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        self.clock.saw_step(time.monotonic() - began)
        return loss, rate

    def fit_to_clock(self) -> None:
        """With a time budget: refit the schedule to the measured speed, now and then."""
        if not (self.timed and self.clock.calibrated):
            return
        due = self.refitted_at == 0 or self.elapsed - self.refitted_at > REFIT_SHARE * self.clock.budget
        # The last stretch is left as it is: a schedule that moves just before its end may never end.
        if due and self.progress < 1 - REFIT_SHARE:
            self.refit()

    def refit(self) -> None:
        """Steps left = what the time left buys; rank 0's clock counts."""
        left = self.clock.steps_left(self.elapsed, self.recipe.schedule.validations - self.validations)
        self.knots = refit(self.knots, self.step, self.fabric.broadcast(left))
        self.refitted_at = self.elapsed

    def look(self, loss: float, rate: float) -> None:
        """Predict the validation images, log, keep the weights if they are the best so far."""
        self.tell(loss, "validating")
        began = time.monotonic()
        if self.fabric.is_global_zero:
            figures = self.validate(self.model)
            self.log.append(
                {"step": self.step, "loss": loss, "learning_rate": rate, **figures, "seconds": self.elapsed}
            )
            write_log(self.out / "log.csv", self.log)
            assert self.writer is not None, "rank 0 has a writer"
            for name, value in figures.items():
                self.writer.add_scalar(f"validation/{name}", value, self.step)
            if figures["score"] > self.best:
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
        write_log(self.out / "loss.csv", self.losses)
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
                self.log,
                self.losses,
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
        if self.writer is not None:
            self.writer.close()


def build_optimiser(net: nn.Module, recipe: OptimiserRecipe) -> torch.optim.Optimizer:
    """The optimiser; weight decay spares biases and norms."""
    decayed = [p for p in net.parameters() if p.ndim > 1]
    spared = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": spared, "weight_decay": 0.0}]
    if recipe.name == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999))


def seed_of(seed: int, step: int, rank: int) -> int:
    """One number for the generators of one step on one device."""
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0] >> 1)


def augmented(tiles: TileBatch, recipe: Recipe, halo: Halo, side: int, seed: int, device: torch.device) -> Batch:
    """A step's batch on the device, augmented; its random numbers are the same on every device."""
    return augment(
        tiles.images.to(device, non_blocking=True),
        tiles.targets.to(device, non_blocking=True),
        tiles.weights.to(device, non_blocking=True),
        recipe.augment,
        side,
        halo.output(side),
        torch.Generator().manual_seed(seed),
    )
