"""What a dataset.json of nnU-Net says of mask values: names of classes, and which values are not known."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unmask.data.masks.coding import Coding, Kind, ignored_values, means_name, never_there, unknown_ignore
from unmask.data.masks.deciding import decide
from unmask.data.masks.read import MaskFacts
from unmask.data.options import OUTSIDE, ReadOptions
from unmask.errors import DataError, MaskError, PairingError, UnreadableFile

__all__ = ["NamedLabels", "named_coding", "read_labels"]

IGNORED = "ignore"  # the name of the label that says that nothing is known
LARGEST = 2**31 - 1  # of a mask value


@dataclass(frozen=True)
class NamedLabels:
    """What dataset.json says of mask values other than 0.

    Attributes:
        file: the file.
        names: of classes, by value, rising.
        ignored: values that say that nothing is known.
    """

    file: Path
    names: Mapping[int, str]
    ignored: tuple[int, ...]


def read_labels(file: Path) -> NamedLabels:
    """The labels of dataset.json: name to value in version 2, value to name in version 1.

    Raises:
        PairingError: there is no such file.
        UnreadableFile: it is not JSON.
        DataError: it has no labels, or not one value a label.
    """
    given = _content(file).get("labels")
    if not isinstance(given, dict) or not given:
        problem = "has no labels, which should name the classes"
        raise DataError(problem, file=file, remedy='add "labels": {"background": 0, "nucleus": 1}, with your classes')
    pairs = sorted((_label(file, key, value) for key, value in given.items()), key=lambda pair: pair[1])
    double = [value for value, count in Counter(value for _, value in pairs).items() if count > 1]
    if double:
        raise DataError(f"gives the value {double[0]} two labels", file=file, remedy="give each label its own value")
    ignored = tuple(value for name, value in pairs if name == IGNORED)
    return NamedLabels(file, {value: name for name, value in pairs if value and name != IGNORED}, ignored)


def _content(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        remedy = 'write it with the names of classes: {"labels": {"background": 0, "nucleus": 1}}'
        raise PairingError("is missing, beside imagesTr", file=file, remedy=remedy) from None
    except (ValueError, RecursionError, OSError) as error:
        raise UnreadableFile(f"is not JSON ({str(error)[:100]})", file=file, remedy="write it again") from error
    if not isinstance(content, dict):
        raise DataError("holds no JSON object", file=file, remedy='write {"labels": {"background": 0, "nucleus": 1}}')
    return content


def _label(file: Path, key: str, value: object) -> tuple[str, int]:
    """Name and value of a label."""
    if isinstance(value, list):
        remedy = "give every value a label of its own: unmask has no regions of several values"
        raise DataError(f"has the label {key[:40]} of several values {str(value)[:40]}", file=file, remedy=remedy)
    name, number = (value, int(key)) if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", key) else (key, value)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= LARGEST:
        problem = f"has the label {key[:40]} of the value {str(value)[:40]}, which is no whole number from 0"
        raise DataError(problem, file=file, remedy='write labels as {"background": 0, "nucleus": 1}')
    return name, number


def named_coding(facts: Sequence[MaskFacts], options: ReadOptions, labels: NamedLabels) -> Coding:
    """What mask values mean: classes with names, unless objects are asked for.

    Args:
        facts: what was seen in each mask.
        options: a class or value to ignore; masks with a value that has no name are reported.
        labels: what dataset.json says.

    Raises:
        MaskError: nothing but what is to be ignored.
        DataError: there is no class or value of the name that is to be ignored.
    """
    given = _given(labels, options)
    names = {value: name for value, name in labels.names.items() if value not in given}
    ignored, never = (*labels.ignored, *given), ""
    if given and not any(value in one.values for one in facts for value in given):
        never = f" {never_there(str(options.ignore))}"
    options = options if options.ignore == OUTSIDE else replace(options, ignore=None)
    if options.kind == "objects":
        coding = decide(facts, options, Coding("objects", (), "", ignored=ignored))
        only = tuple(names.values()) if len(names) == 1 else ()
        found = sorted({value for value in ignored for one in facts if value in one.values})
        told = "".join(f" {value} is ignored." for value in found)
        return replace(coding, names=only, ignored=ignored, decision=coding.decision + told + never)
    sound = _named(facts, labels, options)
    there = {int(value) for one in sound for value in one.values}
    used = {value: name for value, name in names.items() if value in there}
    if there and not used:
        remedy = "draw at least one object in one of them"
        raise MaskError("holds masks of nothing but what is to be ignored", file=facts[0].file.parent, remedy=remedy)
    kind: Kind = "binary" if len(used) == 1 and options.kind is None else "classes"
    told = _told(len(sound), used, [name for value, name in names.items() if value not in used])
    known = Coding(kind, tuple(used), told + never, tuple(used.values()), ignored)
    return decide(sound, replace(options, kind=None), known)


def _given(labels: NamedLabels, options: ReadOptions) -> tuple[int, ...]:
    """Values that the user wants ignored, besides those that are so anyway."""
    given = options.ignore
    if given in (None, OUTSIDE) or (labels.ignored and means_name(given, IGNORED)):
        return ()
    found = ignored_values(given, {**labels.names, **dict.fromkeys(labels.ignored, IGNORED)}, ())
    if not found:
        raise unknown_ignore(str(given), list(labels.names.values()), labels.file)
    return tuple(value for value in found if value not in labels.ignored)


def _named(facts: Sequence[MaskFacts], labels: NamedLabels, options: ReadOptions) -> list[MaskFacts]:
    """The masks that have no value without a name; others are reported."""
    known = {*labels.names, *labels.ignored}
    few = ", ".join(map(str, sorted(known)[:8])) + (" ..." if len(known) > 8 else "")
    sound = []
    for one in facts:
        unknown = sorted({int(value) for value in one.values} - known)
        if not unknown or one.between:  # which is another problem
            sound.append(one)
        else:
            problem = f"holds the value {unknown[0]}, which dataset.json does not name"
            remedy = f"name it there (it names {few}), or say --objects if values are ids of objects"
            options.report(MaskError(problem, file=one.file, remedy=remedy, code="ids"))
    return sound


def _told(masks: int, used: Mapping[int, str], unused: Sequence[str]) -> str:
    named = [f"{name} = {value}" for value, name in used.items()]
    few = ", ".join(named if len(named) <= 9 else [*named[:3], "...", named[-1]])
    held = f"{masks} {'mask holds' if masks == 1 else 'masks hold'}"
    if len(used) == 1:
        few += ", each connected region one object (objects that touch count as one)"
    dropped = f" Never there and dropped: {', '.join(unused)}." if unused else ""
    return f"{held} classes that dataset.json names: {few}. If values are ids of objects, say --objects.{dropped}"
