"""Data sets whose every image has an annotation file of its own, as those of labelme and YOLO."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from unmask.data.dataset import Dataset
from unmask.data.layouts.annotated import annotated_dataset
from unmask.data.layouts.split_words import splits_said, word_in
from unmask.data.listing import short, unreadable_folder
from unmask.data.options import ReadOptions
from unmask.data.shapes.annotations import Listing

__all__ = ["files_below", "folder_word", "one_each"]

DEEPEST = 3  # folders within folders that are looked into


def one_each(
    root: Path, kind: str, listing: Listing, options: ReadOptions, words: Mapping[Path, str | None], remark: str = ""
) -> Dataset:
    """The data set of images that each have a file.

    Args:
        root: its folder or file.
        kind: of the files, as sentences name it.
        listing: images, at least one, each with its path.
        options: what the user says of it; what becomes of images with a problem.
        words: "train", "val", "test" or None of each image's path.
        remark: more about which images there are, a sentence.

    Raises:
        DataError: as `annotated_dataset`.
    """
    dataset = annotated_dataset(root, [(kind, listing)], options)
    splits, told = splits_said({entry.name: words[entry.image] for entry in dataset.entries})
    return replace(dataset, pairing=_pairing(root, dataset, kind, remark) + told, splits=splits)


def files_below(root: Path) -> list[Path]:
    """The files in a folder and in those within it, three deep; hidden ones and OME-Zarr images are left out.

    Raises:
        UnreadableFile: a folder must not be read.
    """
    found = []
    for place, folders, files in os.walk(root, onerror=_refuse, followlinks=True):
        here = Path(place)
        deep = len(here.relative_to(root).parts) == DEEPEST
        folders[:] = [] if deep else sorted(name for name in folders if _looked_into(here / name))
        found += [here / name for name in sorted(files) if not name.startswith(".")]
    return found


def _refuse(error: OSError) -> NoReturn:
    raise unreadable_folder(Path(error.filename), error)


def folder_word(file: Path, root: Path) -> str | None:
    """The split that the folders between a data set's folder and a file say: train, val or test."""
    return word_in(file.relative_to(root).parent) if file.is_relative_to(root) else None


def _looked_into(folder: Path) -> bool:
    circle = folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())
    return not folder.name.startswith(".") and not folder.name.lower().endswith(".zarr") and not circle


def _pairing(root: Path, dataset: Dataset, kind: str, remark: str) -> str:
    base = root.parent if root.is_file() else root
    filed = [entry for entry in dataset.entries if entry.listed]
    first, without = (filed or dataset.entries)[0], len(dataset) - len(filed)
    example = " with ".join(short(file, base) for file in (first.image, first.listed) if file)
    count = f"{len(dataset):,} {'image' if len(dataset) == 1 else 'images'}"
    each = f"{len(filed):,} with a {kind} file" if without else f"each with its {kind} file"
    empty = f", and {without:,} without, which {'has' if without == 1 else 'have'} no objects" if without else ""
    return f"{count}, {each}, such as {example}{empty}.{remark and ' '}{remark}"
