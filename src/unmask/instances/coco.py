"""Objects as COCO files, which annotation tools, dataset viewers and pycocotools read (cocodataset.org, "results").

    coco.json            outlines as run lengths: every pixel, and whole objects where they overlap
    coco_polygons.json   the same with polygons, for tools in which people draw, such as CVAT and Label Studio

Objects of an image are made when it is done, and the files are written at the end, image by image: a job of many images
never holds the objects of all.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import TextIO, TypedDict

import numpy as np

from unmask.data.files import atomic
from unmask.geometry.rle import RLE, encode, polygons
from unmask.instances.objects import Objects

__all__ = ["CocoAnnotation", "CocoFrame", "check_size", "coco_annotations", "write_coco"]


class CocoAnnotation(TypedDict):
    """One object, before it has an id.

    Attributes:
        category_id: its class, from 1.
        score: 0 to 1.
        area: pixels.
        bbox: left, top, width, height in pixels.
        iscrowd: 0, one object.
        rle: its run lengths.
        polygons: its outlines, x, y, x, y, ... of corners; holes are filled.
    """

    category_id: int
    score: float
    area: int
    bbox: list[int]
    iscrowd: int
    rle: RLE
    polygons: list[list[int]]


@dataclass(frozen=True)
class CocoFrame:
    """An image as COCO lists it; `name` is ours, and tells pages of one file apart."""

    name: str
    file_name: str
    height: int
    width: int


def check_size(size: tuple[int, int]) -> None:
    """Refuses rows and columns of an image that COCO cannot hold: to be asked before hours of prediction.

    Raises:
        MaskError: the image has more pixels than COCO's run lengths can count.
    """
    encode(np.zeros((1, 1), np.bool_), 0, 0, size)


def coco_annotations(objects: Objects) -> list[CocoAnnotation]:
    """The objects of one image, in the order of their labels.

    Raises:
        MaskError: as `check_size`.
    """
    size = (objects.labels.shape[0], objects.labels.shape[1])
    return [
        {
            "category_id": int(objects.classes[label - 1]),
            "score": float(str(objects.scores[label - 1])),  # as few digits as tell a float32
            "area": int(mask.sum()),
            "bbox": [left, top, mask.shape[1], mask.shape[0]],
            "iscrowd": 0,
            "rle": encode(mask, top, left, size),
            "polygons": polygons(mask, top, left),
        }
        for label, top, left, mask in objects.crops()
    ]


def write_coco(
    folder: Path,
    images: Sequence[CocoFrame],
    annotations: Iterable[Sequence[CocoAnnotation]],
    class_names: Sequence[str],
    description: str = "",
) -> None:
    """Writes coco.json and coco_polygons.json, whole or not at all; an annotation a line.

    Args:
        folder: where to.
        images: listed with ids 1, 2, ...
        annotations: of each image; asked for one image at a time.
        class_names: of categories 1, 2, ...
        description: where the objects come from.

    Raises:
        UnmaskError: a file cannot be written.
    """
    head = json.dumps(
        {
            "info": {"description": description},
            "categories": [{"id": number, "name": name} for number, name in enumerate(class_names, start=1)],
            "images": [{"id": number, **asdict(image)} for number, image in enumerate(images, start=1)],
        }
    )
    with (
        atomic(folder / "coco.json") as whole,
        atomic(folder / "coco_polygons.json") as drawn,
        open(whole, "w", encoding="utf-8") as runs,
        open(drawn, "w", encoding="utf-8") as outlines,
    ):
        _write(head, _numbered(annotations), runs, outlines)


def _numbered(annotations: Iterable[Sequence[CocoAnnotation]]) -> Iterator[tuple[dict[str, int], CocoAnnotation]]:
    """Annotations of all images with their ids, and those of their images, from 1."""
    numbers = count(1)
    for image, found in enumerate(annotations, start=1):
        for one in found:
            yield {"id": next(numbers), "image_id": image}, one


def _write(
    head: str, annotations: Iterable[tuple[dict[str, int], CocoAnnotation]], runs: TextIO, outlines: TextIO
) -> None:
    for file in (runs, outlines):
        file.write(head[:-1] + ', "annotations": [')
    separator = "\n"
    for ids, one in annotations:
        common = {**ids, **{key: value for key, value in one.items() if key not in ("rle", "polygons")}}
        runs.write(separator + json.dumps({**common, "segmentation": one["rle"]}))
        outlines.write(separator + json.dumps({**common, "segmentation": one["polygons"]}))
        separator = ",\n"
    for file in (runs, outlines):
        file.write("\n]}\n")
