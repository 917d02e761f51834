"""The end of a run: probabilities calibrated and instance parameters fitted on the validation images; their scores."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unmask.arrays import LabelImage
from unmask.data.files import write_text
from unmask.data.formats.images import write_labels
from unmask.instances.classes import class_map
from unmask.instances.fit import fit
from unmask.instances.fit_detections import fit_detections
from unmask.metrics.scores import ImageScores, Scores, aggregate
from unmask.model import Model
from unmask.predict.prediction import Prediction
from unmask.recipe import DetectionRecipe, InstanceRecipe
from unmask.training.calibrate import calibrate
from unmask.training.validate import CRITERIA, Validator, mean_dice

__all__ = ["finish", "fit_reading", "kept_for_fitting"]

# Probabilities kept for fitting, all classes counted: 4 bytes each.
FIT_VALUES = 250_000_000


def finish(model: Model, validator: Validator, out: Path, *, unseen: bool = True) -> tuple[Model, Scores]:
    """Calibrate the probabilities, fit how objects are read, score the validation images, and write `out/validation`.

    Args:
        model: with the best weights.
        validator: with the validation images.
        out: the run folder.
        unseen: whether the validation images were kept out of training; else probabilities stay as they are.

    Returns:
        The model with its logits divided by a temperature and with fitted parameters, and its scores on the validation
        images.
    """
    kept = kept_for_fitting(validator, model)
    model = calibrate(model, kept, out, unseen=unseen)
    fitted = model.reading(fit_reading(model, kept, validator))
    scores: list[ImageScores] = []
    warnings: dict[str, tuple[str, ...]] = {}
    for prediction in validator.predictions(fitted):
        sample = prediction.sample
        write_labels(out / "validation" / "labels" / f"{sample.name}.tif", prediction.mask, sample.pixel_size)
        scores.append(validator.score(prediction))
        if prediction.warnings:
            warnings[sample.name] = prediction.warnings
    found = aggregate(scores)
    content = {
        **found.to_dict(),
        "per_image": found.per_image,
        "criterion": CRITERIA[validator.criterion],
        "warnings": warnings,
    }
    write_text(out / "validation" / "scores.json", json.dumps(content, indent=1) + "\n")
    return fitted, found


def kept_for_fitting(validator: Validator, model: Model) -> list[Prediction]:
    """Predictions of validation images, as many as the memory for fitting takes."""
    kept: list[Prediction] = []
    values = 0
    for prediction in validator.predictions(model):
        values += prediction.objects.labels.size if prediction.probabilities is None else prediction.probabilities.size
        if kept and values > FIT_VALUES:
            break
        kept.append(prediction)
    return kept


def fit_reading(model: Model, kept: Sequence[Prediction], validator: Validator) -> InstanceRecipe | DetectionRecipe:
    """The parameters by which objects or classes are read, with the best score on predictions of annotated images.

    Args:
        model: whose recipe the search starts from.
        kept: predictions by it, or with the probabilities that it would give.
        validator: says what a score is.
    """
    truths: list[LabelImage] = [p.sample.objects for p in kept if p.sample.objects is not None]
    ignored = [p.sample.ignore for p in kept if p.sample.objects is not None]
    detections = [p.detections for p in kept if p.detections is not None]
    if detections:
        return fit_detections(detections, truths, validator.object_score(), model.recipe.detections, ignored)
    start = model.recipe.instances
    if model.recipe.data.kind == "classes":
        return start.model_copy(update=_class_threshold(kept, len(model.recipe.data.class_names)))
    maps = [p.probabilities for p in kept if p.probabilities is not None]
    return fit(maps, truths, validator.object_score(), start, ignored).values


def _class_threshold(kept: Sequence[Prediction], classes: int) -> dict[str, float]:
    """The foreground threshold with the best mean Dice; seeds, which play no part, are kept consistent."""

    def score(threshold: float) -> float:
        values = []
        for p in kept:
            assert p.sample.classes is not None, "validation samples are annotated"
            assert p.probabilities is not None, "only the U-Net predicts classes of pixels"
            found = class_map(p.probabilities, threshold)
            values.append(mean_dice(p.sample.classes, found, classes, p.sample.ignore))
        known = [value for value in values if not math.isnan(value)]
        return sum(known) / len(known) if known else 0.0

    best = max((round(float(t), 2) for t in np.arange(0.2, 0.81, 0.05)), key=lambda t: (score(t), -abs(t - 0.5)))
    return {"mask_threshold": best, "seed_threshold": max(best, 0.5)}
