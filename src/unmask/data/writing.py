"""Samples to a plain data set, which every tool can read.

objects   images/NAME.tif, masks/NAME.tif: label images
classes   images/NAME.tif, masks/NAME.tif: one value a class; classes.csv names them, 255 is to be ignored
coco      images/NAME.tif, instances.json: run lengths, for objects that overlap or have classes; crowds are ignored
"""

import csv
import io
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy import ndimage

from unmask.arrays import AnyArray
from unmask.data.files import write_text
from unmask.data.formats.images import write_image, write_labels
from unmask.data.masks.palette import meaning_of
from unmask.data.sample import Sample
from unmask.errors import MaskError, UnmaskError
from unmask.geometry.rle import encode

__all__ = ["IGNORED", "Form", "write_dataset"]

Form = Literal["objects", "classes", "coco"]
IGNORED = 255
"""The value of what is to be ignored, in masks of classes."""


def write_dataset(
    out: Path,
    samples: Iterable[Sample],
    class_names: Sequence[str],
    form: Form,
    splits: Mapping[str, str] | None = None,
    more: Callable[[Path], None] | None = None,
) -> int:
    """Writes a data set, whole or not at all.

    Args:
        out: the folder to make.
        samples: with annotation; asked for one at a time.
        class_names: of classes 1, 2, ...
        form: how annotations are stored.
        splits: name to "train", "val" or "test", written as split.csv; none where empty.
        more: called with the unfinished folder at the end, to put more files there.

    Returns:
        How many samples were written.

    Raises:
        UnmaskError: the folder is in use, or cannot be written.
        MaskError: a sample has no annotation, or one that the form cannot hold.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UnmaskError("is in use", file=out, remedy="give the name of a new folder")
    part = out.with_name(f".unmask-{secrets.token_hex(6)}")
    try:
        names = _write(part, samples, class_names, form)
        if splits:
            rows = [("name", "split"), *((name, splits[name]) for name in names if name in splits)]
            write_text(part / "split.csv", _csv(rows))
        if more is not None:
            more(part)
        if out.exists():
            out.rmdir()  # it is empty
        os.replace(part, out)
    except OSError as error:
        remedy = "check that the folder is writable and that its disk is not full, or choose another one"
        raise UnmaskError(f"cannot be written ({error.strerror or error})", file=out, remedy=remedy) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return len(names)


def _write(out: Path, samples: Iterable[Sample], class_names: Sequence[str], form: Form) -> list[str]:
    names: list[str] = []
    document = _Document(class_names)
    for sample in samples:
        if sample.classes is None or sample.objects is None:
            raise MaskError("has no annotation to write", file=sample.file, remedy="leave it out")
        write_image(out / "images" / f"{sample.name}.tif", sample.image, sample.pixel_size)
        names.append(sample.name)
        if form == "coco":
            document.add(sample)
        else:
            mask = _label_image(sample) if form == "objects" else _class_map(sample)
            write_labels(out / "masks" / f"{sample.name}.tif", mask, sample.pixel_size)
    if form == "coco":
        write_text(out / "instances.json", document.text())
    if form == "classes":
        write_text(out / "classes.csv", _csv(_class_rows(class_names)))
    return names


def _class_rows(class_names: Sequence[str]) -> list[tuple[object, ...]]:
    """Values and names; and what they mean, where a class is called as what is no class is."""
    rows: list[tuple[object, ...]] = [(0, _free("background", class_names), "background")]
    rows += [(value, name, "class") for value, name in enumerate(class_names, start=1)]
    rows.append((IGNORED, _free("ignore", class_names), "ignored"))
    if all(meaning_of(name) == "class" for name in class_names):
        return [("value", "name"), *(row[:2] for row in rows)]
    return [("value", "name", "meaning"), *rows]


def _free(name: str, taken: Sequence[str]) -> str:
    """A name that no class has."""
    while name in taken:
        name += "_"
    return name


def _label_image(sample: Sample) -> AnyArray:
    if sample.layers is not None or sample.ignore is not None:
        remedy = "write it in the form coco"
        raise MaskError("has objects that overlap, or regions to ignore", file=sample.file, remedy=remedy)
    assert sample.objects is not None, "checked by the caller"
    return sample.objects


def _class_map(sample: Sample) -> AnyArray:
    assert sample.classes is not None, "checked by the caller"
    return sample.classes if sample.ignore is None else np.where(sample.ignore, np.uint8(IGNORED), sample.classes)


class _Document:
    """A COCO file of annotations, filled image by image."""

    def __init__(self, class_names: Sequence[str]) -> None:
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []
        self._categories = [{"id": number, "name": name} for number, name in enumerate(class_names, start=1)]

    def add(self, sample: Sample) -> None:
        """Adds an image with its objects and what is to be ignored."""
        assert sample.classes is not None, "checked by the caller"
        assert sample.objects is not None, "checked by the caller"
        rows, columns = sample.size
        file_name = f"images/{sample.name}.tif"
        self._images.append({"id": len(self._images) + 1, "file_name": file_name, "height": rows, "width": columns})
        layers = sample.objects[None] if sample.layers is None else sample.layers
        for layer in layers:
            for label, place in enumerate(ndimage.find_objects(layer), start=1):
                if place is not None:
                    mask = layer[place] == label
                    whose = sample.layer_classes
                    kind = sample.classes[place][mask][0] if whose is None else whose[label]
                    self._append(mask, place, sample.size, int(kind), crowd=0)
        if sample.ignore is not None and sample.ignore.any():
            self._append(sample.ignore, (slice(0, rows), slice(0, columns)), sample.size, 1, crowd=1)

    def _append(
        self, mask: AnyArray, place: tuple[slice, ...], size: tuple[int, int], category: int, crowd: int
    ) -> None:
        top, left = place[0].start, place[1].start
        self._annotations.append(
            {
                "id": len(self._annotations) + 1,
                "image_id": len(self._images),
                "category_id": category,
                "iscrowd": crowd,
                "area": int(mask.sum()),
                "bbox": [left, top, mask.shape[1], mask.shape[0]],
                "segmentation": encode(mask, top, left, size),
            }
        )

    def text(self) -> str:
        """The file's content."""
        content = {"images": self._images, "annotations": self._annotations, "categories": self._categories}
        return json.dumps(content) + "\n"


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
