"""Folders of images and masks, as people lay them out.

cells/images/a.tif  cells/masks/a.tif       also image, mask, label and labels, in any case; names as in pairing.py
cells/a.tif  cells/a_mask.tif               side by side
cells/split.csv                             optional: which images train, validate and test
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from unmask.arrays import ClassMap, LabelImage
from unmask.data.channels import common_channels
from unmask.data.coding import Coding, Kind, decide, interpret
from unmask.data.dataset import Dataset, Entry, check_sizes
from unmask.data.header import Header
from unmask.data.images import read_header
from unmask.data.listing import existing_folder, find_folder, image_files, page_name, stem, unique_names
from unmask.data.masks import MaskFacts, look_at, read_mask
from unmask.data.pairing import mask_core, masks_beside, pair
from unmask.data.split import read_split
from unmask.errors import MaskError, PairingError

__all__ = ["LabelFolder", "read_folder", "read_images", "read_label_folder"]

IMAGES = ("images", "image")
MASKS = ("masks", "mask", "labels", "label")


def read_folder(
    path: str | Path, kind: Literal["objects", "classes"] | None = None, split: str | Path | None = None
) -> Dataset:
    """Finds images and masks, pairs them, and decides what the masks mean. Looks at every mask, and at image headers.

    Args:
        path: the folder.
        kind: overrules what the masks are taken for.
        split: a split.csv that lies elsewhere; the folder's own unless given.

    Returns:
        The data set; images are read when they are asked for.

    Raises:
        PairingError: folders or files that are missing or do not belong together, sizes that differ.
        MaskError: masks that cannot be understood or are all empty.
        UnreadableFile: a damaged file.
        DataError: images with different numbers of channels; a split.csv that does not fit.
    """
    root = existing_folder(path)
    images, masks = _images_and_masks(root)
    pairs = pair(images, masks)
    headers = _headers([image for image, _ in pairs])
    facts = look_at([mask for _, mask in pairs])
    for header, seen in zip(headers, facts, strict=True):
        _check_pair(header, seen)
    coding = decide([one for seen in facts for one in seen], kind)
    if all(one.values.size == 0 for seen in facts for one in seen):
        remedy = "draw at least one object in one of them"
        raise MaskError("holds only empty masks (all 0)", file=masks[0].parent, remedy=remedy)
    entries = tuple(
        Entry(page_name(stem(header.path), page, header.pages), header.path, mask, *_page_pair(page, header.pages))
        for header, (_, mask) in zip(headers, pairs, strict=True)
        for page in range(header.pages)
    )
    return Dataset(
        root=root,
        entries=entries,
        channels=common_channels(headers),
        kind=coding.kind,
        class_names=coding.class_names,
        class_values=coding.values,
        decision=coding.decision,
        pairing=_pairing(root, pairs, len(entries)),
        splits=read_split(_split_file(root, split), entries),
    )


def read_images(paths: Sequence[str | Path], channels: int | None = None) -> Dataset:
    """Images without masks, to predict.

    Args:
        paths: files and folders; a folder means its `images` folder where it has one, else the images in it (without
            masks such as a_mask.tif beside a.tif), never those of its subfolders.
        channels: how many a model wants; checked when an image is loaded. None finds out, which reads colour images.

    Returns:
        The data set, in the order given, folders in natural order. Names of files are told apart by their folder or
        extension where several are the same.

    Raises:
        PairingError: a path that is not there, or holds no images.
        UnreadableFile: a damaged file.
        DataError: images with different numbers of channels.
    """
    # Absolute, not resolved: a link's own name is the image's name.
    listed = list(dict.fromkeys(Path(os.path.abspath(file)) for path in paths for file in _files(Path(path))))
    named = {Path(os.path.abspath(path)) for path in paths}
    left_out = [file for file in masks_beside(listed) if file not in named]
    files = [file for file in listed if file not in left_out]
    if not files:
        raise PairingError("no image was given", remedy="name image files or folders of images")
    headers = _headers(files)
    entries = tuple(
        Entry(page_name(name, page, header.pages), header.path, None, page if header.pages > 1 else None)
        for header, name in zip(headers, unique_names(files), strict=True)
        for page in range(header.pages)
    )
    root = Path(paths[0]) if Path(paths[0]).is_dir() else files[0].parent
    pairing = f"{len(entries)} {'image' if len(entries) == 1 else 'images'}."
    if left_out:
        pairing += f" Left out as masks of others: {', '.join(file.name for file in left_out)}."
    return Dataset(root, entries, channels=channels or common_channels(headers), pairing=pairing)


@dataclass(frozen=True)
class LabelFolder:
    """Masks by name, without images: what `evaluate` compares.

    Attributes:
        root: the folder.
        entries: for each name the file and the page in it.
        coding: what the masks' values mean, with the sentence that says so.
    """

    root: Path
    entries: dict[str, tuple[Path, int]]
    coding: Coding

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
        file, page = self.entries[name]
        return interpret(read_mask(file, page)[0], self.coding, file)


def read_label_folder(path: str | Path, kind: Literal["objects", "classes"] | None = None) -> LabelFolder:
    """Masks by name: a folder of label images, one that `predict` wrote (labels/), or a data folder with masks/.

    Names are those of the images where those lie beside (images/), else the masks' own, without suffixes such as _mask.

    Args:
        path: the folder.
        kind: overrules what the masks are taken for.

    Returns:
        The masks; files are read again when they are asked for.

    Raises:
        PairingError: missing or empty folders, masks of one name, masks that do not fit the images beside them.
        MaskError: masks that cannot be understood.
        UnreadableFile: a damaged file.
    """
    root = existing_folder(path)
    folder = find_folder(root, MASKS) or root
    files = image_files(folder)
    if folder != root and find_folder(root, IMAGES):
        names = {mask: stem(image) for image, mask in pair(*_images_and_masks(root))}
    else:
        cores = len({mask_core(file) for file in files}) == len(files)
        names = {file: mask_core(file) if cores else stem(file) for file in files}
    facts = look_at(list(names))
    entries: dict[str, tuple[Path, int]] = {}
    for (file, name), seen in zip(names.items(), facts, strict=True):
        for page in range(len(seen)):
            if entries.setdefault(page_name(name, page, len(seen)), (file, page)) != (file, page):
                raise PairingError(
                    "has the name of another mask there", file=file, remedy="remove or rename one of them"
                )
    return LabelFolder(root, entries, decide([one for seen in facts for one in seen], kind))


def _split_file(root: Path, split: str | Path | None) -> Path:
    if split is None:
        return root / "split.csv"
    if not Path(split).is_file():
        raise PairingError("no such file", file=split, remedy="give a CSV file with the columns name and split")
    return Path(split)


def _images_and_masks(root: Path) -> tuple[list[Path], list[Path]]:
    """The image files and the mask files of a data folder."""
    images, masks = find_folder(root, IMAGES), find_folder(root, MASKS)
    if images and masks:
        return image_files(images), image_files(masks)
    files = [] if images or masks else [file for file in root.iterdir() if file.is_file()]
    beside = masks_beside(image_files(root)) if files else []
    if beside:
        return [file for file in image_files(root) if file not in beside], beside
    raise _no_layout(root, images, masks)


def _no_layout(root: Path, images: Path | None, masks: Path | None) -> PairingError:
    there = ", ".join(sorted(f"{child.name}/" for child in root.iterdir() if child.is_dir())) or "no folders"
    if images or masks:
        found, missing = (images, "masks") if images else (masks, "images")
        problem = f"has {found.name if found else ''}/ but no {missing}/ (there: {there})"
        return PairingError(problem, file=root, remedy=f"rename the folder that holds the {missing} to {missing}")
    if root.name.lower() in IMAGES + MASKS and len(list(root.parent.iterdir())) > 1:
        return PairingError("is one of the two folders", file=root, remedy=f"give the folder above: {root.parent}")
    problem = f"has no images/ and masks/ (there: {there})"
    return PairingError(problem, file=root, remedy="put the images into images/ and their masks into masks/")


def _headers(files: Sequence[Path]) -> list[Header]:
    with ThreadPoolExecutor() as pool:
        return list(pool.map(read_header, files))


def _check_pair(image: Header, masks: Sequence[MaskFacts]) -> None:
    if len(masks) != image.pages:
        problem = (
            f"has {len(masks)} {'page' if len(masks) == 1 else 'pages'}, its image {image.path.name} has {image.pages}"
        )
        remedy = "give both the same pages; where pages are channels, save the image with its channel axis named C"
        raise PairingError(problem, file=masks[0].file, remedy=remedy)
    check_sizes(masks[0].file, masks[0].size, image.size)


def _page_pair(page: int, pages: int) -> tuple[int | None, int | None]:
    return (page, page) if pages > 1 else (None, None)


def _pairing(root: Path, pairs: Sequence[tuple[Path, Path]], images: int) -> str:
    image, mask = (file.relative_to(root).as_posix() for file in pairs[0])
    files = "" if images == len(pairs) else f" in {len(pairs)} {'file' if len(pairs) == 1 else 'files'}"
    return f"{images} {'image' if images == 1 else 'images'}{files}, paired by name, such as {image} with {mask}."


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    folder = existing_folder(path)
    return image_files(find_folder(folder, IMAGES) or folder)
