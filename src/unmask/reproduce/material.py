"""Material: the data of a claim, ready to be trained on, with their split written down.

Data that are there are never written to. Where a claim wants them otherwise (values merged, images left out), OUT/data
holds links to their files.
"""

import csv
import io
import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from unmask.data.dataset import Dataset
from unmask.data.files import write_text
from unmask.data.folder import read_folder
from unmask.data.listing import image_files
from unmask.data.phantom.phantom import write_folder
from unmask.data.split import read_split
from unmask.errors import PairingError
from unmask.reproduce.claim import Claim, Merged, Simulated, claim_text
from unmask.reproduce.split_rule import SplitRule, positions

__all__ = ["Material", "prepare"]


@dataclass(frozen=True)
class Material:
    """Data that are ready.

    Attributes:
        folder: what `unmask train` reads, and `unmask evaluate` compares with.
        split_file: "train", "val" or "test" of every image there; of images that the claim has no use for, test.
        test: names of the images that the claim is tested on.
    """

    folder: Path
    split_file: Path
    test: tuple[str, ...]


def prepare(claim: Claim, data: Path | None, out: Path) -> Material:
    """The data of a claim, ready to be trained on.

    Args:
        claim: whose data.
        data: the folder that holds them; phantoms are simulated and have none.
        out: the folder of the reproduction; gets split.csv, and data/ where data are simulated or arranged anew.

    Raises:
        PairingError: files or images are missing.
        DataError: the data cannot be read.
        UnmaskError: a file cannot be written.
    """
    if claim.simulated is not None:
        folder = out / "data"
        _simulate(claim.simulated, folder)
        return Material(folder, folder / "split.csv", tuple(read_folder(folder).names("test")))
    assert data is not None, "real data are given"
    assert claim.split is not None, "real data have a split"
    folder = data if claim.merged is None else _merged(claim.merged, claim.given, data, out / "data")
    dataset = read_folder(folder)
    words = _split(claim.split, claim.given, dataset)
    if (apart := _own_folders(dataset)) and len(words) < len(dataset):
        folder = out / "data"
        _fresh(folder)
        for name in words:
            _link(apart[name], folder / apart[name].name)
    split_file = out / "split.csv"
    named = dataset.names() if folder == dataset.root else words
    write_text(split_file, _csv([("name", "split"), *((name, words.get(name, "test")) for name in named)]))
    return Material(folder, split_file, tuple(name for name, word in words.items() if word == "test"))


def _simulate(wanted: Simulated, folder: Path) -> None:
    """Phantoms, unless they are there; split.csv is the last file of them."""
    if not (folder / "split.csv").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        write_folder(folder, wanted.kind, wanted.train, wanted.test, wanted.side, wanted.seed)


def _merged(merged: Merged, given: str, data: Path, folder: Path) -> Path:
    """Links to images and masks that are paired in order, and a classes.csv that merges values of one name."""
    images, masks = (image_files(_there(data, names, given)) for names in (merged.images, merged.masks))
    if len(images) != len(masks):
        problem = f"holds {len(images)} images and {len(masks)} masks"
        raise PairingError(problem, file=data, remedy=f"give all of them: {given}")
    _fresh(folder)
    for image, mask in zip(images, masks, strict=True):
        _link(image, folder / "images" / image.name)
        _link(mask, folder / "masks" / f"{image.stem}{mask.suffix}")
    write_text(folder / "classes.csv", _csv([("value", "name", "meaning"), *merged.classes]))
    return folder


def _there(data: Path, names: Sequence[str], given: str) -> Path:
    """The first of some folders that is there."""
    for name in names:
        if (data / name).is_dir():
            return data / name
    raise PairingError(f"has no folder {' or '.join(names)}", file=data, remedy=f"give the folder that holds {given}")


def _split(rule: SplitRule, given: str, dataset: Dataset) -> dict[str, str]:
    """Name to "train", "val" or "test" of the images that the rule has a use for, in the data set's order."""
    if rule.file is not None:
        return dict(dataset.splits) if _said(dataset) else _listed(rule.file, given, dataset)
    among = rule.matching({entry.name: entry.image for entry in dataset.entries})
    words: dict[str, str] = {}
    for word, text in (("train", rule.train), ("val", rule.val), ("test", rule.test)):
        for position in positions(text):
            if position >= len(among):
                problem = f"holds {len(among)} images, and image {position + 1} is wanted to {word}"
                raise PairingError(problem, file=dataset.root, remedy=f"give all of them: {given}")
            words[among[position]] = word
    return {name: words[name] for name in among if name in words}


def _said(dataset: Dataset) -> bool:
    """Whether the data have a split.csv of their own, that tests."""
    root = Path(dataset.root)
    splits = read_split(root / "split.csv", dataset.entries) if root.is_dir() else {}
    return "test" in splits.values()


def _listed(file: str, given: str, dataset: Dataset) -> dict[str, str]:
    """The split of a list of ours, whose names are beginnings of the images'."""
    rows = list(csv.DictReader(io.StringIO(claim_text(file))))
    wanted = {row["name"]: row["split"] for row in rows}
    length = len(rows[0]["name"])
    found = {name: wanted[name[:length]] for name in dataset.names() if name[:length] in wanted}
    if len(found) < len(wanted):
        problem = f"holds {len(found)} of the {len(wanted)} images that are wanted"
        raise PairingError(problem, file=dataset.root, remedy=f"give all of them: {given}")
    return found


def _own_folders(dataset: Dataset) -> dict[str, Path]:
    """The folder of each image, where each has one with its masks in it; else nothing."""
    if dataset.layout != "parts":
        return {}
    folders = {entry.name: entry.image.parent.parent for entry in dataset.entries}
    return folders if all(folder.name == name for name, folder in folders.items()) else {}


def _fresh(folder: Path) -> None:
    """An empty folder; what an earlier call left there were links."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _link(file: Path, link: Path) -> None:
    """A link to a file or folder; a copy where links cannot be made."""
    link.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError, NotImplementedError):
        os.symlink(file.resolve(), link)
        return
    if file.is_dir():
        shutil.copytree(file, link)
    else:
        shutil.copy2(file, link)


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
