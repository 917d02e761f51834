"""Folds: K trainings, each validated on its part of the images and trained on the others, and all of them as one model.

Every image is unseen by one of the networks. That one's predictions are what thresholds are fitted to and scores are
of, so that no image has to be kept out of training for good (cross-validation, Stone 1974; the mean of the members'
probabilities as in deep ensembles, Lakshminarayanan et al. 2017).
"""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from unmask.data.dataset import Dataset
from unmask.data.files import write_text
from unmask.errors import RecipeError, TrainingError
from unmask.model import Model
from unmask.predict.prediction import Prediction
from unmask.predict.predictor import Predictor
from unmask.recipe import dump
from unmask.training.figures import WORDS, by_image
from unmask.training.finish import finish
from unmask.training.fold_scores import FoldScores, fold_scores
from unmask.training.folder import FOLDS, start_folder
from unmask.training.loop import Progress
from unmask.training.outcome import Run
from unmask.training.setup import Setup
from unmask.training.several import OnProgress, OnStart, Training, one_device, train_each
from unmask.training.single import Place
from unmask.training.validate import Criterion, Validator

__all__ = ["OutOfFold", "cut", "train_folds"]

Parts = tuple[tuple[str, ...], ...]


class OutOfFold(Validator):
    """Scores an ensemble of folds: each image by the one member that has not seen it.

    Args:
        dataset: annotated.
        parts: names of the images that each member was validated on, in the order of the members.
        criterion: what decides.
    """

    def __init__(self, dataset: Dataset, parts: Parts, criterion: Criterion) -> None:
        super().__init__(dataset, [name for part in parts for name in part], criterion)
        self.parts = parts

    def predictions(self, model: Model) -> Iterator[Prediction]:
        """Predictions of all images, one at a time; one of each part in turn: the first few are of all parts."""
        device = str(next(model.net.parameters()).device)
        predictors = [Predictor(member, device=device) for member in model.members]
        for round_ in range(max(len(part) for part in self.parts)):
            for predictor, part in zip(predictors, self.parts, strict=True):
                if round_ < len(part):
                    yield predictor.predict(self.dataset.load(part[round_]))


def cut(names: Sequence[str], folds: int, seed: int) -> Parts:
    """Names in so many parts, drawn by seed, whose sizes differ by one at most; each in the order of the names.

    Raises:
        RecipeError: there are fewer than 2 folds, or more than images.
    """
    if not 2 <= folds <= len(names):
        raise RecipeError(
            f"--folds {folds}: there are {len(names)} annotated images to train on",
            remedy=f"type a number from 2 to {len(names)}" if len(names) > 1 else "annotate at least two images",
        )
    drawn = sorted(names, key=lambda name: hashlib.sha256(f"fold {seed}:{name}".encode()).digest())
    part_of = {name: place % folds for place, name in enumerate(drawn)}
    return tuple(tuple(name for name in names if part_of[name] == part) for part in range(folds))


def train_folds(
    setup: Setup,
    out: Path,
    place: Place,
    folds: int | None,
    *,
    started: float,
    on_start: OnStart | None = None,
    on_progress: OnProgress | None = None,
) -> Run:
    """Train on folds, and make their networks one model.

    Args:
        setup: of the command; what validates in it takes part in the folds, what tests does not.
        out: the folder to make, or, without `folds`, one that was begun.
        place: where.
        folds: how many; None goes on with what was begun.
        started: `time.monotonic()` at the beginning of the command.
        on_start: called once before training.
        on_progress: called after each step.

    Raises:
        RecipeError: a number of folds that is impossible, or a Mask R-CNN.
        TrainingError: several devices were asked for, or a training failed; the folds before it are kept.
    """
    if setup.recipe.network.name == "mask-rcnn":
        raise RecipeError(
            "--folds: the boxes of several Mask R-CNNs cannot be averaged", remedy="type --net unet, or leave it out"
        )
    place = one_device(place, "--folds")
    if folds is None:
        parts = _read_parts(out)
        base = setup
    else:
        among = {*setup.split["train"], *setup.split["val"]}
        names = [name for name in setup.dataset.names() if name in among]
        parts = cut(names, folds, setup.recipe.schedule.seed)
        base = _whole(setup, names)
        start_folder(out, base)
        write_text(out / FOLDS, json.dumps({"parts": parts}, indent=1) + "\n")
    trainings = [_training(base, parts, index) for index in range(len(parts))]
    train_each(base, trainings, out, place, started=started, ending=True, on_start=on_start, on_progress=on_progress)
    if on_progress is not None:
        on_progress(Progress(0, 1.0, 0.0, -math.inf, 0.0, "scoring all folds"))
    return _join(base, parts, [out / training.folder for training in trainings], out, place)


def _whole(setup: Setup, names: list[str]) -> Setup:
    """The setup of the folder that holds the folds: every image trains, and every image validates."""
    split = {"train": names, "val": names, "test": setup.split["test"]}
    understood = setup.understood
    if understood is not None:
        counts = {word: len(split[word]) for word in ("train", "test") if split[word]}
        understood = replace(understood, splits=counts)
    return replace(setup, split=split, understood=understood)


def _training(base: Setup, parts: Parts, index: int) -> Training:
    own = {*parts[index]}
    split = {
        "train": [name for name in base.split["train"] if name not in own],
        "val": list(parts[index]),
        "test": base.split["test"],
    }
    words = f"fold {index + 1} of {len(parts)}"
    return Training(f"fold-{index + 1}", words, split, base.recipe.schedule.seed + index)


def _read_parts(out: Path) -> Parts:
    try:
        parts = json.loads((out / FOLDS).read_text(encoding="utf-8"))["parts"]
        return tuple(tuple(str(name) for name in part) for part in parts)
    except (OSError, ValueError, KeyError, TypeError):
        raise TrainingError(
            "it does not say which images are in which fold", file=out / FOLDS, remedy="train again, into a new --out"
        ) from None


def _join(base: Setup, parts: Parts, folders: Sequence[Path], out: Path, place: Place) -> Run:
    """One model of all folds: thresholds and scores are those of each image's unseeing network."""
    joined = Model.joined([Model.load(folder) for folder in folders])
    reasons = {
        **joined.recipe.reasons,
        "network.members": f"one for each of {len(parts)} folds",
        "schedule": "that of the first fold; the others have their own in fold-2, fold-3, ...",
        "instances": "fitted on all images, each predicted by the one network that had not seen it",
    }
    joined = replace(
        joined, net=joined.net.to(place.device), recipe=joined.recipe.model_copy(update={"reasons": reasons})
    )
    criterion = base.recipe.schedule.criterion
    model, scores = finish(joined, OutOfFold(base.dataset, parts, criterion), out)
    found = fold_scores(parts, by_image(scores.per_image, criterion), WORDS[criterion])
    write_text(out / FOLDS, json.dumps(_to_dict(parts, found), indent=1) + "\n")
    write_text(out / "recipe.yaml", dump(model.recipe))
    model.save(out / "model.safetensors")  # the last: as long as there is none, the command is gone on with
    return Run(out, model.recipe, scores, unseen=True, folds=found)


def _to_dict(parts: Parts, found: FoldScores) -> dict[str, object]:
    scores = [None if math.isnan(score) else score for score in found.scores]
    mean = None if math.isnan(found.mean) else found.mean
    return {
        "parts": parts,
        "criterion": found.criterion,
        "scores": scores,
        "mean": mean,
        "standard_deviation": found.spread,
    }
