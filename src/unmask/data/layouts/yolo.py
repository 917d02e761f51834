"""YOLO's layout of segmentation data (ultralytics): a text file of outlines an image.

cells/images/train/a.jpg  cells/labels/train/a.txt  also without train/, val/ and test/
cells/train/images/a.jpg  cells/train/labels/a.txt  Roboflow's
cells/data.yaml           names of classes; where images of train, val and test are

An image without a text file has no objects, as YOLO has it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from unmask.data.dataset import Dataset
from unmask.data.layouts.annotated import header_to_annotate
from unmask.data.layouts.one_each import one_each
from unmask.data.layouts.yolo_files import find_yolo
from unmask.data.layouts.yolo_labels import Line, read_lines
from unmask.data.listing import natural
from unmask.data.options import ReadOptions, attempt
from unmask.data.shapes.annotations import LeftOut, ListedImage, ListedObject, Listing
from unmask.errors import DataError, MaskError, PairingError

__all__ = ["read_yolo"]

NAME = "YOLO"
NO_NAME = "object"
BOX = ("box without outline", "boxes without outlines")
REPEATED = ("repeated line", "repeated lines")


@dataclass(frozen=True)
class _Labelled:
    """An image and the lines of its label file, which need not be there."""

    image: Path
    label: Path
    size: tuple[int, int]
    lines: tuple[Line, ...]


def read_yolo(root: Path, options: ReadOptions) -> Dataset | None:
    """Reads a data set in YOLO's layout.

    Args:
        root: its folder, or its data.yaml.
        options: kind "classes" where only classes matter; what becomes of files with a problem.

    Returns:
        The data set; None where there are no images and label files laid out so.

    Raises:
        UnreadableFile: a damaged file.
        PairingError: a label file without image, or images that data.yaml names and that are not there.
        MaskError: boxes without outlines; no object at all.
        DataError: lines that are no outlines; a class without a name.
    """
    found = find_yolo(root, options)
    if found is None:
        return None
    read = [attempt(options, partial(_read, image, found.labels[image])) for image in sorted(found.labels, key=natural)]
    labelled = [one for one in read if one]
    if found.names is not None:
        used = {line.index for one in labelled for line in one.lines if line.corners is not None}
        check = partial(_check_classes, names=found.names, source=found.source, used=used)
        labelled = [one for one in labelled if attempt(options, partial(check, one))]
    if not labelled:
        raise PairingError("holds no image with a sound label file", file=root, remedy="mend the first of them")
    _check_outlines(labelled)
    return one_each(root, NAME, _listing(labelled, found.names), options, found.words, found.remark)


def _read(image: Path, label: Path) -> _Labelled:
    return _Labelled(image, label, header_to_annotate(image).size, read_lines(label))


def _check_classes(one: _Labelled, names: Mapping[int, str], source: str, used: set[int]) -> _Labelled:
    """The same, if all its classes have names.

    Args:
        one: an image and its lines.
        names: by index.
        source: the file that says them.
        used: indices in all files.

    Raises:
        DataError: a class without a name; says whether classes seem to start at 1.
    """
    wrong = next((line for line in one.lines if line.corners is not None and line.index not in names), None)
    if wrong is None:
        return one
    problem = f"line {wrong.number} has the class {wrong.index}, and {source} names {len(names)}, 0 to {max(names)}"
    remedy = f"name class {wrong.index} in {source}, or correct the line"
    if (min(used), max(used)) == (1, len(names)):
        problem += f"; in all files classes go from 1 to {len(names)}"
        remedy = "subtract 1 from the class in every line: YOLO's classes start at 0"
    raise DataError(problem, file=one.label, remedy=remedy, code="ids")


def _check_outlines(labelled: Sequence[_Labelled]) -> None:
    """Refuses data of boxes alone."""
    boxes = [one.label for one in labelled if any(line.corners is None for line in one.lines)]
    if boxes and not any(line.corners is not None for one in labelled for line in one.lines):
        remedy = "annotate outlines, or make them of the boxes with a segmentation tool"
        raise MaskError("holds boxes without outlines (five numbers a line)", file=boxes[0], remedy=remedy)


def _listing(labelled: Sequence[_Labelled], given: Mapping[int, str] | None) -> Listing:
    """Images and their objects."""
    used = sorted({line.index for one in labelled for line in one.lines if line.corners is not None})
    made = {index: NO_NAME if len(used) == 1 else f"class_{index}" for index in used}
    names = made if given is None else given
    images, left_out = [], []
    for one in labelled:
        lines = {line.key: line for line in one.lines if line.corners is not None}
        boxes = sum(line.corners is None for line in one.lines)
        left_out += [LeftOut(BOX, one.image.name)] * boxes
        left_out += [LeftOut(REPEATED, one.image.name)] * (len(one.lines) - boxes - len(lines))
        scale = np.array(one.size[::-1], float)
        shapes = [(names[line.index], line.corners * scale) for line in lines.values() if line.corners is not None]
        objects = tuple(ListedObject(name, (corners,)) for name, corners in shapes)
        file = one.label if one.label.exists() else one.image
        images.append(ListedImage(file, one.image.name, None, objects, one.image))
    remark = "" if given is not None else "Nothing names their classes."
    return Listing(
        tuple(images), tuple(dict.fromkeys(names[index] for index in sorted(names))), tuple(left_out), remark
    )
