"""Folders that have their name only when they are whole."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unmask.data.formats.zarr_files import holds_zarr
from unmask.errors import UnmaskError

__all__ = ["check_replaceable", "publish", "writing"]

ELSEWHERE = "check that the folder exists, is writable and that its disk is not full, or choose another one"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the system says against writing into an UnmaskError that names `path`."""
    try:
        yield
    except OSError as error:
        problem = f"cannot be written ({error.strerror or error})"
        raise UnmaskError(problem, file=path, remedy=ELSEWHERE) from error


def check_replaceable(path: Path) -> None:
    """Refuses a name under which something lies that is no zarr folder and would be lost.

    Raises:
        UnmaskError: names it.
    """
    if path.exists() and not (path.is_dir() and (holds_zarr(path) or not any(path.iterdir()))):
        kind = "folder" if path.is_dir() else "file"
        remedy = "choose another name, or remove it first"
        raise UnmaskError(f"is a {kind} that would be lost", file=path, remedy=remedy)


def publish(folder: Path, path: Path) -> None:
    """Gives a finished folder its name, in place of an older zarr folder of that name.

    All of it is on the disk before; after an error `path` is what it was, and the folder keeps its old name.

    Raises:
        UnmaskError: that is not possible.
    """
    check_replaceable(path)
    old = path.with_name(f".unmask-{secrets.token_hex(6)}{path.suffix}")
    with writing(path):
        _to_disk(folder)
        if path.exists():
            os.rename(path, old)
        try:
            os.rename(folder, path)
        except OSError:
            if old.exists():
                os.rename(old, path)
            raise
    shutil.rmtree(old, ignore_errors=True)


def _to_disk(folder: Path) -> None:
    """Waits until every file is on the disk; removes what a killed writer left half written."""
    for file in folder.rglob("*"):
        if file.suffix == ".partial":
            file.unlink()
        elif file.is_file():
            with open(file, "rb+") as one:
                os.fsync(one.fileno())
