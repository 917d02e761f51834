"""Curve: score against the number of annotated images, and in words what more of them would be worth. No torch.

The images that validate are the same at every point. So how much two points differ is known better than either: the
error of a difference is that of the differences of single images.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from statistics import fmean, stdev

from unmask.training.extrapolate import FEWEST, Forecast, doubled

__all__ = ["Curve", "Difference", "Level", "Point"]

HARDLY = 0.01  # a gain below this is hardly worth drawing


@dataclass(frozen=True)
class Point:
    """One training of a learning curve.

    Attributes:
        images: how many it was trained on.
        repeat: 1, 2, ...
        folder: of the run, below that of the curve.
        seed: of weights and tiles.
        steps: it took.
        scores: validation image to what the criterion says of it.
        at_half: the same of the AP at IoU .5; empty where the criterion is another.
    """

    images: int
    repeat: int
    folder: str
    seed: int
    steps: int
    scores: Mapping[str, float]
    at_half: Mapping[str, float]

    @property
    def score(self) -> float:
        """Mean over validation images."""
        return _mean(self.scores.values())

    @property
    def error(self) -> float | None:
        """Standard error of the mean; None of a single image."""
        return _standard_error(list(self.scores.values()))


@dataclass(frozen=True)
class Level:
    """What so many images give.

    Attributes:
        images: how many.
        score: mean over repeats and validation images.
        error: standard error of the mean over validation images; None of a single one.
        repeats: mean over validation images of each repeat.
        at_half: AP at IoU .5, mean over repeats and validation images; None where the criterion is another.
    """

    images: int
    score: float
    error: float | None
    repeats: tuple[float, ...]
    at_half: float | None


@dataclass(frozen=True)
class Difference:
    """What the step from one number of images to the next was worth.

    Attributes:
        fewer: images before.
        more: images after.
        validated: how many validation images both have a score of.
        gain: of the score, mean over these.
        error: standard error over these; None of a single one.
    """

    fewer: int
    more: int
    validated: int
    gain: float
    error: float | None


@dataclass(frozen=True)
class Curve:
    """A learning curve.

    Attributes:
        criterion: what the score is, in words.
        points: every training, by images and repeat.
    """

    criterion: str
    points: tuple[Point, ...]

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """One for each number of images, ascending."""
        return tuple(self._level(images) for images in sorted({point.images for point in self.points}))

    @cached_property
    def steps(self) -> tuple[Difference, ...]:
        """From each number of images to the next."""
        pairs = zip(self.levels, self.levels[1:], strict=False)
        return tuple(self._difference(before.images, after.images) for before, after in pairs)

    @cached_property
    def forecast(self) -> Forecast | None:
        """What twice as many images would be worth; None with fewer than four points, or where the last step fell."""
        if self._fell:
            return None
        scores = [level.score for level in self.levels]
        return doubled([level.images for level in self.levels], scores, self._noise)

    @property
    def repeats(self) -> int:
        """Trainings at each point."""
        return max(point.repeat for point in self.points)

    @property
    def words(self) -> list[str]:
        """What the curve says, in sentences; what was measured first."""
        last = self.steps[-1]
        error = "" if last.error is None else f" ± {last.error:.3f}"
        verb = "rose" if last.gain >= 0 else "fell"
        return [
            f"From {last.fewer} to {last.more} images the score {verb} by {abs(last.gain):.3f}{error} "
            f"({self.criterion}; over {last.validated} validation image{'s' * (last.validated != 1)}).",
            self._expected(),
            "Each point is one training, and another seed would move it: --repeats 3 shows by how much."
            if self.repeats == 1
            else f"Each point is the mean of {self.repeats} trainings, with other seeds and, but for the last, images.",
        ]

    def to_dict(self) -> dict[str, object]:
        """As curve.json holds it."""
        return {
            "criterion": self.criterion,
            "points": [asdict(point) for point in self.points],
            "levels": [asdict(level) for level in self.levels],
            "steps": [asdict(step) for step in self.steps],
            "forecast": None if self.forecast is None else asdict(self.forecast),
            "words": self.words,
        }

    def _level(self, images: int) -> Level:
        own = [point for point in self.points if point.images == images]
        scores = _over_repeats([point.scores for point in own])
        halves = _over_repeats([point.at_half for point in own])
        return Level(
            images,
            _mean(scores.values()),
            _standard_error(list(scores.values())),
            tuple(point.score for point in own),
            _mean(halves.values()) if halves else None,
        )

    def _difference(self, fewer: int, more: int) -> Difference:
        before, after = (
            _over_repeats([point.scores for point in self.points if point.images == images]) for images in (fewer, more)
        )
        rises = [after[name] - before[name] for name in after if name in before]
        return Difference(fewer, more, len(rises), _mean(rises), _standard_error(rises))

    @property
    def _noise(self) -> float:
        """Standard deviation of a level: of its repeats' mean, or of what images say of its difference from the next.

        Both miss some of it: repeats at the last point share their images, and one training's luck moves all images.
        """
        repeats = [stdev(level.repeats) / math.sqrt(len(level.repeats)) for level in self.levels if self.repeats > 1]
        steps = [step.error / math.sqrt(2) for step in self.steps if step.error is not None]
        return max((math.sqrt(fmean(value**2 for value in some)) for some in (repeats, steps) if some), default=0.0)

    @property
    def _fell(self) -> bool:
        """Whether the last step went down by more than its error: no law that only rises holds here."""
        last = self.steps[-1]
        return last.gain < -max(last.error or 0.0, HARDLY / 2)

    def _expected(self) -> str:
        found = self.forecast
        if self._fell:
            chance = "chance (--repeats 3 shows it)" if self.repeats == 1 else "chance"
            return (
                f"So nothing is said of twice as many: either that was {chance}, or the trainings were too short to "
                "make use of more images (give more --minutes)."
            )
        if found is None:
            return (
                f"What twice as many would be worth cannot be said from {len(self.levels)} points; {FEWEST} are needed."
            )
        span = f"{found.low:.2f} to {found.high:.2f} in 8 of 10 refits of a power law"
        if found.high < HARDLY:
            return (
                f"In this training time more of the same images will hardly help: twice as many, {found.images}, would "
                f"be worth {found.gain:.2f} ({span})."
            )
        sure = "" if found.low >= HARDLY else ", which may be nothing"
        return f"Twice as many, {found.images}, would be worth about {found.gain:.2f} more{sure} ({span})."


def _over_repeats(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Image to the mean over those repeats that say something of it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: fmean(row[name] for row in rows if name in row) for name in names}


def _mean(values: Iterable[float]) -> float:
    """0 where nothing is known, as in validation."""
    known = list(values)
    return fmean(known) if known else 0.0


def _standard_error(values: Sequence[float]) -> float | None:
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
