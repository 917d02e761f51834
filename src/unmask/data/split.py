"""split.csv: which images train, validate and test, as the owner of the data wants it."""

import csv
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from unmask.data.dataset import Entry
from unmask.data.listing import stem
from unmask.errors import DataError

__all__ = ["read_split"]

WORDS = ("train", "val", "test")


def read_split(path: Path, entries: Sequence[Entry]) -> dict[str, str]:
    """Reads a split.csv: columns `name` and `split` with a header, separated by commas or, as Excel does, semicolons.

    A name is that of an image with or without its extension; that of a multi-page file means all its images.

    Args:
        path: the file; need not be there.
        entries: the images.

    Returns:
        Name to "train", "val" or "test", for every image; empty where there is no file.

    Raises:
        DataError: no such columns, an image that is not there, another word, an image named twice with different words
            or not at all; names the line.
    """
    if not path.is_file():
        return {}
    known = _known(entries)
    splits: dict[str, str] = {}
    for line, name, word in _rows(path):
        where = f"line {line}: "
        if word not in WORDS:
            raise DataError(f"{where}the split '{word}' is unknown", file=path, remedy="write train, val or test")
        if (names := known.get(name.lower())) is None:
            raise _unknown(path, where, name, list(known))
        for one in names:
            if splits.setdefault(one, word) != word:
                problem = f"{where}{name} is {word}, but an earlier line says {splits[one]}"
                raise DataError(problem, file=path, remedy="keep one of the two lines")
    missing = [entry.name for entry in entries if entry.name not in splits]
    if missing:
        more = "" if len(missing) == 1 else f" and {len(missing) - 1} more"
        remedy = f"add the line {missing[0]},train (or val, or test)"
        raise DataError(f"does not name the image {missing[0]}{more}", file=path, remedy=remedy)
    return splits


def _known(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """All that an image may be called in the file, in lower case, and the names of the images meant."""
    known: dict[str, list[str]] = {}
    for entry in entries:
        for alias in {stem(entry.image).lower(), entry.image.name.lower()}:
            known.setdefault(alias, []).append(entry.name)
    return known | {entry.name.lower(): [entry.name] for entry in entries}


def _rows(path: Path) -> list[tuple[int, str, str]]:
    """(line number, name, split) of every line that is not blank."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    header = lines[0] if lines else ""
    rows = csv.reader(lines, delimiter=";" if ";" in header else ",")
    columns = [cell.strip().lower() for cell in next(rows, [])]
    if not {"name", "split"} <= set(columns):
        raise DataError(f"its first line is '{header}'", file=path, remedy="write name,split as its first line")
    name, split = columns.index("name"), columns.index("split")
    cells = [(line, [cell.strip() for cell in row]) for line, row in enumerate(rows, start=2) if any(row)]
    for line, row in cells:
        if len(row) <= max(name, split):
            raise DataError(
                f"line {line} has {len(row)} of 2 columns", file=path, remedy="write name,split in each line"
            )
    return [(line, row[name], row[split].lower()) for line, row in cells]


def _unknown(path: Path, where: str, name: str, known: list[str]) -> DataError:
    closest = get_close_matches(name.lower(), known, 1)
    remedy = f"the closest is {closest[0]}" if closest else "remove the line, or add the image"
    return DataError(f"{where}there is no image called {name}", file=path, remedy=remedy)
