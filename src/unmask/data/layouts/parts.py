"""Data sets with one mask a file: every object of an image has a file of its own, and objects may overlap.

stage1_train/ID/images/ID.png  stage1_train/ID/masks/*.png  the Data Science Bowl 2018; the folder above may be missing
ID/image.png  ID/masks/*.png
images/a.png  masks/a/*.png
images/a.png  masks/a_1.png  masks/a_2.png                  only if asked for: these could be masks by several people
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from unmask.data.dataset import Dataset
from unmask.data.entry import MaskFiles
from unmask.data.layouts.mask_files import files_coding
from unmask.data.layouts.masked import Masked, counted, masked_dataset
from unmask.data.layouts.split_words import WORDS, word_in
from unmask.data.listing import holds_images, image_files, natural, stem, unreadable_folder
from unmask.data.options import OUTSIDE, TOLERANT, ReadOptions, attempt
from unmask.errors import DataError, MaskError, PairingError

__all__ = ["parts_images", "read_parts"]

IMAGES = ("images", "image")
MASKS = ("masks", "mask")
NO_IMAGE = (*IMAGES, *MASKS, *WORDS)  # folders that are no image, whatever they hold
FEWEST = 2  # masks of one image, without which a folder may as well hold an image and its label image


@dataclass(frozen=True)
class _Image:
    """An image and the masks of its objects, under a name that is unique in its folder."""

    name: str
    file: Path
    masks: tuple[Path, ...]


def read_parts(root: Path, options: ReadOptions) -> Dataset | None:
    """Reads a data set with one mask a file. Masks are looked at only when they are loaded.

    Args:
        root: the folder.
        options: kind "classes" where only classes matter; what becomes of files with a problem.

    Returns:
        The data set; None where no folder has several masks of one image.

    Raises:
        PairingError: masks without an image, an image without masks, several images with the same masks.
        MaskError: not a single mask.
        UnreadableFile: a damaged image.
        DataError: images with different numbers of channels.
    """
    if root.is_file():
        return None
    found, left_out = _found(root, options)
    if not found:
        return None
    if options.ignore not in (None, OUTSIDE):
        remedy = f"say --ignore {OUTSIDE} if what is not annotated is not known, or leave it out"
        raise DataError(f"--ignore {options.ignore}: masks of one object each have no values", file=root, remedy=remedy)
    items = _items(root, found)
    if not any(item.source.files for item in items if isinstance(item.source, MaskFiles)):
        raise MaskError("holds no mask of an object", file=root, remedy="draw at least one object in one of the images")
    dataset = masked_dataset(
        root, items, options, how="one object a mask file", coding=lambda _, options: files_coding(items, options)
    )
    return replace(dataset, pairing=f"{dataset.pairing}{left_out}")


def parts_images(root: Path) -> dict[Path, tuple[Path, ...]] | None:
    """All images, with masks or without, by a file of each image's name; None where no folder has several masks."""
    found = {} if root.is_file() else _found(root, TOLERANT)[0]
    if not found:
        return None
    images: dict[Path, Path] = {}
    for base in (root, *_folders(root)):
        known = [(image.name, image.file) for image in found.get(base, [])]
        alone = [(stem(file), file) for file in _files(folder)] if (folder := _named(base, IMAGES)) else []
        for child in _folders(base):
            there, _ = _contents(child)
            alone += [(child.name, file) for file in there if len(there) == 1 and child.name.lower() not in NO_IMAGE]
        images |= {file: base / f"{name}{file.suffix}" for name, file in (*alone, *known)}
    return {name: (file,) for file, name in sorted(images.items(), key=lambda one: natural(one[1]))}


def _found(root: Path, options: ReadOptions) -> tuple[dict[Path, list[_Image]], str]:
    """Images in the folder itself, or in those within it, by folder; and a sentence on what was left out."""
    if images := _images(root, options):
        return {root: images}, ""
    if _named(root, IMAGES) and _named(root, MASKS):
        return {}, ""  # of another layout, whatever else is there
    folders = _folders(root)
    found = {folder: images for folder in folders if (images := _images(folder, options))}
    bare = [(folder, count) for folder in folders if folder not in found and (count := _unannotated(folder))]
    if not found or not bare:
        return found, ""
    words = ", ".join(f"{folder.name} ({counted(count, 'image')})" for folder, count in bare)
    return found, f" Left out, since there are no masks: {words}."


def _images(base: Path, options: ReadOptions) -> list[_Image]:
    """Images with their masks in one folder; none where it is laid out otherwise."""
    images, masks = _named(base, IMAGES), _named(base, MASKS)
    if images is None or masks is None:
        return _in_folders(base, options)
    if not holds_images(images):
        return []
    if not holds_images(masks):
        return _beside_folders(image_files(images), masks, options)
    return _numbered(image_files(images), image_files(masks), options) if options.layout == "parts" else []


