"""Predicted objects with their scores, as `unmask predict` leaves them beside its label images.

coco.json      whole objects, also where they overlap: taken where it is there
objects.csv    class and score of each object, whose pixels are those of its label in layers/NAME.tif or labels/NAME.tif

These are the objects that were kept. Papers score every detection above .05, also those that no user wants to see, so
their AP is higher than that of the objects that the same network leaves here.
"""

import csv
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from unmask.arrays import AnyArray
from unmask.data.label_folder import LabelFolder
from unmask.data.layouts.coco import is_coco
from unmask.data.listing import stem
from unmask.data.masks.read import read_mask
from unmask.data.shapes.annotations import RunLengths, run_lengths
from unmask.errors import DataError, UnreadableFile
from unmask.geometry.labels import relabel
from unmask.geometry.rle import RLE, encode
from unmask.metrics.coco import CocoObject

__all__ = ["Scored", "masks_of_labels", "model_classes", "scored_objects"]

COLUMNS = ("image", "label", "class", "score")
AGAIN = "predict into a new folder, or remove this file: then objects have no scores, and all other figures remain"


@dataclass(frozen=True)
class Scored:
    """Objects with scores.

    Attributes:
        class_names: all that occur.
        load: from the name of an image, and its rows and columns, to its objects. Raises DataError where the image is
            not listed, or an object has no score or no sound outline.
    """

    class_names: tuple[str, ...]
    load: Callable[[str, tuple[int, int]], list[CocoObject]]


def scored_objects(folder: LabelFolder) -> Scored | None:
    """What a folder of predictions says of its objects' scores.

    Args:
        folder: label images, or a COCO file.

    Returns:
        Its objects; None where they have no scores, or label images hold classes.

    Raises:
        DataError: objects.csv or coco.json is not as it should be.
        UnreadableFile: coco.json is not JSON.
    """
    root = folder.root
    if _holds_classes(root / "summary.json"):
        return None
    document = root if root.is_file() else root / "coco.json"
    if document.suffix == ".json" and document.exists() and (listed := _read_document(document)) is not None:
        return Scored(
            _distinct(label for objects in listed.values() for _, label, _ in objects),
            lambda name, size: _of_document(document, listed, _key(folder, name, listed), size),
        )
    table = root / "objects.csv"
    if not root.is_file() and table.exists() and (rows := _read_table(table)) is not None:
        return Scored(
            _distinct(label for objects in rows.values() for label, _ in objects.values()),
            lambda name, _: _of_labels(folder, name, table, rows),
        )
    return None


def model_classes(folder: Path) -> list[str] | None:
    """Names of the classes of the model that predicted a folder, in its order; None where no model of ours did.

    Raises:
        UnreadableFile: its summary is damaged.
    """
    content = _json(folder / "summary.json") if (folder / "summary.json").exists() else None
    names = content.get("classes") if isinstance(content, dict) else None
    return [str(name) for name in names] if isinstance(names, list) else None


def masks_of_labels(layers: Iterable[AnyArray]) -> list[tuple[int, RLE]]:
    """The id and the run lengths of each object of label images, every object whole in one of them.

    Args:
        layers: (h, w) integers, 0 is background; ids may have gaps.
    """
    found = []
    for layer in layers:
        numbered = relabel(layer)
        for number, place in enumerate(ndimage.find_objects(numbered), start=1):
            mask = numbered[place] == number
            label = int(layer[place].flat[mask.argmax()])
            found.append((label, encode(mask, place[0].start, place[1].start, layer.shape)))
    return found


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


def _holds_classes(summary: Path) -> bool:
    """Whether our own summary says that label images hold classes: labels of the table are not theirs then."""
    content = _json(summary) if summary.exists() else None
    return isinstance(content, dict) and content.get("kind") == "classes"


