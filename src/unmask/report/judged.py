"""Judged: a set of scored images with all that the report says and shows of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from unmask.data.options import options_of
from unmask.errors import DataError, UnreadableFile
from unmask.geometry.labels import areas
from unmask.metrics.folders import evaluate_folders
from unmask.report.material import Material, open_material
from unmask.report.notes import common_mistake, sheet_notes
from unmask.report.pictures import Picture, choose, picture
from unmask.report.run_folder import RunFolder
from unmask.report.sheet import Sheet, read_sheet, sheet_of
from unmask.report.sheet_view import Areas, SheetView, sheet_view
from unmask.report.words import CRITERION

__all__ = ["Judged", "judge_test", "judge_validation"]

# Objects of this many images, evenly spread, show how large objects are.
MOST_FOR_AREAS = 100

Gallery = dict[Literal["worst", "best"], list[Picture]]


@dataclass(frozen=True)
class Judged:
    """A set of scored images.

    Attributes:
        unseen: these are test images; else those that training validated on.
        source: which images of what, in words.
        sheet: the scores.
        view: the scores in words and charts.
        notes: what to know before believing them.
        mistake: the most frequent one, in a sentence; empty where there is none.
        gallery: pictures of the worst and the best images; empty where they were not wanted or cannot be made.
        problem: why they cannot be made; empty where they can.
        material: where the images are; None where they could not be found.
    """

    unseen: bool
    source: str
    sheet: Sheet
    view: SheetView
    notes: list[str]
    mistake: str
    gallery: Gallery
    problem: str
    material: Material | None


def judge_validation(run: RunFolder, *, pictures: bool) -> Judged:
    """What training found on its validation images.

    Args:
        run: the run.
        pictures: draw the best and the worst images.
    """
    truth = Path(run.recipe.data.path) if run.recipe.data.path else None
    return _judged(run, run.validation, truth, run.path / "validation", unseen=False, pictures=pictures)


def judge_test(run: RunFolder, predictions: Path, truth: Path | None) -> Judged:
    """Predictions of test images, scored now against the truth, or by an earlier `unmask evaluate`.

    Args:
        run: whose model made the predictions.
        predictions: the folder that `unmask predict` wrote.
        truth: a data folder or a folder of masks; images without a prediction are left out. None takes
            PREDICTIONS/scores.json, and the truth that it names.

    Raises:
        UnreadableFile: not such a folder, or no scores.
        DataError: the truth cannot be used.
    """
    if not (predictions / "labels").is_dir():
        remedy = f"write it first: unmask predict {run.path} IMAGES --out {predictions}"
        raise UnreadableFile("is not a folder of predictions (it holds no labels/)", file=predictions, remedy=remedy)
    if truth is not None:
        reading = options_of(run.recipe.data)
        scores = next(iter(evaluate_folders([predictions], truth, reading=reading, common=True).values()))
        sheet = Sheet(sheet_of(scores).values, scores.per_image, truth=truth, warnings=_warnings(predictions))
    elif (predictions / "scores.json").is_file():
        sheet = read_sheet(predictions / "scores.json")
    else:
        raise UnreadableFile("holds no scores.json", file=predictions, remedy="say what the truth is: --truth FOLDER")
    return _judged(run, sheet, sheet.truth, predictions, unseen=True, pictures=True)


def _judged(
    run: RunFolder, sheet: Sheet, truth: Path | None, predictions: Path, *, unseen: bool, pictures: bool
) -> Judged:
    material, measured, gallery, problem = None, None, Gallery(), ""
    try:
        if truth is None:
            raise DataError("where the images and their truth are is not recorded", file=predictions)
        material = open_material(truth, predictions, run.recipe.data)
        measured = _areas(material, list(sheet.per_image)) if run.recipe.data.kind != "classes" else None
        ranking = sheet.ranking(CRITERION[run.recipe.schedule.criterion])
        if not material.has_images:
            problem = "The truth is a folder of masks, without the images they belong to."
        elif not ranking:
            problem = "No image has the figure that would rank them, for none has an object."
        elif pictures:
            gallery = _gallery(material, ranking, run)
    except DataError as error:
        problem = str(error)
    return Judged(
        unseen=unseen,
        source=_source(sheet, truth, material),
        sheet=sheet,
        view=sheet_view(sheet, run.recipe, measured),
        notes=sheet_notes(run, sheet, unseen=unseen),
        mistake=common_mistake(sheet) if run.recipe.data.kind != "classes" else "",
        gallery=gallery,
        problem=problem,
        material=material,
    )


def _warnings(predictions: Path) -> dict[str, list[str]]:
    """Image -> what was told when it was predicted, as summary.json has it."""
    file = predictions / "summary.json"
    if not file.is_file():
        return {}
    try:
        images = json.loads(file.read_text(encoding="utf-8")).get("images", [])
        return {image["name"]: list(image["warnings"]) for image in images if image.get("warnings")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise UnreadableFile("cannot be read", file=file, remedy="predict again: the same command writes it") from None


def _source(sheet: Sheet, truth: Path | None, material: Material | None) -> str:
    of = f"the {len(material.names):,} images of {truth}" if material else f"the images of {truth}" if truth else ""
    return f"{len(sheet.per_image):,} of {of}." if of else ""


def _areas(material: Material, names: Sequence[str]) -> Areas:
    chosen = sorted({int(at) for at in np.linspace(0, len(names) - 1, min(MOST_FOR_AREAS, len(names)))})
    pairs = [material.load(names[at]) for at in chosen]
    true = np.concatenate([areas(one.truth_objects) for one in pairs])
    predicted = np.concatenate([areas(one.objects) for one in pairs])
    return Areas(true[true > 0], predicted[predicted > 0], len(pairs))


def _gallery(material: Material, ranking: Sequence[str], run: RunFolder) -> Gallery:
    classes = run.recipe.data.kind == "classes"
    return {
        end: [picture(material.load(name), classes=classes) for name in names] for end, names in choose(ranking).items()
    }
