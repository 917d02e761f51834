"""What annotates an image, as pixels: the one place where every kind of annotation is read."""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from unmask.arrays import AnyArray, MaskImage
from unmask.data.annotations import Annotation, LabelLayers, layered
from unmask.data.coding import Coding, interpret
from unmask.data.entry import Entry, MaskFile, MaskFiles, ObjectsAndClasses, header_of
from unmask.data.masks import check_sizes, read_mask
from unmask.errors import MaskError

__all__ = ["read_truth"]

# Where only objects are annotated, so many pixels around each are known not to be of it: its border is learned there.
KNOWN_AROUND = 3


def read_truth(entry: Entry, coding: Coding) -> LabelLayers:
    """The annotation of an entry that has one.

    Args:
        entry: with a source.
        coding: what the values of its data set's masks mean.

    Raises:
        MaskError: values that mean nothing, or a mask without a pixel of its object.
        PairingError: masks that differ in size from their image.
        UnreadableFile: a file is damaged.
    """
    return _known(_layers(entry, coding), outside=coding.outside)


def _layers(entry: Entry, coding: Coding) -> LabelLayers:
    match entry.source:
        case Annotation():
            return entry.source.label_layers()
        case MaskFile(file):
            return interpret(_values(entry.source), coding, file)
        case MaskFiles(files, classes):
            size = header_of(entry).size
            return layered([_one_object(MaskFile(file), size) for file in files], classes, size)
        case ObjectsAndClasses(objects, classes):
            return _classified(objects, classes, coding)
        case None:
            raise ValueError(f"{entry.name} has no annotation")


def _values(mask: MaskFile) -> AnyArray:
    return read_mask(mask.file, mask.page or 0)[0]


def _one_object(mask: MaskFile, size: tuple[int, int]) -> tuple[MaskImage, tuple[slice, slice]]:
    """The pixels of the one object of a file in the window that holds them, and the window."""
    values = _values(mask)
    check_sizes(mask.file, (values.shape[0], values.shape[1]), size)
    found = values > values.max() // 2
    if not found.any():
        remedy = "remove it; an image without objects has no such file"
        raise MaskError("is the mask of an object, and holds only 0", file=mask.file, remedy=remedy)
    rows, columns = ndimage.find_objects(found.astype(np.uint8))[0]
    return found[rows, columns], (rows, columns)


def _classified(objects: MaskFile, classes: MaskFile, coding: Coding) -> LabelLayers:
    """Objects of a label image, each of the class that most of its pixels have in the class map."""
    ids = interpret(_values(objects), replace(coding, kind="objects"), objects.file)
    kinds = interpret(_values(classes), coding, classes.file)
    check_sizes(classes.file, kinds.classes.shape, ids.objects.shape)
    found = ids.objects > 0
    counts = np.zeros((int(ids.objects.max()) + 1, 1 + len(coding.values)), np.int64)
    np.add.at(counts, (ids.objects[found], kinds.classes[found]), 1)
    counts[:, 0] = 0  # an object is something
    class_of = counts.argmax(axis=1).astype(np.uint8)
    if (counts[1:].sum(axis=1) == 0).any():
        label = int(np.flatnonzero(counts[1:].sum(axis=1) == 0)[0]) + 1
        problem = f"has an object of no class in {classes.file.name}, the {label}. from the top"
        raise MaskError(problem, file=objects.file, remedy="draw it in both, or in neither")
    return LabelLayers(class_of[ids.objects], ids.objects, None, class_of, ids.ignore)


def _known(layers: LabelLayers, *, outside: bool) -> LabelLayers:
    """With what is far from objects ignored, where only objects are known."""
    if not outside:
        return layers
    near = ndimage.distance_transform_edt(layers.objects == 0) <= KNOWN_AROUND if layers.objects.any() else False
    ignore: MaskImage = np.broadcast_to(~np.asarray(near), layers.objects.shape).copy()
    return replace(layers, ignore=ignore if layers.ignore is None else ignore | layers.ignore)
