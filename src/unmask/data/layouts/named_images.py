"""Where the images lie that an annotation file names."""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from unmask.data.formats.images import SUFFIXES
from unmask.data.formats.multiscale import is_omezarr
from unmask.data.layouts.split_words import word_in
from unmask.errors import PairingError

__all__ = ["find_images", "split_word"]

ANNOTATIONS = "annotations"


def split_word(file: Path, root: Path) -> str | None:
    """The split that a file's name or folder says: train, val or test.

    Args:
        file: instances_val2017.json, or val/via_region_data.json.
        root: the data set's folder, whose own name says nothing.
    """
    return word_in(file.stem) or (None if file.parent == root else word_in(file.parent.name))


def find_images(file: Path, names: Sequence[str], root: Path) -> list[Path]:
    """The images that an annotation file names.

    Looked for as written and by file name alone: beside the annotation file, in a folder that its name ends with
    (instances_val2017.json: val2017/, val/), in images/, and at last in any folder below.

    Args:
        file: the annotation file.
        names: of images, as written there.
        root: the data set's folder; as good a start as the annotation file's own.

    Returns:
        One file a name.

    Raises:
        PairingError: images that are not there, says how many; several files that could be meant.
    """
    bases = list(dict.fromkeys([file.parent, *([file.parent.parent] if file.parent.name == ANNOTATIONS else []), root]))
    ends = [file.stem.rsplit("_", 1)[-1], *([word] if (word := split_word(file, root)) else [])]
    below = [Path(), *(Path(end) for end in ends), Path("images"), *(Path("images", end) for end in ends)]
    folders = [folder for base in bases for part in below if (folder := base / part).is_dir()]
    found = [_beside(name, folders) for name in names]
    if None in found:
        elsewhere = _below(bases)
        found = [path or _only(file, name, elsewhere) for path, name in zip(found, names, strict=True)]
    missing = [name for path, name in zip(found, names, strict=True) if path is None]
    if missing:
        are = "is not there:" if len(missing) == 1 else "are not there, first"
        problem = f"names {len(names)} images, of which {len(missing)} {are} {missing[0][:100]}"
        remedy = f"put them into {file.parent} or a folder in it, or take them out of the file"
        raise PairingError(problem, file=file, remedy=remedy)
    return [path for path in found if path is not None]


def _beside(name: str, folders: Sequence[Path]) -> Path | None:
    written = name.replace("\\", "/")
    places = (folder / part for part in (written, written.rsplit("/", 1)[-1]) for folder in folders)
    return next((place for place in places if os.path.isfile(place) or is_omezarr(place)), None)


def _below(bases: Sequence[Path]) -> dict[str, list[Path]]:
    """All image files in and below some folders, by their names."""
    files: defaultdict[str, list[Path]] = defaultdict(list)
    for path in sorted({path for base in bases for path in base.rglob("*") if path.suffix.lower() in SUFFIXES}):
        files[path.name].append(path)
    return files


def _only(file: Path, name: str, elsewhere: dict[str, list[Path]]) -> Path | None:
    candidates = elsewhere.get(name.replace("\\", "/").rsplit("/", 1)[-1], [])
    if len(candidates) > 1:
        problem = f"names {name}, and there are {candidates[0]} and {candidates[1]}"
        raise PairingError(
            problem, file=file, remedy="write the folder into its name, or put the file beside its images"
        )
    return candidates[0] if candidates else None
