"""Folders with images and masks: one pair of them, one a split, or many that mirror each other.

images/a.tif         masks/a.tif
images/plate1/a.tif  masks/plate1/a.tif   any folders below, where both have them
images/train/a.tif   masks/train/a.tif    folders named after a split say it
train/images/a.tif   train/masks/a.tif    also val/, test/, stage1_train/ and so on
train/a.tif          train_masks/a.tif    also train_images; train_labels, trainannot
train/a.tif          train/a_mask.tif
a.tif                a_mask.tif
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.data.layouts.pairing import masks_beside
from unmask.data.layouts.split_words import word_in
from unmask.data.listing import children, find_folder, holds_images, image_files, is_image_file, natural

__all__ = ["IMAGES", "MASKS", "Part", "find_parts", "images_apart", "images_below"]

IMAGES = ("images", "image")
MASKS = ("masks", "mask", "labels", "label")
CLASSES = ("classes",)  # class maps, where there is no folder of these names
BESIDE = r"[ _.-]?(?:masks?|labels?|annot(?:ations?)?)"  # after the name of a folder of images
DEPTH = 3  # folders below images/


@dataclass(frozen=True)
class Part:
    """Images and their masks, in one folder or two.

    Attributes:
        folder: that holds the images.
        images: files; none where there are only masks.
        masks: files; none where there are only images.
        place: what tells the part from others: a folder below `images`, or that of a split; empty where there is one.
        split: "train", "val" or "test", where a folder's name says it.
    """

    folder: Path
    images: tuple[Path, ...]
    masks: tuple[Path, ...]
    place: Path = Path()
    split: str | None = None


def find_parts(root: Path) -> list[Part]:
    """The parts of a data set whose masks are images, in natural order; none where it is laid out otherwise.

    Images without masks are a part too, where others have masks, and so are masks without images.

    Raises:
        PairingError: a folder has both masks/ and labels/.
    """
    parts = _here(root) or ([] if find_folder(root, IMAGES) or find_folder(root, MASKS) else list(_splits(root)))
    return parts if any(part.images and part.masks for part in parts) else []


def images_apart(root: Path, parts: Sequence[Part]) -> dict[Path, int]:
    """How many images take no part, by the folder that holds them: beside the folders of the parts, or below images/.

    Args:
        root: of the data set.
        parts: as `find_parts` gives them.
    """
    taken = {file.parent for part in parts for file in (*part.images, *part.masks)}
    homes = [root, *(child for child in children(root) if child.is_dir() and word_in(child.name))]
    tops = [images for home in homes if (images := find_folder(home, IMAGES))]
    folders = {*homes, *tops, *(folder for top in tops for folder in _below(top, 2 * DEPTH))}
    return {folder: len(files) for folder in sorted(folders - taken, key=_by_parts) if (files := _files(folder))}


def images_below(root: Path) -> list[Path]:
    """The image files in folders within a folder, but for those of masks, in natural order."""
    folders = [
        folder
        for folder in _below(root)
        if not {*MASKS, *CLASSES} & {part.lower() for part in folder.relative_to(root).parts}
    ]
    return sorted((file for folder in folders for file in image_files(folder)), key=natural)


def _here(root: Path) -> list[Part]:
    """Parts in images/ and masks/, or side by side."""
    images, masks = find_folder(root, IMAGES), find_folder(root, MASKS) or find_folder(root, CLASSES)
    if images and masks:
        return _mirrored(images, masks)
    if images or masks or not holds_images(root):
        return []
    files = image_files(root)
    beside = masks_beside(files)
    return [Part(root, tuple(file for file in files if file not in beside), tuple(beside))] if beside else []


def _mirrored(images: Path, masks: Path) -> list[Part]:
    """Parts of two folders: themselves, and those below them; below, images alone count only if others have masks."""
    flat = [Part(images, tuple(image_files(images)), tuple(image_files(masks)))] if _both(images, masks) else []
    places = {path.relative_to(folder) for folder in (images, masks) for path in _below(folder)}
    shared = {place for place in places if _both(images / place, masks / place)}
    if not shared:
        return flat
    lone = set() if flat else {place for place in places if (images / place).is_dir() or (masks / place).is_dir()}
    return flat + [
        Part(images / place, _files(images / place), _files(masks / place), place, word_in(place))
        for place in sorted(shared | lone, key=_by_parts)
    ]


def _splits(root: Path) -> Iterator[Part]:
    """Parts in folders named after a split."""
    folders = sorted((child for child in children(root) if child.is_dir()), key=natural)
    for folder in folders:
        split = word_in(folder.name)
        if split is None or re.search(f"(?:{BESIDE})$", folder.name, re.IGNORECASE):
            continue
        place = Path(folder.name)
        name = re.sub("[ _.-]?images?$", "", folder.name, flags=re.IGNORECASE)
        masks = [one for one in folders if re.fullmatch(re.escape(name) + BESIDE, one.name, re.IGNORECASE)]
        if inner := _here(folder):
            yield from (Part(one.folder, one.images, one.masks, place / one.place, split) for one in inner)
        else:
            images = find_folder(folder, IMAGES) or folder
            yield Part(images, _files(images), _files(masks[0]) if masks else (), place, split)


def _by_parts(place: Path) -> list[tuple[list[str | int], str]]:
    """A key that sorts folders by each of their names."""
    return [natural(Path(part)) for part in place.parts]


def _both(images: Path, masks: Path) -> bool:
    return bool(_files(images) and _files(masks))


def _files(folder: Path) -> tuple[Path, ...]:
    return tuple(image_files(folder)) if folder.is_dir() and holds_images(folder) else ()


def _below(folder: Path, depth: int = DEPTH) -> Iterator[Path]:
    """Folders with images below a folder; hidden ones and OME-Zarr images are none."""
    for child in children(folder):
        if child.is_dir() and not child.name.startswith(".") and not is_image_file(child):
            if holds_images(child):
                yield child
            if depth > 1:
                yield from _below(child, depth - 1)
