"""LabelFolder: masks by name, without images."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Int32, UInt8

from unmask.arrays import ClassMap, LabelImage
from unmask.data.annotation_files import read_annotated, unknown_json
from unmask.data.annotations import Annotation
from unmask.data.coding import Coding, Kind, decide, interpret
from unmask.data.dataset import Dataset
from unmask.data.listing import existing_data, find_folder, image_files, page_name, stem
from unmask.data.masks import look_at, read_mask
from unmask.data.paired import IMAGES, MASKS, images_and_masks
from unmask.data.pairing import mask_core, pair
from unmask.errors import PairingError

__all__ = ["LabelFolder", "read_label_folder"]


@dataclass(frozen=True)
class LabelFolder:
    """Masks by name, without images: what `evaluate` compares.

    Attributes:
        root: the folder.
        entries: for each name the file and the page in it; where masks are shapes (COCO, VIA), the image's file.
        coding: what the masks' values mean, with the sentence that says so.
        annotations: for each name its objects, where they are shapes; else empty.
        splits: name to "train", "val" or "test", where names of files and folders say it; a split.csv is not read.
    """

    root: Path
    entries: dict[str, tuple[Path, int]]
    coding: Coding
    annotations: Mapping[str, Annotation] = field(default_factory=dict)
    splits: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of the images that the masks belong to, in natural order."""
        return list(self.entries)

    @property
    def kind(self) -> Kind:
        """What mask values are."""
        return self.coding.kind

    def load(self, name: str) -> tuple[ClassMap, LabelImage]:
        """Reads one mask.

        Returns:
            (h, w) uint8 classes and (h, w) int32 objects.

        Raises:
            PairingError: there is no such mask.
            MaskError: values that mean nothing.
            UnreadableFile: a damaged file.
        """
        if name not in self.entries:
            remedy = f"add it, or compare only images that both have; names look like {self.names[0]}"
            raise PairingError(f"has no mask called {name}", file=self.root, remedy=remedy)
        if name in self.annotations:
            found = self.annotations[name].label_layers()
            return found.classes, found.objects
        file, page = self.entries[name]
        return interpret(read_mask(file, page)[0], self.coding, file)

    def load_layers(self, name: str) -> tuple[Int32[np.ndarray, "l h w"], UInt8[np.ndarray, " ids"]]:
        """Reads one mask with all of every object, also where objects overlap.

        Returns:
            (l, h, w) int32, every object whole in one of the layers, and the class of each id, (largest id + 1,) uint8,
            0 for the background. One layer where no objects overlap.

        Raises:
            UnmaskError: as `load`.
        """
        if name in self.annotations:
            found = self.annotations[name].label_layers()
            return found.objects[None] if found.layers is None else found.layers, found.layer_classes
        classes, objects = self.load(name)
        class_of = np.zeros(int(objects.max()) + 1, np.uint8)
        class_of[objects] = classes
        return objects[None], class_of


def read_label_folder(path: str | Path, kind: Literal["objects", "classes"] | None = None) -> LabelFolder:
    """Masks by name: a folder of label images, one that `predict` wrote (labels/), or a data set.

    Names are those of the images where those lie beside (images/), else the masks' own, without suffixes such as _mask.

    Args:
        path: the folder, or a COCO or VIA file.
        kind: overrules what the masks are taken for.

    Returns:
        The masks; files are read again when they are asked for.

    Raises:
        PairingError: missing or empty folders, masks of one name, masks that do not fit the images beside them, JSON of
            an unknown kind.
        MaskError: masks that cannot be understood.
        UnreadableFile: a damaged file.
        DataError: an annotation file that is not as its kind should be.
    """
    root = existing_data(path)
    if (root.is_file() or not find_folder(root, MASKS)) and (dataset := read_annotated(root, kind)):
        return _of_shapes(dataset)
    if root.is_file() and (problem := unknown_json(root)):
        raise problem
    names = _mask_names(root)
    facts = look_at(list(names))
    entries: dict[str, tuple[Path, int]] = {}
    for (file, name), seen in zip(names.items(), facts, strict=True):
        for page in range(len(seen)):
            if entries.setdefault(page_name(name, page, len(seen)), (file, page)) != (file, page):
                raise PairingError(
                    "has the name of another mask there", file=file, remedy="remove or rename one of them"
                )
    return LabelFolder(root, entries, decide([one for seen in facts for one in seen], kind))


def _mask_names(root: Path) -> dict[Path, str]:
    """Names by files."""
    folder = find_folder(root, MASKS) or root
    files = image_files(folder)
    if folder != root and find_folder(root, IMAGES) and (found := images_and_masks(root)):
        return {mask: stem(image) for image, mask in pair(*found)}
    cores = len({mask_core(file) for file in files}) == len(files)
    return {file: mask_core(file) if cores else stem(file) for file in files}


def _of_shapes(dataset: Dataset) -> LabelFolder:
    assert dataset.kind is not None, "annotated data have a kind"
    return LabelFolder(
        root=dataset.root,
        entries={entry.name: (entry.image, 0) for entry in dataset.entries},
        coding=Coding(dataset.kind, dataset.class_values, dataset.decision, dataset.class_names),
        annotations={entry.name: entry.annotation for entry in dataset.entries if entry.annotation},
        splits=dataset.splits,
    )
