"""Tables of paths (CSV or TSV): their columns and rows as written; no image is looked at.

image,mask,split            one line an image
image_1,image_2,mask        one file a channel
image,mask,class            several lines an image: one mask a line

Columns may be in any order and case, among others; separated by commas, semicolons (Excel, in many countries) or tabs.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from unmask.errors import DataError, UnreadableFile

__all__ = ["Row", "Table", "parse_table", "table_lines"]

IMAGE = ("image", "image_path", "image_file", "filename", "file_name", "file", "path")
MASK = ("mask", "mask_path", "mask_file", "label", "label_path", "label_file", "annotation", "annotation_path")
SPLIT = ("split", "subset", "set")
NAME = ("name",)
CLASS = ("class", "class_name", "category", "label")
CHANNEL = r"(?:image|image_path|image_file|channel|ch|file|path)_?(\d{1,3})"
SEPARATORS = "\t;,"  # that which is in the first line most often; of equals the first


@dataclass(frozen=True)
class Row:
    """A line of a table: cells as written, empty where there is none.

    Attributes:
        file: the table.
        line: number, from 1.
        images: paths, one a channel.
        mask: a path.
        split: the split.
        name: of the image.
        label: the name of the mask's class.
    """

    file: Path
    line: int
    images: tuple[str, ...]
    mask: str
    split: str = ""
    name: str = ""
    label: str = ""


@dataclass(frozen=True)
class Table:
    """The rows of a table that names images and masks, blank ones left out."""

    file: Path
    rows: tuple[Row, ...]


def parse_table(file: Path, most: int | None = None) -> Table:
    """The rows of a table.

    Args:
        file: CSV or TSV with a first line that names columns, in UTF-8.
        most: how many of its lines are read; all unless given.

    Raises:
        UnreadableFile: it is not text, or its quotes do not close.
        DataError: there is no column of images or none of masks, no row, or one with more or fewer cells.
    """
    lines = table_lines(file)
    header = [re.sub(r"[ -]+", "_", cell.strip().lower()) for cell in next(lines, (0, [""]))[1]]
    images, mask = _images(header), _column(header, MASK)
    if not images or mask is None:
        missing = " and ".join(name for name, there in (("image", images), ("mask", mask is not None)) if not there)
        problem = f"has no column {missing} (its first line is '{','.join(header)[:80]}')"
        raise DataError(problem, file=file, remedy="name the columns of paths image and mask in its first line")
    others = [column for column in range(len(header)) if column not in (*images, mask)]
    split, name, label = (_column(header, names, others) for names in (SPLIT, NAME, CLASS))

    def cell(cells: list[str], column: int | None) -> str:
        return "" if column is None else cells[column]

    rows = [
        Row(
            file,
            line,
            tuple(cells[column] for column in images),
            cells[mask],
            cell(cells, split),
            cell(cells, name),
            cell(cells, label),
        )
        for line, cells in _cells(file, islice(lines, most), len(header))
    ]
    if not rows:
        raise DataError("names no image", file=file, remedy="write one line an image below the names of columns")
    return Table(file, tuple(rows))


def table_lines(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of each line, read one after the other.

    Args:
        file: CSV or TSV in UTF-8, separated by what its first line has most of: tabs, semicolons or commas.

    Raises:
        UnreadableFile: it is not text, or its quotes do not close.
    """
    number = 0
    try:
        with open(file, encoding="utf-8-sig", newline="") as text:
            first = text.readline()
            text.seek(0)
            reader = csv.reader(text, delimiter=max(SEPARATORS, key=first.count), strict=True)
            for cells in reader:
                number = reader.line_num
                yield number, [cell.strip() for cell in cells]
    except (UnicodeDecodeError, OSError) as error:
        remedy = "save it as CSV UTF-8; Excel has that among its file types"
        raise UnreadableFile("is not text in UTF-8", file=file, remedy=remedy) from error
    except csv.Error as error:
        problem = f"is damaged in line {number + 1} ({error})"
        raise UnreadableFile(problem, file=file, remedy="check the quotes there, or save it again") from error


def _cells(file: Path, lines: Iterator[tuple[int, list[str]]], columns: int) -> Iterator[tuple[int, list[str]]]:
    """Lines that are not blank, each with as many cells as there are columns."""
    for line, cells in lines:
        if not any(cells):
            continue
        if len(cells) < columns or any(cells[columns:]):
            problem = f"line {line} has {len(cells)} {'cell' if len(cells) == 1 else 'cells'}, the first line {columns}"
            remedy = "write as many in each, and paths with a separator in quotes"
            raise DataError(problem, file=file, remedy=remedy)
        yield line, cells[:columns]


def _images(header: list[str]) -> list[int]:
    """Columns of images: that of the first channel, then those with numbers, by these."""
    first = _column(header, IMAGE)
    numbered = [(int(match[1]), column) for column, name in enumerate(header) if (match := re.fullmatch(CHANNEL, name))]
    return ([] if first is None else [first]) + [column for _, column in sorted(numbered)]


def _column(header: list[str], names: tuple[str, ...], among: list[int] | None = None) -> int | None:
    """The column that has the first of the names that one has."""
    columns = range(len(header)) if among is None else among
    return next((column for name in names for column in columns if header[column] == name), None)
