"""Scores of folders: predictions of any tool against truth, image by image."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from unmask.arrays import ClassMap
from unmask.data.label_folder import LabelFolder, read_label_folder
from unmask.data.masks.coding import Coding
from unmask.data.options import ReadOptions
from unmask.data.shapes.annotations import LabelLayers
from unmask.data.split import read_split
from unmask.errors import DataError, PairingError
from unmask.geometry.rle import encode
from unmask.metrics.coco import CocoImage, CocoObject, coco_scores
from unmask.metrics.naming import one_class, paint_classes, rename_classes, unnamed
from unmask.metrics.scored import Scored, masks_of_labels, model_classes, scored_objects
from unmask.metrics.scores import Scores, aggregate, score_image

__all__ = ["evaluate_folders"]


def evaluate_folders(
    predictions: Sequence[Path],
    truth: Path,
    *,
    reading: ReadOptions | None = None,
    split: str | None = None,
    common: bool = False,
    on_read: Callable[[str, str], None] | None = None,
) -> dict[str, Scores]:
    """Score folders of predictions against one truth, all on the same images.

    COCO's scores (`coco`) are there where a folder says how sure its objects are, and masks are not classes. They
    compare classes by name, but where one side has no names of classes: all its objects are then called "object".

    Args:
        predictions: folders of label images, of any tool, or that `predict` wrote.
        truth: a folder of label images, a data set, or its COCO or VIA file.
        reading: what the user says of the masks, where looking at them is not enough; a layout and what to ignore are
            the truth's.
        split: only the images that the truth's split.csv puts there.
        common: only the images that every folder has.
        on_read: called with each folder's name and what its masks were taken for.

    Returns:
        Scores by the folder's name, in the order given.

    Raises:
        PairingError: a folder or an image is missing, or sizes differ.
        MaskError: masks that cannot be understood.
        DataError: the truth has no split.csv, or a split without images.
    """
    reading = reading or ReadOptions()
    kind = reading.kind
    true = read_label_folder(truth, reading)
    found = {name: _read(path, true, kind) for name, path in zip(_names(predictions), predictions, strict=True)}
    if on_read is not None:
        for name, folder in {truth.name: true, **found}.items():
            on_read(name, folder.coding.decision)
    names = _of_split(true, split) if split else true.names
    if common:
        names = [name for name in names if all(name in folder.entries for folder in found.values())]
    for folder in found.values():
        _check_complete(folder, names)
    return {name: _evaluate(folder, true, names) for name, folder in found.items()}


def _read(path: Path, truth: LabelFolder, kind: Literal["objects", "classes"] | None) -> LabelFolder:
    if truth.kind == "classes":
        found = read_label_folder(path, ReadOptions("classes"))
        return replace(found, coding=_meaning(path, found.coding, truth.coding))
    if (path / "summary.json").exists():  # our own
        if (path / "coco.json").exists() and not (path / "labels").exists():
            raise PairingError("has no label images", file=path, remedy="predict again, with --save labels,coco")
        return read_label_folder(path, ReadOptions("objects"))
    found = read_label_folder(path, ReadOptions(kind))
    # Against objects, a few ids that come in pieces are objects that came in pieces, not classes.
    return read_label_folder(path, ReadOptions("objects")) if found.kind == "classes" else found


def _names(paths: Sequence[Path]) -> list[str]:
    """Short names of folders, whole paths where short ones coincide."""
    short = [path.name for path in paths]
    return short if len(set(short)) == len(short) else [str(path) for path in paths]


def _meaning(path: Path, found: Coding, truth: Coding) -> Coding:
    """What the values of a class map mean: as the truth's, of which it need not hold every class.

    A label image cannot have the truth's values where these are colours, or where 0 is one of them. Then it has 1, 2,
    ...: of our own models the classes that its summary names, of other tools the truth's in their order.
    """
    if truth.writable or (found.colours and truth.colours):
        return replace(truth, background=tuple({0, *truth.background} - {*truth.values}))
    names = model_classes(path)
    return truth.predicted if names is None else truth.numbered(names)


def _of_split(truth: LabelFolder, split: str) -> list[str]:
    file = (truth.root.parent if truth.root.is_file() else truth.root) / "split.csv"
    if not file.exists() and not truth.splits:
        raise DataError("there is no split.csv", file=truth.root, remedy="leave --split out, or use --common")
    words = read_split(file, list(truth.entries.values())) if file.exists() else truth.splits
    names = [name for name, word in words.items() if word == split]
    if not names:
        raise DataError(f"no image is marked {split}", file=file, remedy="choose train, val or test")
    return names


def _check_complete(folder: LabelFolder, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in folder.entries]
    if missing or not names:
        raise PairingError(
            f"{len(missing)} of the truth's {len(names)} images have no prediction, {missing[0]} for one"
            if names
            else "no image of the truth has a prediction",
            file=folder.root,
            remedy="predict them too, or score only the images that both have: --common"
            if len(missing) < len(names)
            else f"check that these belong together: names here look like {folder.names[0]}",
        )


def _evaluate(prediction: LabelFolder, truth: LabelFolder, names: Sequence[str]) -> Scores:
    class_names = truth.coding.class_names
    scored = None if truth.kind == "classes" else scored_objects(prediction)
    scores, images = [], []
    for name in names:
        true, predicted = truth.load(name), prediction.load(name)
        classes, objects = predicted.classes, predicted.objects
        found = [] if scored is None else scored.load(name, (objects.shape[0], objects.shape[1]))
        named = _named(classes, prediction, truth, scored, found)
        scores.append(score_image(name, true.classes, true.objects, named, objects, class_names, ignore=true.ignore))
        objects_there = [] if scored is None else _true_objects(true, class_names)
        ignore = None if true.ignore is None else encode(true.ignore, 0, 0, true.objects.shape)
        images.append(CocoImage(name, objects_there, found, ignore))
    if scored is not None and (unnamed(class_names) or unnamed(scored.class_names)):
        images = [one_class(image) for image in images]
    return replace(aggregate(scores), coco=coco_scores(images))


def _named(
    classes: ClassMap, prediction: LabelFolder, truth: LabelFolder, scored: Scored | None, found: Sequence[CocoObject]
) -> ClassMap | None:
    """A predicted class map in the truth's classes; None where the prediction does not tell them apart."""
    if truth.kind == "classes" or not classes.any():
        return classes
    names, own = truth.coding.class_names, prediction.coding.class_names if scored is None else scored.class_names
    if unnamed(names) or unnamed(own):
        return (classes > 0).astype(np.uint8) if len(names) == 1 else None
    if scored is None:
        return rename_classes(classes, own, names)
    return paint_classes(found, names, (classes.shape[0], classes.shape[1]))


def _true_objects(truth: LabelLayers, class_names: Sequence[str]) -> list[CocoObject]:
    """All of every true object, also where they overlap."""
    layers = truth.objects[None] if truth.layers is None else truth.layers
    class_of = truth.layer_classes
    return [CocoObject(mask, class_names[class_of[label] - 1]) for label, mask in masks_of_labels(layers)]
