"""Writing files whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from unmask.errors import UnmaskError

__all__ = ["atomic", "write_text"]


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Gives a temporary path to write to, which becomes `path` when the block ends without an error.

    The temporary file lies in the same folder (a rename is atomic only within one file system), is hidden, so that
    nothing takes it for a result, and has the same extension, by which writers choose their format. It reaches the
    disk before the rename. After an error, `path` is what it was before.

    Args:
        path: the final name; missing parent folders are made.

    Yields:
        The temporary path; the block must create the file.

    Raises:
        UnmaskError: the file cannot be written; names `path` and the reason.
    """
    path = Path(path)
    temporary = path.with_name(f".unmask-{secrets.token_hex(6)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _to_disk(temporary)
        os.replace(temporary, path)
    except OSError as error:
        remedy = "check that the folder exists, is writable and that its disk is not full, or choose another one"
        raise UnmaskError(f"cannot be written ({error.strerror or error})", file=path, remedy=remedy) from error
    finally:
        with suppress(OSError):  # it was renamed, or could not even be made
            temporary.unlink()


def write_text(path: str | Path, text: str) -> None:
    """Writes UTF-8 text with the line ends it has; all or nothing.

    Raises:
        UnmaskError: the file cannot be written.
    """
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def _to_disk(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
