"""What a prediction job saves of an image, and where."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from unmask.arrays import RGBImage
from unmask.data.files import write_text
from unmask.data.formats.images import write_float, write_labels, write_layers, write_png
from unmask.data.heat import heat_overlay
from unmask.data.picture import CLASS_COLOURS, overlay
from unmask.data.sample import Sample
from unmask.errors import PredictionError
from unmask.instances.coco import coco_annotations
from unmask.instances.geojson import write_geojson
from unmask.instances.imagej import write_rois
from unmask.instances.table_files import write_part
from unmask.predict.disagreement import Disagreement
from unmask.predict.prediction import Prediction
from unmask.predict.seams import Seams

__all__ = ["SAVES", "TABLES", "Outcome", "Save", "remove_other", "save_result"]

Save = Literal["labels", "probabilities", "uncertainty", "overlay", "table", "coco", "rois", "geojson"]
SAVES: tuple[Save, ...] = get_args(Save)
TABLES = ".records/tables"  # below the output folder: parts of objects.csv, by image


@dataclass(frozen=True)
class Outcome:
    """What is known of an image that was predicted and saved.

    Attributes:
        size: rows and columns.
        objects: how many.
        saved: files below the output folder, by what was saved.
        constants: grey values of each channel that became 0 and 1.
        warnings: what a reader of the result must know, in sentences.
        blank: blocks that were left out, as nothing is to be seen there.
        seams: what was found across borders of blocks, if it was looked for.
        work: a folder from which a killed job would go on, to be removed when all of this is on record.
    """

    size: tuple[int, int]
    objects: int
    saved: dict[Save, list[str]]
    constants: tuple[tuple[float, float], ...]
    warnings: tuple[str, ...]
    blank: int = 0
    seams: Seams | None = None
    work: Path | None = None


def save_result(prediction: Prediction, kind: Save, out: Path, uncertainty: Disagreement | None = None) -> list[str]:
    """Saves one kind of result of an image; `uncertainty` is of the same image, where that is wanted.

    Returns:
        Where its files lie below `out`; parts, where all images share a file, which is written when all are done.

    Raises:
        PredictionError: the network has no such result.
        MaskError: the image is too large for COCO, or for ROIs.
        UnmaskError: a file cannot be written.
    """
    name, pixel_size = prediction.sample.name, prediction.sample.pixel_size
    match kind:
        case "labels":
            write_labels(out / "labels" / f"{name}.tif", prediction.mask, pixel_size)
            remove_other(out / "labels" / f"{name}.tif")
            return [f"labels/{name}.tif", *_save_layers(prediction, out)]
        case "probabilities":
            if prediction.probabilities is None:
                raise PredictionError("this network has no probabilities", remedy="leave them out of what is saved")
            write_float(out / "probabilities" / f"{name}.tif", prediction.probabilities, pixel_size)
            remove_other(out / "probabilities" / f"{name}.tif")
            return [f"probabilities/{name}.tif"]
        case "uncertainty":
            if uncertainty is None:
                raise PredictionError("one prediction has no uncertainty", remedy="leave it out of what is saved")
            return _save_uncertainty(uncertainty, prediction.sample, out)
        case "overlay":
            write_png(out / "overlays" / f"{name}.png", _outlined(prediction))
            return [f"overlays/{name}.png"]
        case "coco":
            write_text(out / ".records/coco" / f"{name}.json", json.dumps(coco_annotations(prediction.objects)))
            return [f".records/coco/{name}.json"]
        case "rois":
            write_rois(out / "rois" / f"{name}.zip", prediction.objects, prediction.recipe.data.class_names)
            return [f"rois/{name}.zip"]
        case "geojson":
            write_geojson(out / "geojson" / f"{name}.geojson", prediction.objects, prediction.recipe.data.class_names)
            return [f"geojson/{name}.geojson"]
        case "table":
            shutil.rmtree(out / TABLES / name, ignore_errors=True)
            write_part(out / TABLES / name / "00000.npz", prediction.table)
            return [f"{TABLES}/{name}/00000.npz"]


def _save_uncertainty(found: Disagreement, sample: Sample, out: Path) -> list[str]:
    """Saves OUT/uncertainty/NAME.tif, total and between, and NAME.png, total over the image."""
    file = out / "uncertainty" / f"{sample.name}.tif"
    write_float(file, np.stack([found.total, found.between]), sample.pixel_size)
    write_png(file.with_name(f"{sample.name}.png"), heat_overlay(sample.image, found.total))
    return [f"uncertainty/{sample.name}{ending}" for ending in (".tif", ".png")]


def remove_other(file: Path) -> None:
    """Removes what an earlier job, with more or less memory, saved as NAME.zarr or NAME.tif: it might contradict."""
    if file.suffix == ".tif":
        shutil.rmtree(file.with_suffix(".zarr"), ignore_errors=True)
    elif file.suffix == ".zarr":
        file.with_suffix(".tif").unlink(missing_ok=True)


def _save_layers(prediction: Prediction, out: Path) -> list[str]:
    """Saves whole objects, where they were wanted; else removes those of an earlier job, which would contradict."""
    file = f"layers/{prediction.sample.name}.tif"
    if prediction.objects.layers is None:
        (out / file).unlink(missing_ok=True)
        return []
    write_layers(out / file, prediction.objects.layers, prediction.sample.pixel_size)
    return [file]


def _outlined(prediction: Prediction) -> RGBImage:
    """The image with outlines: of objects that touch in different colours, of classes in those of the report."""
    image = prediction.sample.image
    if prediction.recipe.data.kind != "classes":
        return overlay(image, prediction.labels)
    return overlay(image, prediction.classes.astype(np.int32), colours=CLASS_COLOURS)
