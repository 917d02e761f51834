"""Data sets that a table lists: a CSV or TSV with a column of images and one of masks, given itself or in its folder.

Paths are relative to the table, or absolute. Several tables of a folder are read if their names say which is to train:
train.csv, val.csv, test.csv. Several masks of one image are one object each; where a column says their classes and no
image has two of one class, each is the mask of a class, and its connected regions are the objects.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from unmask.data.dataset import Dataset
from unmask.data.entry import MaskFile, MaskFiles
from unmask.data.formats.images import SUFFIXES
from unmask.data.layouts.mask_files import files_coding
from unmask.data.layouts.masked import Decide, Masked, by_palette, masked_dataset
from unmask.data.layouts.named_images import split_word
from unmask.data.layouts.table_file import Row, Table, parse_table
from unmask.data.layouts.table_images import TableImage, image_paths, images_there, table_images
from unmask.data.listing import natural, unique_names
from unmask.data.masks.coding import Coding, means_name, unknown_ignore
from unmask.data.masks.read import MaskFacts, check_sound
from unmask.data.options import OUTSIDE, TOLERANT, ReadOptions
from unmask.errors import DataError, MaskError, PairingError, UnmaskError

__all__ = ["read_table", "tabled_images"]

TABLES = (".csv", ".tsv")
OTHERS = ("split.csv", "classes.csv", "objects.csv")  # which unmask reads and writes
FOLDERS = ("images", "image", "masks", "mask", "labels", "label")  # that another layout is there for
FIRST = 1_000  # lines of a table that show whether it is one of images
MOST_CLASSES = 254  # 255 marks what is to be ignored


def read_table(root: Path, options: ReadOptions) -> Dataset | None:
    """Reads a data set that a table lists.

    Args:
        root: the table, or the folder that it is in.
        options: a kind overrules what the masks are taken for; what becomes of lines with a problem.

    Returns:
        The data set; None where there is no table of images and masks.

    Raises:
        UnreadableFile: the table is not text; a damaged image.
        DataError: no column of images or masks, a split or class that is not as the others; names the line.
        PairingError: files that are not there, a line without a mask, sizes that differ; several tables.
        MaskError: masks that cannot be understood or are all empty; more than 254 classes.
    """
    tables = _tables(root, options)
    if not tables:
        return None
    rows = [row for table in tables for row in table.rows]
    if len(tables) > 1:
        rows = [replace(row, split=row.split or str(split_word(row.file, root))) for row in rows]
    listed = table_images(rows, options)
    if not listed:
        raise PairingError("names no image that is there, with its mask", file=tables[0].file, remedy="mend its paths")
    return _dataset(root, listed, options)


def tabled_images(root: Path) -> dict[Path, tuple[Path, ...]] | None:
    """The files of all images of a table, by a file of each image's name; None where there is no table of images.

    Raises:
        PairingError: an image is not there.
        DataError: a table that was given itself has no columns of images and masks.
    """
    found = {}
    for row in (row for table in _tables(root, TOLERANT) for row in table.rows):
        files = image_paths(row)
        found[files] = files[0].with_name(f"{row.name}{files[0].suffix}") if row.name else files[0]
    return {name: files for files, name in sorted(found.items(), key=lambda one: natural(one[0][0]))} or None


def _tables(root: Path, options: ReadOptions) -> list[Table]:
    """The table given, or those of a folder that name images and masks."""
    if root.is_file():
        return [parse_table(root)] if root.suffix.lower() in TABLES else []
    files = [file for file in root.iterdir() if file.suffix.lower() in TABLES and file.is_file()]
    files = [file for file in files if not file.name.startswith(".") and file.name.lower() not in OTHERS]
    found = [table for file in sorted(files, key=natural) if (table := _of_images(file, options))]
    if len({split_word(table.file, root) for table in found} - {None}) < len(found) > 1:
        names = " and ".join(table.file.name for table in found[:2])
        raise PairingError(f"has several tables of images, {names}", file=root, remedy="give the one to use as DATA")
    return found


def _of_images(file: Path, options: ReadOptions) -> Table | None:
    """A table whose masks are image files, unless its images are all gone and others are there."""
    try:
        return parse_table(file) if _lists_masks(parse_table(file, FIRST), options) else None
    except UnmaskError:
        if options.layout == "table":
            raise
        return None  # tables are in many folders, for other ends


def _lists_masks(table: Table, options: ReadOptions) -> bool:
    masks = [Path(row.mask).suffix.lower() for row in table.rows]
    if not any(suffix in SUFFIXES for suffix in masks):
        return False
    others = any(child.is_dir() and child.name.lower() in FOLDERS for child in table.file.parent.iterdir())
    return images_there(table.rows) or not others or options.layout == "table"


def _dataset(root: Path, listed: Sequence[TableImage], options: ReadOptions) -> Dataset:
    classes = list(dict.fromkeys(label for one in listed for label in one.labels if label))
    if len(classes) < 2 and all(len(one.masks) == 1 for one in listed):
        items = _items(listed, [MaskFile(one.masks[0]) for one in listed])
        coding: Decide = partial(_of_values, names=classes, decided=by_palette(root, items))
        return masked_dataset(root, items, options, how="as listed", coding=coding)
    names = _classes_learned(classes, listed[0].rows[0].file, options)
    repeated = any(len(set(one.labels)) < len(one.labels) for one in listed)
    regions = bool(classes) and not repeated and options.kind != "objects"
    items = _items(listed, [_files(one, names, regions) for one in listed])

    def of_files(facts: Sequence[MaskFacts], options: ReadOptions) -> Coding:
        check_sound(facts, options.report)
        return files_coding(items, options, names)

    return masked_dataset(root, items, options, how="as listed", coding=of_files)


def _of_values(facts: Sequence[MaskFacts], options: ReadOptions, names: Sequence[str], decided: Decide) -> Coding:
    """What mask values mean, where there is a mask an image; the one class has its name from the table."""
    coding = decided(facts, options)
    return replace(coding, names=tuple(names)) if names and len(coding.class_names) == 1 else coding


def _classes_learned(classes: Sequence[str], file: Path, options: ReadOptions) -> list[str]:
    """The names of classes but for one that is to be ignored; masks without any are of objects."""
    names = [name for name in classes if not means_name(options.ignore, name)]
    if options.ignore not in (None, OUTSIDE) and names == classes:
        raise unknown_ignore(str(options.ignore), classes or [OUTSIDE], file)
    if not names and classes:
        raise MaskError(f"holds masks of {options.ignore} alone", file=file, remedy="ignore another class, or none")
    if len(names) > MOST_CLASSES:
        problem = f"holds masks of {len(names)} classes, more than {MOST_CLASSES}"
        raise MaskError(problem, file=file, remedy="unite classes")
    return names or ["object"]


def _files(one: TableImage, names: Sequence[str], regions: bool) -> MaskFiles:
    """The masks of one image; those of a class that is not among the names are ignored."""
    index = {name: place for place, name in enumerate(names, start=1)}
    of = [(mask, index.get(label or names[0])) for mask, label in zip(one.masks, one.labels, strict=True)]
    learned = [(mask, place) for mask, place in of if place]
    return MaskFiles(
        tuple(mask for mask, _ in learned),
        tuple(place for _, place in learned),
        tuple(mask for mask, place in of if not place),
        regions,
    )


def _items(listed: Sequence[TableImage], sources: Sequence[MaskFile | MaskFiles]) -> list[Masked]:
    return [
        Masked(name, one.images, source, one.split, one.rows[0].file)
        for one, source, name in zip(listed, sources, _names(listed), strict=True)
    ]


def _names(listed: Sequence[TableImage]) -> list[str]:
    """The name of each image: that of the table, else of its file."""
    found: dict[str, Row] = {}
    for row in (one.rows[0] for one in listed if one.rows[0].name):
        if other := found.get(row.name.lower()):
            problem = f"lines {other.line} and {row.line} give two images the name {row.name}"
            raise DataError(problem, file=row.file, remedy="give each image a name of its own")
        found[row.name.lower()] = row
    short = unique_names([one.images[0] for one in listed])
    return [one.rows[0].name or name for one, name in zip(listed, short, strict=True)]
