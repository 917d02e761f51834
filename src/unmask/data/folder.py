"""Data sets and images from what a user gives: a folder or a file. The layouts are in `layouts.py`."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from unmask.data.dataset import Dataset, Entry
from unmask.data.entry import together
from unmask.data.formats.channels import JPEG, common_channels
from unmask.data.formats.header import Header
from unmask.data.formats.zarr_files import is_array
from unmask.data.label_folder import LabelFolder, read_label_folder
from unmask.data.layouts.annotation_files import unknown_json
from unmask.data.layouts.channel_files import channel_files_of
from unmask.data.layouts.layouts import LAYOUTS, listed_images, read_layout
from unmask.data.layouts.paired import IMAGES, MASKS, paired_images
from unmask.data.layouts.pairing import cellpose_only, masks_beside
from unmask.data.layouts.split_folders import find_parts, images_below
from unmask.data.listing import (
    DATA_FILES,
    existing_data,
    find_folder,
    holds_images,
    image_files,
    is_image_file,
    page_name,
    read_headers,
    unique_names,
)
from unmask.data.options import TOLERANT, ReadOptions, attempt
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
    left_out: list[Path] = []

    def report(error: UnmaskError) -> None:
        options.report(error)
        left_out.extend([error.file] if error.file else [])

    dataset = read_layout(root, replace(options, report=report))
    if dataset is None:
        raise _no_layout(root, options)
    splits = read_split(_split_file(root, options.split), dataset.entries, options.report, left_out)
    return replace(dataset, splits=splits or dataset.splits)


def read_images(paths: Sequence[str | Path], channels: int | None = None) -> Dataset:
    """Images without masks, to predict.

    Args:
        paths: files and folders; a folder means all images that its layout says, annotated or not, and the images of
            its pairs where it has masks; else its `images` folder, else the images in it (without masks such as
            a_mask.tif beside a.tif), else those in folders within it. A file means the images that it annotates.
        channels: how many a model wants; checked when an image is loaded. Files that have fewer are put together where
            their names say that they are channels of one image. None finds out, which reads colour images.

    Returns:
        The data set, in the order given, folders in natural order. Names of files are told apart by their folder or
        extension where several are the same.

    Raises:
        PairingError: a path that is not there, or holds no images; an image that lacks a channel.
        UnreadableFile: a damaged file.
        DataError: images with different numbers of channels.
    """
    # Absolute, not resolved: a link's own name is the image's name.
    given = [Path(os.path.abspath(path)) for path in paths]
    images = _listed(given)
    left_out = [file for file in masks_beside([files[0] for files in images.values()]) if file not in given]
    images = {name: files for name, files in images.items() if files[0] not in left_out}
    if not images:
        raise PairingError("no image was given", remedy="name image files or folders of images")
    every = [file for files in images.values() for file in files]
    header_of = dict(zip(every, read_headers(every), strict=True))
    images, told = _by_channel(images, header_of, channels)
    headers = [together([header_of[file] for file in files]) for files in images.values()]
    entries = tuple(
        Entry(page_name(name, page, header.pages), files[0], None, page if header.pages > 1 else None, files[1:])
        for header, files, name in zip(headers, images.values(), unique_names(list(images)), strict=True)
        for page in range(header.pages)
    )
    root = given[0] if given[0].is_dir() else every[0].parent
    pairing = f"{len(entries)} {'image' if len(entries) == 1 else 'images'}{told}."
    if left_out:
        pairing += f" Left out as masks of others: {', '.join(file.name for file in left_out)}."
    return Dataset(root, entries, channels=channels or common_channels(headers), pairing=pairing)


def _listed(given: Sequence[Path]) -> dict[Path, tuple[Path, ...]]:
    """The files of each image, by what it is named after; each image once."""
    images: dict[Path, tuple[Path, ...]] = {}
    for path in given:
        there = {files: name for name, files in images.items()}
        images |= {there.get(files, name): files for name, files in _images(path).items()}
    return images


def _by_channel(
    images: dict[Path, tuple[Path, ...]], headers: Mapping[Path, Header], channels: int | None
) -> tuple[dict[Path, tuple[Path, ...]], str]:
    """Images, put together of files that have fewer channels than a model wants, where they are so; and a remark."""
    files = [group[0] for group in images.values() if len(group) == 1]
    samples = min(headers[file].samples for file in files) if files else 0
    photographs = channels == 3 and any(file.suffix.lower() in JPEG for file in files)  # their grey is repeated
    if channels is None or not 0 < samples < channels or channels % samples or photographs:
        return images, ""
    if len(files) < len(images) or any(headers[file].samples != samples for file in files):
        return images, ""
    found = channel_files_of(files, channels // samples)
    return (dict(found.images), f", {found.words}") if found else (images, "")


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
    if not root.is_file() and (cellpose := _cellpose(root)):
        return cellpose
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
    if attempt(TOLERANT, lambda: read_layout(root, replace(TOLERANT, layout="parts"))):
        return PairingError(words, file=root, remedy="if each mask is one object, say --layout parts")
    return PairingError(words, file=root, remedy="put the images into images/ and their masks into masks/")


def _images(path: Path) -> dict[Path, tuple[Path, ...]]:
    """The files of each image in a folder, or of a file, by what it is named after."""
    if is_image_file(path) or is_array(path) or (path.is_file() and path.suffix.lower() not in DATA_FILES):
        return {path: (path,)}
    root = existing_data(path)
    if listed := listed_images(root):
        return dict(listed)
    parts = [] if root.is_file() else find_parts(root)
    if any(part.folder != root for part in parts):
        return paired_images(root, parts, ReadOptions()).files
    return {file: (file,) for file in _files(root)}


def _files(root: Path) -> list[Path]:
    """The image files of a folder, or of those within it where there are none; or those that its files annotate."""
    folder = root if root.is_file() else find_folder(root, IMAGES) or root
    if not root.is_file() and holds_images(folder):
        return image_files(folder)
    if not root.is_file() and (below := images_below(root)):
        return below
    if annotated := read_layout(root, TOLERANT):
        return [entry.image for entry in annotated.entries]
    if root.is_file():
        raise _no_layout(root)
    return image_files(folder)  # says which files there are instead


def _cellpose(root: Path) -> PairingError | None:
    """The error where a folder, or its images folder, has Cellpose's own files instead of masks."""
    return cellpose_only(root) or cellpose_only(find_folder(root, IMAGES) or root)
