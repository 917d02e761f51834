"""What the annotation of one image says: objects in pieces, crumbs, holes, objects too small or too large.

In label images an id may have several pieces. Of masks with two values or classes, every connected region is an object,
and has one piece. Shapes (COCO, VIA) may have several on purpose, where something lies in front of them, and are not
judged for that. What touches the edge of the image is cut off by it, and may be of any size and in any pieces.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from unmask.arrays import AnyArray, LabelImage, MaskImage
from unmask.check.finding import Sight
from unmask.check.pieces import Holes, Pieces, find_holes, find_pieces
from unmask.data.sample import Sample

__all__ = ["apart", "crumbs", "object_sights", "small_holes"]

CRUMB = 3  # pixels
SMALLEST = 4.0  # pixels across
HOLE = 1 / 20  # of its object's area
COMPARABLE = 1 / 4  # of the area of an object's largest piece
MOST_TOLD = 4  # pieces of an object whose size is told
COARSE = 4  # every so manyth pixel is enough to measure large objects by


def object_sights(sample: Sample, raw: LabelImage | None, field_of_view: int) -> list[Sight]:
    """What is wrong with the objects of one image.

    Args:
        sample: the image and its annotation.
        raw: (h, w) the ids as stored, where the annotation is a label image: they are named and may be in pieces.
        field_of_view: pixels across that the network sees at once.

    Returns:
        Sights "pieces", "two-objects", "crumbs", "holes", "tiny", "large" and "empty"; none without annotation.
        Amounts are numbers of objects, of crumbs for crumbs.
    """
    if sample.objects is None:
        return []
    if not sample.objects.any():
        unknown = sample.ignore is not None and bool(sample.ignore.all())
        return [] if unknown else [Sight("empty", sample.name, sample.file or Path())]
    layers = [sample.objects] if sample.layers is None else list(sample.layers)
    found = [one for layer in layers for one in _of_layer(sample, layer, raw, field_of_view) if one.amount]
    by_code = {one.code: one for one in reversed(found)}
    amounts = {code: sum(one.amount for one in found if one.code == code) for code in by_code}
    return [Sight(code, sample.name, sample.file or Path(), one.words, amounts[code]) for code, one in by_code.items()]


@dataclass(frozen=True)
class _Found:
    """How many objects of a layer have a problem, and where the worst of them is, in words."""

    code: str
    amount: int = 0
    words: str = ""


def _of_layer(sample: Sample, layer: LabelImage, raw: LabelImage | None, field_of_view: int) -> list[_Found]:
    pieces = find_pieces(layer, sample.ignore)
    in_pieces = [] if raw is None else _in_pieces(pieces, raw)
    holes = _holes(layer, _no_background(sample, layer), raw)
    return [*in_pieces, _crumbs(pieces, raw), _tiny(pieces, raw), holes, _large(pieces, raw, field_of_view)]


def _in_pieces(pieces: Pieces, raw: LabelImage) -> list[_Found]:
    """Ids of two objects that lie apart, and objects broken in pieces that are more than crumbs."""
    others = _others(pieces)
    several = [first for first, more in others.items() if any(_are_apart(pieces, first, other) for other in more)]
    broken = [first for first in others if first not in several]
    return [
        _Found(code, len(found), _told(pieces, [found[0], *others[found[0]]], raw))
        for code, found in (("two-objects", several), ("pieces", broken))
        if found
    ]


def apart(pieces: Pieces) -> list[int]:
    """Indices, from 0, of the pieces that are objects of their own, although their id is another's.

    Where one piece lies apart the id says nothing (such as 255 for all objects), and every piece is an object.
    """
    others = _others(pieces).items()
    return [other for first, more in others if any(_are_apart(pieces, first, one) for one in more) for other in more]


def _others(pieces: Pieces) -> dict[int, list[int]]:
    """For the main piece of each object in pieces the others that are more than crumbs, the largest first."""
    # Of two pieces at the edge of the image, what joins them may lie outside.
    cut = np.bincount(pieces.owner[pieces.at_edge], minlength=int(pieces.owner.max(initial=0)) + 1) > 1
    extra = np.flatnonzero(~pieces.main & (pieces.area > CRUMB) & ~(pieces.at_edge & cut[pieces.owner]))
    main = {int(pieces.owner[piece]): int(piece) for piece in np.flatnonzero(pieces.main)}
    others: dict[int, list[int]] = {}
    for piece in extra[np.argsort(-pieces.area[extra], kind="stable")]:
        others.setdefault(main[int(pieces.owner[piece])], []).append(int(piece))
    return others


def _are_apart(pieces: Pieces, main: int, other: int) -> bool:
    """Whether two pieces of one id are two objects: of comparable size, with a gap wider than the smaller one.

    Args:
        pieces: of a label image.
        main: index of the larger one, from 0.
        other: index of the smaller one.
    """
    if pieces.area[other] < COMPARABLE * pieces.area[main]:
        return False
    distances: AnyArray = np.asarray(KDTree(pieces.pixels(main)).query(pieces.pixels(other))[0])
    return bool(distances.min() - 1 > _diameter(pieces.area[other]))


def crumbs(pieces: Pieces, *, one_piece: bool) -> MaskImage:
    """Which pieces are crumbs.

    Args:
        pieces: of a label image.
        one_piece: an object is meant to be one piece; else only whole objects are crumbs.

    Returns:
        (k,) bool.
    """
    small: MaskImage = (pieces.area <= CRUMB) & ~pieces.at_edge & (one_piece | _alone(pieces))
    return small


def _crumbs(pieces: Pieces, raw: LabelImage | None) -> _Found:
    """Pieces of a few pixels: of label images beside the main piece or alone, else objects."""
    small = np.flatnonzero(crumbs(pieces, one_piece=raw is not None))
    if not small.size:
        return _Found("crumbs")
    size = int(pieces.area[small[0]])
    return _Found("crumbs", small.size, f"{_place(pieces, int(small[0]), raw)}: {_count(size, 'pixel')}")


def _tiny(pieces: Pieces, raw: LabelImage | None) -> _Found:
    """Objects of one piece that are larger than a crumb, and small."""
    diameter = _diameter(pieces.area)
    small = np.flatnonzero((pieces.area > CRUMB) & (diameter < SMALLEST) & ~pieces.at_edge & _alone(pieces))
    if not small.size:
        return _Found("tiny")
    worst = int(small[pieces.area[small].argmin()])
    return _Found("tiny", small.size, f"{_place(pieces, worst, raw)}: {diameter[worst]:.1f} pixels across")


def small_holes(layer: LabelImage, no_background: MaskImage | None) -> Holes:
    """Holes that were hardly meant: smaller than a twentieth of their object and of the median object of the image.

    Objects whose holes together are as large as a twentieth of them are rings and nets; a hole as large as part of
    other objects is something in its own right, such as an organelle that is drawn as membrane.

    Args:
        layer: (h, w) label image.
        no_background: (h, w) bool, where 0 does not mean background.
    """
    size = np.bincount(layer.ravel())
    holes = find_holes(layer, no_background)
    if not holes.area.size:
        return holes
    together = np.bincount(holes.owner, holes.area, size.size)[holes.owner]
    median = np.median(size[1:][size[1:] > 0])
    chosen = (together < HOLE * size[holes.owner]) & (holes.area < HOLE * median)
    return holes.only(chosen)


def _holes(layer: LabelImage, no_background: MaskImage | None, raw: LabelImage | None) -> _Found:
    holes = small_holes(layer, no_background)
    if not holes.area.size:
        return _Found("holes")
    worst = holes.area.argmax()
    row, column = (int(i) for i in holes.first[worst])
    # What is left of a hole's first pixel is the object.
    words = f"{_name(row, column - 1, raw)}: {_count(int(holes.area[worst]), 'pixel')}"
    return _Found("holes", np.unique(holes.owner).size, words)


def _no_background(sample: Sample, layer: LabelImage) -> MaskImage | None:
    """(h, w) bool, where a layer's 0 is not background: what is unknown, and objects of other layers."""
    others = None if sample.layers is None or sample.objects is None else (sample.objects > 0) & (layer == 0)
    if sample.ignore is None or others is None:
        return sample.ignore if others is None else others
    return others | sample.ignore


