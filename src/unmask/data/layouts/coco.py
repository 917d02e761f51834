"""COCO files: one JSON of images, annotations and categories (cocodataset.org, "instances").

Outlines are lists of polygons or run lengths, plain or compressed. Crowds (iscrowd), which mark many objects at once,
are regions to ignore.
"""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from unmask.data.shapes.annotations import LeftOut, ListedImage, ListedObject, Listing, Polygons, RunLengths
from unmask.errors import DataError, MaskError

__all__ = ["is_coco", "read_coco"]

NO_NAME = "object"
UNLISTED = ("annotation of an image that is not listed", "annotations of images that are not listed")
SOUND = "export it again as a COCO instances file; see cocodataset.org/#format-data"


def is_coco(content: Any) -> bool:
    """Whether a JSON file is of this kind: it lists images, and annotations that are objects or none at all."""
    if not isinstance(content, dict) or not all(
        isinstance(content.get(key), list) for key in ("images", "annotations")
    ):
        return False
    first = next(iter(content["annotations"]), {"category_id": 0})
    return isinstance(first, dict) and ("category_id" in first or "segmentation" in first)


def read_coco(files: Mapping[Path, Any]) -> Listing:
    """What COCO files hold, without looking at images.

    Args:
        files: content by file. Classes of several files are one where their names are.

    Returns:
        Images and their objects; classes in order of their ids.

    Raises:
        DataError: a file without something that it should have; names the place.
        MaskError: boxes without outlines.
    """
    names = {file: _categories(file, content) for file, content in files.items()}
    first_id: dict[str, int] = {}
    for categories in names.values():
        for index, name in categories.items():
            first_id.setdefault(name, index)
    images: list[ListedImage] = []
    left_out: list[LeftOut] = []
    for file, content in files.items():
        found, left = _images(file, content, names[file])
        images += found
        left_out += left
    unnamed = [] if all(names.values()) else [NO_NAME]
    classes = dict.fromkeys(sorted(first_id, key=lambda name: (first_id[name], name)) + unnamed)
    return Listing(tuple(images), tuple(classes), tuple(left_out))


def _categories(file: Path, content: Any) -> dict[int, str]:
    """Names of classes by their ids; none where the file lists no categories."""
    listed = content.get("categories") or []
    if not isinstance(listed, list):
        raise DataError("has categories that are no list", file=file, remedy=SOUND)
    return {
        _get(one, "id", int, file, "categories"): _get(one, "name", str, file, "categories").strip() for one in listed
    }


def _images(file: Path, content: Any, names: Mapping[int, str]) -> tuple[list[ListedImage], list[LeftOut]]:
    """Images of one file with their objects, and what was left out."""
    listed = {_get(one, "id", (int, str), file, "images"): one for one in content["images"]}
    if len(listed) < len(content["images"]):
        raise DataError("lists two images of one id", file=file, remedy=SOUND)
    objects: defaultdict[int | str, list[ListedObject]] = defaultdict(list)
    left_out = []
    for annotation in content["annotations"]:
        image = _get(annotation, "image_id", (int, str), file, "annotations")
        if image not in listed:
            left_out.append(LeftOut(UNLISTED, f"image {image}"))
        else:
            crowd = bool(annotation.get("iscrowd"))
            objects[image].append(ListedObject(_label(annotation, names, file), _shape(annotation, file), crowd))
    _check_outlines(file, [one for many in objects.values() for one in many])
    images = [
        ListedImage(file, _get(one, "file_name", str, file, "images"), _size(one), tuple(objects[index]))
        for index, one in listed.items()
    ]
    return images, left_out


def _check_outlines(file: Path, objects: list[ListedObject]) -> None:
    if objects and all(one.shape == () for one in objects):
        remedy = "annotate outlines, or make them of the boxes with a segmentation tool"
        raise MaskError("holds boxes without outlines", file=file, remedy=remedy)


def _label(annotation: Any, names: Mapping[int, str], file: Path) -> str:
    if not names:
        return NO_NAME
    category = _get(annotation, "category_id", int, file, "annotations")
    if category not in names:
        problem = (
            f"annotation {str(annotation.get('id', ''))[:40]} is of category {category}, which the file does not list"
        )
        remedy = f"add {category} with its name to categories"
        if category in (min(names) - 1, max(names) + 1):
            remedy += f"; if all are off by one, count both from {min(names)}: categories are {_span(names)}"
        raise DataError(problem, file=file, remedy=remedy, code="ids")
    return names[category]


def _span(names: Mapping[int, str]) -> str:
    return f"{min(names)} ({names[min(names)]}) to {max(names)} ({names[max(names)]})"


def _size(image: Any) -> tuple[int, int] | None:
    height, width = image.get("height"), image.get("width")
    return (height, width) if isinstance(height, int) and isinstance(width, int) and height and width else None


def _shape(annotation: Any, file: Path) -> Polygons | RunLengths:
    """The outline of an annotation; no polygon where it has none."""
    given = annotation.get("segmentation") or []
    try:
        if isinstance(given, dict):
            rows, columns = given["size"]
            counts = given["counts"]
            plain = counts.encode() if isinstance(counts, str) else [int(run) for run in counts]
            return RunLengths((int(rows), int(columns)), plain)
        parts = given if not given or isinstance(given[0], list) else [given]  # some tools leave out the outer list
        flat = [np.array(part, float).ravel() for part in parts]
        return tuple(part[: part.size // 2 * 2].reshape(-1, 2) for part in flat)
    except (KeyError, TypeError, ValueError, OverflowError):
        problem = (
            f"annotation {str(annotation.get('id', ''))[:40]} has an outline that is neither polygons nor run lengths"
        )
        raise DataError(problem, file=file, remedy=SOUND) from None


def _get(record: Any, key: str, kind: type | tuple[type, ...], file: Path, what: str) -> Any:
    """A value that the file must have."""
    if isinstance(record, dict) and isinstance(record.get(key), kind):
        return record[key]
    raise DataError(f"one of its {what} has no sound {key}: {str(record)[:80]}", file=file, remedy=SOUND)
