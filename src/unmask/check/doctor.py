"""The whole check of a data set: read it, look at every image once, put what was seen together."""

import shlex
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from unmask.arrays import AnyArray
from unmask.check.duplicates import duplicate_sights
from unmask.check.finding import KINDS, Finding, Sight, group
from unmask.check.images import image_sights
from unmask.check.masks import mask_sights
from unmask.check.objects import object_sights
from unmask.check.whole import Row, look, set_sights
from unmask.data.dataset import Dataset
from unmask.data.entry import Entry, MaskFile, MaskFiles, header_of
from unmask.data.folder import read_folder
from unmask.data.masks.read import read_mask
from unmask.data.options import ReadOptions
from unmask.data.sample import Sample
from unmask.data.understood import ImageFacts, Understood, facts, understand
from unmask.errors import UnmaskError, UnreadableFile

__all__ = ["FIELD_OF_VIEW", "Checkup", "check"]

FIELD_OF_VIEW = 185
"""Pixels across that one pixel of the U-Net of depth 4 depends on: 2 x 92 + 1 (Ronneberger 2015)."""


@dataclass(frozen=True)
class Checkup:
    """What was found out about a data set.

    Attributes:
        root: its folder or file.
        dataset: its sound part; None where there is none.
        understood: in a few numbers; None where there is no sound part.
        findings: what is wrong, the worst first.
        problems: what reading refused, as training would say it.
    """

    root: Path
    dataset: Dataset | None
    understood: Understood | None
    findings: tuple[Finding, ...]
    problems: tuple[UnmaskError, ...]

    def count(self, severity: str) -> int:
        """How many findings are of a severity."""
        return sum(finding.severity == severity for finding in self.findings)


def _command(path: str | Path, options: ReadOptions) -> str:
    """What to type to check these data in this way."""
    words = ["unmask", "check", str(path)]
    words += [] if options.kind is None else [f"--{options.kind}"]
    for name, value in (("layout", options.layout), ("ignore", options.ignore), ("split-file", options.split)):
        words += [] if value is None else [f"--{name}", str(value)]
    return shlex.join(words)


@dataclass(frozen=True)
class _Seen:
    """One image looked at, or the problem that kept it from being."""

    name: str
    sights: list[Sight]
    row: Row | None = None
    facts: ImageFacts | None = None
    problem: UnmaskError | None = None


def check(
    path: str | Path,
    options: ReadOptions | None = None,
    *,
    field_of_view: int = FIELD_OF_VIEW,
    on_progress: Callable[[int, int], None] | None = None,
) -> Checkup:
    """Everything that can be said about a data set before it is trained on.

    Args:
        path: the data set.
        options: what the user says of it; problems are collected, whatever `report` it has.
        field_of_view: pixels across that the network sees at once.
        on_progress: called with the number of images looked at, and of all.

    Returns:
        The findings; a data set that cannot be read at all has one.
    """
    problems: list[UnmaskError] = []
    options = options or ReadOptions()
    command = _command(path, options)
    try:
        dataset = read_folder(path, replace(options, report=problems.append))
    except UnmaskError as error:
        if not problems:  # else it is only that nothing was left
            problems.append(error)
        return Checkup(Path(path), None, None, tuple(group(map(_of_problem, problems), command)), tuple(problems))
    seen = _look_at_all(dataset, field_of_view, on_progress)
    problems += [one.problem for one in seen if one.problem]
    sights = [_of_problem(problem) for problem in problems]
    sights += [sight for one in seen for sight in one.sights]
    sights += mask_sights(dataset)
    rows = [one.row for one in seen if one.row]
    sights += set_sights(rows, dataset.class_names)
    sights += duplicate_sights([row.fingerprint for row in rows], dataset.splits)
    sound = [one.name for one in seen if one.row]
    if not sound:
        return Checkup(dataset.root, None, None, tuple(group(sights, command)), tuple(problems))
    return Checkup(
        root=dataset.root,
        dataset=dataset.subset(sound),
        understood=understand(dataset, [one.facts for one in seen if one.facts]),
        findings=tuple(group(sights, command)),
        problems=tuple(problems),
    )


def _look_at_all(dataset: Dataset, field_of_view: int, on_progress: Callable[[int, int], None] | None) -> list[_Seen]:
    """Looks at every image once; no more of them are held than there are threads."""
    seen = []
    with ThreadPoolExecutor() as pool:
        for one in pool.map(lambda entry: _look(dataset, entry, field_of_view), dataset.entries):
            seen.append(one)
            if on_progress is not None:
                on_progress(len(seen), len(dataset))
    return seen


def _look(dataset: Dataset, entry: Entry, field_of_view: int) -> _Seen:
    try:
        header, sample = header_of(entry), dataset.load(entry.name)
        raw = _raw(dataset, entry, sample)
    except UnmaskError as error:
        return _Seen(entry.name, [], problem=error)
    sights = image_sights(sample, header) + object_sights(sample, raw, field_of_view)
    return _Seen(entry.name, sights, look(sample, header, raw), facts(sample, len(dataset.class_names)))


def _raw(dataset: Dataset, entry: Entry, sample: Sample) -> AnyArray | None:
    """The ids as stored, where an id is meant to be one piece: label images, and one mask a file."""
    match entry.source:
        case MaskFile(file, page) if dataset.coding is not None and dataset.kind == "objects":
            return read_mask(file, page or 0, colours=dataset.coding.colours)[0]
        case MaskFiles() if sample.layers is None:
            return sample.objects
    return None


def _of_problem(error: UnmaskError) -> Sight:
    """What training would refuse, in the same words."""
    code = error.code or ("unreadable" if isinstance(error, UnreadableFile) else "unusable")
    if KINDS[code].severity != "error":  # what reading refuses, training does
        code = "unusable"
    file = error.file or Path()
    return Sight(code, "", file, error.problem, remedy=error.remedy or "")
