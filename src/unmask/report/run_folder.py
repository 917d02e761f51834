"""RunFolder: what `train` left behind, read without torch."""

import csv
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from unmask.errors import TrainingError, UnreadableFile
from unmask.recipe import Recipe, parse
from unmask.report.calibration import Calibrated, read_calibration
from unmask.report.sheet import Sheet, read_sheet

__all__ = ["RunFolder", "read_run"]


@dataclass(frozen=True)
class RunFolder:
    """A finished run.

    Attributes:
        path: the folder.
        recipe: as the run ended up.
        split: "train", "val" and "test" -> names of images.
        log: a row a validation, in order: step, loss, learning_rate, score and more.
        losses: (step, loss) of loss.csv, finer than the log; those of the log where there is no such file.
        validation: scores of the validation images, with the best weights and the fitted instance parameters.
        finished: when.
        calibration: of its probabilities; None where nothing was fitted.
    """

    path: Path
    recipe: Recipe
    split: dict[str, list[str]]
    log: tuple[dict[str, float], ...]
    losses: tuple[tuple[float, float], ...]
    validation: Sheet
    finished: datetime
    calibration: Calibrated | None

    @property
    def validated_on_training(self) -> bool:
        """Whether there was no image to validate on, so that training images were scored."""
        return not self.split.get("val")

    @property
    def best(self) -> dict[str, float] | None:
        """The row of the log whose weights were kept: the first with the highest score."""
        return max(self.log, key=lambda row: row["score"], default=None)


def read_run(path: Path) -> RunFolder:
    """Read a run folder.

    Args:
        path: the folder.

    Raises:
        UnreadableFile: not a run folder, or a file in it is missing or damaged.
        RecipeError: recipe.yaml holds values that are unknown or impossible.
        TrainingError: the run is not finished.
    """
    if not (path / "recipe.yaml").is_file():
        problem = "is not a run folder (it holds no recipe.yaml)" if path.is_dir() else "there is no such folder"
        raise UnreadableFile(problem, file=path, remedy="give the folder that unmask train --out named")
    recipe = _read_recipe(path / "recipe.yaml")
    scores = path / "validation" / "scores.json"
    if not scores.is_file():
        begun = any((path / name).exists() for name in ("last.ckpt", "folds.json", "curve.json"))
        end = "--resume" if begun else "--minutes 15"
        raise TrainingError(
            "this run is not finished: there are no scores yet",
            file=path,
            remedy=f"let it end, or go on with it: unmask train {recipe.data.path or 'DATA'} --out {path} {end}",
        )
    log = _read_rows(path / "log.csv", ("step", "loss", "score", "seconds"))
    return RunFolder(
        path=path,
        recipe=recipe,
        split=_read_split(path / "split.json"),
        log=log,
        losses=tuple((row["step"], row["loss"]) for row in _read_rows(path / "loss.csv", ("step", "loss")) or log),
        validation=read_sheet(scores),
        finished=datetime.fromtimestamp(scores.stat().st_mtime),
        calibration=read_calibration(path / "validation" / "calibration.json"),
    )


def _read_recipe(path: Path) -> Recipe:
    remedy = "restore it; a copy is inside model.safetensors"
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UnreadableFile(f"cannot be read as YAML ({_first_line(error)})", file=path, remedy=remedy) from None
    if not isinstance(values, dict):
        raise UnreadableFile("does not hold a recipe", file=path, remedy=remedy)
    return parse(values)


def _read_split(path: Path) -> dict[str, list[str]]:
    remedy = "restore it, or train anew; the names of the training images stand in no other file"
    try:
        values: Any = json.loads(path.read_text(encoding="utf-8"))
        return {key: [str(name) for name in values[key]] for key in ("train", "val", "test")}
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UnreadableFile(f"cannot be read as JSON ({_first_line(error)})", file=path, remedy=remedy) from None
    except (KeyError, TypeError):
        raise UnreadableFile("does not hold the lists train, val and test", file=path, remedy=remedy) from None


def _read_rows(path: Path, columns: tuple[str, ...]) -> tuple[dict[str, float], ...]:
    """Rows of a table of numbers, without its empty cells; none where there is no such file."""
    remedy = "delete it: the report then does without"
    if not path.is_file():
        return ()
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = [{key: float(text) for key, text in row.items() if text} for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error, TypeError, ValueError) as error:
        raise UnreadableFile(f"is not a table of numbers ({_first_line(error)})", file=path, remedy=remedy) from None
    for line, row in enumerate(rows, start=2):
        if missing := [column for column in columns if column not in row]:
            raise UnreadableFile(f"line {line} has no {missing[0]}", file=path, remedy=remedy)
    return tuple(rows)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
