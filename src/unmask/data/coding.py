"""What the values of a set of masks mean: one object an id, one class a value, or foreground and background.

People save masks as 0 and 1, as 0 and 255, as classes, and as label images of objects, and no file says which. All
masks of a set are looked at, and what was seen and decided is put in a sentence. The evidence:

- one value beside 0 in all masks together: binary; every connected region is one object;
- else an object's id is nearly always one connected piece, a class is often in several: the share of values that are
  in several pieces within a mask tells classes from objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from unmask.arrays import AnyArray, LabelImage, MaskImage
from unmask.data.annotations import LabelLayers
from unmask.data.masks import MaskFacts, check_sound
from unmask.data.options import OUTSIDE, ReadOptions
from unmask.errors import DataError, MaskError
from unmask.geometry.labels import components, relabel

__all__ = ["Coding", "Kind", "decide", "interpret", "unknown_ignore"]

Kind = Literal["objects", "classes", "binary"]

# Share of (mask, value) pairs in several pieces from which values are classes. Objects: .003 in DSB 2018, .035 in a
# Cell Tracking Challenge set; classes: 1.0 in the Drosophila VNC sections.
SEVERAL_PIECES = 0.3
MOST_VALUES = 254  # of classes; 255 marks what is to be ignored
MOST_CLASSES = 32  # more values than this are ids of objects, in pieces or not


@dataclass(frozen=True)
class Coding:
    """What mask values mean.

    Attributes:
        kind: "objects": one object an id; "classes": one class a value; "binary": one class, whose connected regions
            are the objects.
        values: the mask values of class 1, 2, ...; empty for objects.
        decision: one plain sentence: what was seen, what was decided, how to overrule it.
        names: of the classes, where the files say them; else they are made up.
        ignored: mask values of what is not known.
        background: mask values of the background.
        colours: values are colours, 65,536 red + 256 green + blue.
        outside: what is not annotated is not known either, but for the surroundings of objects.
        sure: whether the masks leave no doubt of their kind.
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

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes without background."""
        if self.names:
            return self.names
        if self.kind != "classes":
            return ("object",)
        return tuple(f"class_{index}" for index in range(1, len(self.values) + 1))


def decide(facts: Sequence[MaskFacts], options: ReadOptions) -> Coding:
    """Decides what the values of a set of masks mean.

    Args:
        facts: what was seen in each mask.
        options: a kind overrules the decision; a value to ignore is none of a class.

    Returns:
        The meaning; masks that are all 0 count as label images without objects.

    Raises:
        MaskError: values that only line borders, unless they are said to be objects; more than 254 classes.
        DataError: nothing of the masks is that which is to be ignored.
    """
    if options.kind != "objects":
        check_sound(facts)
    every = {int(v) for one in facts for v in one.values}
    ignored = _ignored(options, every, facts)
    values = tuple(sorted(every - set(ignored)))
    several = np.concatenate([one.several[~np.isin(one.values, ignored)] for one in facts])
    coding = _asked(values, options.kind) if options.kind else _likeliest(values, several, len(facts))
    if len(coding.values) > MOST_VALUES:
        most = max(facts, key=lambda one: one.values.size)
        problem = (
            f"holds {most.values.size} values, all masks together {len(coding.values)}, and at most {MOST_VALUES} can "
            "be classes"
        )
        raise MaskError(problem, file=most.file, remedy="if they are ids of objects, say --objects")
    remark = "" if not ignored else f" {ignored[0]} is ignored."
    if values and not any(one.background for one in facts):
        remark += " No pixel is 0, which unmask takes as background."
    outside = options.ignore == OUTSIDE
    if outside:
        remark += " What is not annotated is ignored, but for the surroundings of objects."
    return replace(coding, decision=coding.decision + remark, ignored=ignored, outside=outside)


def _ignored(options: ReadOptions, values: set[int], facts: Sequence[MaskFacts]) -> tuple[int, ...]:
    """The mask values to ignore."""
    if options.ignore in (None, OUTSIDE):
        return ()
    if not str(options.ignore).isdigit() or int(options.ignore or 0) not in values:
        raise unknown_ignore(str(options.ignore), [str(value) for value in sorted(values)], facts[0].file.parent)
    return (int(options.ignore or 0),)


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
        region: MaskImage = mask == value
        pieces = components(region)
        classes[region] = index
        objects[region] = pieces[region] + objects.max()
    unknown = np.unique(mask[(classes == 0) & ~empty])
    if unknown.size:
        problem = f"holds the value {unknown[0]}, which no mask had when the data set was read"
        raise MaskError(problem, file=file, remedy="start again, so that all masks are looked at anew")
    objects = relabel(objects)
    class_of = np.zeros(int(objects.max()) + 1, np.uint8)
    class_of[objects] = classes
    return LabelLayers(classes, objects, None, class_of, ignore)


def _one_class(objects: LabelImage) -> AnyArray:
    """(n + 1,) uint8: class 1 for each of n objects."""
    return (np.arange(int(objects.max()) + 1) > 0).astype(np.uint8)


def _asked(values: tuple[int, ...], kind: Literal["objects", "classes"]) -> Coding:
    if kind == "objects":
        return Coding("objects", (), "Masks are read as label images, as asked: every value is one object.")
    return Coding("classes", values, f"Masks are read as classes, as asked: {_naming(values)}.")


def _likeliest(values: tuple[int, ...], several: AnyArray, masks: int) -> Coding:
    held = f"{masks} {'mask holds' if masks == 1 else 'masks hold'}"
    if not values:
        return Coding("objects", (), f"{held} only 0: there are no objects.")
    if len(values) == 1:
        return Coding("binary", values, _binary(held, values[0]))
    share = float(several.mean())
    few = len(values) <= MOST_CLASSES
    sure = share > 0.5 or (share < 0.1 and len(values) > 4) if few else share < SEVERAL_PIECES
    doubt = "" if sure else " (most likely, but please check)"
    if few and share >= SEVERAL_PIECES:
        seen = f"{held} {len(values)} values besides 0, mostly each in several pieces"
        decision = f"{seen}: read as classes{doubt}, {_naming(values)}. If they are ids of objects, say --objects."
        return Coding("classes", values, decision, sure=sure)
    whole = f"{several.size - several.sum():,} of {several.size:,} objects in one connected piece"
    seen = f"{held} ids from {values[0]} to {values[-1]}, {whole}"
    decision = f"{seen}: read as label images{doubt}, one object an id. If they are classes, say --classes."
    return Coding("objects", (), decision, sure=sure)


def _binary(held: str, value: int) -> str:
    return (
        f"{held} only 0 and {value}: read as background and one class, each connected region one object "
        "(objects that touch count as one). If all of a mask is one object, say --objects."
    )


def _naming(values: tuple[int, ...]) -> str:
    named = [f"class_{index} = {value}" for index, value in enumerate(values, start=1)]
    return ", ".join(named if len(named) <= 9 else [*named[:3], "...", named[-1]])
