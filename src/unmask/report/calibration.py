"""The calibration of a run's probabilities, as a report shows it."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmask.errors import UnreadableFile
from unmask.metrics.calibration import BINS

__all__ = ["Calibrated", "Reliability", "calibration_words", "read_calibration"]


@dataclass(frozen=True)
class Reliability:
    """How far probabilities mean shares.

    Attributes:
        pixels: how many are in each bin of foreground probability.
        probability: (mean probability, share of true foreground) of each bin that is not empty.
        ece: the mean distance of the two, over pixels.
        label_ece: the same of the likeliest class.
        nll: negative log likelihood, mean over pixels.
        brier: Brier score.
    """

    pixels: tuple[int, ...]
    probability: tuple[tuple[float, float], ...]
    ece: float
    label_ece: float
    nll: float
    brier: float


@dataclass(frozen=True)
class Calibrated:
    """What validation/calibration.json says.

    Attributes:
        images: how many the temperature was fitted on.
        temperature: what logits were divided by.
        before: without it.
        after: with it.
    """

    images: int
    temperature: float
    before: Reliability
    after: Reliability


def read_calibration(path: Path) -> Calibrated | None:
    """The calibration of a run; None where there is no such file.

    Args:
        path: RUN/validation/calibration.json.

    Raises:
        UnreadableFile: it is damaged.
    """
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        sides = (_reliability(found[side]) for side in ("before", "after"))
        return Calibrated(int(found["images"]), float(found["temperature"]), *sides)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        problem = "does not hold what training says of its probabilities"
        raise UnreadableFile(problem, file=path, remedy="delete it: the report then does without") from None


def _reliability(found: dict[str, Any]) -> Reliability:
    bins = found["foreground"]
    points = zip(bins["probability"], bins["share"], strict=True)
    numbers = [float(one) for one in (bins["ece"], found["label"]["ece"], found["nll"], found["brier"])]
    pixels = tuple(int(one) for one in bins["pixels"])
    if len(pixels) != BINS or not all(math.isfinite(one) for one in numbers):
        raise ValueError("not bins")
    return Reliability(pixels, tuple((float(x), float(y)) for x, y in points if x is not None), *numbers)


def calibration_words(found: Calibrated, classes: int) -> list[str]:
    """What the figures mean, in sentences.

    Args:
        found: the figures.
        classes: how many classes there are beside the background.
    """
    before, after = found.before, found.after
    words = [
        f"Of 100 pixels with a foreground probability of 70 %, 70 should be foreground. The probabilities of this "
        f"network were off by {_points(before.ece)} on average (ECE {before.ece:.3f})"
    ]
    if found.temperature == 1:
        words[0] += ", and no other temperature than 1 made the truth likelier: they are left as they were."
    else:
        was = "surer than it was right" if found.temperature > 1 else "less sure than it was right"
        words[0] += (
            f": it was {was}. Its logits were divided by the temperature {found.temperature:.2f}, and now they are off "
            f"by {_points(after.ece)} (ECE {after.ece:.3f})."
        )
    if classes > 1:
        errors = f"{_points(before.label_ece)} before, {_points(after.label_ece)} after"
        words.append(f"Of the likeliest class of each pixel they were off by {errors}.")
    words.append(
        f"Negative log likelihood went from {before.nll:.4f} to {after.nll:.4f}, the Brier score from "
        f"{before.brier:.4f} to {after.brier:.4f}; less is better for both."
    )
    images = "the validation image" if found.images == 1 else f"the {found.images} validation images"
    words.append(
        f"All of this is of {images} that the temperature was fitted on, and of all their pixels together. Most of "
        f"them are plain; along borders, and where objects touch, probabilities are less exact."
    )
    return words


def _points(error: float) -> str:
    return f"{100 * error:.1f} percentage point{'s' * (f'{100 * error:.1f}' != '1.0')}"
