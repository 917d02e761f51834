"""A mended copy of a data set: what is sound, repaired where that is plain, and a list of every change."""

import csv
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unmask.check.doctor import Checkup
from unmask.check.finding import Finding
from unmask.check.images import divisor
from unmask.check.repair import Change, linked_copy, repair
from unmask.check.tidy import tidied
from unmask.data.dataset import Dataset
from unmask.data.folder import read_folder
from unmask.data.options import ReadOptions
from unmask.data.sample import Sample
from unmask.data.writing import Form, write_dataset
from unmask.errors import DataError, UnmaskError

__all__ = ["CHANGES", "Mended", "mend"]

CHANGES = "changes.csv"


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
    options = options or ReadOptions()
    base = found.root if found.root.is_dir() else found.root.parent
    with tempfile.TemporaryDirectory(prefix="unmask-") as folder:
        copy = Path(folder, base.name)
        linked_copy(base, copy)
        changes = repair(copy, base, found.problems)
        left_out: list[UnmaskError] = []
        given = copy if found.root.is_dir() else copy / found.root.name
        dataset = read_folder(given, replace(options, report=left_out.append))
        original = _Original(copy, base)
        changes += [Change(original(error.file), f"left out: it {error.problem}") for error in left_out]
        names, more = _kept(dataset, found.findings)
        changes += [Change(original(file), what) for file, what in more]
        plan = _Plan(dataset, names, found.findings)
        form = _form(dataset, names)
        written: list[Change] = []
        images = write_dataset(
            out,
            _samples(plan, original, written),
            dataset.class_names,
            form,
            dataset.splits,
            lambda part: _write_changes(part / CHANGES, [*changes, *written]),
        )
    return Mended(images, form, (*changes, *written))


class _Original:
    """From a file of the linked copy to the original."""

    def __init__(self, copy: Path, root: Path) -> None:
        self._copy, self._root = copy, root

    def __call__(self, file: Path | None) -> Path:
        if file is None:
            return self._root
        return self._root / file.relative_to(self._copy) if file.is_relative_to(self._copy) else file


@dataclass(frozen=True)
class _Plan:
    """What is written: the images named, of a data set with these findings."""

    dataset: Dataset
    names: Sequence[str]
    findings: Sequence[Finding]

    def has(self, code: str, name: str) -> bool:
        """Whether an image has a problem."""
        return any(one.code == code and name in one.images for one in self.findings)

    @property
    def constant_channels(self) -> tuple[int, ...]:
        """Channels that are constant in every image; none where that would leave no channel."""
        constant = set(range(self.dataset.channels))
        for name in self.names:
            image = self.dataset.load(name).image
            constant &= {c for c in constant if image[..., c].min() == image[..., c].max()}
            if not constant:
                return ()
        return tuple(sorted(constant)) if len(constant) < self.dataset.channels else ()


def _kept(dataset: Dataset, findings: Sequence[Finding]) -> tuple[list[str], list[tuple[Path, str]]]:
    """Names of the images that are kept, and why others are not."""
    dropped: dict[str, str] = {}
    for finding in findings:
        if finding.code == "constant":
            dropped |= dict.fromkeys(finding.images, "left out: it has one grey value only")
    first: dict[str, str] = {}
    order = {"test": 0, "val": 1, "train": 2}  # a copy of a test image leaves training, not the other way round
    suspects = {name for finding in findings if finding.code in ("duplicate", "leak") for name in finding.images}
    for name in sorted(suspects & set(dataset.names()), key=lambda name: order.get(dataset.splits.get(name, ""), 2)):
        pixels = dataset.load(name).image
        key = f"{pixels.shape} {pixels.dtype} {hashlib.sha256(pixels.tobytes()).hexdigest()}"
        if first.setdefault(key, name) != name:
            dropped.setdefault(name, f"left out: its pixels are those of {first[key]}")
    kept = [name for name in dataset.names() if name not in dropped]
    if not kept:
        raise DataError("has no image left that is sound", file=dataset.root, remedy="mend the problems above by hand")
    return kept, [(dataset.entry(name).image, why) for name, why in dropped.items() if name in dataset.names()]


def _form(dataset: Dataset, names: Sequence[str]) -> Form:
    """How the annotation can be stored whole."""
    if dataset.kind == "classes" or (dataset.kind == "binary" and len(dataset.class_names) > 1):
        return "classes"
    if len(dataset.class_names) > 1:
        return "coco"
    for name in names:
        sample = dataset.load(name)
        if sample.layers is not None or sample.ignore is not None:
            return "coco"
    return "objects"


def _samples(plan: _Plan, original: _Original, changes: list[Change]) -> Iterator[Sample]:
    """The samples, mended one by one; what was done is added to `changes`."""
    without = plan.constant_channels
    narrow = all(plan.has("narrow", name) for name in plan.names)
    for name in plan.names:
        sample = plan.dataset.load(name)
        file = original(plan.dataset.entry(name).image)
        if without:
            kept = [c for c in range(sample.channels) if c not in without]
            numbers = ", ".join(str(c + 1) for c in without)
            sample = replace(sample, image=sample.image[..., kept])
            changes.append(Change(file, f"channel {numbers} left out: it is constant in all images"))
        if narrow and (by := divisor(sample.image)):
            sample = replace(sample, image=(sample.image // by).astype(np.uint8))
            changes.append(Change(file, "saved as 8 bit" + (f", divided by {by}" if by > 1 else "")))
        sample, notes = tidied(sample, separate=plan.dataset.kind == "objects")
        masks = plan.dataset.entry(name).masks
        changes += [Change(original(masks[0]) if masks else file, note) for note in notes]
        yield sample


def _write_changes(file: Path, changes: Sequence[Change]) -> None:
    with open(file, "w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("file", "change"))
        writer.writerows((str(change.file), change.what) for change in changes)
