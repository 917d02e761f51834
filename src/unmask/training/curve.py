"""The learning curve: trainings on 2, 4, 8, ... images, to see what more annotated images would be worth.

Subsets are nested, so that a larger one holds all of a smaller one; the images that validate are the same, and so is
the recipe: only the images differ. Time is shared evenly, so that a point is not better for having had more of it.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from unmask.data.files import write_text
from unmask.errors import DataError, TrainingError
from unmask.metrics.matching import threshold_name
from unmask.metrics.scores import Scores, aggregate
from unmask.model import Model
from unmask.training.curve_files import write_curve
from unmask.training.figures import WORDS, by_image, image_scores_of
from unmask.training.folder import CURVE, start_folder
from unmask.training.learning_curve import Curve, Point
from unmask.training.outcome import Run
from unmask.training.setup import Setup, read_recipe
from unmask.training.several import OnProgress, OnStart, Training, one_device, train_each
from unmask.training.single import Place
from unmask.training.validate import Validator

__all__ = ["sizes", "subset", "train_curve"]

FEWEST = 4  # images: two points
# The last step is at least half a doubling, or it would show nothing but chance.
HALF_DOUBLING = 2**0.5


def sizes(images: int) -> tuple[int, ...]:
    """2, 4, 8, ... and all, ascending; a power that is within half a doubling of all is left out.

    Raises:
        DataError: there are fewer than 4.
    """
    if images < FEWEST:
        raise DataError(
            f"--curve: there are {images} images to train on, beside those that validate",
            remedy=f"annotate at least {FEWEST + 1} images, or train without --curve",
        )
    powers = [2**power for power in range(1, images.bit_length()) if 2**power * HALF_DOUBLING <= images]
    return (*powers, images)


def subset(names: Sequence[str], images: int, seed: int) -> list[str]:
    """So many names, drawn by seed, in their order; fewer of the same seed are among them."""
    drawn = sorted(names, key=lambda name: hashlib.sha256(f"curve {seed}:{name}".encode()).digest())[:images]
    return [name for name in names if name in {*drawn}]


def train_curve(
    setup: Setup,
    out: Path,
    place: Place,
    repeats: int | None,
    *,
    started: float,
    on_start: OnStart | None = None,
    on_progress: OnProgress | None = None,
) -> Run:
    """Train on more and more images, and leave the last model and the curve in `out`.

    Args:
        setup: of the command.
        out: the folder to make, or, without `repeats`, one that was begun.
        place: where.
        repeats: trainings at each point, with other images and seeds; None goes on with what was begun.
        started: `time.monotonic()` at the beginning of the command.
        on_start: called once before training.
        on_progress: called after each step.

    Raises:
        DataError: there are fewer than 4 images to train on.
        TrainingError: several devices were asked for, or a training failed; those before it are kept.
    """
    place = one_device(place, "--curve")
    if repeats is None:
        repeats = _read_repeats(out)
    else:
        sizes(len(setup.split["train"]))
        start_folder(out, setup)
        write_text(out / CURVE, json.dumps({"repeats": repeats}) + "\n")
    planned = _planned(setup, repeats)
    runs = train_each(
        setup,
        [training for _, _, training in planned],
        out,
        place,
        started=started,
        ending=False,
        on_start=on_start,
        on_progress=on_progress,
    )
    curve = Curve(
        WORDS[setup.recipe.schedule.criterion],
        tuple(_point(out, images, repeat, training) for images, repeat, training in planned),
    )
    write_curve(out, curve)
    last = next(training.folder for images, repeat, training in planned if repeat == 1 and images == planned[-1][0])
    scores = runs[last].scores if last in runs else _scored(setup, out / last, place)
    _take(out / last, out)
    return Run(out, read_recipe(out / "recipe.yaml"), scores, unseen=True, curve=curve)


def _planned(setup: Setup, repeats: int) -> list[tuple[int, int, Training]]:
    """(images, repeat, training), few images first: should one fail, little is lost."""
    names, seed = setup.split["train"], setup.recipe.schedule.seed
    found = []
    for images in sizes(len(names)):
        for repeat in range(1, repeats + 1):
            which = "" if repeat == 1 else f"-repeat-{repeat}"
            words = f"{images} images" + (f", {repeat} of {repeats}" if repeats > 1 else "")
            split = {**setup.split, "train": subset(names, images, seed + repeat - 1)}
            found.append((images, repeat, Training(f"images-{images}{which}", words, split, seed + repeat - 1)))
    return found


def _read_repeats(out: Path) -> int:
    try:
        content = json.loads((out / CURVE).read_text(encoding="utf-8"))
        return int(content["repeats"]) if "repeats" in content else max(point["repeat"] for point in content["points"])
    except (OSError, ValueError, KeyError, TypeError):
        raise TrainingError(
            "it does not say how often each point is trained", file=out / CURVE, remedy="train again, into a new --out"
        ) from None


def _point(out: Path, images: int, repeat: int, training: Training) -> Point:
    folder = out / training.folder
    recipe, rows = read_recipe(folder / "recipe.yaml"), image_scores_of(folder)
    key = f"ap_{threshold_name(0.5)}"
    at_half = {name: row[key] for name, row in rows.items() if key in row}
    return Point(
        images=images,
        repeat=repeat,
        folder=training.folder,
        seed=recipe.schedule.seed,
        steps=recipe.schedule.steps,
        scores=by_image(rows, recipe.schedule.criterion),
        at_half=at_half if recipe.schedule.criterion == "ap" else {},
    )


def _scored(setup: Setup, folder: Path, place: Place) -> Scores:
    """Scores of a run that was finished earlier."""
    validator = Validator(setup.dataset, setup.judged, setup.recipe.schedule.criterion)
    model = Model.load(folder)
    model.net.to(place.device)
    return aggregate([validator.score(prediction) for prediction in validator.predictions(model)])


def _take(run: Path, out: Path) -> None:
    """Make a finished run that of the whole folder; the model last: as long as there is none, the command goes on."""
    for name in ("recipe.yaml", "split.json", "log.csv", "loss.csv"):
        shutil.copyfile(run / name, out / name)
    shutil.copytree(run / "validation", out / "validation", dirs_exist_ok=True)
    partial = out / ".model.safetensors"
    shutil.copyfile(run / "model.safetensors", partial)
    partial.replace(out / "model.safetensors")
