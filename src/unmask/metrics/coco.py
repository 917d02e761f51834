"""COCO's scores of predicted objects that have a score each, for masks and for boxes, as pycocotools computes them.

AP here is COCO's: the area under the curve of precision over recall as objects of falling score are let in, 101 points,
at IoU .50, .55, ..., .95, averaged over these thresholds and over classes. AP in `objects.ap` is TP / (TP + FP + FN) of
all objects there are. Neither can be turned into the other.

COCO looks at the 100 best detections of an image and leaves out all others; here none is left out. Sizes are COCO's: a
small object has less than 32 x 32 pixels, a medium one less than 96 x 96.

What is to be ignored of an image is a crowd of every class, in COCO's words: a detection without an object of its own
counts for nothing at a threshold if at least that share of it is ignored. Boxes are then compared as the rectangles of
pixels that they are, and with the ignored pixels themselves: COCO would take the box around all of these, which may
well be the whole image.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from faster_coco_eval import mask as coco_masks

from unmask.arrays import AnyArray
from unmask.errors import PairingError
from unmask.geometry.rle import RLE, encode
from unmask.metrics.scores import Tree

__all__ = ["CocoImage", "CocoObject", "coco_scores"]

FEWEST = 100  # COCO's number of detections an image
AREAS = ("all", "small", "medium", "large")  # in the order of COCO's arrays
AP_50, AP_75 = 0, 5  # places of these thresholds there


@dataclass(frozen=True, slots=True)
class CocoObject:
    """An object as its run lengths.

    Attributes:
        mask: COCO's run lengths, packed.
        class_name: objects of one name are compared with each other.
        score: 0 to 1, how sure the prediction is; of no matter for true objects.
    """

    mask: RLE
    class_name: str = "object"
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class CocoImage:
    """True and predicted objects of one image; either may overlap among themselves.

    Attributes:
        name: of the image.
        truth: the true objects.
        prediction: the predicted ones.
        ignore: run lengths of the pixels where the truth is not known; None where all is.
    """

    name: str
    truth: Sequence[CocoObject]
    prediction: Sequence[CocoObject]
    ignore: RLE | None = None


def coco_scores(images: Iterable[CocoImage]) -> Tree:
    """COCO's average precision and recall of a set of images.

    Needs about 16 bytes for each pair of a true and a predicted object of one class and image, of all images at once.

    Args:
        images: with their objects. Predicted objects of a class that no true object has are left out, as COCO does.

    Returns:
        "mask" and "box": "ap", "ap50", "ap75", "small", "medium", "large" (AP of these sizes; absent where no true
        object has one) and "ar" (recall, averaged as AP is). "max_detections": objects of an image that were looked at,
        the most that any has in truth or prediction, at least 100. Empty where there is no true object.

    Raises:
        PairingError: objects of one image whose frames differ in size.
    """
    images = list(images)
    classes = {name: number for number, name in enumerate(sorted(_class_names(images)), start=1)}
    if not classes:
        return {}
    most = max(FEWEST, *(max(len(image.truth), len(image.prediction)) for image in images))
    frames = [{"id": number, **_frame(image)} for number, image in enumerate(images, start=1)]
    categories = [{"id": number, "name": name} for name, number in classes.items()]
    truth = _annotations([image.truth for image in images], classes)
    found = _annotations([image.prediction for image in images], classes)
    crowds = _crowds(images, classes, len(truth) + 1)
    tree: Tree = {"mask": _evaluate("segm", frames, categories, [*truth, *crowds], found, most)}
    for one in found:  # COCO takes the size of a detected box from the box, that of a true one from its mask
        one["area"] = one["bbox"][2] * one["bbox"][3]
    for one in (*truth, *found) if crowds else ():
        one["segmentation"] = _rectangle(one["bbox"], one["segmentation"]["size"])
    kind = "segm" if crowds else "bbox"
    tree["box"] = _evaluate(kind, frames, categories, [*truth, *crowds], found, most)
    return tree | {"max_detections": most}


def _crowds(images: Sequence[CocoImage], classes: dict[str, int], first: int) -> list[dict[str, Any]]:
    """COCO's records of what is to be ignored, numbered from `first`."""
    masks = [[] if image.ignore is None else [CocoObject(image.ignore, name) for name in classes] for image in images]
    numbered = enumerate(_annotations(masks, classes), start=first)
    return [{**one, "id": number, "iscrowd": 1} for number, one in numbered]


def _rectangle(box: Sequence[float], size: Sequence[int]) -> RLE:
    """The pixels of a box, whose corners are those of pixels."""
    left, top, width, height = (int(value) for value in box)
    return encode(np.ones((height, width), np.bool_), top, left, (size[0], size[1]))


def _class_names(images: Sequence[CocoImage]) -> set[str]:
    return {one.class_name for image in images for one in image.truth}


def _frame(image: CocoImage) -> dict[str, int]:
    """Rows and columns of an image; 1 x 1 where nothing has a mask."""
    masks = [one.mask for part in (image.truth, image.prediction) for one in part]
    masks += [] if image.ignore is None else [image.ignore]
    sizes = {tuple(mask["size"]) for mask in masks} or {(1, 1)}
    if len(sizes) > 1:
        told = " and ".join(f"{rows} x {columns}" for rows, columns in sorted(sizes))
        remedy = "compare objects of one and the same image, neither cropped nor resized"
        raise PairingError(f"true and predicted objects are of images of {told} pixels", file=image.name, remedy=remedy)
    height, width = sizes.pop()
    return {"height": height, "width": width}


def _annotations(objects: Sequence[Sequence[CocoObject]], classes: dict[str, int]) -> list[dict[str, Any]]:
    """COCO's records of the objects of all images, of these classes."""
    places = [(i, one) for i, part in enumerate(objects, start=1) for one in part if one.class_name in classes]
    masks = [one.mask for _, one in places]
    columns = zip(places, coco_masks.area(masks).tolist(), coco_masks.toBbox(masks).tolist(), strict=True)
    return [
        {
            "id": number,  # from 1: COCO takes 0 for no match
            "image_id": image,
            "category_id": classes[one.class_name],
            "segmentation": one.mask,
            "area": area,
            "bbox": box,
            "iscrowd": 0,
            "score": one.score,
        }
        for number, ((image, one), area, box) in enumerate(columns, start=1)
    ]


def _evaluate(
    what: str,
    frames: list[dict[str, Any]],
    categories: list[dict[str, Any]],
    truth: list[dict[str, Any]],
    found: list[dict[str, Any]],
    most: int,
) -> Tree:
    sides = [COCO({"images": frames, "categories": categories, "annotations": side}) for side in (truth, found)]
    evaluation = COCOeval_faster(*sides, what)
    evaluation.params.maxDets = [most]
    evaluation.evaluate()
    evaluation.accumulate()
    return _summary(np.asarray(evaluation.eval["precision"]), np.asarray(evaluation.eval["recall"]))


def _summary(precision: AnyArray, recall: AnyArray) -> Tree:
    """The figures of one kind.

    Args:
        precision: (thresholds, recalls, classes, areas, 1), -1 where there is no true object.
        recall: (thresholds, classes, areas, 1), likewise.
    """
    size = {area: precision[:, :, :, place] for place, area in enumerate(AREAS)}
    parts = {"ap": size["all"], "ap50": size["all"][AP_50], "ap75": size["all"][AP_75]}
    parts |= {area: size[area] for area in AREAS[1:]} | {"ar": recall[:, :, 0]}
    return {name: float(part[part > -1].mean()) for name, part in parts.items() if (part > -1).any()}
