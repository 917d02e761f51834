"""Data sets whose objects are in JSON files: COCO and VIA.

coco/instances_train2017.json  coco/train2017/a.jpg         several files, whose names say the split
balloon/train/via_region_data.json  balloon/train/a.jpg     one a folder: train/, val/, test/
cells/annotations.json  cells/images/a.tif                  one file; also in annotations/
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmask.data.dataset import Dataset
from unmask.data.layouts.annotated import annotated_dataset
from unmask.data.layouts.coco import is_coco, read_coco
from unmask.data.layouts.json_file import read_json
from unmask.data.layouts.named_images import ANNOTATIONS
from unmask.data.layouts.split_words import WORDS
from unmask.data.layouts.via import is_via, read_via
from unmask.data.listing import natural
from unmask.data.options import ReadOptions
from unmask.data.shapes.annotations import Listing
from unmask.errors import DataError, PairingError, UnreadableFile

__all__ = ["read_annotated", "read_via_alone", "unknown_json"]

# Of a folder's JSON files those that start so, where there are any: others hold captions, keypoints and settings.
STARTS = ("instances", "via_region_data")

KINDS: dict[str, tuple[Callable[[Any], bool], Callable[[Mapping[Path, Any]], Listing]]] = {
    "COCO": (is_coco, read_coco),
    "VIA": (is_via, read_via),
}
GIVE = "give a COCO instances file (images, annotations, categories) or a VIA file (regions of each image)"


@dataclass(frozen=True)
class _Json:
    """A JSON file: its content and the name of its kind, what it holds instead, or what is wrong with it.

    Content of other kinds is not kept: there may be thousands of files that carry their images in them.
    """

    file: Path
    content: Any = None
    kind: str | None = None
    other: str = ""
    problem: UnreadableFile | None = None


def read_annotated(root: Path, options: ReadOptions) -> Dataset | None:
    """Reads a data set whose objects are in JSON files.

    Args:
        root: its folder, or one such file.
        options: kind "classes" where only classes matter; else objects.

    Returns:
        The data set; None where there is no such file. Objects are turned into pixels when an image is loaded.

    Raises:
        UnreadableFile: one of several files is damaged, or an image is.
        PairingError: images that are not there, are listed twice, or are of another size than listed.
        MaskError: no object at all; more than 254 classes.
        DataError: files that are not as their kind should be; images with different numbers of channels.
    """
    wanted = [name for name in KINDS if options.layout in (None, name.lower())]
    found = _read(root)
    if not any(one.kind in wanted for one in found):
        return None
    for one in found:
        if one.problem:
            raise one.problem
    listings = []
    for name in wanted:
        if files := {one.file: one.content for one in found if one.kind == name}:
            listings.append((name, KINDS[name][1](files)))
    return annotated_dataset(root, listings, options)


def read_via_alone(root: Path, options: ReadOptions) -> Dataset | None:
    """Reads a data set of VIA files where that layout is asked for; else `read_annotated` has looked for them too."""
    return read_annotated(root, options) if options.layout == "via" else None


def unknown_json(root: Path) -> DataError | None:
    """What is wrong with a folder's JSON files, or with one file, that `read_annotated` does not know.

    Returns:
        UnreadableFile where one is not JSON; PairingError where one is of another kind; None where there is none.
    """
    found = _read(root)
    for one in found:
        if one.problem:
            return one.problem
    if not found:
        return None
    problem = f"is JSON of a kind that unmask does not read ({found[0].other})"
    return PairingError(problem, file=found[0].file, remedy=GIVE)


def _read(root: Path) -> list[_Json]:
    return [_parse(file) for file in ([root] if root.is_file() else _json_files(root))]


def _json_files(root: Path) -> list[Path]:
    """JSON files of a folder and of those folders in it that hold annotations or a split."""
    inner = [child for child in root.iterdir() if child.is_dir() and _of_interest(child.name.lower())]
    return sorted((file for folder in [root, *inner] for file in _likely(folder)), key=natural)


def _likely(folder: Path) -> list[Path]:
    files = [file for file in folder.glob("*.json") if not file.name.startswith(".")]
    chosen = ([file for file in files if file.name.startswith(start)] for start in STARTS)
    return next((some for some in chosen if some), files)


def _of_interest(folder: str) -> bool:
    return folder == ANNOTATIONS or any(word in WORDS for word in re.findall("[a-z]+", folder))


def _parse(file: Path) -> _Json:
    try:
        content = read_json(file)
    except UnreadableFile as problem:
        return _Json(file, problem=problem)
    kind = next((name for name, (tell, _) in KINDS.items() if tell(content)), None)
    return _Json(file, content, kind) if kind else _Json(file, other=_seen(content))


def _seen(content: Any) -> str:
    if isinstance(content, Mapping) and content:
        return f"its keys are {', '.join(list(content)[:6])}" + (" ..." if len(content) > 6 else "")
    if isinstance(content, Sequence) and not isinstance(content, str):
        return f"a list of {len(content)}; results have no images, the file that they belong to has"
    return "it holds no annotations"
