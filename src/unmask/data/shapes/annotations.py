"""Annotations: objects given by outlines or run lengths, and the label images that they become.

Coordinates are COCO's: x to the right, y down, 0 at the left and upper edge of the image, so that the first pixel lies
between 0 and 1. Polygons are filled by pycocotools, so that masks are those that COCO's scores are defined on, and
rings as ImageJ and QuPath fill them; the part outside the image is cut off.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pycocotools.mask as coco_masks
from jaxtyping import Float64, Int32, UInt8

from unmask.arrays import ClassMap, LabelImage, MaskImage
from unmask.data.shapes.run_lengths import check_runs, mask_of_runs, read_runs
from unmask.geometry.filling import filled

__all__ = [
    "FARTHEST",
    "Annotation",
    "LabelLayers",
    "LeftOut",
    "ListedImage",
    "ListedObject",
    "Listing",
    "Polygons",
    "Rings",
    "RunLengths",
    "Shape",
    "layered",
    "outlines_of",
    "run_lengths",
]

FARTHEST = 1e9
"""Pixels from the image's corner; no image is so large, and numbers far beyond overflow where outlines are cut off."""

Polygons: TypeAlias = tuple[Float64[np.ndarray, "p 2"], ...]  # x and y of each corner; an object may have many parts


@dataclass(frozen=True)
class RunLengths:
    """An object as a COCO file has it.

    Attributes:
        size: rows and columns of the image, as said there.
        counts: compressed text, or the plain lengths.
    """

    size: tuple[int, int]
    counts: bytes | list[int]


@dataclass(frozen=True)
class Rings:
    """An object with holes, as ImageJ and QuPath draw it.

    Attributes:
        pieces: each with its outlines, in finite numbers. A pixel belongs to a piece where its centre lies within an
            odd number of them: an outline within another is that of a hole.
    """

    pieces: tuple[Polygons, ...]


Shape: TypeAlias = Polygons | Rings | RunLengths


@dataclass(frozen=True)
class ListedObject:
    """An object as its file has it: the name of its class, and its shape; or a region to ignore."""

    label: str
    shape: Shape
    ignored: bool = False


@dataclass(frozen=True)
class ListedImage:
    """An image as an annotation file lists it.

    Attributes:
        file: the annotation file; the image itself where it has none.
        name: of the image, as written there; may have folders in it.
        size: rows and columns, or None where the file does not say.
        objects: in the file's order.
        path: where the image lies, if its reader has found it; else it is looked for by name.
    """

    file: Path
    name: str
    size: tuple[int, int] | None
    objects: tuple[ListedObject, ...]
    path: Path | None = None


@dataclass(frozen=True)
class LeftOut:
    """An annotation that is not taken as an object: what it is, as singular and plural, and the name of its image."""

    words: tuple[str, str]
    image: str


@dataclass(frozen=True)
class Listing:
    """What annotation files of one kind hold.

    Attributes:
        images: in the files' order.
        classes: names of all classes that the files list, used or not.
        left_out: what was not taken as an object.
        remark: how classes were found, a sentence; empty where that is plain.
    """

    images: tuple[ListedImage, ...]
    classes: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()
    remark: str = ""


@dataclass(frozen=True)
class LabelLayers:
    """Objects as pixels. `n` objects, ids 1..n.

    Attributes:
        classes: (h, w) uint8, of the object that `objects` shows.
        objects: (h, w) int32; where objects overlap the smaller one, so that it is not lost within a larger.
        layers: (l, h, w) int32 where objects overlap, every object whole in one of them; None where none do.
        layer_classes: (n + 1,) uint8, the class of each id, 0 for the background.
        ignore: (h, w) bool, true where nothing is known; never on an object. None: all is known.
    """

    classes: ClassMap
    objects: LabelImage
    layers: Int32[np.ndarray, "l h w"] | None
    layer_classes: UInt8[np.ndarray, " ids"]
    ignore: MaskImage | None = None


@dataclass(frozen=True)
class Annotation:
    """The objects of one image, not yet pixels.

    Attributes:
        size: rows and columns of the image.
        classes: class index of each object, 1 or more.
        counts: compressed run lengths of each object, as `run_lengths` gives them; each has a pixel.
        ignored: of regions to ignore, likewise.
    """

    size: tuple[int, int]
    classes: tuple[int, ...] = ()
    counts: tuple[bytes, ...] = ()
    ignored: tuple[bytes, ...] = ()

    def label_layers(self) -> LabelLayers:
        """The objects as pixels, numbered in the order given."""
        parts = [mask_of_runs(read_runs(counts), self.size[0]) for counts in self.counts]
        ignore = np.zeros(self.size, np.bool_)
        for counts in self.ignored:
            mask, place = mask_of_runs(read_runs(counts), self.size[0])
            ignore[place] |= mask
        return layered(parts, self.classes, self.size, ignore if self.ignored else None)


