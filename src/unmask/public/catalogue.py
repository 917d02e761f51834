"""What a public data set is: where it lies, what it shows, and on which terms it may be used."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

__all__ = ["Archive", "Expected", "PublicSet", "Shape", "megabytes"]

Shape = Literal["isbi2012", "dsb2018", "bbbc039", "ctc", "penn-fudan", "balloon", "camvid", "coco"]
"""How the files lie in a set's archives; `arrange.py` has a function for each."""


@dataclass(frozen=True)
class Archive:
    """A file to download.

    Attributes:
        url: its address.
        size: bytes; a guide unless `exact`.
        exact: a file of another size is not the one meant.
        sha256: as published; None where none is.
        md5: as published, where no SHA-256 is.
        only: patterns of members to unpack; all unless given.
        source: who published its checksum or its size, and how sure the address is.
    """

    url: str
    size: int
    exact: bool = True
    sha256: str | None = None
    md5: str | None = None
    only: tuple[str, ...] = ()
    source: str = ""

    @property
    def file(self) -> str:
        """Its name on disk."""
        return PurePosixPath(unquote(urlsplit(self.url).path)).name

    @property
    def checked(self) -> str:
        """What tells the file meant from another: SHA-256, MD5, or nothing: unverified."""
        return "SHA-256" if self.sha256 else "MD5" if self.md5 else "unverified"

    @property
    def most(self) -> int:
        """So many bytes are downloaded at most: sizes that are a guide may have grown."""
        return self.size if self.exact else 4 * self.size


@dataclass(frozen=True)
class Expected:
    """Files that a set must have when it is laid out.

    Attributes:
        pattern: of their paths in the set's folder.
        count: how many there are.
        least: there may be more.
        size: rows and columns of each, in pixels; None where they differ.
        pages: images a file.
    """

    pattern: str
    count: int
    least: bool = False
    size: tuple[int, int] | None = None
    pages: int = 1


@dataclass(frozen=True)
class PublicSet:
    """A public data set.

    Attributes:
        name: as it is typed.
        title: its full name.
        shows: a few words for the list, at most 36 letters.
        about: what images and annotation are, in a sentence or two.
        images: how many.
        licence: a few words for the list.
        terms: what the licence asks, in a sentence or two.
        commercial: whether commercial use is allowed; "unknown" where nobody says so.
        citation: what to cite.
        homepage: where its makers describe it.
        archives: what is downloaded.
        shape: how the files lie in the archives.
        expected: the files that there must be when it is laid out.
    """

    name: str
    title: str
    shows: str
    about: str
    images: int
    licence: str
    terms: str
    commercial: Literal["yes", "some", "no", "unknown"]
    citation: str
    homepage: str
    archives: tuple[Archive, ...]
    shape: Shape
    expected: tuple[Expected, ...]

    @property
    def size(self) -> int:
        """Bytes to download; about, where an archive's are not exact."""
        return sum(archive.size for archive in self.archives)

    @property
    def checked(self) -> str:
        """The weakest check of its archives."""
        words = [archive.checked for archive in self.archives]
        return next(word for word in ("unverified", "MD5", "SHA-256") if word in words)


def megabytes(size: int) -> str:
    """A number of bytes for reading, such as 53.7 MB or 812 bytes."""
    return f"{size:,} bytes" if size < 100_000 else f"{size / 1e6:,.1f} MB"
