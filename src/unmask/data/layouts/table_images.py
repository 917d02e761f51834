"""The images that the rows of a table name: their files, masks and splits, found and checked."""

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from unmask.data.layouts.split_words import WORDS
from unmask.data.layouts.table_file import Row
from unmask.data.listing import natural
from unmask.data.options import ReadOptions, attempt
from unmask.errors import DataError, PairingError

__all__ = ["TableImage", "image_paths", "images_there", "table_images"]

SPLITS = WORDS | {"testing": "test"}


@dataclass(frozen=True)
class TableImage:
    """One image of a table: its files, one a channel, and the lines and masks of its rows."""

    rows: tuple[Row, ...]
    images: tuple[Path, ...]
    masks: tuple[Path, ...]
    split: str | None

    @property
    def labels(self) -> tuple[str, ...]:
        """The class of each mask, empty where no column says it."""
        return tuple(row.label for row in self.rows)


def table_images(rows: Sequence[Row], options: ReadOptions) -> list[TableImage]:
    """The images that rows name, in natural order.

    Args:
        rows: of one table, or of several.
        options: what becomes of lines with a problem: paths that are not there, a mask, split or class that is missing.
    """
    of: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
    first: dict[str, tuple[str, ...]] = {}
    words, labels = any(row.split for row in rows), any(row.label for row in rows)
    for row in rows:
        if attempt(options, partial(_checked, row, words, labels)):
            key = tuple(os.path.abspath(_path(row, image)) for image in row.images)
            if first.setdefault(key[0], key) == key:
                of[key].append(row)
            else:
                problem = f"line {row.line}: {row.images[0]} is in another line with other channels"
                options.report(DataError(problem, file=row.file, remedy="keep one of the two lines"))
    listed = [attempt(options, partial(_one, group)) for group in of.values()]
    return sorted((one for one in listed if one), key=lambda one: natural(one.images[0]))


def _checked(row: Row, words: bool, labels: bool) -> bool:
    """Raises the error of a line that lacks something, or names what is not there."""
    where = f"line {row.line}"
    _check_images(row)
    if not row.mask:
        problem = f"{where} names no mask of {row.images[0][:100]}"
        raise PairingError(
            problem, file=row.file, remedy="draw its mask, all 0 if there is nothing in it, or remove it"
        )
    _check_there(row, row.mask)
    if words and row.split.lower() not in SPLITS:
        said = f"the split '{row.split[:40]}' is unknown" if row.split else "has no split"
        raise DataError(f"{where}: {said}", file=row.file, remedy="write train, val or test")
    if re.search(r"[/\\]", row.name):
        problem = f"{where}: the name {row.name[:100]} holds a slash"
        raise DataError(problem, file=row.file, remedy="use letters, digits, - and _ in names")
    if labels and not row.label:
        raise DataError(f"{where} has no class", file=row.file, remedy="fill it in, as in the other lines")
    return True


def _check_images(row: Row) -> None:
    for image in row.images:
        if not image:
            remedy = "fill its cell in, or remove the line"
            raise PairingError(f"line {row.line} names no image", file=row.file, remedy=remedy)
        _check_there(row, image)


def _check_there(row: Row, path: str) -> None:
    if not _there(_path(row, path)):
        remedy = "write its path as seen from the table's folder, or an absolute one"
        raise PairingError(f"line {row.line} names {path[:100]}, which is not there", file=row.file, remedy=remedy)


def _one(rows: Sequence[Row]) -> TableImage:
    """The image of some lines."""
    masks: dict[str, Row] = {}
    for row in rows:
        path = os.path.abspath(_path(row, row.mask))
        if other := masks.get(path):
            problem = f"line {row.line} names {row.images[0]} and {row.mask} once more, as line {other.line} does"
            raise DataError(problem, file=row.file, remedy="remove one of the two lines")
        masks[path] = row
        for word, given, before in (("split", row.split, rows[0].split), ("name", row.name, rows[0].name)):
            if given.lower() != before.lower():
                problem = (
                    f"line {row.line}: {row.images[0]} has the {word} '{given}', in line {rows[0].line} '{before}'"
                )
                raise DataError(problem, file=row.file, remedy="write the same in both")
    images = tuple(_path(rows[0], image) for image in rows[0].images)
    return TableImage(
        tuple(rows), images, tuple(_path(row, row.mask) for row in rows), SPLITS.get(rows[0].split.lower())
    )


def image_paths(row: Row) -> tuple[Path, ...]:
    """The files of a row's image.

    Raises:
        PairingError: one is not named, or not there.
    """
    _check_images(row)
    return tuple(_path(row, image) for image in row.images)


def images_there(rows: Sequence[Row]) -> bool:
    """Whether there is any of the images that rows name."""
    return any(row.images[0] and _there(_path(row, row.images[0])) for row in rows)


def _path(row: Row, written: str) -> Path:
    """A path as the table has it; those written on Windows work elsewhere too."""
    path = row.file.parent / written
    return path if _there(path) else row.file.parent / written.replace("\\", "/")


def _there(path: Path) -> bool:
    return os.path.exists(path)  # false, other than a path's own method, where the name cannot be one
