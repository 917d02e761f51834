"""data.yaml, which tells YOLO where images lie and what their classes are called.

    path: cells                  folder of the data set; need not be there
    train: images/train          a folder, a text file of paths, or a list of these; also val and test
    names: {0: nucleus, 1: dirt} or a list

Such files are carried from machine to machine, so that paths are also looked for beside the file.
"""

import os
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from unmask.data.formats.images import PICTURES
from unmask.data.layouts.one_each import files_below
from unmask.errors import DataError, PairingError, UnreadableFile

__all__ = ["Config", "Listed", "find_config", "read_config"]

USUAL = ("data", "dataset")
YAML = (".yaml", ".yml")
KEYS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
ABSOLUTE = re.compile("/|[A-Za-z]:")
LARGEST = 2**17  # bytes; names of thousands of classes
DEEPEST = 8  # lists and mappings in each other
WRITE = "write names: [FIRST, SECOND, ...], the name of class 0 first"


@dataclass(frozen=True)
class Listed:
    """The images that a data.yaml leads to.

    Attributes:
        words: "train", "val" or "test" of each; the first of several.
        missing: places that are not there, as written, the first of each word.
        twice: how many images are in several of train, val and test.
    """

    words: Mapping[Path, str]
    missing: Mapping[str, str]
    twice: int = 0


@dataclass(frozen=True)
class Config:
    """What a data.yaml says.

    Attributes:
        file: the file.
        names: of classes, by index; None where it only says how many there are.
        places: of "train", "val" and "test", as written there.
        base: its `path`; empty where it has none.
    """

    file: Path
    names: Mapping[int, str] | None
    places: Mapping[str, tuple[str, ...]]
    base: str = ""

    def images(self) -> Listed:
        """The images of all places.

        Raises:
            PairingError: a list names images that are not there.
            UnreadableFile: a list is not text.
        """
        words: dict[Path, str] = {}
        missing: dict[str, str] = {}
        twice: set[Path] = set()
        for word, written in [(word, one) for word, places in self.places.items() for one in places]:
            place = self._place(written)
            if place is None:
                missing.setdefault(word, written)
                continue
            for image in self._named_in(place) if place.is_file() else files_below(place):
                if image.suffix.lower() in PICTURES and words.setdefault(image, word) != word:
                    twice.add(image)
        return Listed(words, missing, len(twice))

    def _place(self, written: str) -> Path | None:
        """A folder or file that is there: as written, or below the file's own folder without what leads elsewhere."""
        plain = written.replace("\\", "/")
        parts = [part for part in plain.split("/") if part not in ("", ".", "..")]
        here = self.file.parent
        tried = [here / self.base / plain, here / plain, here / self.base / "/".join(parts)]
        tried += [here / "/".join(parts[start:]) for start in range(len(parts) - 1 if ABSOLUTE.match(plain) else 1)]
        return next((Path(os.path.normpath(place)) for place in tried if os.path.exists(place)), None)

    def _named_in(self, file: Path) -> list[Path]:
        """The images that a text file names, one a line."""
        try:
            lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
        except (OSError, UnicodeDecodeError):
            raise UnreadableFile("is not text", file=file, remedy="write the path of an image a line") from None
        found = {line: self._named(line.replace("\\", "/"), file.parent) for line in lines if line}
        missing = [line for line, image in found.items() if image is None]
        if missing:
            are = "is not there:" if len(missing) == 1 else "are not there, first"
            problem = f"names {len(found)} images, of which {len(missing)} {are} {missing[0][-80:]}"
            raise PairingError(problem, file=file, remedy="write paths as they are from the folder of data.yaml")
        return [image for image in found.values() if image]

    def _named(self, line: str, folder: Path) -> Path | None:
        """An image by its path, from the list's or the data set's folder, or without the first folders of the path."""
        parts = [part for part in line.split("/") if part not in ("", ".", "..")]
        here = self.file.parent
        ends = ["/".join(parts[start:]) for start in range(len(parts))]
        tried = [folder / line, here / self.base / line, *(here / end for end in ends)]
        return next((Path(os.path.normpath(place)) for place in tried if os.path.isfile(place)), None)