def layered(
    parts: Sequence[tuple[MaskImage, tuple[slice, slice]]],
    classes: Sequence[int],
    size: tuple[int, int],
    ignore: MaskImage | None = None,
) -> LabelLayers:
    """Objects given one by one, which may overlap, as pixels, numbered in the order given.

    Args:
        parts: the pixels of each in a window of the image, (h, w) bool, and the window's rows and columns.
        classes: of each, 1 or more.
        size: rows and columns of the image.
        ignore: (h, w) bool, what is to be ignored where there is no object.
    """
    class_of = np.array([0, *classes], np.uint8)
    objects = np.zeros(size, np.int32)
    for index in sorted(range(len(parts)), key=lambda index: -int(parts[index][0].sum())):
        mask, place = parts[index]
        objects[place][mask] = index + 1
    layers: list[LabelImage] = []
    for label, (mask, place) in enumerate(parts, start=1):
        free = next((layer for layer in layers if not layer[place][mask].any()), None)
        if free is None:
            free = np.zeros(size, np.int32)
            layers.append(free)
        free[place][mask] = label
    if ignore is not None:
        ignore = ignore & (objects == 0)
    return LabelLayers(class_of[objects], objects, np.stack(layers) if len(layers) > 1 else None, class_of, ignore)


def outlines_of(shape: Shape) -> Polygons:
    """All outlines of an object, those of holes too; none of run lengths."""
    match shape:
        case RunLengths():
            return ()
        case Rings(pieces):
            return tuple(ring for piece in pieces for ring in piece)
    return shape


def run_lengths(shape: Shape, size: tuple[int, int]) -> bytes | None:
    """An object as compressed run lengths, checked.

    Args:
        shape: outlines, or run lengths.
        size: rows and columns of the image.

    Returns:
        The text; None where no pixel is covered: fewer than three corners, no area, outside the image.

    Raises:
        ValueError: run lengths that are damaged or those of another image; says what is wrong.
    """
    if isinstance(shape, RunLengths):
        return _checked(shape, size)
    if isinstance(shape, Rings):
        return _united([_packed(filled([_near(ring, size) for ring in piece], size), size) for piece in shape.pieces])
    parts = [_near(part, size) for part in shape if np.isfinite(part).all()]
    # Fewer numbers than six pycocotools takes for a box, or not at all.
    corners = [part.ravel().tolist() for part in parts if len(part) > 2]
    if not corners:
        return None
    return _united(coco_masks.frPyObjects(corners, *size))


def _united(masks: list[dict[str, Any]]) -> bytes | None:
    """The text of pycocotools' masks taken together; None where no pixel is covered."""
    merged: dict[str, Any] = coco_masks.merge(masks)
    return merged["counts"] if masks and coco_masks.area(merged) else None


def _checked(shape: RunLengths, size: tuple[int, int]) -> bytes | None:
    if shape.size != size:
        raise ValueError(f"are of {_words(shape.size)} pixels (rows x columns), the image has {_words(size)}")
    given = shape.counts
    try:
        runs = read_runs(given) if isinstance(given, bytes) else np.array(given, np.int64)
    except OverflowError:
        raise ValueError("hold a number of more than 64 bits") from None
    check_runs(runs, size)
    if not runs[1::2].any():
        return None
    if isinstance(given, bytes):
        return given
    return _packed(given, size)["counts"]


def _packed(counts: list[int], size: tuple[int, int]) -> dict[str, Any]:
    """Plain run lengths as pycocotools has them."""
    return coco_masks.frPyObjects({"size": size, "counts": counts}, *size)


def _words(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _near(polygon: Float64[np.ndarray, "p 2"], size: tuple[int, int]) -> Float64[np.ndarray, "p 2"]:
    """The polygon cut off far outside the image: the rasteriser walks along every edge, however long.

    Polygons within the neighbourhood, three images wide and high, stay as they are. (Sutherland and Hodgman, 1974.)
    """
    extent = np.array(size[::-1], float)
    for axis in (0, 1):
        for sign, limit in ((1, 2 * extent[axis]), (-1, extent[axis])):
            inside = sign * polygon[:, axis] <= limit
            if not inside.all():
                polygon = _cut(polygon, axis, sign * limit, inside)
    return polygon


def _cut(
    polygon: Float64[np.ndarray, "p 2"], axis: int, limit: float, inside: np.ndarray
) -> Float64[np.ndarray, "p 2"]:
    """The part of a polygon on one side of a line parallel to an axis; `inside` says which corners are."""
    corners = []
    for index in range(len(polygon)):
        start, end = polygon[index - 1], polygon[index]
        if inside[index - 1] != inside[index]:
            share = (limit - start[axis]) / (end[axis] - start[axis])
            crossing = start + share * (end - start)
            crossing[axis] = limit
            corners.append(crossing)
        if inside[index]:
            corners.append(end)
    return np.array(corners).reshape(-1, 2)
