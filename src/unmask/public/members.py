"""What is in a zip or tar archive, one member after the other, without believing any of it."""

import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from unmask.errors import FetchError

__all__ = ["Kind", "Member", "is_zip", "members"]

Kind = Literal["file", "folder", "link", "device", "sparse file", "encrypted file"]
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    UnicodeDecodeError,
    EOFError,
    NotImplementedError,
)
MOST_AT_ONCE = 2**26  # a header that wants more memory than this is no header


@dataclass(frozen=True)
class Member:
    """A member of an archive, as its header says.

    Attributes:
        name: its path.
        kind: only files and folders are what they seem to be.
        size: bytes, unpacked.
        open: gives its content.
    """

    name: str
    kind: Kind
    size: int
    open: Callable[[], IO[bytes]]


def is_zip(file: Path) -> bool:
    """Whether a file is a zip archive; else it should be a tar archive."""
    return zipfile.is_zipfile(file)


@contextmanager
def members(file: Path) -> Iterator[Iterator[Member]]:
    """Opens an archive: zip, tar, or tar compressed with gzip.

    Yields:
        Its members, in the archive's order. A zip's are known at once, a tar's as they are come by.

    Raises:
        FetchError: it is damaged, cut off, or no archive.
    """
    try:
        if is_zip(file):
            with zipfile.ZipFile(file) as opened:
                yield _of_zip(opened)
        else:
            with _plain(file) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
                yield _of_tar(tar)
                _drain(stream)
    except DAMAGE as error:
        raise _damaged(file, error) from None


class _Bounded:
    """A stream of which nobody reads much at once: tarfile reads headers whole, however long they say they are."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MOST_AT_ONCE:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._stream.read(size)


@contextmanager
def _plain(file: Path) -> Iterator[IO[bytes]]:
    """A tar file's bytes, decompressed where they are compressed."""
    with file.open("rb") as raw:
        compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        with gzip.open(raw) if compressed else raw as stream:
            yield _Bounded(stream)  # type: ignore[misc, arg-type]  # has what tarfile uses


def _drain(stream: IO[bytes]) -> None:
    """Reads what stands behind the last member, a few zeros: gzip compares its checksum only at its end."""
    for _ in range(MOST_AT_ONCE // 2**20):
        if not stream.read(2**20):
            return
    raise tarfile.ReadError("it goes on behind its end")


def _of_zip(opened: zipfile.ZipFile) -> Iterator[Member]:
    for info in opened.infolist():
        mode = info.external_attr >> 16  # Unix's, where the archive was made on Unix; else 0
        kind: Kind = "folder" if info.is_dir() else "file"
        if info.flag_bits & 1:
            kind = "encrypted file"
        elif stat.S_ISLNK(mode):
            kind = "link"
        elif stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            kind = "device"
        yield Member(info.filename, kind, info.file_size, lambda info=info: opened.open(info))  # type: ignore[misc]


def _of_tar(tar: tarfile.TarFile) -> Iterator[Member]:
    for info in tar:
        yield Member(info.name, _kind(info), info.size, lambda info=info: _content(tar, info))  # type: ignore[misc]


def _kind(info: tarfile.TarInfo) -> Kind:
    if info.isdir():
        return "folder"
    if info.issym() or info.islnk():
        return "link"
    if not info.isreg():
        return "device"
    return "sparse file" if info.issparse() else "file"


def _content(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(info)
    assert content is not None, "a regular file has content"
    return content


def _damaged(file: Path, error: Exception) -> FetchError:
    problem = f"is damaged, cut off or no archive ({' '.join(str(error).split())[:120] or type(error).__name__})"
    return FetchError(problem, file=file, remedy="remove it and type the same command again")
