"""A mended copy of a data set: what is sound, repaired where that is plain, and a list of every change."""

import csv
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unmask.check.doctor import Checkup
from unmask.check.finding import Finding
from unmask.check.images import divisor
from unmask.check.repair import REPAIRS, Change, linked_copy, repair
from unmask.check.tidy import tidied
from unmask.data.dataset import Dataset
from unmask.data.entry import Entry, MaskFile, MaskFiles
from unmask.data.folder import read_folder
from unmask.data.options import ReadOptions
from unmask.data.sample import Sample
from unmask.data.writing import Form, write_dataset
from unmask.errors import DataError, UnmaskError

__all__ = ["CHANGES", "Mended", "mend"]

CHANGES = "changes.csv"
UNNAMED = ("object",)
COLOURS = 3  # channels of what may be a photograph: its colours are not dropped, even where one is constant


@dataclass(frozen=True)
class Mended:
    """What `mend` did.

    Attributes:
        images: how many the copy holds.
        form: how its annotation is stored.
        changes: every change, in the order of files.
    """

    images: int
    form: Form
    changes: tuple[Change, ...]

    @property
    def sentence(self) -> str:
        """The numbers in words."""
        changed = f"{len(self.changes)} {'change' if len(self.changes) == 1 else 'changes'}"
        return f"{self.images} {'image' if self.images == 1 else 'images'}, {changed} listed in {CHANGES}"


def mend(found: Checkup, out: Path, options: ReadOptions | None = None) -> Mended:
    """Writes a mended copy.

    Args:
        found: the check of the data set.
        out: the folder to make; the original is not touched.
        options: with which it was checked.

    Returns:
        What was done.

    Raises:
        DataError: nothing of it is sound, or can be made so.
        UnmaskError: the folder is in use or cannot be written.
    """
    with _repaired(found, options or ReadOptions()) as (dataset, changes, original):
        names, dropped = _kept(dataset, found.findings)
        form = _form(dataset, names)
        written: list[Change] = []
        images = write_dataset(
            out,
            _samples(dataset, names, found.findings, original, written),
            dataset.class_names,
            form,
            dataset.splits,
            lambda part: _write_changes(part / CHANGES, [*changes, *dropped, *written]),
        )
    return Mended(images, form, (*changes, *dropped, *written))


class _Original:
    """From a file of the linked copy to the original."""

    def __init__(self, copy: Path, root: Path) -> None:
        self._copy, self._root = copy, root

    def __call__(self, file: Path | None) -> Path:
        if file is None:
            return self._root
        return self._root / file.relative_to(self._copy) if file.is_relative_to(self._copy) else file


@contextmanager
def _repaired(found: Checkup, options: ReadOptions) -> Iterator[tuple[Dataset, list[Change], _Original]]:
    """The data set with the files repaired that can be, what was changed, and where files of it really are."""
    if found.root.is_dir() and any(problem.code in REPAIRS for problem in found.problems):
        with tempfile.TemporaryDirectory(prefix="unmask-") as folder:
            copy = Path(folder, found.root.name or "data")
            linked_copy(found.root, copy)
            changes = repair(copy, found.root, found.problems)
            original = _Original(copy, found.root)
            try:
                dataset, problems = _sound(copy, options)
            except UnmaskError as error:
                raise type(error)(error.problem, file=original(error.file), remedy=error.remedy) from None
            # A list may name files beyond the folder, which the copy does not have.
            if len(dataset) >= (0 if found.dataset is None else len(found.dataset)):
                yield dataset, [*changes, *_left_out(problems, original)], original
                return
    if found.dataset is None:
        raise DataError("has no image that is sound", file=found.root, remedy="mend the problems above by hand")
    plain = _Original(found.root, found.root)
    yield found.dataset, _left_out(found.problems, plain), plain


def _left_out(problems: Sequence[UnmaskError], original: _Original) -> list[Change]:
    return [Change(original(error.file), f"left out: it {error.problem}") for error in problems]


def _sound(root: Path, options: ReadOptions) -> tuple[Dataset, list[UnmaskError]]:
    """The part of a data set that can be read, all of it, and what keeps the rest from being."""
    problems: list[UnmaskError] = []
    dataset = read_folder(root, replace(options, report=problems.append))
    names = []
    for entry in dataset.entries:
        try:
            dataset.load(entry.name)
            names.append(entry.name)
        except UnmaskError as error:
            problems.append(error)
    if not names:
        raise DataError("has no image that is sound", file=root, remedy="mend the problems above by hand")
    return dataset.subset(names), problems


