"""What can be wrong with data: every kind of problem, what it does to training, and what mends it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["KINDS", "Finding", "Kind", "Severity", "Sight", "group"]

Severity = Literal["error", "warning", "note"]
"""error: training refuses such data; warning: it suffers from them; note: worth knowing."""

MOST_FILES = 3


@dataclass(frozen=True)
class Kind:
    """A kind of problem.

    Attributes:
        severity: how much it matters.
        title: what is wrong, in the plural, without a number: "images are constant".
        effect: what it does to training, one sentence.
        remedy: what to do; {check} stands for the command that checked the data.
        mended: what `--fix` does about it; empty where nothing.
    """

    severity: Severity
    title: str
    effect: str
    remedy: str
    mended: str = ""


@dataclass(frozen=True)
class Sight:
    """One problem in one place.

    Attributes:
        code: its kind, a key of `KINDS`.
        image: name of the image in its data set; empty where the file is none of it.
        file: the file concerned.
        detail: numbers and places, a few words; empty where the kind says all.
        amount: how many of it are there, such as objects in one mask.
        remedy: instead of the kind's, where this place needs another.
    """

    code: str
    image: str
    file: Path
    detail: str = ""
    amount: int = 1
    remedy: str = ""


@dataclass(frozen=True)
class Finding:
    """All problems of one kind.

    Attributes:
        code: a key of `KINDS`.
        severity: of the kind.
        title: what is wrong.
        effect: what it does to training.
        remedy: what to type or do, with the names of files put in.
        count: how many images or files have it.
        amount: how many of it are there in all.
        files: up to three of them.
        details: of these files.
        images: names of all images concerned.
    """

    code: str
    severity: Severity
    title: str
    effect: str
    remedy: str
    count: int
    amount: int
    files: tuple[Path, ...]
    details: tuple[str, ...]
    images: tuple[str, ...]


FIX = "{check} --fix OUT"

KINDS: dict[str, Kind] = {
    # What reading refuses.
    "unreadable": Kind(
        "error",
        "files cannot be read",
        "training cannot start",
        "copy or export them again, or leave them out: " + FIX,
        "left out",
    ),
    "not-finite": Kind(
        "error",
        "images hold values that are not finite (NaN, infinity)",
        "one such pixel makes every weight NaN",
        "replace them by the values around: " + FIX,
        "replaced by the nearest finite value",
    ),
    "unpaired": Kind(
        "error",
        "images or masks have no partner",
        "training cannot know what is in them",
        "rename or add the partner, or leave them out: " + FIX,
        "left out",
    ),
    "size": Kind(
        "error",
        "masks have another size than their image",
        "no pixel of the mask belongs to a pixel of the image",
        "export the mask at the image's own size, or leave them out: " + FIX,
        "left out",
    ),
    "transposed": Kind(
        "error",
        "masks have rows and columns swapped",
        "no pixel of the mask belongs to a pixel of the image",
        "transpose them: " + FIX,
        "transposed",
    ),
    "smoothed": Kind(
        "error",
        "masks have in-between values along borders (JPEG, smoothing, resizing)",
        "every such value would become an object or a class of its own",
        "export them as PNG or TIFF without smoothing, or cut them half way: " + FIX,
        "cut half way between 0 and the highest value",
    ),
    "mask-type": Kind(
        "error",
        "masks are no whole numbers from 0",
        "ids and classes must be whole numbers",
        "save them as 8- or 16-bit integers: " + FIX,
        "converted, where they hold whole numbers or two values",
    ),
    "ids": Kind(
        "error",
        "annotations name a class that is not listed",
        "the class of an object is unknown; often ids start at 0 in one place and at 1 in the other",
        "correct the ids or the list of classes",
    ),
    "unusable": Kind("error", "files or folders cannot be used as they are", "training cannot start", "mend them"),
    # What annotation says.
    "ambiguous": Kind(
        "warning",
        "it is not certain what the values of masks mean",
        "classes taken for objects, or objects for classes, teach the wrong thing",
        "say --objects where every value is one object, --classes where every value is a class",
    ),
    "scaled": Kind(
        "note",
        "masks hold 0 and 255",
        "nothing: 255 is read as the one class there is",
        "nothing to do",
    ),
    "pieces": Kind(
        "warning",
        "objects are broken in pieces",
        "the network learns to break objects, and scores count the pieces as errors",
        "join the pieces by hand, or give each an id of its own",
    ),
    "two-objects": Kind(
        "warning",
        "ids mark two objects that lie apart",
        "two objects are learned and scored as one",
        "give each an id of its own: " + FIX,
        "given an id each",
    ),
    "crumbs": Kind(
        "warning",
        "crumbs of one to three pixels belong to larger objects or stand alone",
        "each counts as an object or a piece of one",
        "remove them: " + FIX,
        "removed",
    ),
    "holes": Kind(
        "warning",
        "objects have small holes",
        "the network learns that objects have holes",
        "fill them: " + FIX,
        "filled, where smaller than a twentieth of the object and of most other objects",
    ),
    "tiny": Kind(
        "warning",
        "objects are smaller than 4 pixels across",
        "the network sees them as noise",
        "give images of higher resolution, or enlarge images and masks before training",
    ),
    "large": Kind(
        "warning",
        "objects are larger than what the network sees at once",
        "their inside looks like background",
        "reduce images and masks by a whole factor before training, or train --net mask-rcnn",
    ),
    "empty": Kind(
        "note",
        "images hold no object",
        "nothing, where that is true: they teach what background looks like",
        "check that they were not forgotten",
    ),
    "continued": Kind(
        "note",
        "ids go on from file to file",
        "nothing: ids are only compared within an image",
        "nothing to do",
    ),
    "imbalance": Kind(
        "warning",
        "classes are rare",
        "a class of few pixels is learned late or not at all",
        "annotate more of it; plan weighs classes by their frequency",
    ),
    "outside": Kind(
        "warning",
        "outlines leave their image",
        "what lies outside is cut off; many of them are a sign of another image size or offset",
        "check a picture of them: {check} --out OUT",
        "cut off at the edge",
    ),
    "degenerate": Kind(
        "warning",
        "outlines without area",
        "they are left out",
        "draw them again or remove them",
        "left out",
    ),
    "left-out": Kind("note", "annotations that are no outlines of objects", "they are left out", "nothing to do"),
    # What images hold.
    "constant": Kind(
        "warning",
        "images have one grey value only",
        "they teach nothing, and their objects cannot be seen",
        "export them again, or leave them out: " + FIX,
        "left out",
    ),
    "constant-channel": Kind(
        "warning",
        "a channel is constant",
        "it costs time and teaches nothing; in some images only, the network relies on what is not always there",
        "leave the channel out where it is constant in all images: " + FIX,
        "left out where it is constant in all images (not of three, which may be red, green and blue)",
    ),
    "saturated": Kind(
        "warning",
        "images are saturated: much of their objects is at the highest value",
        "differences within and among the brightest objects are lost, such as where two of them touch",
        "expose shorter, or export without stretching the contrast",
    ),
    "narrow": Kind(
        "note",
        "8-bit data in 16-bit files",
        "nothing: grey values are stretched image by image; files are twice as large as need be",
        "nothing to do, or save them as 8 bit: " + FIX,
        "saved as 8 bit",
    ),
    # What the set is.
    "duplicate": Kind(
        "warning",
        "images are there twice, or nearly so",
        "they count twice, and validating on a copy of a training image flatters",
        "keep one of each: " + FIX,
        "one of each kept, where they are equal",
    ),
    "leak": Kind(
        "warning",
        "images are in two of training, validation and test, or nearly so",
        "scores on them say nothing about new images",
        "take them out of one of the two in split.csv: " + FIX,
        "left out of training, else of validation, where they are equal",
    ),
    "pixel-size": Kind(
        "warning",
        "images have different pixel sizes",
        "objects of one kind differ in size from image to image",
        "rescale the images to one pixel size, or correct what the files say",
    ),
    "turned": Kind(
        "warning",
        "masks lie turned or mirrored over their images",
        "objects are learned where there are none",
        "turn them back, and check a picture of them: {check} --out OUT",
    ),
    "unfit": Kind(
        "warning",
        "masks do not fit their images; they may belong to others",
        "objects are learned where there are none",
        "check which mask belongs to which image, and look at them: {check} --out OUT",
    ),
    "shifted": Kind(
        "warning",
        "masks are shifted against their images",
        "borders are learned in the wrong place",
        "align them, and check a picture of them: {check} --out OUT",
    ),
}


def group(sights: Iterable[Sight], command: str) -> list[Finding]:
    """Findings of sights: errors first, then by how many images they concern.

    Args:
        sights: of a whole data set, in any order.
        command: that checked the data, for remedies, such as "unmask check cells".
    """
    by_code: dict[str, list[Sight]] = {}
    for sight in sights:
        by_code.setdefault(sight.code, []).append(sight)
    findings = [_finding(code, found, command) for code, found in by_code.items()]
    order: list[Severity] = ["error", "warning", "note"]
    return sorted(findings, key=lambda one: (order.index(one.severity), -one.count, one.code))


def _finding(code: str, sights: list[Sight], command: str) -> Finding:
    kind = KINDS[code]
    sights = sorted(sights, key=lambda sight: (-sight.amount, str(sight.file)))
    first = sights[:MOST_FILES]
    alike = len({sight.remedy for sight in first}) == 1
    return Finding(
        code=code,
        severity=kind.severity,
        title=kind.title,
        effect=kind.effect,
        remedy=_remedy(kind, first[0], command) if alike else kind.remedy.replace("{check}", command),
        count=len({(sight.image, sight.file) for sight in sights}),
        amount=sum(sight.amount for sight in sights),
        files=tuple(sight.file for sight in first),
        details=tuple(sight.detail if alike else f"{sight.detail}; {sight.remedy}" for sight in first),
        images=tuple(dict.fromkeys(sight.image for sight in sights if sight.image)),
    )


def _remedy(kind: Kind, sight: Sight, command: str) -> str:
    """What to do about this place, and the command that does it where there is one."""
    general = kind.remedy.replace("{check}", command)
    fix = FIX.replace("{check}", command)
    if not sight.remedy:
        return general
    return f"{sight.remedy}; or have a mended copy made: {fix}" if kind.mended else sight.remedy
