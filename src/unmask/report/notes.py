"""Honest notes: what a reader must know before believing a figure."""

from pathlib import Path

from unmask.recipe import UNetRecipe
from unmask.report.run_folder import RunFolder
from unmask.report.sheet import Sheet
from unmask.report.words import CRITERION, number

__all__ = ["common_mistake", "run_notes", "sheet_notes"]

FEW = 5


def run_notes(run: RunFolder) -> list[str]:
    """What to know about a run, most important first."""
    notes = []
    if run.validated_on_training:
        notes.append(
            "There were no images to validate on, so the model was scored on the very images it was trained on: these "
            "figures flatter it, and say nothing of new images. Annotate at least two images, and train again."
        )
    if (run.path / "folds.json").exists() and isinstance(run.recipe.network, UNetRecipe):
        notes.append(
            f"This is the mean of {run.recipe.network.members} networks. Each image was scored by the one of them that "
            "had not seen it: the figures are those of single networks."
        )
    train = len(run.split["train"])
    if train < FEW:
        notes.append(f"The model has seen {_images(train)} only; a few more annotated images usually help a lot.")
    best = run.best
    if best and len(run.log) > 1 and best["step"] == run.log[-1]["step"]:
        notes.append("The last validation was the best one: longer training may give a better model.")
    return notes


def sheet_notes(run: RunFolder, sheet: Sheet, *, unseen: bool) -> list[str]:
    """What to know about a sheet of scores.

    Args:
        run: whose model made the predictions.
        sheet: the scores.
        unseen: whether these are test images, of the run's own data folder or another.
    """
    notes = []
    if sheet.warnings:
        name, words = next(iter(sheet.warnings.items()))
        notes.append(f"{_images(len(sheet.warnings))} with a warning, such as {name}: {words[0]}.")
    if unseen and _same_data(run, sheet):
        if known := [name for name in run.split["train"] if name in sheet.per_image]:
            notes.append(
                f"The model was trained on {len(known)} of these images, {known[0]} for one: the figures flatter."
            )
        if known := [name for name in run.split["val"] if name in sheet.per_image]:
            notes.append(f"Weights and thresholds were chosen on {len(known)} of these images, {known[0]} for one.")
    images = len(sheet.per_image)
    if images < FEW:
        notes.append(f"These are figures of {_images(images)}: so few vary a lot by chance.")
    key = CRITERION[run.recipe.schedule.criterion]
    empty = images - len(sheet.column(key))
    if empty and key == "ap_0.50":
        notes.append(
            f"{_images(empty)} without any object, true or predicted: left out of AP, which does not apply there."
        )
    return notes


def common_mistake(sheet: Sheet) -> str:
    """Which mistake is the most frequent, in a sentence; empty where none was made."""
    counts = {key: int(sheet.values.get(key, 0)) for key in ADVICE}
    worst = max(counts, key=lambda key: counts[key])
    return f"{number(counts[worst], count=True)} {ADVICE[worst]}" if counts[worst] else ""


ADVICE = {
    "missed": "missed objects are the most frequent mistake: look below whether they are dim, small or at the border.",
    "extra": "extra objects are the most frequent mistake: look below whether they are real ones that nobody drew.",
    "merges": "merges are the most frequent mistake: objects that touch are not separated well enough.",
    "splits": "splits are the most frequent mistake: single objects fall into pieces.",
}


def _same_data(run: RunFolder, sheet: Sheet) -> bool:
    """Whether names in the sheet mean the images that the run was trained on."""
    return sheet.truth is not None and sheet.truth.resolve() == Path(run.recipe.data.path)


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
