"""split.csv: which images train, validate and test, as the owner of the data wants it."""

from collections.abc import Callable, Collection, Sequence
from difflib import get_close_matches
from pathlib import Path

from unmask.data.dataset import Entry
from unmask.data.layouts.pairing import mask_core
from unmask.data.layouts.table_file import table_lines
from unmask.data.listing import stem
from unmask.data.options import ReadOptions
from unmask.errors import DataError, UnmaskError

__all__ = ["read_split"]

WORDS = ("train", "val", "test")
CODE = "unusable"


Report = Callable[[UnmaskError], None]


def read_split(
    path: Path, entries: Sequence[Entry], report: Report | None = None, left_out: Collection[Path] = ()
) -> dict[str, str]:
    """Reads a split.csv: columns `name` and `split` with a header, separated by commas or, as Excel does, semicolons.

    A name is that of an image with or without its extension; that of a multi-page file means all its images.

    Args:
        path: the file; need not be there.
        entries: the images.
        report: called with each problem; raises it unless given. The line is passed over where it returns.
        left_out: images and masks that were left out, for a problem of their own; the file may name them.

    Returns:
        Name to "train", "val" or "test", for every image; empty where there is no file.

    Raises:
        UnreadableFile: the file is not text in UTF-8, or its quotes do not close.
        DataError: no such columns, an image that is not there, another word, an image named twice with different words
            or not at all; names the line.
    """
    if not path.is_file():
        return {}
    report = report or ReadOptions().report
    try:
        rows = _rows(path)
    except DataError as error:
        error.code = error.code or CODE
        report(error)
        return {}
    known = _known(entries)
    gone = {name.lower() for file in left_out for name in (stem(file), file.name, mask_core(file))} - set(known)
    splits: dict[str, str] = {}
    for line, name, word in rows:
        if name.lower() not in gone and (problem := _taken(path, line, name, word, known, splits)):
            report(problem)
    if missing := _missing(path, entries, splits):
        report(missing)
    return splits


def _taken(
    path: Path, line: int, name: str, word: str, known: dict[str, list[str]], splits: dict[str, str]
) -> DataError | None:
    """Adds a line to the splits, or gives what is wrong with it."""
    where = f"line {line}: "
    names = known.get(name) or known.get(name.lower())
    if word not in WORDS:
        problem = f"{where}the split '{word}' is unknown"
        return DataError(problem, file=path, remedy="write train, val or test", code=CODE)
    if names is None:
        return _unknown(path, where, name, list(known))
    for one in names:
        if splits.setdefault(one, word) != word:
            problem = f"{where}{name} is {word}, but an earlier line says {splits[one]}"
            return DataError(problem, file=path, remedy="keep one of the two lines", code=CODE)
    return None


def _missing(path: Path, entries: Sequence[Entry], splits: dict[str, str]) -> DataError | None:
    missing = [entry.name for entry in entries if entry.name not in splits]
    if not missing:
        return None
    more = "" if len(missing) == 1 else f" and {len(missing) - 1} more"
    remedy = f"add the line {missing[0]},train (or val, or test)"
    return DataError(f"does not name the image {missing[0]}{more}", file=path, remedy=remedy, code=CODE)


def _known(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """All that an image may be called in the file, in lower case and as it is, and the names of the images meant."""
    known: dict[str, list[str]] = {}
    for entry in entries:
        for alias in {stem(entry.image).lower(), entry.image.name.lower()}:
            known.setdefault(alias, []).append(entry.name)
    lower = {entry.name.lower(): [entry.name] for entry in entries}
    return known | lower | {entry.name: [entry.name] for entry in entries}


def _rows(path: Path) -> list[tuple[int, str, str]]:
    """(line number, name, split) of every line that is not blank."""
    rows = table_lines(path)
    header = next(rows, (0, []))[1]
    columns = [cell.lower() for cell in header]
    if not {"name", "split"} <= set(columns):
        problem = f"its first line is '{','.join(header)[:80]}'"
        raise DataError(problem, file=path, remedy="write name,split as its first line")
    name, split = columns.index("name"), columns.index("split")
    cells = [(line, row) for line, row in rows if any(row)]
    for line, row in cells:
        if len(row) <= max(name, split):
            raise DataError(
                f"line {line} has {len(row)} of 2 columns", file=path, remedy="write name,split in each line"
            )
    return [(line, row[name], row[split].lower()) for line, row in cells]


def _unknown(path: Path, where: str, name: str, known: list[str]) -> DataError:
    closest = get_close_matches(name.lower(), known, 1)
    remedy = f"the closest is {closest[0]}" if closest else "remove the line, or add the image"
    return DataError(f"{where}there is no image called {name}", file=path, remedy=remedy, code=CODE)