def _kept(dataset: Dataset, findings: Sequence[Finding]) -> tuple[list[str], list[Change]]:
    """Names of the images that are kept, and why others are not."""
    there = set(dataset.names())
    dropped: dict[str, str] = {}
    for finding in findings:
        if finding.code == "constant":
            dropped |= dict.fromkeys(there & set(finding.images), "left out: it has one grey value only")
    suspects = {name for finding in findings if finding.code in ("duplicate", "leak") for name in finding.images}
    dropped |= _copies(dataset, sorted((suspects & there) - set(dropped)))
    kept = [name for name in dataset.names() if name not in dropped]
    if not kept:
        raise DataError("has no image left that is sound", file=dataset.root, remedy="mend the problems above by hand")
    return kept, [Change(dataset.entry(name).image, why) for name, why in dropped.items()]


def _copies(dataset: Dataset, names: Sequence[str]) -> dict[str, str]:
    """Images whose pixels another one has, and why they go.

    Of copies in several splits those in training go; of others the one stays that has the most annotated pixels.
    """
    groups: dict[str, list[tuple[int, int, str]]] = {}
    rank = {"test": 0, "val": 1}
    for name in names:
        sample = dataset.load(name)
        assert sample.objects is not None, "sound data are annotated"
        key = f"{sample.image.shape} {sample.image.dtype} {hashlib.sha256(sample.image.tobytes()).hexdigest()}"
        place = rank.get(dataset.splits.get(name, ""), 2), -int((sample.objects > 0).sum()), name
        groups.setdefault(key, []).append(place)
    return {
        name: f"left out: its pixels are those of {sorted(group)[0][2]}"
        for group in groups.values()
        for *_, name in sorted(group)[1:]
    }


def _form(dataset: Dataset, names: Sequence[str]) -> Form:
    """How the annotation can be stored whole, and is read as what it is."""
    if dataset.kind in ("classes", "binary"):
        return "classes"
    if dataset.class_names != UNNAMED:
        return "coco"
    for name in names:
        sample = dataset.load(name)
        if sample.layers is not None or sample.ignore is not None:
            return "coco"
    return "objects"


def _one_piece(entry: Entry, dataset: Dataset) -> bool:
    """Whether an id is meant to be one connected piece."""
    return isinstance(entry.source, MaskFiles) or (isinstance(entry.source, MaskFile) and dataset.kind == "objects")


def _constant_channels(dataset: Dataset, names: Sequence[str]) -> list[int]:
    """Channels that are constant in every image; none where that would leave no channel, or of photographs."""
    constant = set(range(dataset.channels if dataset.channels != COLOURS else 0))
    for name in names:
        if not constant:
            break
        image = dataset.load(name).image
        constant = {c for c in constant if image[..., c].min() == image[..., c].max()}
    return sorted(constant) if len(constant) < dataset.channels else []


def _samples(
    dataset: Dataset,
    names: Sequence[str],
    findings: Sequence[Finding],
    original: _Original,
    changes: list[Change],
) -> Iterator[Sample]:
    """The samples, mended one by one; what was done is added to `changes`."""
    without = _constant_channels(dataset, names) if any(one.code == "constant-channel" for one in findings) else []
    narrow = {name for one in findings if one.code == "narrow" for name in one.images} >= set(names)
    for name in names:
        sample, entry = dataset.load(name), dataset.entry(name)
        file = original(entry.image)
        if without:
            kept = [c for c in range(sample.channels) if c not in without]
            numbers = ", ".join(str(c + 1) for c in without)
            sample = replace(sample, image=sample.image[..., kept])
            changes.append(Change(file, f"channel {numbers} left out: it is constant in all images"))
        if narrow and (by := divisor(sample.image)):
            sample = replace(sample, image=(sample.image // by).astype(np.uint8))
            changes.append(Change(file, "saved as 8 bit" + (f", divided by {by}" if by > 1 else "")))
        sample, notes = tidied(sample, one_piece=_one_piece(entry, dataset))
        changes += [Change(original(entry.masks[0]) if entry.masks else file, note) for note in notes]
        yield sample


def _write_changes(file: Path, changes: Sequence[Change]) -> None:
    with open(file, "w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("file", "change"))
        writer.writerows((str(change.file), change.what) for change in changes)
