"""Calibration of a run's U-Net on validation and test images, before and after its temperature.

    python benchmarks/calibration.py RUN

The temperature is fitted to the validation images of the run's split, that of the model undone first if it has one; the
data are those that the recipe names. "Shift too" has a second fitted number, added to the logit of the foreground:
what a temperature cannot do. "Contacts" are pixels with two objects within 2 pixels.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.optimize import minimize

from unmask.arrays import LabelImage, MaskImage, ProbabilityMap
from unmask.data.folder import read_folder
from unmask.data.options import options_of
from unmask.metrics.calibration import LEAST, calibration, pooled
from unmask.model import Model
from unmask.predict.prediction import Prediction
from unmask.training.temperature import fit_temperature, tempered_map
from unmask.training.validate import Validator

Change = Callable[[ProbabilityMap], ProbabilityMap]


def contacts(objects: LabelImage) -> MaskImage:
    """Pixels in whose 5 x 5 window are two objects."""
    largest = ndimage.maximum_filter(objects, 5)
    smallest = ndimage.minimum_filter(np.where(objects > 0, objects, np.iinfo(np.int32).max), 5)
    return (largest > 0) & (smallest < largest)


def logit(maps: ProbabilityMap) -> ProbabilityMap:
    """Of the foreground, (h, w)."""
    front, back = np.maximum(1 - maps[0], LEAST), np.maximum(maps[0], LEAST)
    return np.log(front) - np.log(back)


def shifted(predictions: list[Prediction], start: float) -> Change:
    """Scale and shift of the foreground's logit, fitted to every 17th pixel."""
    logits = np.concatenate([logit(one.probabilities).ravel()[::17] for one in predictions]).astype(float)
    signs = np.concatenate([np.where(one.sample.classes > 0, -1, 1).ravel()[::17] for one in predictions])
    loss = lambda x: np.logaddexp(0, signs * (x[0] * logits + x[1])).mean()  # noqa: E731
    scale, shift = minimize(loss, [1 / start, 0.0], method="Nelder-Mead").x
    print(f"scale {scale:.3f}, shift {shift:+.3f}\n")

    def change(maps: ProbabilityMap) -> ProbabilityMap:
        front = (1 / (1 + np.exp(-(scale * logit(maps) + shift)))).astype(np.float32)
        return np.stack([1 - front, front])

    return change


def row(name: str, predictions: list[Prediction], change: Change, *, at_contacts: bool = False) -> None:
    """A line of the table."""
    parts = []
    for one in predictions:
        hidden = ~contacts(one.sample.objects) if at_contacts else np.zeros(one.sample.size, bool)
        if one.sample.ignore is not None:
            hidden |= one.sample.ignore
        parts.append(calibration(change(one.probabilities), (one.sample.classes > 0).astype(np.uint8), hidden))
    found = pooled(parts)
    print(
        f"| {name} | {found.pixels:,} | {found.foreground.ece:.4f} | {found.nll:.4f} | {found.brier:.4f} |", flush=True
    )


def main(run: Path) -> None:
    """Print temperature and table."""
    model = Model.load(run)
    recipe = model.recipe
    undone = 1 / recipe.instances.temperature
    dataset = read_folder(Path(recipe.data.path), options_of(recipe.data))
    split = json.loads((run / "split.json").read_text())
    kept = {}
    for part in ("val", "test"):
        found = Validator(dataset, split[part], recipe.schedule.criterion).predictions(model)
        kept[part] = [replace(one, probabilities=tempered_map(one.probabilities, undone)) for one in found]
    temperature = fit_temperature(kept["val"])
    print(f"temperature {temperature} from {len(kept['val'])} images; {len(kept['test'])} test images alone would give")
    print(fit_temperature(kept["test"]))
    changes = {
        "before": lambda maps: maps,
        "after": lambda maps: tempered_map(maps, temperature),
        "shift too": shifted(kept["val"], temperature),
    }
    print("| images, pixels | number | ECE | negative log likelihood | Brier |\n|---|---|---|---|---|")
    for part, predictions in kept.items():
        for name, change in changes.items():
            row(f"{part}, all, {name}", predictions, change)
        for name in ("before", "after"):
            row(f"{part}, contacts, {name}", predictions, changes[name], at_contacts=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
