"""Trouble: where in an image a U-Net would learn most from an annotation, as maps that crops are scored by.

A score of a crop is a sum over its pixels, or a share of two such sums, so that every crop of an image can be scored
from running sums. Which of the scores finds what is worth annotating is measured in benchmarks/suggest.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float32, Float64
from numpy import ndarray

from unmask.arrays import AnyArray, ClassMap, LabelImage
from unmask.data.normalise import stretch_constants
from unmask.data.sample import Sample
from unmask.geometry.labels import areas
from unmask.instances.classes import class_map
from unmask.instances.decode import decode, label_objects
from unmask.metrics.overlaps import overlaps
from unmask.predict.disagreement import Copies, Sums
from unmask.predict.prediction import Prediction

__all__ = ["SCORES", "Look", "Score", "Trouble", "look"]

Score = Literal["instability", "between", "total"]
SCORES: tuple[Score, ...] = get_args(Score)
SAME = 0.5  # intersection over union from which an object of a copy is one of the mean's
# A crop's share of unstable objects (or pixels) is taken as if it had so many stable ones more: one speck in an empty
# crop is no crop full of trouble.
STEADY_OBJECTS, STEADY_PIXELS = 5.0, 1000.0


@dataclass(frozen=True)
class Trouble:
    """What crops of an image are scored by: (sum of `amount`) / (sum of `of` + `steady`).

    Attributes:
        amount: (h, w), not negative.
        of: (h, w), what the amount is a share of; at least `amount`.
        steady: added to the latter.
    """

    amount: Float32[ndarray, "h w"]
    of: Float32[ndarray, "h w"]
    steady: float = 0.0


@dataclass(frozen=True)
class Look:
    """What the copies of a prediction say of an image.

    Attributes:
        prediction: of their mean.
        heat: (h, w), 0 to 1, for pictures: how much of each object, or pixel, the copies disagree about.
        trouble: by score.
    """

    prediction: Prediction
    heat: Float32[ndarray, "h w"]
    trouble: dict[Score, Trouble]


def look(copies: Copies, sample: Sample, progress: Callable[[int, int], None] | None = None) -> Look:
    """Predicts the copies of an image and finds where they disagree.

    - total: entropy of their mean, per pixel of the crop.
    - between: what of it is disagreement (`unmask.predict.disagreement`), per pixel of the crop.
    - instability: share of objects that the copies see differently. An object of the mean counts 1 less the mean over
      copies of its largest intersection over union with an object there; an object that only some copies have counts
      as their share. Of class maps: share of the foreground's pixels where a copy gives another class than the mean.

    Args:
        copies: of the model.
        sample: the image; its label images, one a copy, are held in memory.
        progress: called with (pixels done, pixels in all), of all copies.

    Raises:
        PredictionError: the image's values or channels are not the model's.
    """
    recipe = copies.predictor.recipe
    sums = Sums(1 + len(recipe.data.class_names), sample.size)
    classes = recipe.data.kind == "classes"
    seen: list[AnyArray] = []
    for probabilities in copies.of(sample, progress):
        sums.add(probabilities)
        seen.append(
            class_map(probabilities, recipe.instances.mask_threshold)
            if classes
            else label_objects(1 - probabilities[0], recipe.instances)
        )
    found = sums.result()
    objects = decode(found.mean, recipe.instances, sample.pixel_size)
    constants = stretch_constants(sample.image, recipe.normalise)
    prediction = Prediction(sample, objects, recipe, found.mean, constants=constants)
    unstable, heat = class_instability(prediction.classes, seen) if classes else instability(objects.labels, seen)
    every = np.ones(sample.size, np.float32)
    trouble: dict[Score, Trouble] = {
        "instability": unstable,
        "between": Trouble(found.between, every),
        "total": Trouble(found.total, every),
    }
    return Look(prediction, heat, trouble)


def instability(labels: LabelImage, copies: Sequence[LabelImage]) -> tuple[Trouble, Float32[ndarray, "h w"]]:
    """Which objects the copies see differently.

    Args:
        labels: (h, w) of the mean, 1..n.
        copies: (h, w) of each copy.

    Returns:
        Trouble, in which every object counts one, spread evenly over its pixels; and how unstable the object of each
        pixel is, 0 to 1.
    """
    sizes = np.maximum(areas(labels), 1)
    kept = np.zeros(sizes.size)
    amount, of, heat = (np.zeros(labels.shape, np.float32) for _ in range(3))
    for copy in copies:
        table = overlaps(labels, copy)
        best, matched = np.zeros(sizes.size), np.zeros(int(copy.max()))
        np.maximum.at(best, table.truth_ids[table.truth] - 1, table.iou)
        np.maximum.at(matched, table.prediction_ids[table.prediction] - 1, table.iou)
        kept += best / len(copies)
        extra = (matched < SAME) / (len(copies) * np.maximum(areas(copy), 1))
        amount += _painted(copy, extra)
        heat += _painted(copy, (matched < SAME) / len(copies))
    of += amount + _painted(labels, 1 / sizes)
    amount += _painted(labels, (1 - kept) / sizes)
    return Trouble(amount, of, STEADY_OBJECTS), np.clip(np.maximum(heat, _painted(labels, 1 - kept)), 0, 1)


def class_instability(classes: ClassMap, copies: Sequence[ClassMap]) -> tuple[Trouble, Float32[ndarray, "h w"]]:
    """Which pixels the copies class differently.

    Args:
        classes: (h, w) of the mean.
        copies: (h, w) of each copy.

    Returns:
        Trouble, of all pixels that the mean or a copy has as foreground; and the share of copies with another class
        than the mean's, 0 to 1.
    """
    other: AnyArray = np.stack([copy != classes for copy in copies]).mean(axis=0, dtype=np.float32)
    foreground = (classes > 0) | np.any([copy > 0 for copy in copies], axis=0)
    return Trouble(other, foreground.astype(np.float32), STEADY_PIXELS), other


def _painted(labels: LabelImage, values: Float64[ndarray, " n"]) -> Float32[ndarray, "h w"]:
    """Each object's value on its pixels, 0 elsewhere; element i - 1 belongs to label i."""
    return np.append(0, values).astype(np.float32)[labels]
