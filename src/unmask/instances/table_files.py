"""Parts of a table of objects as files: long tables are written part by part, and read again when all are there."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from unmask.data.formats.npz import array_names, read_arrays, write_arrays
from unmask.errors import UnreadableFile
from unmask.instances.table import Columns

__all__ = ["column_names", "read_part", "read_parts", "write_part"]


def write_part(path: Path, columns: Columns) -> None:
    """Writes columns, whole or not at all.

    Raises:
        UnmaskError: the file cannot be written.
    """
    text = {name: column.astype(str) if column.dtype == object else column for name, column in columns.items()}
    write_arrays(path, text, compressed=True)


def read_part(path: Path) -> Columns | None:
    """What `write_part` wrote; None where it is not there or damaged. Nothing in the file is executed."""
    return read_arrays(path)


def column_names(path: Path) -> list[str]:
    """The columns of a part, which are not unpacked.

    Raises:
        UnreadableFile: the part is not there or damaged.
    """
    names = array_names(path)
    if names is None:
        raise _damaged(path)
    return names


def read_parts(paths: Iterable[Path]) -> Iterator[Columns]:
    """The parts one after the other.

    Raises:
        UnreadableFile: one is not there or damaged.
    """
    for path in paths:
        columns = read_part(path)
        if columns is None:
            raise _damaged(path)
        yield columns


def _damaged(path: Path) -> UnreadableFile:
    problem = "is a part of the table that is damaged or not there"
    return UnreadableFile(problem, file=path, remedy="type the same command again: it makes the part anew")
