"""Scores of folders: predictions of any tool against truth, image by image."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from unmask.data.folder import LabelFolder, read_folder, read_label_folder
from unmask.errors import DataError, PairingError
from unmask.metrics.scores import Scores, aggregate, score_image

__all__ = ["evaluate_folders"]


def evaluate_folders(
    predictions: Sequence[Path],
    truth: Path,
    *,
    kind: Literal["objects", "classes"] | None = None,
    split: str | None = None,
    common: bool = False,
) -> dict[str, Scores]:
    """Score folders of predictions against one truth, all on the same images.

    Args:
        predictions: folders of label images, of any tool, or that `predict` wrote.
        truth: a folder of label images, or a data set.
        kind: what the masks hold, where looking at them is not enough.
        split: only the images that the truth's split.csv puts there.
        common: only the images that every folder has.

    Returns:
        Scores by the folder's name, in the order given.

    Raises:
        PairingError: a folder or an image is missing, or sizes differ.
        MaskError: masks that cannot be understood.
        DataError: the truth has no split.csv, or a split without images.
    """
    true = read_label_folder(truth, kind)
    found = {name: _read(path, true, kind) for name, path in zip(_names(predictions), predictions, strict=True)}
    names = _of_split(truth, split) if split else true.names
    if common:
        names = [name for name in names if all(name in folder.entries for folder in found.values())]
    for folder in found.values():
        _check_complete(folder, names)
    return {name: _evaluate(folder, true, names) for name, folder in found.items()}


def _read(path: Path, truth: LabelFolder, kind: Literal["objects", "classes"] | None) -> LabelFolder:
    if truth.kind == "classes":
        # A prediction need not hold every class: its values mean what the truth's mean.
        return replace(read_label_folder(path, "classes"), coding=truth.coding)
    ours = (path / "summary.json").exists()
    return read_label_folder(path, "objects" if ours else kind)


def _names(paths: Sequence[Path]) -> list[str]:
    """Short names of folders, whole paths where short ones coincide."""
    short = [path.name for path in paths]
    return short if len(set(short)) == len(short) else [str(path) for path in paths]


def _of_split(truth: Path, split: str) -> list[str]:
    names = read_folder(truth).names(split)
    if not names:
        raise DataError(f"no image is marked {split}", file=truth / "split.csv", remedy="choose train, val or test")
    return names


def _check_complete(folder: LabelFolder, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in folder.entries]
    if missing or not names:
        raise PairingError(
            f"{len(missing)} of the truth's {len(names)} images have no prediction, {missing[0]} for one"
            if names
            else "no image of the truth has a prediction",
            file=folder.root,
            remedy="predict them too, or add --split test or --common to score fewer images",
        )


def _evaluate(prediction: LabelFolder, truth: LabelFolder, names: Sequence[str]) -> Scores:
    class_names = truth.coding.class_names
    scores = []
    for name in names:
        true_classes, true_objects = truth.load(name)
        classes, objects = prediction.load(name)
        scores.append(score_image(name, true_classes, true_objects, classes, objects, class_names))
    return aggregate(scores)