def _large(pieces: Pieces, raw: LabelImage | None, field_of_view: int) -> _Found:
    """Objects so wide that somewhere the network sees nothing but their inside; long and thin ones are not."""
    diameter = _diameter(pieces.area)
    wide = [int(i) for i in np.flatnonzero(diameter > field_of_view) if _width(pieces, int(i)) > field_of_view]
    if not wide:
        return _Found("large")
    worst = max(wide, key=lambda piece: pieces.area[piece])
    return _Found("large", len(wide), f"{_place(pieces, worst, raw)}: {diameter[worst]:.0f} pixels across")


def _width(pieces: Pieces, piece: int) -> float:
    """Diameter of the largest circle within a large piece, roughly; at the image's edge it is taken to go on."""
    coarse = pieces.mask(piece)[::COARSE, ::COARSE]
    sides = zip(pieces.boxes[piece], pieces.labels.shape, strict=True)
    ends = [(int(place.start > 0), int(place.stop < length)) for place, length in sides]
    padded = np.pad(coarse, ends)
    return np.inf if padded.all() else float(2 * COARSE * ndimage.distance_transform_edt(padded).max())


def _alone(pieces: Pieces) -> AnyArray:
    """(k,) bool, the piece is a whole object."""
    return np.bincount(pieces.owner)[pieces.owner] == 1


def _diameter(area: AnyArray) -> AnyArray:
    """Of the circle of equal area, pixels."""
    return np.sqrt(area * 4 / np.pi)


def _place(pieces: Pieces, piece: int, raw: LabelImage | None) -> str:
    row, column = pieces.pixels(piece)[0]
    return _name(int(row), int(column), raw)


def _name(row: int, column: int, raw: LabelImage | None) -> str:
    """Where an object is, with the id that its file gives it."""
    place = f"row {row}, column {column}"
    return place if raw is None or raw[row, column] == 0 else f"id {raw[row, column]} at {place}"


def _told(pieces: Pieces, chosen: Sequence[int], raw: LabelImage) -> str:
    """Where an object is, and how large its pieces are, the largest first."""
    sizes = [f"{pieces.area[piece]:,}" for piece in chosen[:MOST_TOLD]]
    more = f" ({len(chosen)} in all)" if len(chosen) > MOST_TOLD else ""
    return f"{_place(pieces, chosen[0], raw)}: pieces of {', '.join(sizes[:-1])} and {sizes[-1]} pixels{more}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
