"""Pascal VOC's layout of segmentation data, which labelme, CVAT and others write too.

VOC2012/JPEGImages/a.jpg
VOC2012/SegmentationObject/a.png  ids of objects         one of the two is enough
VOC2012/SegmentationClass/a.png   classes
VOC2012/ImageSets/Segmentation/train.txt                 also val.txt and test.txt: names of images
VOC2012/labels.txt                                       names of classes, where they are not VOC's

Only images that have masks take part: of VOC 2012's 17,125 images 2,913 have. The boxes of Annotations/*.xml are not
read.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from unmask.data.dataset import Dataset
from unmask.data.entry import Entry, MaskFile, ObjectsAndClasses
from unmask.data.formats.images import read_header
from unmask.data.layouts.masked import Masked, masked_dataset
from unmask.data.layouts.voc_boxes import boxes_alone, boxes_in
from unmask.data.layouts.voc_classes import VOID, classes_coding, objects_coding, palette_colour
from unmask.data.layouts.voc_lists import read_lists
from unmask.data.listing import NPY, holds_images, image_files, natural, stem
from unmask.data.masks.coding import Coding
from unmask.data.masks.read import MaskFacts, check_sizes
from unmask.data.options import ReadOptions, attempt
from unmask.errors import DataError, MaskError, PairingError

__all__ = ["read_voc", "voc_images"]

IMAGES = "JPEGImages"
OBJECTS = ("SegmentationObject", "SegmentationObjectPNG")  # labelme's names where it also writes NumPy files
CLASSES = ("SegmentationClass", "SegmentationClassPNG")


def read_voc(root: Path, options: ReadOptions) -> Dataset | None:
    """Reads a data set in Pascal VOC's layout. Looks at every class map, and at headers.

    Args:
        root: the folder with JPEGImages/, or one above it.
        options: kind "classes" leaves the label images of objects out; what becomes of files with a problem.

    Returns:
        The data set; None where there are no images and masks laid out so.

    Raises:
        PairingError: several such folders; a mask without image, masks of one kind only, sizes that differ.
        MaskError: boxes without masks; masks that cannot be understood.
        UnreadableFile: a damaged file.
        DataError: a value that is no class; an image in two lists.
    """
    home = None if root.is_file() else _home(root)
    if home is None:
        if root.is_dir() and (boxes := boxes_alone(root)):
            raise boxes
        return None
    objects, classes = _masks(home, OBJECTS), _masks(home, CLASSES)
    if not objects and not classes:
        if any(home.glob("*.json")) or any(home.glob("[Aa]nnotations/*.json")):
            return None  # labelme exports COCO files with JPEGImages/ beside
        raise _no_masks(home)
    _check_kind(home, objects, classes, options)
    if options.kind == "classes":
        objects = {}

    def coding(facts: Sequence[MaskFacts], options: ReadOptions) -> Coding:
        both = bool(objects)
        return classes_coding(home, facts, options, objects=both) if classes else objects_coding(facts, options)

    images = _by_name(image_files(home / IMAGES))
    splits = read_lists(home, options)
    items = _items(images, [kind for kind in (objects, classes) if kind], splits, options)
    most = len(items) < len(images)
    how = f"those with masks of the {len(images):,} in {IMAGES}/, paired by name" if most else "paired by name"
    dataset = masked_dataset(root, items, options, how=how, coding=coding)
    coloured = dataset.coding is not None and dataset.coding.colours
    entries = tuple(_in_colours(entry) if coloured else entry for entry in dataset.entries)
    return replace(dataset, entries=entries)


def voc_images(root: Path) -> dict[Path, tuple[Path, ...]] | None:
    """All images, with masks or without; None where there is no folder JPEGImages/ that holds any."""
    home = None if root.is_file() else _home(root)
    if home is None or not holds_images(home / IMAGES):
        return None
    return {file: (file,) for file in image_files(home / IMAGES)}


def _home(root: Path) -> Path | None:
    """The folder with JPEGImages/: the root, one in it, or one in a folder in it that is called by VOC's name.

    Raises:
        PairingError: there are several.
    """
    if (root / IMAGES).is_dir():
        return root
    folders = [child for child in sorted(root.iterdir()) if child.is_dir()]
    inner = [child for folder in folders if "voc" in folder.name.lower() for child in sorted(folder.iterdir())]
    found = [folder for folder in [*folders, *inner] if (folder / IMAGES).is_dir()]
    if len(found) > 1:
        names = " and ".join(f"{folder.relative_to(root).as_posix()}/" for folder in found[:3])
        raise PairingError(f"holds {len(found)} data sets, {names}", file=root, remedy="give one of these folders")
    return found[0] if found else None


def _masks(home: Path, names: Sequence[str]) -> dict[str, Path]:
    """Masks by the names of their images, of the first of some folders that holds any.

    labelme writes .npy files beside, with -1 for what is to be ignored; they are left out.
    """
    folders = [home / name for name in names if (home / name).is_dir() and holds_images(home / name)]
    found = ([file for file in image_files(folder) if file.suffix.lower() != NPY] for folder in folders)
    return _by_name(next(filter(None, found), []))


def _by_name(files: Sequence[Path]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for file in files:
        if (other := named.setdefault(stem(file), file)) != file:
            problem = f"has the same name as {other.name}, so that their images and masks cannot be told apart"
            raise PairingError(problem, file=file, remedy="remove one of them")
    return named


def _no_masks(home: Path) -> DataError:
    if boxes := boxes_in(home / "Annotations"):
        return boxes
    remedy = f"put masks into {OBJECTS[0]}/ (ids of objects) or {CLASSES[0]}/ (classes)"
    return PairingError(f"has {IMAGES}/ and no masks", file=home, remedy=remedy)


def _check_kind(home: Path, objects: dict[str, Path], classes: dict[str, Path], options: ReadOptions) -> None:
    """Refuses a kind of which there are no masks."""
    if options.kind == "objects" and not objects:
        problem, there = f"--objects: {CLASSES[0]}/ holds classes, and there is no {OBJECTS[0]}/", CLASSES[0]
        raise MaskError(problem, file=home / there, remedy="leave --objects out: regions of a class are its objects")
    if options.kind == "classes" and not classes:
        problem = f"--classes: {OBJECTS[0]}/ holds objects, and there is no {CLASSES[0]}/"
        raise MaskError(problem, file=home / OBJECTS[0], remedy="leave --classes out")


def _items(
    images: dict[str, Path], masks: Sequence[dict[str, Path]], splits: dict[str, str], options: ReadOptions
) -> list[Masked]:
    """Images and their masks, in natural order; `masks` of one kind or of both, objects first."""
    files = {name: file for kind in masks for name, file in kind.items()}
    items = []
    for name, file in sorted(files.items(), key=lambda one: natural(one[1])):
        source = attempt(options, partial(_source, name, file, images.get(name), [kind.get(name) for kind in masks]))
        if source:
            items.append(Masked(name, (images[name],), source, splits.get(name)))
    return items


def _source(name: str, mask: Path, image: Path | None, files: Sequence[Path | None]) -> MaskFile | ObjectsAndClasses:
    """What annotates an image.

    Raises:
        PairingError: there is no such image, one of two masks is missing, or the label image has another size.
    """
    if image is None:
        remedy = f"put its image into {IMAGES}/, or move the mask away"
        raise PairingError(f"is a mask without an image {name} in {IMAGES}/", file=mask, remedy=remedy)
    there = [file for file in files if file]
    if len(there) < len(files):
        missing = (CLASSES if files[0] else OBJECTS)[0]
        remedy = "add it; if only classes matter, say --classes"
        raise PairingError(f"has no mask of its name in {missing}/", file=there[0], remedy=remedy)
    if len(there) == 1:
        return MaskFile(there[0])
    header = read_header(there[0])
    check_sizes(there[0], header.size, read_header(image).size)
    narrow = header.dtype == np.uint8  # else there is room for ids above 255, and it is one of them
    return ObjectsAndClasses(MaskFile(there[0]), MaskFile(there[1]), VOID if narrow else None)


def _in_colours(entry: Entry) -> Entry:
    """An entry whose masks are in VOC's colours."""
    if isinstance(entry.source, ObjectsAndClasses) and entry.source.unknown is not None:
        return replace(entry, source=replace(entry.source, unknown=palette_colour(entry.source.unknown)))
    return entry