def find_config(root: Path) -> Config | None:
    """The data.yaml of a folder, whatever it is called.

    Raises:
        PairingError: there are several, none of which is called data.yaml or dataset.yaml.
        UnreadableFile: one that is called so is not YAML.
        DataError: names that are not sound.
    """
    files = sorted(file for file in root.iterdir() if file.suffix.lower() in YAML and file.is_file())
    usual = [file for name in USUAL for file in files if file.stem.lower() == name]
    for file in usual:
        if _is_config(content := _load(file)):
            return _config(file, content)
    others = [(file, content) for file in files if file not in usual and _is_config(content := _content(file))]
    if len(others) > 1:
        both = f"{others[0][0].name} and {others[1][0].name}"
        raise PairingError(f"holds {both}, both of YOLO's kind", file=root, remedy="give the one to use as DATA")
    return _config(*others[0]) if others else None


def read_config(file: Path) -> Config:
    """What a data.yaml says.

    Raises:
        UnreadableFile: it is not YAML.
        DataError: it is not of YOLO's kind, or its names are not sound.
    """
    content = _load(file)
    if not _is_config(content):
        raise DataError("is no data.yaml of YOLO: it has no train and names", file=file, remedy=WRITE)
    return _config(file, content)


def _is_config(content: Any) -> bool:
    return isinstance(content, dict) and any(key in content for key in KEYS) and ("names" in content or "nc" in content)


def _load(file: Path) -> Any:
    if file.stat().st_size > LARGEST:
        problem = f"has more than {LARGEST:,} bytes, too many for a data.yaml"
        raise UnreadableFile(problem, file=file, remedy="keep only path, train, val, test and names in it")
    try:
        text = file.read_text(encoding="utf-8-sig")
        _check_plain(text)
        return yaml.safe_load(text)
    except Exception as error:  # PyYAML turns damaged numbers, dates and tags into all kinds of exceptions
        problem = f"is not YAML ({' '.join(str(error).split())[:120]})"
        raise UnreadableFile(problem, file=file, remedy="correct it, or take it away: folders say as much") from None


def _check_plain(text: str) -> None:
    """Refuses what makes a small YAML file grow without bounds: aliases, and lists in lists in lists."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or depth > DEEPEST:
            raise ValueError("it has aliases, or lists in lists, more than a data.yaml needs")


def _content(file: Path) -> Any:
    """What a file holds; None where it is not YAML, which is no matter of a file that may be about anything."""
    try:
        return _load(file)
    except UnreadableFile:
        return None


def _config(file: Path, content: dict[Any, Any]) -> Config:
    if "kpt_shape" in content:
        problem = "is of poses (kpt_shape): label files hold boxes and points"
        raise DataError(problem, file=file, remedy="annotate outlines, and export them as YOLO segmentation")
    names, count = _names(file, content.get("names")), content.get("nc")
    if names is not None and isinstance(count, int) and count != len(names):
        problem = f"says that there are {count} classes (nc), and names {len(names)}"
        raise DataError(problem, file=file, remedy="correct one of the two", code="ids")
    places: dict[str, tuple[str, ...]] = {}
    for key, word in KEYS.items():
        given = content.get(key)
        some = given if isinstance(given, list) else [given]
        places[word] = places.get(word, ()) + tuple(one for one in some if isinstance(one, str) and one.strip())
    base = content.get("path")
    return Config(file, names, places, base.replace("\\", "/") if isinstance(base, str) else "")


def _names(file: Path, given: Any) -> dict[int, str] | None:
    """Names by index, from a list or a mapping."""
    if given is None:
        return None
    items = list(given.items() if isinstance(given, dict) else enumerate(given) if isinstance(given, list) else ())
    names = {int(index): str(name).strip() for index, name in items if str(index).isdecimal() and _is_name(name)}
    if not names or len(names) < len(items):
        raise DataError(f"has no sound names of classes: {reprlib.repr(given)[:60]}", file=file, remedy=WRITE)
    return names


def _is_name(name: object) -> bool:
    return isinstance(name, str | int | float) and bool(str(name).strip())
