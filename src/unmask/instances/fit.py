"""Fits the instance parameters to annotated images: a coarse grid on a few, then a climb along each value on more."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import isnan, pi, sqrt

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from unmask.arrays import LabelImage, MaskImage, ProbabilityMap
from unmask.errors import DataError
from unmask.geometry.labels import areas
from unmask.instances.decode import label_objects
from unmask.recipe import InstanceRecipe

__all__ = ["FittedParameters", "Score", "fit"]

# Truth, prediction, what is to be ignored -> larger is better; NaN where it says nothing.
Score = Callable[[LabelImage, LabelImage, MaskImage | None], float]

_SEEDS = (0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97)
_MASKS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
_REACHES = (0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20)
_GRID = (0.5, 0.7, 0.9, 0.97), (0.1, 0.3, 0.5, 0.7), (1, 4, 20)  # seeds, masks, reaches: a few of the above
_GRID_PIXELS = 1_000_000  # a grid point costs about 0.1 s on these, more on whole images
_CLIMB_PIXELS = 8_000_000


@dataclass(frozen=True)
class FittedParameters:
    """What a fit found.

    Attributes:
        values: the parameters with the best score.
        score: their mean score over the images that were looked at last.
        table: every set of parameters tried on those images and its mean score, in order of trial.
    """

    values: InstanceRecipe
    score: float
    table: tuple[tuple[InstanceRecipe, float], ...]


@dataclass
class _Bench:
    """Scores parameters on images, each set once."""

    foregrounds: Sequence[Float32[ndarray, "h w"]]
    truths: Sequence[LabelImage]
    ignored: Sequence[MaskImage | None]
    score: Score
    tried: dict[InstanceRecipe, float] = field(default_factory=dict)

    def __call__(self, values: InstanceRecipe) -> float:
        if values not in self.tried:
            images = zip(self.truths, self.foregrounds, self.ignored, strict=True)
            scores = [self.score(truth, label_objects(front, values), ignore) for truth, front, ignore in images]
            known = [score for score in scores if not isnan(score)]
            self.tried[values] = sum(known) / len(known) if known else 0.0
        return self.tried[values]

    def part(self, pixels: int) -> "_Bench":
        """The same for every k-th image, so many that they hold about `pixels` pixels; one at the least."""
        every = max(1, -(-sum(truth.size for truth in self.truths) // pixels))
        return _Bench(self.foregrounds[::every], self.truths[::every], self.ignored[::every], self.score)

    def best(self) -> InstanceRecipe:
        """The best tried, of equals the first."""
        return max(self.tried, key=self.tried.__getitem__)


def fit(
    probabilities: Sequence[ProbabilityMap],
    truths: Sequence[LabelImage],
    score: Score,
    start: InstanceRecipe,
    ignored: Sequence[MaskImage | None] | None = None,
) -> FittedParameters:
    """Finds the parameters of `label_objects` that score best on annotated images.

    A grid over both thresholds and the reach, on about a megapixel of the images, finds the neighbourhood: nuclei with
    a ridge between them want a high mask threshold and little reach, membranes a low one and much. From its best point,
    single values are moved along their ladders, on up to 8 megapixels, until no move raises the mean score. What the
    truth shows bounds the search: objects grow by no more than the radius of the median object (20 pixels at most),
    `min_size` is at most the first percentile of the areas, `max_hole` a quarter of the median area. The result is
    never worse than `start` on those images, and the same for the same input.

    Args:
        probabilities: (c, h, w) float32 each, channel 0 is background.
        truths: (h, w) int32 each.
        score: called with truth, prediction and what is to be ignored; larger is better. Where it is NaN, the image is
            left out of the mean.
        start: where nothing is better, this stays.
        ignored: (h, w) bool each, true where the truth is not known; None where all of it is, or all of all.

    Raises:
        DataError: there are no images.
    """
    if not truths:
        raise DataError(
            "no annotated image to fit the instance parameters on", remedy="annotate at least one validation image"
        )
    foregrounds = [1 - maps[0] for maps in probabilities]
    everything = _Bench(foregrounds, truths, ignored or [None] * len(truths), score)
    ladders = _ladders(truths, start)
    grid = everything.part(_GRID_PIXELS)
    for values in (start, *_grid(start, ladders["reach"])):
        grid(values)
    climb = everything.part(_CLIMB_PIXELS)
    climb(start)
    climb(grid.best())
    while _improve(climb, ladders):
        pass
    return FittedParameters(climb.best(), climb.tried[climb.best()], tuple(climb.tried.items()))


def _ladders(truths: Sequence[LabelImage], start: InstanceRecipe) -> dict[str, list[float]]:
    """The values each parameter may take, ascending, `start` among them."""
    sizes = np.concatenate([areas(truth) for truth in truths])
    sizes = sizes[sizes > 0] if sizes.any() else np.ones(1)
    radius = sqrt(np.median(sizes) / pi)
    smallest, hole = float(np.percentile(sizes, 1)), float(np.median(sizes)) / 4
    ladders: dict[str, list[float]] = {
        "seed_threshold": [*_SEEDS],
        "mask_threshold": [*_MASKS],
        "reach": [reach for reach in _REACHES if reach <= radius],
        "min_size": [max(1, round(smallest * part)) for part in (0, 0.25, 0.5, 1)],
        "max_hole": [round(hole * part) for part in (0, 1 / 16, 1 / 4, 1)],
    }
    return {name: sorted({*ladder, getattr(start, name)}) for name, ladder in ladders.items()}


def _grid(start: InstanceRecipe, reaches: Sequence[float]) -> Iterator[InstanceRecipe]:
    """Both thresholds and the reach, coarsely; `reaches` bounds the last."""
    allowed = sorted({max(reach for reach in reaches if reach <= wanted) for wanted in _GRID[2]})
    for seed, mask, reach in product(*_GRID[:2], allowed):
        if mask <= seed:
            yield _changed(start, {"seed_threshold": seed, "mask_threshold": mask, "reach": reach})


def _improve(bench: _Bench, ladders: dict[str, list[float]]) -> bool:
    """Tries each value one and two steps up and down its ladder, from the best so far; whether any move helped."""
    before = bench.best()
    for name, step in product(ladders, (1, -1, 2, -2)):  # two, since scores of few images are bumpy
        following = _moved(bench.best(), name, ladders[name], step)
        if following is not None:
            bench(following)
    return bench.best() != before


def _moved(values: InstanceRecipe, name: str, ladder: list[float], step: int) -> InstanceRecipe | None:
    """The next set of values along a ladder, None at its end or where the thresholds would cross."""
    place = ladder.index(getattr(values, name)) + step
    if not 0 <= place < len(ladder):
        return None
    changed = {"seed_threshold": values.seed_threshold, "mask_threshold": values.mask_threshold, name: ladder[place]}
    return _changed(values, changed) if changed["mask_threshold"] <= changed["seed_threshold"] else None


def _changed(values: InstanceRecipe, changes: dict[str, float]) -> InstanceRecipe:
    return InstanceRecipe(**{**values.model_dump(), **changes})
