"""Figures of single images that trainings are compared by, from the scores that they left."""

import json
from collections.abc import Mapping
from pathlib import Path

from unmask.metrics.matching import threshold_name
from unmask.training.validate import AP_THRESHOLDS, CRITERIA, Criterion

__all__ = ["WORDS", "by_image", "image_scores_of"]

WORDS: dict[Criterion, str] = {
    "ap": CRITERIA["ap"],
    "v_rand": "V_rand, borders thinned away",
    "dice": CRITERIA["dice"],
}
"""What trainings are compared by, by criterion: the criterion itself, but for membranes V_rand as it is reported."""

KEYS: dict[Criterion, tuple[str, ...]] = {
    "ap": tuple(f"ap_{threshold_name(threshold)}" for threshold in AP_THRESHOLDS),
    "v_rand": ("v_rand",),
    "dice": (),
}
"""The keys of an image's scores whose mean that is; of "dice" all that begin with "dice_"."""


def by_image(per_image: Mapping[str, Mapping[str, float]], criterion: Criterion) -> dict[str, float]:
    """Image to the figure that trainings are compared by; images of which it says nothing are left out.

    Args:
        per_image: image to figure to value, as `Scores.per_image`.
        criterion: of the run.
    """
    found = {}
    for name, row in per_image.items():
        keys = KEYS[criterion] or tuple(key for key in row if key.startswith("dice_"))
        if values := [row[key] for key in keys if key in row]:
            found[name] = sum(values) / len(values)
    return found


def image_scores_of(run: Path) -> dict[str, dict[str, float]]:
    """Image to figure to value, of the validation images of a finished run folder."""
    content = json.loads((run / "validation" / "scores.json").read_text(encoding="utf-8"))
    rows: dict[str, dict[str, float]] = content["per_image"]
    return rows
