"""Classes of truth and prediction matched by their names, where objects have any.

A label image of objects knows no classes: all its objects are called "object". Where one side is such, the names of the
other say nothing, and all objects of both are compared as one class.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from unmask.arrays import ClassMap
from unmask.data.shapes.run_lengths import mask_of_runs, read_runs
from unmask.metrics.coco import CocoImage, CocoObject

__all__ = ["one_class", "paint_classes", "rename_classes", "unnamed"]

NO_NAME = "object"


def unnamed(class_names: Iterable[str]) -> bool:
    """Whether objects of these classes, or of none, are no more than objects."""
    return set(class_names) <= {NO_NAME}


def one_class(image: CocoImage) -> CocoImage:
    """The image with all objects of one class."""
    truth, prediction = ([replace(one, class_name=NO_NAME) for one in part] for part in (image.truth, image.prediction))
    return replace(image, truth=truth, prediction=prediction)


def paint_classes(objects: Sequence[CocoObject], class_names: Sequence[str], size: tuple[int, int]) -> ClassMap:
    """The class map of objects with scores: each pixel of the best object there.

    Args:
        objects: of one image.
        class_names: of classes 1, 2, ...; objects of others are background.
        size: rows and columns.

    Returns:
        (h, w) uint8.
    """
    index = {name: number for number, name in enumerate(class_names, start=1)}
    classes = np.zeros(size, np.uint8)
    for one in sorted(objects, key=lambda one: one.score):
        counts = one.mask["counts"]
        runs = read_runs(counts.encode() if isinstance(counts, str) else bytes(counts))
        if runs[1::2].any():
            mask, place = mask_of_runs(runs, size[0])
            classes[place][mask] = index.get(one.class_name, 0)
    return classes


def rename_classes(classes: ClassMap, own: Sequence[str], class_names: Sequence[str]) -> ClassMap:
    """A class map in another order of classes.

    Args:
        classes: (h, w) uint8, 0 is background.
        own: names of its classes 1, 2, ...
        class_names: the names of classes 1, 2, ... in the result; what is of no such class is background there.

    Returns:
        (h, w) uint8.
    """
    index = {name: number for number, name in enumerate(class_names, start=1)}
    return np.array([0, *(index.get(name, 0) for name in own)], np.uint8)[classes]
