"""Which crops of images without annotation are most worth annotating next.

Every image is scored (`trouble.py`) and offers its best crops, which do not overlap; of all images' crops those are
chosen that score high and look different from each other.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float64
from numpy import ndarray
from scipy import ndimage

from unmask.arrays import AnyArray
from unmask.data.dataset import Dataset
from unmask.data.entry import Entry
from unmask.data.normalise import normalise
from unmask.errors import DataError, PredictionError, UnmaskError
from unmask.geometry.labels import areas
from unmask.predict.disagreement import Copies
from unmask.predict.large import is_large
from unmask.predict.trouble import Look, Score, Trouble, look

__all__ = ["Crop", "Suggestions", "choose", "crops_of", "suggest"]

STEPS = 8  # places that a crop is tried at along its own side
BRIGHTNESSES = (5, 50, 95)  # percentiles by which crops are told apart


@dataclass(frozen=True)
class Crop:
    """A part of an image.

    Attributes:
        image: its name.
        y: first row.
        x: first column.
        height: in pixels.
        width: in pixels.
        score: how much trouble there is; larger is more.
        why: what the trouble is, in words.
        features: (f,) what it looks like: brightness, sharpness, how much of it is objects and how large they are.
    """

    image: str
    y: int
    x: int
    height: int
    width: int
    score: float
    why: str
    features: tuple[float, ...]

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.image}_{self.y}_{self.x}"

    @property
    def window(self) -> tuple[slice, slice]:
        """Its rows and columns in the image."""
        return np.s_[self.y : self.y + self.height, self.x : self.x + self.width]


@dataclass(frozen=True)
class Suggestions:
    """What to annotate next.

    Attributes:
        crops: the most worthwhile first.
        left_out: names of images that were annotated before.
        failed: of images that could not be looked at.
    """

    crops: tuple[Crop, ...]
    left_out: tuple[str, ...]
    failed: tuple[UnmaskError, ...]


def suggest(
    copies: Copies,
    images: Dataset,
    count: int = 10,
    size: int = 256,
    score: Score = "instability",
    annotated: Collection[str] = (),
    on_pixels: Callable[[str, int, int], None] = lambda name, done, of: None,
) -> Suggestions:
    """Looks at images and chooses crops of them.

    Args:
        copies: of the model.
        images: to choose from.
        count: how many crops; fewer where there are not so many that do not overlap.
        size: side of a crop, pixels; of images that are smaller, their own.
        score: by which trouble is measured.
        annotated: names of images that are annotated: left out; NAME_Y_X means that crop of NAME, left out alone.
        on_pixels: called with (image name, pixels done, pixels in all).

    Returns:
        The crops; at most twice as many of an image as its even share.

    Raises:
        PredictionError: `count` or `size` is none, or all images are annotated.
    """
    if count < 1 or size < 1:
        option = f"--crops {count}" if count < 1 else f"--size {size}"
        raise PredictionError(f"{option} leaves nothing to annotate", remedy="give at least 1")
    names = [name for name in images.names() if name not in annotated]
    if not names:
        problem = f"all {len(images)} images were annotated for this model"
        raise PredictionError(problem, file=images.root, remedy="give images that have no masks yet")
    most = 2 * -(-count // len(names))
    candidates: list[Crop] = []
    failed: list[UnmaskError] = []
    for name in names:
        try:
            _check_size(copies, images.entry(name))
            found = look(copies, images.load(name), partial(on_pixels, name))
        except (DataError, PredictionError) as error:  # one damaged image must not cost the others
            failed.append(error)
            continue
        candidates += crops_of(found, size, score, most, corners_of(name, annotated))
    left_out = tuple(name for name in images.names() if name in annotated)
    return Suggestions(tuple(choose(candidates, count)), left_out, tuple(failed))


def _check_size(copies: Copies, entry: Entry) -> None:
    if is_large(copies.predictor, entry):
        raise PredictionError(
            "is too large for the memory to be looked at as a whole", file=entry.image, remedy="cut it into parts"
        )


def corners_of(name: str, annotated: Collection[str]) -> list[tuple[int, int]]:
    """(y, x) of the crops of an image whose names, NAME_Y_X, are among those of annotated images."""
    found = (re.fullmatch(rf"{re.escape(name)}_(\d+)_(\d+)", other) for other in annotated)
    return sorted((int(match[1]), int(match[2])) for match in found if match)


def crops_of(found: Look, size: int, score: Score, most: int, taken: Sequence[tuple[int, int]] = ()) -> list[Crop]:
    """The crops of an image with the highest scores, none of which overlap.

    Args:
        found: what the model says of the image.
        size: side of a crop, pixels; where the image is smaller, its own.
        score: by which trouble is measured.
        most: at most so many.
        taken: (y, x) of crops of this size that are not to be overlapped.

    Returns:
        The highest first; tried at steps of an eighth of their side.
    """
    shape = found.heat.shape
    height, width = (min(size, length) for length in shape)
    rows, columns = (_starts(length, side) for length, side in zip(shape, (height, width), strict=True))
    scores = window_scores(found.trouble[score], rows, columns, (height, width))
    for y, x in taken:
        _block(scores, rows, columns, (y, x), (height, width))
    crops: list[Crop] = []
    while len(crops) < most and np.isfinite(scores.max()):
        row, column = np.unravel_index(int(scores.argmax()), scores.shape)
        y, x = int(rows[row]), int(columns[column])
        crops.append(_crop(found, y, x, height, width, float(scores[row, column])))
        _block(scores, rows, columns, (y, x), (height, width))
    return crops


def window_scores(
    trouble: Trouble, rows: AnyArray, columns: AnyArray, size: tuple[int, int]
) -> Float64[ndarray, "r c"]:
    """The score of each crop of rows and columns `size` that begins at one of `rows` and `columns`."""
    amount, of = (_sums(part, rows, columns, size) for part in (trouble.amount, trouble.of))
    # Running sums of nothing may be a little off nothing.
    return np.maximum(amount, 0) / np.maximum(of + trouble.steady, 1e-9)


def choose(crops: Sequence[Crop], count: int) -> list[Crop]:
    """Crops that score high and differ from each other.

    The highest first; then, again and again, the one with the largest product of score and distance to the nearest
    that is chosen, in the space of features, each in units of its standard deviation.
    """
    if not crops:
        return []
    features = np.array([crop.features for crop in crops])
    features = (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), 1e-9)
    scores = np.array([crop.score for crop in crops])
    worth, nearest = scores.copy(), np.full(len(crops), np.inf)
    chosen: list[int] = []
    while len(chosen) < min(count, len(crops)):
        best = int(worth.argmax())
        chosen.append(best)
        nearest = np.minimum(nearest, np.linalg.norm(features - features[best], axis=1))
        worth = scores * nearest
        worth[chosen] = -np.inf
    return [crops[place] for place in chosen]


def _crop(found: Look, y: int, x: int, height: int, width: int, score: float) -> Crop:
    where = np.s_[y : y + height, x : x + width]
    return Crop(found.prediction.sample.name, y, x, height, width, score, _why(found, where), _features(found, where))


def _why(found: Look, where: tuple[slice, slice]) -> str:
    """What the copies disagree about, in words."""
    trouble = found.trouble["instability"]
    amount, of = float(trouble.amount[where].sum()), float(trouble.of[where].sum())
    if found.prediction.recipe.data.kind == "classes":
        return f"{amount / max(of, 1):.0%} of the foreground changes class" if of else "nothing is found here"
    return f"{amount:.0f} of {of:.0f} objects are unsure" if round(of) else "no object is found here"


def _features(found: Look, where: tuple[slice, slice]) -> tuple[float, ...]:
    prediction = found.prediction
    image = normalise(prediction.sample.image[where], prediction.constants)
    grey = image.mean(axis=2)
    sharpness = float(np.log(1e-3 + np.abs(ndimage.laplace(ndimage.gaussian_filter(grey, 1))).mean()))
    labels = prediction.labels[where]
    sizes = areas(labels)
    side = float(np.log(np.median(sizes[sizes > 0]))) if sizes.any() else 0.0
    return (*(float(value) for value in np.percentile(grey, BRIGHTNESSES)), sharpness, float((labels > 0).mean()), side)


def _starts(length: int, side: int) -> AnyArray:
    step = max(1, side // STEPS)
    return np.unique(np.append(np.arange(0, length - side + 1, step), length - side))


def _sums(values: AnyArray, rows: AnyArray, columns: AnyArray, size: tuple[int, int]) -> AnyArray:
    """Sums over windows of `size` from each of `rows` and `columns`."""
    running = np.pad(values.astype(np.float64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    (top, bottom), (left, right) = (rows, rows + size[0]), (columns, columns + size[1])
    sums: AnyArray = (
        running[np.ix_(bottom, right)]
        - running[np.ix_(top, right)]
        - running[np.ix_(bottom, left)]
        + running[np.ix_(top, left)]
    )
    return sums


def _block(scores: AnyArray, rows: AnyArray, columns: AnyArray, corner: tuple[int, int], size: tuple[int, int]) -> None:
    """Takes out all windows that overlap one."""
    near = [np.abs(axis - at) < side for axis, at, side in zip((rows, columns), corner, size, strict=True)]
    scores[np.ix_(*near)] = -np.inf
