"""What annotates an image, as pixels: the one place where every kind of annotation is read."""

from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from scipy import ndimage
from skimage import measure

from unmask.arrays import AnyArray, MaskImage
from unmask.data.entry import Entry, MaskFile, MaskFiles, ObjectsAndClasses, header_of
from unmask.data.masks.coding import Coding, interpret
from unmask.data.masks.read import check_sizes, read_mask
from unmask.data.shapes.annotations import Annotation, LabelLayers, layered
from unmask.errors import MaskError
from unmask.geometry.labels import relabel

__all__ = ["read_truth"]

# Where only objects are annotated, so many pixels around each are known not to be of it: its border is learned there.
KNOWN_AROUND = 3

Part: TypeAlias = tuple[MaskImage, tuple[slice, slice]]  # an object in the window that holds it, and the window


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
            return interpret(_values(entry.source, coding), coding, file)
        case MaskFiles():
            return _from_files(entry.source, header_of(entry).size)
        case ObjectsAndClasses():
            return _classified(entry.source, coding)
        case None:
            raise ValueError(f"{entry.name} has no annotation")


def _values(mask: MaskFile, coding: Coding) -> AnyArray:
    return read_mask(mask.file, mask.page or 0, colours=coding.colours)[0]


def _from_files(source: MaskFiles, size: tuple[int, int]) -> LabelLayers:
    """Objects of one file each, or connected regions of one file a class."""
    parts: list[Part] = []
    classes: list[int] = []
    for file, index in zip(source.files, source.classes, strict=True):
        found = _regions(file, size) if source.regions else [_one_object(file, size)]
        parts += found
        classes += [index] * len(found)
    ignore = np.zeros(size, np.bool_)
    for file in source.ignored:
        ignore |= _sized(file, size) > 0
    return layered(parts, classes, size, ignore if source.ignored else None)


def _one_object(file: Path, size: tuple[int, int]) -> Part:
    """The one object of a file."""
    values = _sized(file, size)
    found = values > values.max() // 2
    if not found.any():
        remedy = "remove it; an image without objects has no such file"
        raise MaskError("is the mask of an object, and holds only 0", file=file, remedy=remedy)
    rows, columns = ndimage.find_objects(found.astype(np.uint8))[0]
    return found[rows, columns], (rows, columns)


def _regions(file: Path, size: tuple[int, int]) -> list[Part]:
    """Connected regions (4 neighbours) of one value other than 0."""
    labels: AnyArray = measure.label(_sized(file, size), background=0, connectivity=1)  # type: ignore[no-untyped-call]
    places = enumerate(ndimage.find_objects(labels), start=1)
    return [(labels[rows, columns] == index, (rows, columns)) for index, (rows, columns) in places]


def _sized(file: Path, size: tuple[int, int]) -> AnyArray:
    """The mask of a file that holds one, of the size of its image."""
    masks = read_mask(file)
    if len(masks) > 1:
        raise MaskError(
            f"holds {len(masks)} masks where one is expected", file=file, remedy="save each as its own file"
        )
    check_sizes(file, (masks[0].shape[0], masks[0].shape[1]), size)
    return masks[0]


def _classified(source: ObjectsAndClasses, coding: Coding) -> LabelLayers:
    """Objects of a label image, each of the class that most of its pixels have in the class map."""
    kinds = interpret(_values(source.classes, coding), replace(coding, kind="classes"), source.classes.file)
    mask = _values(source.objects, coding)
    check_sizes(source.classes.file, kinds.classes.shape, (mask.shape[0], mask.shape[1]))
    unknown: MaskImage = np.zeros(mask.shape, np.bool_) if kinds.ignore is None else kinds.ignore
    if source.unknown is not None:
        unknown = unknown | (mask == source.unknown)
    objects = relabel(np.where(unknown, 0, mask))
    pairs = np.zeros((int(objects.max()) + 1, 1 + len(coding.values)), np.int64)
    np.add.at(pairs, (objects.ravel(), kinds.classes.ravel()), 1)
    pairs[:, 0] = 0  # an object is something
    pairs[0] = 0
    class_of = pairs.argmax(axis=1).astype(np.uint8)
    if (class_of[1:] == 0).any():
        label = int(np.flatnonzero(class_of[1:] == 0)[0]) + 1
        problem = f"has an object of no class in {source.classes.file.name}, the {label}. from the top"
        raise MaskError(problem, file=source.objects.file, remedy="draw it in both, or in neither")
    return LabelLayers(class_of[objects], objects, None, class_of, unknown if unknown.any() else None)


def _known(layers: LabelLayers, *, outside: bool) -> LabelLayers:
    """With what is far from objects ignored, where only objects are known."""
    if not outside:
        return layers
    near = ndimage.distance_transform_edt(layers.objects == 0) <= KNOWN_AROUND if layers.objects.any() else False
    ignore: MaskImage = np.broadcast_to(~np.asarray(near), layers.objects.shape).copy()
    return replace(layers, ignore=ignore if layers.ignore is None else ignore | layers.ignore)
