"""Whether a file is the one that was published, and what unpublished ones were the last time."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from unmask.data.files import write_text
from unmask.errors import FetchError
from unmask.public.catalogue import Archive

__all__ = ["LEDGER", "Checked", "check", "compare", "note"]

LEDGER = "checksums.json"


@dataclass(frozen=True)
class Checked:
    """A file that was looked at.

    Attributes:
        size: bytes.
        sha256: of its content.
        published: there was a checksum to compare with, and it is that.
    """

    size: int
    sha256: str
    published: bool


def check(archive: Archive, file: Path) -> Checked:
    """Compares a file with what was published of it.

    Raises:
        FetchError: it has another size or another checksum; says both.
    """
    size = file.stat().st_size
    if archive.exact and size != archive.size:
        raise _other(archive, file, "bytes", f"{size:,}", f"{archive.size:,}")
    sha256 = _digest(file, "sha256")
    if archive.sha256 and sha256 != archive.sha256:
        raise _other(archive, file, "SHA-256", sha256, archive.sha256)
    if archive.md5 and (md5 := _digest(file, "md5")) != archive.md5:
        raise _other(archive, file, "MD5", md5, archive.md5)
    return Checked(size, sha256, published=archive.checked != "unverified")


def compare(archive: Archive, found: Checked, folder: Path) -> str:
    """What there is to say of an archive's checksum; compares one of which none is published with the last fetch.

    Args:
        archive: what was downloaded.
        found: what it is.
        folder: the one with checksums.json.

    Raises:
        FetchError: it is not what it was, or checksums.json cannot be read.
    """
    if found.published:
        words = "as published" if archive.sha256 else f"and the {archive.checked} that was published"
        return f"{archive.file}: SHA-256 {found.sha256}, {words}."
    if (before := _read(folder / LEDGER).get(archive.url)) is None:
        return f"{archive.file}: SHA-256 {found.sha256}; none is published, so its files will be checked instead."
    if before["sha256"] != found.sha256:
        problem = f"{archive.file} has the SHA-256 {found.sha256}, and on {before.get('fetched')} {before['sha256']}"
        remedy = f"if the makers changed it, take {archive.url} out of {folder / LEDGER}; else do not trust it"
        raise FetchError(problem, file=folder / LEDGER, remedy=remedy)
    return f"{archive.file}: SHA-256 {found.sha256}, as on {before.get('fetched')} ({folder / LEDGER})."


def note(archive: Archive, found: Checked, folder: Path) -> None:
    """Writes the checksum of an archive of which none is published into checksums.json, for the next fetch.

    Raises:
        UnmaskError: it cannot be written.
    """
    if not found.published:
        known = _read(folder / LEDGER)
        known[archive.url] = {"sha256": found.sha256, "size": found.size, "fetched": date.today().isoformat()}
        write_text(folder / LEDGER, json.dumps(known, indent=1) + "\n")


def _digest(file: Path, kind: str) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()


def _read(ledger: Path) -> dict[str, dict[str, str | int]]:
    if not ledger.exists():
        return {}
    try:
        known = json.loads(ledger.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise FetchError(f"cannot be read ({error})", file=ledger, remedy="mend or remove it") from None
    if not isinstance(known, dict) or not all(isinstance(one, dict) and "sha256" in one for one in known.values()):
        raise FetchError("is no list of checksums that unmask wrote", file=ledger, remedy="move it elsewhere")
    return known


def _other(archive: Archive, file: Path, what: str, found: str, wanted: str) -> FetchError:
    problem = f"is not the file that was published: {what} {found}, not {wanted}"
    remedy = (
        f"remove it and download {archive.url} again; if it stays so, the makers changed it: do not trust it blindly"
    )
    return FetchError(problem, file=file, remedy=remedy)
