"""What the values of a set of masks mean: one object an id, one class a value, or foreground and background.

People save masks as 0 and 1, as 0 and 255, as classes, and as label images of objects, and no file says which. All
masks of a set are looked at, and what was seen and decided is put in a sentence. The evidence:

- one value beside 0 in all masks together: binary; every connected region is one object;
- else an object's id is nearly always one connected piece, a class is often in several: the share of values that are
  in several pieces within a mask tells classes from objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from unmask.arrays import AnyArray, ClassMap, LabelImage, MaskImage
from unmask.data.masks import MaskFacts, check_sound
from unmask.errors import MaskError
from unmask.geometry.labels import components, relabel

__all__ = ["Coding", "Kind", "decide", "interpret"]

Kind = Literal["objects", "classes", "binary"]

# Share of (mask, value) pairs in several pieces from which values are classes. Objects: .003 in DSB 2018, .035 in a
# Cell Tracking Challenge set; classes: 1.0 in the Drosophila VNC sections.
SEVERAL_PIECES = 0.3
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
    """

    kind: Kind
    values: tuple[int, ...]
    decision: str
    names: tuple[str, ...] = ()

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes without background."""
        if self.names:
            return self.names
        if self.kind != "classes":
            return ("object",)
        return tuple(f"class_{index}" for index in range(1, len(self.values) + 1))


def decide(facts: Sequence[MaskFacts], kind: Literal["objects", "classes"] | None = None) -> Coding:
    """Decides what the values of a set of masks mean.

    Args:
        facts: what was seen in each mask.
        kind: overrules the decision.

    Returns:
        The meaning; masks that are all 0 count as label images without objects.

    Raises:
        MaskError: values that only line borders, unless `kind` is "objects"; more than 255 classes.
    """
    if kind != "objects":
        check_sound(facts)
    values = tuple(int(v) for v in np.unique(np.concatenate([one.values for one in facts])))
    several = np.concatenate([one.several for one in facts])
    coding = _asked(values, kind) if kind else _likeliest(values, several, len(facts))
    if len(coding.values) > 255:
        most = max(facts, key=lambda one: one.values.size)
        problem = (
            f"holds {most.values.size} values, all masks together {len(coding.values)}, and at most 255 can be classes"
        )
        raise MaskError(problem, file=most.file, remedy="if they are ids of objects, say --objects")
    if values and not any(one.background for one in facts):
        return Coding(coding.kind, coding.values, coding.decision + " No pixel is 0, which unmask takes as background.")
    return coding


def interpret(mask: AnyArray, coding: Coding, file: Path) -> tuple[ClassMap, LabelImage]:
    """Classes and objects of one mask.

    Args:
        mask: (h, w) integers, as stored.
        coding: what its values mean.
        file: where it came from, for messages.

    Returns:
        (h, w) uint8 classes and (h, w) int32 objects, numbered 1..n in raster order. An id in several pieces stays one
        object; of classes, every connected region (4 neighbours) is one.

    Raises:
        MaskError: a value that means nothing, because the mask was changed since the data set was read.
    """
    if coding.kind == "objects":
        return (mask > 0).astype(np.uint8), relabel(mask)
    classes = np.zeros(mask.shape, np.uint8)
    objects = np.zeros(mask.shape, np.int32)
    for index, value in enumerate(coding.values, start=1):
        region: MaskImage = mask == value
        pieces = components(region)
        classes[region] = index
        objects[region] = pieces[region] + objects.max()
    unknown = np.unique(mask[(classes == 0) & (mask != 0)])
    if unknown.size:
        problem = f"holds the value {unknown[0]}, which no mask had when the data set was read"
        raise MaskError(problem, file=file, remedy="start again, so that all masks are looked at anew")
    return classes, relabel(objects)


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
        return Coding("classes", values, decision)
    whole = f"{several.size - several.sum():,} of {several.size:,} objects in one connected piece"
    seen = f"{held} ids from {values[0]} to {values[-1]}, {whole}"
    return Coding(
        "objects", (), f"{seen}: read as label images{doubt}, one object an id. If they are classes, say --classes."
    )


def _binary(held: str, value: int) -> str:
    return (
        f"{held} only 0 and {value}: read as background and one class, each connected region one object "
        "(objects that touch count as one). If all of a mask is one object, say --objects."
    )


def _naming(values: tuple[int, ...]) -> str:
    named = [f"class_{index} = {value}" for index, value in enumerate(values, start=1)]
    return ", ".join(named if len(named) <= 9 else [*named[:3], "...", named[-1]])
