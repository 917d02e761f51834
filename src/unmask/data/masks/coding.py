"""Coding: what the values of a set of masks mean, and what a mask says by it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from unmask.arrays import AnyArray, LabelImage, MaskImage
from unmask.data.masks.colours import colour_of, spelled
from unmask.data.masks.evidence import Kind, listed
from unmask.data.options import OUTSIDE
from unmask.data.shapes.annotations import LabelLayers
from unmask.errors import DataError, MaskError
from unmask.geometry.labels import components, relabel

__all__ = [
    "AROUND_KNOWN",
    "Coding",
    "Kind",
    "ignored_values",
    "interpret",
    "means_name",
    "merged_by_name",
    "never_there",
    "unknown_ignore",
]

AROUND_KNOWN = "What is not annotated is ignored, but for the surroundings of objects."


@dataclass(frozen=True)
class Coding:
    """What mask values mean.

    Attributes:
        kind: "objects": one object an id; "classes": one class a value; "binary": one class, whose connected regions
            are the objects.
        values: the mask values of class 1, 2, ...; empty for objects. Of a class of several, the first.
        decision: one plain sentence: what was seen, what was decided, how to overrule it.
        names: of the classes, where the files say them; else they are made up: class_1, or #ff0000.
        ignored: mask values of what is not known.
        background: mask values of the background.
        colours: values are colours, 65,536 red + 256 green + blue.
        outside: what is not annotated is not known either, but for the surroundings of objects.
        sure: whether the masks leave no doubt of their kind.
        merged: further values of classes of several: value -> the class's first.
    """

    kind: Kind
    values: tuple[int, ...]
    decision: str
    names: tuple[str, ...] = ()
    ignored: tuple[int, ...] = ()
    background: tuple[int, ...] = (0,)
    colours: bool = False
    outside: bool = False
    sure: bool = True
    merged: Mapping[int, int] = field(default_factory=dict)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes without background."""
        if self.names:
            return self.names
        if self.kind != "classes":
            return ("object",)
        if self.colours:
            return tuple(spelled(value, colours=True) for value in self.values)
        return tuple(f"class_{index}" for index in range(1, len(self.values) + 1))

    @property
    def predicted(self) -> "Coding":
        """What the values of a model's label images mean: 0 is the background, and classes have the masks' own values.

        They are 1, 2, ... where those are colours, or 0 is one of them. Of a class of several values it is the first.
        """
        if self.kind == "objects":
            return replace(self, ignored=(), background=(0,), colours=False, outside=False)
        return self if self.writable else self.numbered(self.class_names)

    def numbered(self, names: Sequence[str]) -> "Coding":
        """What 1, 2, ... mean that stand for classes of these names: the classes of that name, or nothing known."""
        place = {name: value for value, name in enumerate(names, start=1)}
        # No mask has the values of classes that are not among the names.
        values = tuple(place.get(name, -1 - index) for index, name in enumerate(self.class_names))
        ignored = tuple(value for value in place.values() if value not in values)
        decision = (
            f"Label images hold classes: {listed(list(place), [(value,) for value in place.values()], colours=False)}."
        )
        return Coding(self.kind, values, decision, self.class_names, ignored)

    @property
    def writable(self) -> bool:
        """Whether a label image with 0 as background can have the masks' own values."""
        return not self.colours and 0 not in (*self.values, *self.merged)

    def values_of(self, value: int) -> tuple[int, ...]:
        """All values of the class whose first is given."""
        return (value, *(more for more, first in self.merged.items() if first == value))


def merged_by_name(names: Mapping[int, str]) -> tuple[dict[int, str], dict[int, int]]:
    """Classes of values of which several may have one name.

    Args:
        names: value -> name, in the order of the classes.

    Returns:
        The first value of each name -> name, and each further value -> the first of its name.
    """
    first: dict[str, int] = {}
    for value, name in names.items():
        first.setdefault(name, value)
    merged = {value: first[name] for value, name in names.items() if first[name] != value}
    return {value: name for name, value in first.items()}, merged


def means_name(given: str | None, name: str) -> bool:
    """Whether --ignore means the class of a name, in capitals or not."""
    return given not in (None, OUTSIDE) and str(given).lower() == name.lower()


def ignored_values(
    given: str | None, names: Mapping[int, str], seen: Collection[int], *, colours: bool = False
) -> tuple[int, ...]:
    """The values of masks that --ignore means.

    Args:
        given: a value, a colour where values are colours, or the name of a class.
        names: of values; they need not occur.
        seen: values that occur, with a name or not.
        colours: values are colours.

    Returns:
        One value given by itself, or all of a name; none where nothing is of that value or name.
    """
    if given is None or given == OUTSIDE:
        return ()
    value = colour_of(given) if colours else int(given) if given.isdecimal() else None
    if value is not None and (value in seen or value in names):
        return (value,)
    return tuple(one for one, name in names.items() if means_name(given, name))


def never_there(given: str) -> str:
    """The remark where what --ignore says is known, but in no mask."""
    return f"--ignore {given}: that never occurs."


def unknown_ignore(given: str, there: Sequence[str], place: Path) -> DataError:
    """The error where nothing is what --ignore says."""
    few = ", ".join(there[:8]) + (" ..." if len(there) > 8 else "")
    remedy = f"choose from {few}, or say --ignore {OUTSIDE}: what is not annotated is not known"
    return DataError(f"--ignore {given}: there is nothing of that value or name", file=place, remedy=remedy)


def interpret(mask: AnyArray, coding: Coding, file: Path) -> LabelLayers:
    """What one mask says.

    Args:
        mask: (h, w) integers, as stored.
        coding: what its values mean.
        file: where it came from, for messages.

    Returns:
        Objects numbered 1..n in raster order, in one layer. An id in several pieces stays one object; of classes, every
        connected region (4 neighbours) is one.

    Raises:
        MaskError: a value that means nothing, because the mask was changed since the data set was read.
    """
    ignore: MaskImage | None = np.isin(mask, coding.ignored) if coding.ignored else None
    empty = np.isin(mask, coding.background) if ignore is None else np.isin(mask, coding.background) | ignore
    if coding.kind == "objects":
        objects = relabel(np.where(empty, 0, mask))
        return LabelLayers((objects > 0).astype(np.uint8), objects, None, _one_class(objects), ignore)
    classes = np.zeros(mask.shape, np.uint8)
    objects = np.zeros(mask.shape, np.int32)
    for index, value in enumerate(coding.values, start=1):
        region: MaskImage = np.isin(mask, coding.values_of(value))
        pieces = components(region)
        classes[region] = index
        objects[region] = pieces[region] + objects.max()
    unknown = np.unique(mask[(classes == 0) & ~empty])
    if unknown.size:
        problem = (
            f"holds the value {spelled(int(unknown[0]), coding.colours)}, which no mask had when the data set was read"
        )
        raise MaskError(problem, file=file, remedy="start again, so that all masks are looked at anew")
    objects = relabel(objects)
    class_of = np.zeros(int(objects.max()) + 1, np.uint8)
    class_of[objects] = classes
    return LabelLayers(classes, objects, None, class_of, ignore)


def _one_class(objects: LabelImage) -> AnyArray:
    """(n + 1,) uint8: class 1 for each of n objects."""
    return (np.arange(int(objects.max()) + 1) > 0).astype(np.uint8)
