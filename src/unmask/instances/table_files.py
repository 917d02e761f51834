"""Parts of a table of objects as files: long tables are written part by part, and read again when all are there."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from unmask.data.files import atomic
from unmask.instances.table import Columns

__all__ = ["column_names", "read_part", "read_parts", "write_part"]


def write_part(path: Path, columns: Columns) -> None:
    """Writes columns, whole or not at all.

    Raises:
        UnmaskError: the file cannot be written.
    """
    text = {name: column.astype(str) if column.dtype == object else column for name, column in columns.items()}
    with atomic(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, allow_pickle=False, **text)


def read_part(path: Path) -> Columns | None:
    """What `write_part` wrote; None where it is not there or damaged. Nothing in the file is executed."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def column_names(path: Path) -> list[str]:
    """The columns of a part, which are not read."""
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
        return list(arrays)


def read_parts(paths: Iterable[Path]) -> Iterator[Columns]:
    """The parts one after the other."""
    for path in paths:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            yield dict(arrays)
