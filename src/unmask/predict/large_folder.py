"""The working folder of a large image: found again after a kill, and where its results went.

    OUT/.records/large/NAME/HASH/key.json      of what it is, and the side of its tiles
    OUT/.records/large/NAME/HASH/placing.json  results that left it while the image had no record yet
    OUT/.records/large/NAME/HASH/...           what `predict_stream` writes

The hash is of all that these files follow from: workers that outlive their command for a moment write to the folder of
that command, never to another's.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmask.data.files import write_text
from unmask.data.streams.whole_folder import writing
from unmask.predict.saving import Save

__all__ = ["Earlier", "begin_work", "earlier_work", "place_results", "take_back"]

KEY, PLACING = "key.json", "placing.json"


@dataclass(frozen=True)
class Earlier:
    """What an earlier run left of an image.

    Attributes:
        side: of its tiles, as for `plan_tiles`.
        finished: blocks that its network is done with.
    """

    side: int
    finished: int


def earlier_work(folder: Path, key: str) -> Earlier | None:
    """What an earlier run of the same key left in OUT/.records/large/NAME; None where there is nothing to go on with.

    Where there are several, the one with most blocks finished.
    """
    return max(_earlier(folder, key), key=lambda one: one.finished, default=None)


def begin_work(folder: Path, key: str, side: int) -> Path:
    """The working folder for a key and a side of tiles, begun or found; what other runs left of this image goes.

    Raises:
        UnmaskError: it cannot be written.
    """
    work = _place(folder, key, side)
    write_text(work / KEY, json.dumps({"key": key, "side": side}))
    for other in folder.iterdir():
        if other.is_dir() and other != work:
            shutil.rmtree(other, ignore_errors=True)
        elif other != work:
            other.unlink(missing_ok=True)
    return work


def place_results(work: Path, results: Mapping[Save, Path], places: Mapping[Save, Path]) -> None:
    """Gives finished folders their places, instead of earlier ones; `take_back` knows the way back.

    Args:
        work: the working folder.
        results: folders in it.
        places: where they are to lie.

    Raises:
        UnmaskError: a place cannot be written; what lay there is there again.
    """
    write_text(work / PLACING, json.dumps({kind: str(path.relative_to(work)) for kind, path in results.items()}))
    for kind, folder in results.items():
        _move(folder, places[kind])


def take_back(work: Path, places: Mapping[Save, Path]) -> list[Save]:
    """Moves what a run placed that was killed before the image's record was written back into its working folder.

    Returns:
        What had been placed, or was about to be.

    Raises:
        UnmaskError: it cannot be moved.
    """
    placed = _read(work / PLACING)
    known = [kind for kind in places if kind in placed]
    for kind in known:
        inside, place = work / str(placed[kind]), places[kind]
        if place.exists() and not inside.exists():
            with writing(inside):
                shutil.move(place, inside)
    (work / PLACING).unlink(missing_ok=True)
    return known


def _earlier(folder: Path, key: str) -> Iterator[Earlier]:
    for file in folder.glob(f"*/{KEY}"):
        values = _read(file)
        if values.get("key") == key and file.parent == _place(folder, key, values.get("side")):
            yield Earlier(values["side"], len(list(file.parent.glob(".work/seeds/*.npz"))))


def _place(folder: Path, key: str, side: Any) -> Path:
    return folder / hashlib.sha256(f"{key} {side}".encode()).hexdigest()[:16]


def _read(file: Path) -> dict[str, Any]:
    """What a small file says; nothing where there is none, or one that was cut short."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _move(folder: Path, place: Path) -> None:
    """At no time is the place without a whole folder for longer than a rename takes."""
    old = place.with_name(f".unmask-old-{place.name}")
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(old, ignore_errors=True)
        if place.exists():
            place.rename(old)
        try:
            shutil.move(folder, place)
        except OSError:
            if old.exists() and not place.exists():
                old.rename(place)
            raise
    shutil.rmtree(old, ignore_errors=True)
