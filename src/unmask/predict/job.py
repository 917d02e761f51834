"""A prediction job: many images into one output folder, killed and resumed at will.

    OUT/labels/NAME.tif  probabilities/NAME.tif  overlays/NAME.png  objects.csv  summary.json
    OUT/uncertainty/NAME.tif|.png  how unsure a U-Net is of each pixel, if that was asked for
    OUT/layers/NAME.tif            whole objects where they overlap, if they were asked for
    OUT/coco.json  coco_polygons.json
    OUT/rois/NAME.zip  geojson/NAME.geojson

Each finished image leaves a small record in OUT/.records; the same command, run again, goes on with the images that
have none. Every file appears under its final name whole or not at all.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from unmask.data.dataset import Dataset, Entry
from unmask.data.files import write_text
from unmask.data.listing import natural
from unmask.data.sample import Sample
from unmask.errors import DataError, PredictionError
from unmask.instances import coco, imagej
from unmask.instances.coco import CocoAnnotation, CocoFrame, write_coco
from unmask.instances.table import write_table
from unmask.instances.table_files import column_names, read_part, read_parts
from unmask.predict.crew import Crew, Here
from unmask.predict.disagreement import check_unet, disagreement
from unmask.predict.large import LargeOptions, is_large, predict_large
from unmask.predict.predictor import Predictor
from unmask.predict.saving import SAVES, Outcome, Save, save_result
from unmask.recipe import used
from unmask.version import __version__

__all__ = ["SAVES", "ImageDone", "Save", "predict_job"]


@dataclass(frozen=True)
class ImageDone:
    """What is known of a finished image.

    Attributes:
        name: unique in its folder.
        source: the image's file.
        key: changes when the file does, or when the image is predicted in another way.
        height: rows.
        width: columns.
        objects: how many were found.
        seconds: that it took.
        saved: what was saved, with the files of each image, below the output folder.
        constants: grey values of each channel that became 0 and 1.
        warnings: what a reader of the result must know, in sentences.
        blank: blocks that were left out, as nothing is to be seen there.
        seams: windows compared across borders of blocks, and the largest difference; None where nobody looked.
        resumed: an earlier job predicted it.
    """

    name: str
    source: str
    key: str
    height: int
    width: int
    objects: int
    seconds: float
    saved: dict[Save, list[str]]
    constants: tuple[tuple[float, float], ...]
    warnings: tuple[str, ...] = ()
    blank: int = 0
    seams: dict[str, float] | None = None
    resumed: bool = False


def predict_job(
    predictor: Predictor,
    images: Dataset,
    out: Path,
    save: Sequence[Save] = ("labels", "overlay", "table"),
    on_pixels: Callable[[str, int, int], None] = lambda name, done, of: None,
    *,
    crew: Crew | None = None,
    verify_seams: bool = False,
    say: Callable[[str], None] = lambda sentence: None,
) -> list[ImageDone]:
    """Predict images into a folder; images that an earlier, killed run of the same model finished are not done again.

    Args:
        predictor: the model.
        images: what to predict.
        out: the output folder.
        save: what to save.
        on_pixels: called with (image name, pixels done, pixels in all) as tiles are done.
        crew: who works on images that are predicted in blocks; this process when None.
        verify_seams: of images that are predicted in blocks, predict windows across their borders alone, and compare.
        say: is told the plan of such images, and what is missing.

    Raises:
        PredictionError: the folder holds something else, or predictions of another model; the uncertainty is wanted
            of a Mask R-CNN or of an image that is predicted in blocks; or images could not be predicted, which is said
            when all others are done.
    """
    if "uncertainty" in save:
        _check_uncertainty(predictor, images)
    records = out / ".records"
    _claim(out, records, predictor)
    with _alone(records / "lock", out):
        write_text(records / "engine", predictor.engine.name)
        return _predict_all(predictor, images, out, save, on_pixels, crew, LargeOptions(verify_seams, say))


def _check_uncertainty(predictor: Predictor, images: Dataset) -> None:
    """Refuses what has none before anything is computed."""
    check_unet(predictor)
    for entry in images.entries:
        if is_large(predictor, entry):
            raise PredictionError(
                "is predicted in blocks, for which there is no --save uncertainty",
                file=entry.image,
                remedy="leave uncertainty out, give more memory with --memory, or cut the image into parts",
            )


def _predict_all(
    predictor: Predictor,
    images: Dataset,
    out: Path,
    save: Sequence[Save],
    on_pixels: Callable[[str, int, int], None],
    crew: Crew | None,
    options: LargeOptions,
) -> list[ImageDone]:
    records = out / ".records"
    for entry in images.entries:
        _check_name(records / f"{entry.name}.json", entry)
    done, failed = [], []
    for entry in images.entries:
        try:
            earlier = _earlier(records / f"{entry.name}.json", _key(entry, predictor))
            if earlier is not None and _complete(earlier, out, save):
                shutil.rmtree(records / "large" / entry.name, ignore_errors=True)  # a kill may have left it
                done.append(earlier)
            else:
                done.append(_predict_one(predictor, images, entry, out, save, on_pixels, earlier, crew, options))
        except (DataError, PredictionError) as error:  # one damaged image must not cost the others
            failed.append(error)
    _write_all(out, records, predictor, save, options.say)
    if failed:
        more = f"; {len(failed) - 1} more images could not be predicted either" if len(failed) > 1 else ""
        others = f" (the other {len(done)} are done)" if done else ""
        raise PredictionError(
            f"{failed[0].problem}{more}{others}",
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


@contextmanager
def _alone(lock: Path, out: Path) -> Iterator[None]:
    """No other command writes to the folder at the same time; the lock of a killed one is open."""
    try:
        with FileLock(lock, timeout=0):
            yield
    except Timeout:
        problem = "another command is predicting into this folder"
        raise PredictionError(problem, file=out, remedy="wait for it, or choose another --out") from None


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


def _write_all(
    out: Path, records: Path, predictor: Predictor, save: Sequence[Save], say: Callable[[str], None]
) -> None:
    """What is one file for all images: of every image in the folder, also of earlier jobs.

    A file of earlier jobs that was not asked for this time is made anew too, without images that have changed since.
    """
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(records.glob("*.json"), key=natural)]
    if "table" in save or (out / "objects.csv").exists():
        _write_table(out, found, say)
    if "coco" in save or (out / "coco.json").exists():
        listed = [one for one in found if "coco" in one["saved"] and (out / one["saved"]["coco"][0]).exists()]
        frames = [CocoFrame(one["name"], Path(one["source"]).name, one["height"], one["width"]) for one in listed]
        about = f"unmask {__version__}, model {predictor.model.fingerprint}"
        write_coco(out, frames, _annotations(out, listed), predictor.recipe.data.class_names, about)
    write_text(out / "summary.json", json.dumps(_summary(predictor, found), indent=1) + "\n")


def _write_table(out: Path, records: Sequence[dict[str, Any]], say: Callable[[str], None]) -> None:
    """Writes objects.csv, a part after the other; an image of which a part is gone is left out whole, and named."""
    parts: list[Path] = []
    for record in records:
        own = [out / file for file in record["saved"].get("table", [])]
        if all(map(_is_sound, own)):
            parts += own
        else:
            say(f"objects.csv is without {record['name']}, whose part of it is damaged: predict that image again")
    write_table(out / "objects.csv", read_parts(parts), [name for part in parts for name in column_names(part)])


def _is_sound(part: Path) -> bool:
    return read_part(part) is not None


def _annotations(out: Path, records: Sequence[dict[str, Any]]) -> Iterator[list[CocoAnnotation]]:
    for record in records:
        (file,) = record["saved"]["coco"]
        yield json.loads((out / file).read_text(encoding="utf-8"))


def _predict_one(
    predictor: Predictor,
    images: Dataset,
    entry: Entry,
    out: Path,
    save: Sequence[Save],
    on_pixels: Callable[[str, int, int], None],
    earlier: ImageDone | None,
    crew: Crew | None,
    options: LargeOptions,
) -> ImageDone:
    began, key, tell = time.monotonic(), _key(entry, predictor), partial(on_pixels, entry.name)
    if is_large(predictor, entry):
        found = predict_large(predictor, entry, out, save, key, tell, crew or Here(predictor.network), options)
    else:
        found = _predict_in_memory(predictor, images.load(entry.name), out, save, tell)
    image = ImageDone(
        name=entry.name,
        source=str(entry.image),
        key=key,
        height=found.size[0],
        width=found.size[1],
        objects=found.objects,
        seconds=round(time.monotonic() - began, 3),
        saved={**(earlier.saved if earlier else {}), **found.saved},
        constants=found.constants,
        warnings=found.warnings,
        blank=found.blank,
        seams=None if found.seams is None else asdict(found.seams),
    )
    write_text(out / ".records" / f"{entry.name}.json", json.dumps(asdict(image)))
    if found.work is not None:
        shutil.rmtree(found.work, ignore_errors=True)
    return image


def _predict_in_memory(
    predictor: Predictor, sample: Sample, out: Path, save: Sequence[Save], tell: Callable[[int, int], None]
) -> Outcome:
    for kind, check_size in (("coco", coco.check_size), ("rois", imagej.check_size)):
        if kind in save:
            check_size(sample.size)
    prediction = predictor.predict(sample, tell)
    unsure = disagreement(predictor, sample, tell) if "uncertainty" in save else None
    files = {kind: save_result(prediction, kind, out, unsure) for kind in save}
    about = prediction.constants, prediction.warnings, prediction.blank
    return Outcome(sample.size, len(prediction.objects), files, *about)


def _earlier(file: Path, key: str) -> ImageDone | None:
    """The record of an image; None where there is none, or the image is another or other objects were wanted."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        values["saved"] = {kind: list(files) for kind, files in values["saved"].items()}
        values["constants"] = tuple((low, high) for low, high in values["constants"])
        image = ImageDone(**{**values, "warnings": tuple(values["warnings"]), "resumed": True})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return image if image.key == key else None