def _key(folder: LabelFolder, name: str, known: Mapping[str, Any]) -> str:
    """What an image is called in a table: as its label image is, whose ending such as _mask is no part of `name`."""
    whole = stem(folder.entries[name].image)
    return whole if whole in known else name


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        problem = f"is not JSON, or cut off ({' '.join(str(error).split())[:120]})"
        raise UnreadableFile(problem, file=file, remedy=AGAIN) from error


def _read_document(file: Path) -> dict[str, list[tuple[Any, str, float]]] | None:
    """Outline, class and score of each object by the name of its image; None where it is no COCO file of scores."""
    content = _json(file)
    if not is_coco(content) or any("score" not in one for one in content["annotations"]):
        return None
    try:
        classes = {one["id"]: str(one["name"]) for one in content["categories"]}
        names = {one["id"]: one.get("name") or stem(Path(one["file_name"])) for one in content["images"]}
        found: dict[str, list[tuple[Any, str, float]]] = {name: [] for name in names.values()}
        for one in content["annotations"]:
            about = (one["segmentation"], classes[one["category_id"]], _score(one["score"]))
            found[names[one["image_id"]]].append(about)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        problem = f"is not as a COCO file should be ({type(error).__name__}: {error})"
        raise DataError(problem, file=file, remedy=AGAIN) from error
    return found


def _of_document(
    file: Path, listed: dict[str, list[tuple[Any, str, float]]], name: str, size: tuple[int, int]
) -> list[CocoObject]:
    if name not in listed:
        raise DataError(f"does not list the image {name}", file=file, remedy=AGAIN)
    return [CocoObject(_checked(outline, size, name, file), label, score) for outline, label, score in listed[name]]


def _checked(outline: Any, size: tuple[int, int], name: str, file: Path) -> RLE:
    """Run lengths that fit the image: COCO's own code trusts them, and reads past the end of those that do not."""
    try:
        if isinstance(outline, dict):
            counts = outline["counts"].encode() if isinstance(outline["counts"], str) else outline["counts"]
            found = run_lengths(RunLengths(tuple(outline["size"]), counts), size)
        else:
            found = run_lengths(tuple(np.array(part, float).reshape(-1, 2) for part in outline), size)
    except (KeyError, TypeError, ValueError) as error:
        problem = f"has an object in {name} whose outline is not sound ({error})"
        raise DataError(problem, file=file, remedy=AGAIN) from error
    return {"size": [*size], "counts": found} if found else encode(np.zeros((1, 1), np.bool_), 0, 0, size)


def _read_table(file: Path) -> dict[str, dict[int, tuple[str, float]]] | None:
    """Class and score by image and label; None where the table has other columns."""
    found: defaultdict[str, dict[int, tuple[str, float]]] = defaultdict(dict)
    with open(file, encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        try:
            if not set(COLUMNS) <= set(reader.fieldnames or ()):
                return None
            for row in reader:
                found[row["image"]][int(row["label"])] = (row["class"], _score(row["score"]))
        except (TypeError, ValueError):  # also text that is not UTF-8
            problem = f"has no sound label and score in line {reader.line_num}"
            raise DataError(problem, file=file, remedy=AGAIN) from None
    return dict(found)


def _of_labels(
    folder: LabelFolder, name: str, table: Path, rows: dict[str, dict[int, tuple[str, float]]]
) -> list[CocoObject]:
    entry = folder.entries[name]
    file, page = entry.image, entry.page or 0
    layers = folder.root / "layers" / file.name
    masks = masks_of_labels(read_mask(layers) if layers.exists() else read_mask(file, page))
    about = rows.get(_key(folder, name, rows), {})
    if missing := [label for label, _ in masks if label not in about]:
        raise DataError(f"has no row for object {missing[0]} of the image {name}", file=table, remedy=AGAIN)
    return [CocoObject(mask, *about[label]) for label, mask in masks]


def _score(value: Any) -> float:
    score = float(value)
    if not math.isfinite(score):
        raise ValueError(f"a score of {score}")
    return score
