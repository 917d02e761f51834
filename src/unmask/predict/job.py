"""A prediction job: many images into one output folder, killed and resumed at will.

    OUT/labels/NAME.tif  probabilities/NAME.tif  overlays/NAME.png  objects.csv  summary.json

Each finished image leaves a small record in OUT/.records; the same command, run again, goes on with the images that
have none. Every file appears under its final name whole or not at all.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from unmask.data.dataset import Dataset, Entry
from unmask.data.files import write_text
from unmask.data.images import write_float, write_labels, write_png
from unmask.data.listing import natural
from unmask.data.picture import overlay
from unmask.errors import DataError, PredictionError
from unmask.instances.table import write_table
from unmask.predict.prediction import Prediction
from unmask.predict.predictor import Predictor
from unmask.version import __version__

__all__ = ["SAVES", "ImageDone", "Save", "predict_job"]

Save = Literal["labels", "probabilities", "overlay", "table"]
SAVES: tuple[Save, ...] = get_args(Save)


@dataclass(frozen=True)
class ImageDone:
    """What is known of a finished image: name, source, size, objects found, seconds, and what was saved."""

    name: str
    source: str
    key: str
    height: int
    width: int
    objects: int
    seconds: float
    saved: tuple[Save, ...]
    resumed: bool = False


def predict_job(
    predictor: Predictor,
    images: Dataset,
    out: Path,
    save: Sequence[Save] = ("labels", "overlay", "table"),
    on_pixels: Callable[[str, int, int], None] | None = None,
) -> list[ImageDone]:
    """Predict images into a folder; images that an earlier, killed run of the same model finished are not done again.

    Args:
        predictor: the model.
        images: what to predict.
        out: the output folder.
        save: what to save.
        on_pixels: called with (image name, pixels done, pixels in all) as tiles are done.

    Raises:
        PredictionError: the folder holds something else, or predictions of another model; or images could not be
            predicted, which is said when all others are done.
    """
    records = out / ".records"
    _claim(out, records, predictor)
    for entry in images.entries:
        _check_name(records / f"{entry.name}.json", entry)
    done, failed = [], []
    for entry in images.entries:
        record = records / f"{entry.name}.json"
        try:
            done.append(
                _finished(record, out, entry, save) or _predict_one(predictor, images, entry, out, save, on_pixels)
            )
        except (DataError, PredictionError) as error:  # one damaged image must not cost the others
            failed.append(error)
    _write_all(out, records, predictor, save)
    if failed:
        more = f"; {len(failed) - 1} more images could not be predicted either" if len(failed) > 1 else ""
        raise PredictionError(
            f"{failed[0].problem}{more} (the other {len(done)} are done)",
            file=failed[0].file,
            remedy=f"{failed[0].remedy or 'mend the file'}, then type the same command again",
        )
    return done


def _claim(out: Path, records: Path, predictor: Predictor) -> None:
    """The folder belongs to one model, and to nobody else: a data folder may have labels/ of its own."""
    owner = records / "model"
    if not owner.exists() and out.exists() and any(out.iterdir()):
        raise PredictionError("this folder holds other files", file=out, remedy="choose a new, empty --out")
    if owner.exists() and owner.read_text() != predictor.model.fingerprint:
        raise PredictionError(
            "this folder holds predictions of another model", file=out, remedy="choose another --out, or delete it"
        )
    write_text(owner, predictor.model.fingerprint)


def _check_name(record: Path, entry: Entry) -> None:
    """An image of the same name, from elsewhere, must not replace what was predicted before."""
    try:
        source = json.loads(record.read_text(encoding="utf-8"))["source"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if source != str(entry.image):
        raise PredictionError(
            f"{source}, another image of this name, was predicted into the same folder",
            file=entry.image,
            remedy="choose another --out for it",
        )


def _write_all(out: Path, records: Path, predictor: Predictor, save: Sequence[Save]) -> None:
    """objects.csv and summary.json, of every image in the folder, also of earlier jobs."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(records.glob("*.json"), key=natural)]
    if "table" in save:
        tables = [{key: np.array(column) for key, column in record["table"].items()} for record in found]
        write_table(out / "objects.csv", [table for table in tables if table])
    write_text(out / "summary.json", json.dumps(_summary(predictor, found), indent=1) + "\n")


def _predict_one(
    predictor: Predictor,
    images: Dataset,
    entry: Entry,
    out: Path,
    save: Sequence[Save],
    on_pixels: Callable[[str, int, int], None] | None,
) -> ImageDone:
    began = time.monotonic()
    sample = images.load(entry.name)
    tell = None if on_pixels is None else lambda done, of: on_pixels(entry.name, done, of)
    prediction = predictor.predict(sample, tell)
    _save(prediction, out, save)
    columns = prediction.table if "table" in save else {}
    image = ImageDone(
        name=entry.name,
        source=str(entry.image),
        key=_key(entry),
        height=sample.size[0],
        width=sample.size[1],
        objects=len(prediction.objects),
        seconds=round(time.monotonic() - began, 3),
        saved=tuple(save),
    )
    record = {**asdict(image), "table": {key: column.tolist() for key, column in columns.items()}}
    write_text(out / ".records" / f"{entry.name}.json", json.dumps(record))
    return image


def _save(prediction: Prediction, out: Path, save: Sequence[Save]) -> None:
    name, pixel_size = prediction.sample.name, prediction.sample.pixel_size
    if "labels" in save:
        write_labels(out / "labels" / f"{name}.tif", prediction.mask, pixel_size)
    if "probabilities" in save:
        write_float(out / "probabilities" / f"{name}.tif", prediction.probabilities, pixel_size)
    if "overlay" in save:
        write_png(out / "overlays" / f"{name}.png", overlay(prediction.sample.image, prediction.labels))


def _finished(record: Path, out: Path, entry: Entry, save: Sequence[Save]) -> ImageDone | None:
    """The record of an image that needs no second prediction: same file, all wanted outputs saved and still there."""
    try:
        values = json.loads(record.read_text(encoding="utf-8"))
        del values["table"]
        image = ImageDone(**{**values, "saved": tuple(values["saved"]), "resumed": True})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    wanted = {"labels": f"labels/{entry.name}.tif", "overlay": f"overlays/{entry.name}.png"}
    wanted["probabilities"] = f"probabilities/{entry.name}.tif"
    there = all((out / wanted[kind]).exists() for kind in save if kind in wanted)
    return image if image.key == _key(entry) and set(save) <= set(image.saved) and there else None


def _key(entry: Entry) -> str:
    """Changes when the image file does."""
    stat = entry.image.stat()
    text = f"{entry.image.resolve()} {entry.page} {stat.st_size} {stat.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _summary(predictor: Predictor, records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "unmask": __version__,
        "model": predictor.model.fingerprint,
        "classes": list(predictor.recipe.data.class_names),
        "instances": predictor.recipe.instances.model_dump(),
        "images": [
            {key: value for key, value in record.items() if key not in ("key", "resumed", "table")}
            for record in records
        ],
    }