def _complete(image: ImageDone, out: Path, save: Sequence[Save]) -> bool:
    """Whether all that is wanted was saved and is still there; of tables, whether it can be read."""
    there = {kind: _is_sound if kind == "table" else Path.exists for kind in save}
    return all(kind in image.saved and all(there[kind](out / file) for file in image.saved[kind]) for kind in save)


def _key(entry: Entry, predictor: Predictor) -> str:
    """Changes when a file of the image does, or when other objects are wanted of it."""
    text = f"{entry.page}" + "".join(_stamp(file) for file in (entry.image, *entry.more))
    text += predictor.ways
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _stamp(image: Path) -> str:
    """Path, size and time of change of a file, or of every file of a folder (OME-Zarr)."""
    files = sorted(path for path in image.rglob("*") if path.is_file()) if image.is_dir() else [image]
    stats = [(path.relative_to(image), path.stat()) for path in files]
    return f" {image.resolve()}" + "".join(f" {name} {one.st_size} {one.st_mtime_ns}" for name, one in stats)


def _summary(predictor: Predictor, records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    values = used(predictor.recipe)
    return {
        "unmask": __version__,
        "model": predictor.model.fingerprint,
        "kind": predictor.recipe.data.kind,
        "classes": list(predictor.recipe.data.class_names),
        **{part: values[part] for part in ("instances", "detections") if part in values},
        "images": [_told(record) for record in records],
    }


def _told(record: dict[str, Any]) -> dict[str, Any]:
    """What a reader wants to know of an image: no file that is only kept for jobs to come."""
    told = {key: value for key, value in record.items() if key not in ("key", "resumed")}
    saved = {kind: [file for file in files if file[0] != "."] for kind, files in record["saved"].items()}
    return {**told, "saved": {kind: files for kind, files in saved.items() if files}}