def _in_folders(base: Path, options: ReadOptions) -> list[_Image]:
    """A folder an image."""
    folders = [folder for folder in _folders(base) if folder.name.lower() not in WORDS]
    read = [(folder, *_contents(folder)) for folder in folders]
    if not any(masks is not None and _sure(images, masks, options) for _, images, masks in read):
        return []
    found = [
        attempt(options, partial(_one, folder, images, masks))
        for folder, images, masks in read
        if len(images) == 1 or masks is not None  # others hold something else
    ]
    return [image for image in found if image]


def _contents(folder: Path) -> tuple[list[Path], list[Path] | None]:
    """Images and masks of a folder that is one image; None where there is no folder of masks."""
    masks = _named(folder, MASKS)
    return _files(_named(folder, IMAGES) or folder), None if masks is None else _files(masks)


def _sure(images: Sequence[Path], masks: Sequence[Path], options: ReadOptions) -> bool:
    """Whether a folder holds one image and masks of its objects, and nothing else could be meant."""
    if len(images) != 1 or options.layout == "parts":
        return len(images) == 1
    return len(masks) >= FEWEST and stem(images[0]) not in [stem(mask) for mask in masks]


def _one(folder: Path, images: Sequence[Path], masks: Sequence[Path] | None) -> _Image:
    if masks is None:
        remedy = "draw its masks, make an empty folder masks/ if there is nothing in it, or move it away"
        raise PairingError("holds an image without a folder of masks", file=folder, remedy=remedy)
    if len(images) != 1:
        problem = f"holds {counted(len(images), 'image')} and {counted(len(masks), 'mask')}; other folders one image"
        raise PairingError(problem, file=folder, remedy="give each image a folder of its own, with its masks")
    return _Image(folder.name, images[0], tuple(masks))


def _beside_folders(images: Sequence[Path], masks: Path, options: ReadOptions) -> list[_Image]:
    """A folder of masks an image, of the image's name."""
    folders = {folder.name: folder for folder in _folders(masks)}
    if not any(stem(image) in folders for image in images):
        return []
    found = []
    for image in images:
        if folder := folders.pop(stem(image), None):
            found.append(_Image(stem(image), image, tuple(_files(folder))))
        else:
            remedy = f"draw them, or make an empty folder {masks.name}/{stem(image)} if there is nothing in it"
            options.report(PairingError("is an image without masks", file=image, remedy=remedy))
    for folder in folders.values():
        problem = "holds masks without an image"
        options.report(PairingError(problem, file=folder, remedy=f"put {folder.name} into {images[0].parent}"))
    return found


def _numbered(images: Sequence[Path], masks: Sequence[Path], options: ReadOptions) -> list[_Image]:
    """Masks of the image's name with a number."""
    of: defaultdict[str, list[Path]] = defaultdict(list)
    names = {stem(image) for image in images}
    for mask in masks:
        name = re.sub(r"[ _.-]\d+$", "", stem(mask))
        if name in names:
            of[name].append(mask)
        else:
            remedy = "give it the name of its image and a number"
            options.report(PairingError("is a mask without an image", file=mask, remedy=remedy))
    return [_Image(stem(image), image, tuple(of[stem(image)])) for image in images]


def _items(root: Path, found: dict[Path, list[_Image]]) -> list[Masked]:
    """Of all folders; what has the same name in several is told apart by its folder."""
    words = {base: word_in(base.relative_to(root)) for base in found}
    count: defaultdict[str, int] = defaultdict(int)
    for name in (image.name for images in found.values() for image in images):
        count[name] += 1
    return [
        Masked(
            image.name if count[image.name] == 1 else f"{base.name}_{image.name}",
            (image.file,),
            MaskFiles(image.masks, (1,) * len(image.masks)),
            words[base],
        )
        for base, images in found.items()
        for image in images
    ]


def _unannotated(base: Path) -> int:
    """How many folders in a folder hold an image, as those with masks do."""
    return sum(len(_files(images)) == 1 for folder in _folders(base) if (images := _named(folder, IMAGES)))


def _files(folder: Path) -> list[Path]:
    return image_files(folder) if holds_images(folder) else []


def _named(folder: Path, names: Sequence[str]) -> Path | None:
    """The folder in a folder that has one of these names in any case."""
    return next((child for child in _folders(folder) if child.name.lower() in names), None)


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(_scanned(folder), key=natural)
    except OSError as error:
        raise unreadable_folder(folder, error) from error


def _scanned(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as children:
        yield from (Path(child.path) for child in children if child.is_dir() and not child.name.startswith("."))
