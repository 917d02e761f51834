"""The report: a run folder as one HTML page, with everything in it."""

import platform
import shlex
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from unmask.data.dataset import Dataset
from unmask.data.files import write_text
from unmask.data.picture import CLASS_COLOURS, MARKS
from unmask.errors import UnmaskError
from unmask.recipe import MaskRCNNRecipe, Recipe, UNetRecipe
from unmask.report.calibration import calibration_words
from unmask.report.charts import training_curves
from unmask.report.data_view import data_lines, plural
from unmask.report.judged import Judged, judge_test, judge_validation
from unmask.report.notes import run_notes
from unmask.report.pictures import PREDICTION_COLOUR, TRUTH_COLOUR
from unmask.report.recipe_table import recipe_parts
from unmask.report.reliability import reliability_plot
from unmask.report.run_folder import RunFolder, read_run
from unmask.report.words import CRITERION, figure, number
from unmask.version import __version__

__all__ = ["write_report"]

# The signs of `unmask.data.picture` as path data around 0 0.
SIGNS = {
    "misses": "M-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0",
    "extras": "M-.85-.85L.85.85M-.85.85L.85-.85",
    "merges": "M-1.15 0L0-1.15L1.15 0L0 1.15z",
    "splits": "M-1.05 0H1.05M0-1.05V1.05",
}


def write_report(
    run: str | Path, *, test: str | Path | None = None, truth: str | Path | None = None, out: str | Path | None = None
) -> Path:
    """Write a run's report: scores, pictures, curves, data and recipe, in one HTML file without links to others.

    Args:
        run: a finished run folder.
        test: predictions of unseen images, that `unmask predict` wrote; shown first.
        truth: their truth, a data folder or a folder of masks; unless given, the one that TEST/scores.json names.
        out: the file to write; RUN/report.html unless given.

    Returns:
        The file.

    Raises:
        UnreadableFile: not a run folder, not a folder of predictions, or a file in them is damaged.
        TrainingError: the run is not finished.
        DataError: the truth of the test images cannot be used.
        UnmaskError: truth without test, or the report cannot be written.
    """
    if truth is not None and test is None:
        raise UnmaskError(
            "there is a truth, but no predictions to compare it with", file=truth, remedy="add --test PRED"
        )
    found = read_run(Path(run))
    judged = [judge_test(found, Path(test), None if truth is None else Path(truth))] if test is not None else []
    judged.append(judge_validation(found, pictures=not judged))
    path = Path(out) if out is not None else found.path / "report.html"
    write_text(path, _render(found, judged))
    return path


def _render(run: RunFolder, judged: list[Judged]) -> str:
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(plural=plural, number=number)
    material = judged[-1].material
    dataset = material.truth if material is not None and isinstance(material.truth, Dataset) else None
    return environment.get_template("report.html.j2").render(
        run=run,
        recipe=run.recipe,
        network=_network(run.recipe),
        judged=judged,
        notes=run_notes(run),
        data=data_lines(run, dataset),
        curves=training_curves(run) if run.losses else "",
        reliability=reliability_plot(run.calibration) if run.calibration else "",
        calibration=calibration_words(run.calibration, len(run.recipe.data.class_names)) if run.calibration else [],
        parts=recipe_parts(run.recipe),
        commands=_commands(run),
        captions={name: _caption(judged[0], name) for name in judged[0].sheet.per_image},
        first=figure(CRITERION[run.recipe.schedule.criterion]),
        classes=dict(zip(run.recipe.data.class_names, _cycled(len(run.recipe.data.class_names)), strict=True)),
        colours={"truth": TRUTH_COLOUR, "prediction": PREDICTION_COLOUR},
        marks=MARKS,
        signs=SIGNS,
        writer=f"unmask {__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}",
    )


def _network(recipe: Recipe) -> str:
    """The network in words."""
    match recipe.network:
        case UNetRecipe():
            which = "A U-Net" if recipe.network.members == 1 else f"The mean of {recipe.network.members} U-Nets"
            return f"{which} of depth {recipe.network.depth} and width {recipe.network.width}"
        case MaskRCNNRecipe():
            kind = "Mask R-CNN" if recipe.network.masks else "Faster R-CNN"
            backbone = recipe.network.backbone.replace("resnet", "ResNet-")
            return f"A {kind} with a {backbone}, of width {recipe.network.width}"


def _caption(judged: Judged, name: str) -> str:
    """What is said under a picture: the figure that ranks, and the counts."""
    row = judged.sheet.per_image[name]
    keys = [tile.figure.key for tile in judged.view.tiles[:1]]
    parts = [f"{figure(key).name} {number(row[key])}" for key in keys if key in row]
    if judged.view.mistakes:
        parts.append(f"{row.get('truth_objects', 0):.0f} true, {row.get('predicted_objects', 0):.0f} predicted")
        parts += [_count(int(row[key]), key) for key in ("missed", "extra", "merges", "splits") if row.get(key)]
    return " · ".join(parts)


def _count(count: int, mistake: str) -> str:
    return f"{count} {mistake.removesuffix('s') if count == 1 else mistake}"


def _cycled(count: int) -> list[str]:
    return [CLASS_COLOURS[index % len(CLASS_COLOURS)] for index in range(count)]


def _commands(run: RunFolder) -> list[tuple[str, str]]:
    """What it does, and the command."""
    path, data = shlex.quote(str(run.path)), shlex.quote(run.recipe.data.path or "DATA")
    return [
        (
            "Train the same model again: same recipe, data and seed give the same weights on the same machine",
            f"unmask train {data} --recipe {path}/recipe.yaml --out run-again",
        ),
        ("Use the model on other images", f"unmask predict {path} IMAGES --out predictions"),
        ("Score predictions where there is a truth", "unmask evaluate predictions TRUTH"),
        ("Write this report with them", f"unmask report {path} --test predictions --truth TRUTH"),
    ]
