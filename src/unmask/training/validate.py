"""Validation: the real tiled prediction of whole images, scored with the real metrics."""

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from unmask.arrays import ClassMap, LabelImage, MaskImage
from unmask.data.dataset import Dataset
from unmask.data.formats.images import read_header
from unmask.instances.fit import Score
from unmask.metrics.boundaries import fill_borders, v_rand
from unmask.metrics.ignore import known_pair
from unmask.metrics.matching import THRESHOLDS, match
from unmask.metrics.overlaps import overlaps
from unmask.metrics.scores import ImageScores, score_image
from unmask.model import Model
from unmask.predict.prediction import Prediction
from unmask.predict.predictor import Predictor

__all__ = ["CRITERIA", "Criterion", "Validator", "mean_ap", "mean_dice", "v_rand_and_pixels", "v_rand_filled"]

Criterion = Literal["ap", "v_rand", "dice"]
CRITERIA: dict[Criterion, str] = {
    "ap": "AP, mean over IoU .5 to .9",
    "v_rand": "V_rand, borders thinned away, less the pixel error",
    "dice": "mean Dice of the classes",
}

# Above .9 IoU, annotations of small objects disagree with themselves.
AP_THRESHOLDS = tuple(threshold for threshold in THRESHOLDS if threshold < 0.925)


def mean_ap(truth: LabelImage, prediction: LabelImage, ignore: MaskImage | None = None) -> float:
    """Average precision TP / (TP + FP + FN), mean over IoU .5 to .9; NaN where both are empty."""
    table = overlaps(*known_pair(truth, prediction, ignore))
    if not table.truth_ids.size and not table.prediction_ids.size:
        return math.nan
    return float(np.mean([match(table, threshold).ap for threshold in AP_THRESHOLDS]))


def v_rand_filled(truth: LabelImage, prediction: LabelImage, ignore: MaskImage | None = None) -> float:
    """V_rand with predicted borders thinned away; NaN where the truth has no object."""
    truth, prediction = known_pair(truth, prediction, ignore)
    if not truth.any():
        return math.nan
    return v_rand(overlaps(truth, fill_borders(prediction)))


def v_rand_and_pixels(truth: LabelImage, prediction: LabelImage, ignore: MaskImage | None = None) -> float:
    """V_rand, borders thinned away, less the share of pixels that are wrongly border or wrongly not.

    V_rand alone does not care how thick borders are; what is measured on the labels does. NaN where the truth has no
    object.
    """
    known = slice(None) if ignore is None else ~ignore
    wrong = (truth[known] > 0) != (prediction[known] > 0)
    return v_rand_filled(truth, prediction, ignore) - (float(wrong.mean()) if wrong.size else math.nan)


class Validator:
    """Scores models on the validation images.

    Args:
        dataset: annotated.
        names: the validation images.
        criterion: what decides: "ap" (mean over IoU .5 to .9), "v_rand" (membranes) or "dice" (classes).
    """

    def __init__(self, dataset: Dataset, names: Sequence[str], criterion: Criterion) -> None:
        self.dataset = dataset
        self.names = tuple(names)
        self.criterion = criterion

    @property
    def pixels(self) -> int:
        """Of all validation images."""
        sizes = [read_header(self.dataset.entry(name).image).size for name in self.names]
        return sum(rows * columns for rows, columns in sizes)

    def object_score(self) -> Score:
        """From label images of truth and prediction to the figure that instance parameters are fitted by."""
        return v_rand_and_pixels if self.criterion == "v_rand" else mean_ap

    def __call__(self, model: Model) -> dict[str, float]:
        """Named figures of a model, means over images; `score` is the one that decides."""
        rows = [self._figures(prediction) for prediction in self.predictions(model)]
        return {key: _mean([row[key] for row in rows]) for key in rows[0]}

    def predictions(self, model: Model) -> Iterator[Prediction]:
        """Predictions of the validation images, one at a time."""
        predictor = Predictor(model, device=str(next(model.net.parameters()).device))
        for name in self.names:
            yield predictor.predict(self.dataset.load(name))

    def score(self, prediction: Prediction) -> ImageScores:
        """All scores of one prediction."""
        sample = prediction.sample
        return score_image(
            sample.name,
            sample.classes,
            sample.objects,
            prediction.classes,
            prediction.labels,
            self.dataset.class_names,
            ignore=sample.ignore,
        )

    def _figures(self, prediction: Prediction) -> dict[str, float]:
        sample = prediction.sample
        assert sample.classes is not None, "validation samples are annotated"
        assert sample.objects is not None, "validation samples are annotated"
        dice = mean_dice(sample.classes, prediction.classes, len(self.dataset.class_names), sample.ignore)
        if self.criterion == "dice":
            return {"score": dice, "dice": dice}
        table = overlaps(*known_pair(sample.objects, prediction.labels, sample.ignore))
        ap = match(table, 0.5).ap if table.truth_ids.size or table.prediction_ids.size else math.nan
        score = self.object_score()(sample.objects, prediction.labels, sample.ignore)
        return {"score": score, "ap_0.50": ap, "dice": dice}


def mean_dice(truth: ClassMap, prediction: ClassMap, classes: int, ignore: MaskImage | None = None) -> float:
    """Mean Dice over the classes that are there or were predicted; NaN where there are none."""
    if ignore is not None:
        truth, prediction = truth[~ignore], prediction[~ignore]
    values = []
    for index in range(1, classes + 1):
        true, found = truth == index, prediction == index
        if total := int(true.sum()) + int(found.sum()):
            values.append(2 * int((true & found).sum()) / total)
    return float(np.mean(values)) if values else math.nan


def _mean(values: Sequence[float]) -> float:
    """Mean of the values that say something; 0 where none does."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else 0.0
