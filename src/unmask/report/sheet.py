"""Sheet: the scores of a set of images as a report needs them, from a scores.json or fresh from the metrics."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from unmask.errors import UnreadableFile
from unmask.metrics.scores import Scores, flat

__all__ = ["Sheet", "Spread", "read_sheet", "sheet_of"]

SECTIONS = ("objects", "boundaries", "semantic")
RESAMPLES = 4000
# Fewer images than this say too little about the images to come for an interval to be honest.
FEWEST_FOR_INTERVAL = 8


@dataclass(frozen=True)
class Spread:
    """A figure over images: the five numbers of a box plot, and of how many images."""

    images: int
    lowest: float
    lower: float
    median: float
    upper: float
    highest: float


@dataclass(frozen=True)
class Sheet:
    """Scores of a set of images, flat.

    Attributes:
        values: figure -> value for the set: "ap_0.50", "dice_nucleus"; with mean_dice, missed and extra added.
        per_image: image -> figure -> value; figures that do not apply to an image are absent.
        criterion: what chose the weights, in words; empty where the scores do not say.
        truth: the folder of the truth, where the scores say.
        warnings: image -> what was told when it was predicted; only images with a warning.
    """

    values: Mapping[str, float]
    per_image: Mapping[str, Mapping[str, float]]
    criterion: str = ""
    truth: Path | None = None
    warnings: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def column(self, key: str) -> dict[str, float]:
        """Image -> value of one figure, without the images to which it does not apply."""
        return {name: row[key] for name, row in self.per_image.items() if key in row}

    def total(self, key: str) -> int:
        """The sum of a count over images."""
        return int(sum(self.column(key).values()))

    def spread(self, key: str) -> Spread | None:
        """How a figure varies over images; None where it applies to none."""
        values = list(self.column(key).values())
        if not values:
            return None
        return Spread(len(values), *(float(v) for v in np.percentile(values, [0, 25, 50, 75, 100])))

    def interval(self, key: str) -> tuple[float, float] | None:
        """95 % interval of the mean over images (percentile bootstrap, seeded); None with too few images."""
        values = np.array(list(self.column(key).values()))
        if values.size < FEWEST_FOR_INTERVAL:
            return None
        drawn = np.random.default_rng(0).integers(values.size, size=(RESAMPLES, values.size))
        low, high = np.percentile(values[drawn].mean(axis=1), [2.5, 97.5])
        return float(low), float(high)

    def ranking(self, key: str) -> list[str]:
        """Images by a figure where high is good, best first; the mean AP decides between equals."""
        column = self.column(key)
        return sorted(column, key=lambda name: (-column[name], -self.per_image[name].get("mean_ap", 0), name))


def sheet_of(scores: Scores) -> Sheet:
    """The sheet of scores fresh from the metrics."""
    return _sheet(scores.to_dict(), scores.per_image)


def read_sheet(path: Path) -> Sheet:
    """The sheet in a scores.json.

    Args:
        path: a file that `train` or `evaluate` wrote.

    Raises:
        UnreadableFile: damaged, or not scores.
    """
    remedy = "write it anew: unmask evaluate PRED TRUTH, or unmask train for a run's own"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        sheet = _sheet(content, content["per_image"])
        truth = content.get("truth")
        return replace(
            sheet,
            criterion=str(content.get("criterion", "")),
            truth=Path(truth) if truth else None,
            warnings=dict(content.get("warnings", {})),
        )
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UnreadableFile(f"cannot be read as JSON ({error})", file=path, remedy=remedy) from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UnreadableFile("does not hold scores of images", file=path, remedy=remedy) from None


def _sheet(tree: Mapping[str, Any], per_image: Mapping[str, Mapping[str, Any]]) -> Sheet:
    values = {key: value for section in SECTIONS for key, value in flat(tree.get(section, {})).items()}
    rows = {name: _known({**row, **_mean_dice(row)}) for name, row in per_image.items()}
    sheet = Sheet(_known({**values, **_mean_dice(values)}), rows)
    counted = {key: sheet.total(key) for key in ("missed", "extra", "truth_objects", "predicted_objects")}
    return Sheet({**sheet.values, **(counted if tree.get("objects") else {})}, rows)


def _known(row: Mapping[str, Any]) -> dict[str, float]:
    """Values that are numbers; JSON may hold NaN."""
    return {key: value for key, value in row.items() if not math.isnan(float(value))}


def _mean_dice(row: Mapping[str, float]) -> dict[str, float]:
    values: Sequence[float] = [value for key, value in row.items() if key.startswith("dice_")]
    return {"mean_dice": float(np.mean(values))} if values else {}
