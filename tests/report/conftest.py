"""Run folders as `train` leaves them, with predictions that err in known ways; no network is needed."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from unmask.arrays import AnyArray
from unmask.data.dataset import Dataset
from unmask.data.files import write_text
from unmask.data.folder import read_folder
from unmask.data.formats.images import write_labels
from unmask.data.masks.coding import Coding, interpret
from unmask.metrics.scores import aggregate, score_image
from unmask.recipe import DataRecipe, Recipe, ScheduleRecipe, TargetRecipe, dump

Kind = Literal["objects", "binary", "classes"]
MakeRun = Callable[..., Path]

SIDE = 48
CENTRES = ((10, 10), (10, 34), (26, 13), (26, 29), (40, 38))


def discs(centres: Sequence[tuple[int, int]], radius: int = 6) -> AnyArray:
    """(h, w) label image of discs."""
    y, x = np.indices((SIDE, SIDE))
    labels = np.zeros((SIDE, SIDE), np.int32)
    for index, (cy, cx) in enumerate(centres, start=1):
        labels[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = index
    return labels


def spoilt(labels: AnyArray, level: int) -> AnyArray:
    """A prediction with as many kinds of errors as `level` says: missed, extra, merged, split."""
    found = labels.copy()
    if level >= 1:
        found[labels == 1] = 0
    if level >= 2:
        found[38:46, 2:10] = 90
    if level >= 3:
        found[20:32, 13:30] = 3
        found[labels == 4] = 3
    if level >= 4:
        found[(labels == 5) & (np.indices(labels.shape)[1] > 38)] = 91
    return found


def write_data(folder: Path, kind: Kind, names: Sequence[str]) -> Path:
    """A data folder."""
    random = np.random.default_rng(0)
    for name in names:
        labels = discs(CENTRES)
        image = random.normal(20, 3, (SIDE, SIDE)) + 150 * (labels > 0)
        write_labels(folder / "images" / f"{name}.tif", image.clip(0, 255).astype(np.uint16), (0.5, 0.5))
        masks = {"objects": labels, "binary": 255 * (labels > 0), "classes": np.array([0, 10, 10, 20, 20, 30])[labels]}
        write_labels(folder / "masks" / f"{name}.tif", masks[kind])
    return folder


def write_predictions(
    out: Path, dataset: Dataset, names: Sequence[str], levels: Sequence[int], **more: Any
) -> dict[str, Any]:
    """labels/ and scores.json, as `finish` writes them."""
    images = []
    for name, level in zip(names, levels, strict=True):
        sample = dataset.load(name)
        assert sample.objects is not None
        assert dataset.kind is not None
        mask = spoilt(sample.objects, level)
        if dataset.kind == "classes":
            mask = np.where(
                (sample.classes == 1) & (np.indices(mask.shape)[1] < 10 + level),
                30,
                np.array([0, 10, 20, 30])[sample.classes],
            )
        coding = Coding("classes" if dataset.kind == "classes" else "objects", dataset.class_values, "")
        found = interpret(mask, coding, out)
        classes, objects = found.classes, found.objects
        write_labels(out / "labels" / f"{name}.tif", mask)
        images.append(score_image(name, sample.classes, sample.objects, classes, objects, dataset.class_names))
    scores = aggregate(images)
    content = {**scores.to_dict(), "per_image": scores.per_image, **more}
    write_text(out / "scores.json", json.dumps(content))
    return content


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Makes a run folder: of a kind, with validation images that err in `levels` ways."""

    def make(kind: Kind = "objects", levels: Sequence[int] = (0, 1, 2, 3, 4), validated: bool = True) -> Path:
        names = [f"{letter}<1>" if letter == "c" else letter for letter in "abcdefghi"]
        dataset = read_folder(write_data(tmp_path / "data", kind, names))
        run = tmp_path / "run"
        criterion: Any = "dice" if kind == "classes" else "ap"
        recipe = Recipe(
            data=DataRecipe(
                path=str((tmp_path / "data").resolve()),
                kind=kind,
                class_names=dataset.class_names,
                class_values=dataset.class_values,
                pixel_size=(0.5, 0.5),
            ),
            targets=TargetRecipe(class_weights=(1.0,) * (1 + len(dataset.class_names))),
            schedule=ScheduleRecipe(steps=60, knots=((0, 0.0), (60, 1.0)), criterion=criterion),
            reasons={"data.kind": dataset.decision, "network.depth": "objects are <b>small</b>", "optimiser": "fast"},
            versions={"python": "3.11.4", "unmask": "0.0.1"},
        )
        scored = names[: len(levels)]
        split = (
            {"train": names[len(levels) :], "val": scored, "test": []}
            if validated
            else {"train": scored, "val": [], "test": []}
        )
        write_text(run / "recipe.yaml", dump(recipe))
        write_text(run / "split.json", json.dumps(split))
        write_text(
            run / "log.csv",
            "step,loss,learning_rate,score,seconds\n20,0.5,0.003,0.41,30\n40,0.3,0.002,0.62,60\n60,0.2,0,0.6,90\n",
        )
        write_predictions(run / "validation", dataset, scored, levels, criterion="AP, mean over IoU .5 to .9")
        return run

    return make


@pytest.fixture
def make_test(tmp_path: Path) -> Callable[[Sequence[str], Sequence[int]], Path]:
    """Makes a folder of predictions, as `predict` and `evaluate` leave it, of the data that `make_run` wrote."""

    def make(names: Sequence[str], levels: Sequence[int]) -> Path:
        out = tmp_path / "test"
        write_predictions(out, read_folder(tmp_path / "data"), names, levels, truth=str(tmp_path / "data"))
        write_text(out / "summary.json", "{}")
        return out

    return make
