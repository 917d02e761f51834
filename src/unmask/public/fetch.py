"""A public data set by name: downloaded, checked, unpacked beside its place, laid out, and only then put there.

data/coco                   the set, whole or not there; source.yaml says what it is
data/coco-download/         archives, each whole or a hidden partial file; removed at the end, but for files that
                            a person put there
data/.coco-unpacked/        where archives are unpacked and laid out
data/checksums.json         SHA-256 of archives of which none is published, for the next time
"""

import json
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from unmask.data.files import write_text
from unmask.data.folder import read_folder
from unmask.errors import FetchError, UnmaskError
from unmask.public.archive import unpack
from unmask.public.arrange import arrange
from unmask.public.catalogue import Archive, PublicSet
from unmask.public.checksums import Checked, check, compare, note
from unmask.public.download import Listener, Patience, download
from unmask.public.source import finished, write_source
from unmask.public.structure import check_structure

__all__ = ["Fetched", "fetch"]

OURS = ".downloaded.json"


@dataclass(frozen=True)
class Fetched:
    """A set that is in its place.

    Attributes:
        folder: where.
        before: it was there already, and nothing was downloaded.
        source: what is in its source.yaml.
        images: how many `read_folder` finds; None where the set was there before and nothing was looked at.
        understood: how it reads them, in a few sentences.
    """

    folder: Path
    before: bool
    source: dict[str, Any]
    images: int | None = None
    understood: str = ""


def fetch(chosen: PublicSet, out: str | Path, listener: Listener, patience: Patience | None = None) -> Fetched:
    """Fetches a data set, or what is still missing of it.

    Args:
        chosen: the set.
        out: the folder to make. Stopped before it is there, the same call goes on.
        listener: told how it goes.
        patience: how long to wait for servers.

    Returns:
        The set, and how `read_folder` reads it.

    Raises:
        FetchError: `out` holds something else; no connection; an archive that is not what it should be; or the set is
            whole and in its place, but `read_folder` cannot read it.
    """
    out = Path(out).absolute()
    downloads = out.with_name(f"{out.name}-download")
    if (source := finished(chosen, out)) is not None:
        _clean(chosen, downloads)
        return Fetched(out, before=True, source=source)
    found = [_archive(chosen, archive, downloads, listener, patience) for archive in chosen.archives]
    files, checked = [file for file, _ in found], [one for _, one in found]
    for archive, one in zip(chosen.archives, checked, strict=True):
        listener.say(compare(archive, one, out.parent))
    source = _lay_out(chosen, files, checked, out, listener)
    for archive, one in zip(chosen.archives, checked, strict=True):
        note(archive, one, out.parent)
    _clean(chosen, downloads)
    return _read(out, source)


def _archive(
    chosen: PublicSet, archive: Archive, downloads: Path, listener: Listener, patience: Patience | None
) -> tuple[Path, Checked]:
    """One archive, checked: as it lies there, or downloaded."""
    file = downloads / archive.file
    if file.is_file():
        listener.say(f"{file} is there and is used.")
        return file, check(archive, file)
    checked = download(archive, file, chosen.homepage, listener, patience)
    ours = _ours(downloads)
    write_text(downloads / OURS, json.dumps(sorted({*ours, archive.file})))
    return file, checked


def _lay_out(
    chosen: PublicSet, files: list[Path], checked: list[Checked], out: Path, listener: Listener
) -> dict[str, Any]:
    """Unpacks beside `out`, and puts the set there when all of it is right."""
    work = out.with_name(f".{out.name}-unpacked")
    shutil.rmtree(work, ignore_errors=True)
    raw, done = work / "raw", work / "done"
    raw.mkdir(parents=True)
    try:
        for archive, file in zip(chosen.archives, files, strict=True):
            unpack(file, raw, archive.only, tell=partial(_tell_unpacking, listener, file.name))
        listener.say("Unpacked; laying it out.")
        rearranged = arrange(chosen.shape, raw, done)
        check_structure(chosen, done)
        source = write_source(chosen, checked, rearranged, done)
        if out.is_dir():
            out.rmdir()  # an empty one; Windows renames onto none
        done.rename(out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return source


def _tell_unpacking(listener: Listener, name: str, done: int) -> None:
    listener.tell(f"unpacking {name}", done, None)


def _read(out: Path, source: dict[str, Any]) -> Fetched:
    try:
        dataset = read_folder(out)
    except UnmaskError as error:
        problem = f"the set is whole and in its place ({out}), but unmask cannot read it: {error.problem}"
        raise FetchError(problem, file=error.file, remedy=error.remedy) from error
    return Fetched(
        out, before=False, source=source, images=len(dataset), understood=f"{dataset.pairing} {dataset.decision}"
    )


def _ours(downloads: Path) -> list[str]:
    """Archives that were downloaded here, not put here."""
    try:
        return [str(name) for name in json.loads((downloads / OURS).read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []


def _clean(chosen: PublicSet, downloads: Path) -> None:
    """Removes what was downloaded; what a person put there stays."""
    if not downloads.is_dir():
        return
    ours = _ours(downloads)
    for archive in chosen.archives:
        left = list(downloads.glob(f".{archive.file}.part*"))  # of a download that a file put there made needless
        for file in [*left, *[downloads / archive.file] * (archive.file in ours)]:
            file.unlink(missing_ok=True)
    (downloads / OURS).unlink(missing_ok=True)
    if not any(downloads.iterdir()):
        downloads.rmdir()
