"""Unpacking an archive that nobody has looked into: only plain files, only inside a folder, only so many bytes."""

import shutil
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from unmask.errors import FetchError
from unmask.public.catalogue import megabytes
from unmask.public.members import Member, members

__all__ = ["Limits", "unpack"]

CHUNK = 2**20
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")
LITTER = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
REPORT = "do not unpack it by hand; report it, with the address that it came from"


@dataclass(frozen=True)
class Limits:
    """What an archive may have at most: none of the sets comes near, and a bomb is far beyond.

    Attributes:
        members: files and folders.
        ratio: bytes unpacked for each byte packed, of the archive as a whole. Label images pack 10 to 20 times.
        bytes: unpacked.
    """

    members: int = 200_000
    ratio: int = 150
    bytes: int = 2**35


@dataclass
class _Seen:
    """What was met so far."""

    members: int = 0
    bytes: int = 0
    files: dict[str, str] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)


def unpack(
    file: Path,
    folder: Path,
    only: Sequence[str] = (),
    limits: Limits | None = None,
    tell: Callable[[int], None] = lambda _done: None,
) -> int:
    """Unpacks a zip, tar or tar.gz.

    Every member is looked at before it is written, also those that are not wanted; with an error, what was written so
    far stays in `folder`, which is for the caller to remove.

    Args:
        file: the archive.
        folder: an empty one, or one with what other archives of the set held.
        only: patterns of paths to write; all unless given. Litter of macOS and Windows is left out in any case.
        limits: on its size.
        tell: called with the bytes written so far.

    Returns:
        How many files were written.

    Raises:
        FetchError: damaged; members that leave the folder, are links, devices, encrypted or archives themselves, or
            whose names are the same on some systems; more members or bytes than the limits say; no space.
    """
    limits, seen, written, done = limits or Limits(), _Seen(), 0, 0
    with members(file) as found:
        for member in found:
            path = _checked(file, member, seen, limits)
            if path is None or (only and not any(fnmatchcase(path.as_posix(), pattern) for pattern in only)):
                continue
            if path.suffix.lower() in ARCHIVES:
                raise _refused(file, member, "is an archive in the archive")
            _write(file, member, folder / path, folder)
            written, done = written + 1, done + member.size
            tell(done)
    if not written:
        there = ", ".join(list(seen.files.values())[:3]) or "it is empty"
        raise FetchError(f"holds nothing of what was looked for (there: {there})", file=file, remedy=REPORT)
    return written


def _checked(file: Path, member: Member, seen: _Seen, limits: Limits) -> PurePosixPath | None:
    """A member's path where it is a file to write; None for a folder, or litter."""
    if member.kind not in ("file", "folder"):
        raise _refused(file, member, f"is {'an' if member.kind[0] == 'e' else 'a'} {member.kind}")
    _count(file, member, seen, limits)
    path = _inside(file, member)
    _unlike_others(file, member, path, seen)
    litter = path.name.startswith("._") or any(part in LITTER for part in path.parts)
    return None if litter or member.kind == "folder" else path


def _count(file: Path, member: Member, seen: _Seen, limits: Limits) -> None:
    seen.members += 1
    seen.bytes += member.size
    packed = max(file.stat().st_size, 1)
    if seen.members > limits.members:
        raise FetchError(f"holds more than {limits.members:,} members", file=file, remedy=REPORT)
    if seen.bytes > limits.bytes or seen.bytes > limits.ratio * packed:
        most = min(limits.bytes, limits.ratio * packed)
        problem = f"holds more than {megabytes(most)} unpacked, in {megabytes(packed)}: it may be a bomb"
        raise FetchError(problem, file=file, remedy=REPORT)


def _inside(file: Path, member: Member) -> PurePosixPath:
    """Its path, relative to where it is unpacked, which it does not leave on any system."""
    name = member.name
    if name.startswith("/") or "\\" in name or ":" in name:
        raise _refused(file, member, "has a path with a root, a drive or a backslash")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        raise _refused(file, member, "has control characters in its path")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise _refused(file, member, "has a path that leaves its folder")
    if not parts and member.kind == "file":
        raise _refused(file, member, "has no name")
    return PurePosixPath(*parts)


def _unlike_others(file: Path, member: Member, path: PurePosixPath, seen: _Seen) -> None:
    """Refuses paths that are the same where case or accents do not count, and files that are also folders."""
    key = _key(path)
    folders = {_key(parent): parent.as_posix() for parent in path.parents if parent.parts}
    if member.kind == "folder":
        folders[key] = path.as_posix()
    twin = seen.files.get(key) or (seen.folders.get(key) if member.kind == "file" else None)
    twin = twin or next((seen.files[one] for one in folders if one in seen.files), None)
    twin = twin or next((seen.folders[k] for k, name in folders.items() if seen.folders.get(k, name) != name), None)
    if twin is not None:
        raise _refused(file, member, f"has the path of another, {twin}, at least where case does not count")
    seen.folders |= folders
    if member.kind == "file":
        seen.files[key] = path.as_posix()


def _key(path: PurePosixPath) -> str:
    return unicodedata.normalize("NFC", path.as_posix()).casefold()


def _write(file: Path, member: Member, to: Path, folder: Path) -> None:
    """Writes the content of one member, which must be as long as its header says."""
    if (free := shutil.disk_usage(folder).free) < member.size:
        problem = f"the disk has {megabytes(free)} left, and {member.name} has {megabytes(member.size)}"
        raise FetchError(problem, file=folder, remedy="make room and type the same command again")
    done = 0
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with member.open() as content, to.open("xb") as out:
            while done <= member.size and (chunk := content.read(CHUNK)):
                out.write(chunk)
                done += len(chunk)
    except FileExistsError:
        raise _refused(file, member, "is in another archive of the set, too") from None
    except OSError as error:
        if error.errno is None:  # of a decoder: `members` says what it means
            raise
        problem = f"cannot be written ({error.strerror})"
        raise FetchError(problem, file=to, remedy="make room, or choose another --out") from error
    if done != member.size:
        raise _refused(file, member, f"has {done:,} bytes, and its header says {member.size:,}")


def _refused(file: Path, member: Member, problem: str) -> FetchError:
    name = member.name if member.name.isprintable() else ascii(member.name)
    return FetchError(f"its member {name} {problem}", file=file, remedy=REPORT)
