"""Data sets and images from what a user gives: a folder or a file. The layouts are in `layouts.py`."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from unmask.data.annotation_files import read_annotated, unknown_json
from unmask.data.channels import common_channels
from unmask.data.dataset import Dataset, Entry
from unmask.data.label_folder import LabelFolder, read_label_folder
from unmask.data.layouts import LAYOUTS, read_layout
from unmask.data.listing import (
    existing_data,
    find_folder,
    holds_images,
    image_files,
    page_name,
    read_headers,
    unique_names,
)
from unmask.data.options import ReadOptions
from unmask.data.paired import IMAGES, MASKS
from unmask.data.pairing import masks_beside
from unmask.data.split import read_split
from unmask.errors import PairingError, UnmaskError, UnreadableFile

__all__ = ["LabelFolder", "ReadOptions", "read_folder", "read_images", "read_label_folder"]


def read_folder(path: str | Path, options: ReadOptions | None = None) -> Dataset:
    """Finds images and their annotation, and decides what it means. Looks at every mask, and at image headers.

    Args:
        path: the folder, or the file that lists or annotates its images.
        options: what the user says of them; everything is found out unless given.

    Returns:
        The data set; images are read when they are asked for.

    Raises:
        PairingError: folders or files that are missing or do not belong together, sizes that differ.
        MaskError: annotations that cannot be understood or are all empty.
        UnreadableFile: a damaged file.
        DataError: images with different numbers of channels; a split.csv that does not fit; JSON of an unknown kind.
    """
    options = options or ReadOptions()
    root = existing_data(path)
    dataset = read_layout(root, options)
    if dataset is None:
        raise _no_layout(root, options)
    splits = read_split(_split_file(root, options.split), dataset.entries)
    return replace(dataset, splits=splits or dataset.splits)


def read_images(paths: Sequence[str | Path], channels: int | None = None) -> Dataset:
    """Images without masks, to predict.

    Args:
        paths: files and folders; a folder means its `images` folder where it has one, else the images in it (without
            masks such as a_mask.tif beside a.tif), else those that its COCO or VIA files name.
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
    headers = read_headers(files)
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


def _split_file(root: Path, split: str | Path | None) -> Path:
    if split is None:
        return (root.parent if root.is_file() else root) / "split.csv"
    if not Path(split).is_file():
        raise PairingError("no such file", file=split, remedy="give a CSV file with the columns name and split")
    return Path(split)


def _no_layout(root: Path, options: ReadOptions | None = None) -> UnmaskError:
    if options is not None and options.layout is not None:
        words = next(layout.words for layout in LAYOUTS if layout.name == options.layout)
        remedy = f"leave --layout out, or lay it out so: {words}"
        return PairingError(f"is not laid out as {options.layout}", file=root, remedy=remedy)
    problem = unknown_json(root)
    images, masks = (None, None) if root.is_file() else (find_folder(root, IMAGES), find_folder(root, MASKS))
    if problem and (isinstance(problem, UnreadableFile) or not (images or masks)):
        return problem
    if not images and not masks and any(child.is_file() for child in root.iterdir()):
        image_files(root)  # says which files there are instead
    there = ", ".join(sorted(f"{child.name}/" for child in root.iterdir() if child.is_dir())) or "no folders"
    if images and masks:
        for folder in (images, masks):
            image_files(folder)  # says which files there are instead
    if images or masks:
        found, missing = (images, "masks") if images else (masks, "images")
        words = f"has {found.name if found else ''}/ but no {missing}/ (there: {there})"
        return PairingError(words, file=root, remedy=f"rename the folder that holds the {missing} to {missing}")
    if root.name.lower() in IMAGES + MASKS and len(list(root.parent.iterdir())) > 1:
        return PairingError("is one of the two folders", file=root, remedy=f"give the folder above: {root.parent}")
    words = f"has no images/ and masks/ (there: {there})"
    return PairingError(words, file=root, remedy="put the images into images/ and their masks into masks/")


def _files(path: Path) -> list[Path]:
    if path.is_file() and path.suffix.lower() != ".json":
        return [path]
    root = existing_data(path)
    folder = root if root.is_file() else find_folder(root, IMAGES) or root
    if root.is_file() or not holds_images(folder):
        if annotated := read_annotated(root, ReadOptions()):
            return [entry.image for entry in annotated.entries]
        if root.is_file():
            raise _no_layout(root)
    return image_files(folder)
