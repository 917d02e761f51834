"""What the annotation of one image says: objects in pieces, crumbs, holes, objects too small or too large.

In label images an id may have several pieces. Of masks with two values or classes, every connected region is an object,
and has one piece. Shapes (COCO, VIA) may have several on purpose, where something lies in front of them, and are not
judged for that. What touches the edge of the image is cut off by it, and may be of any size and in any pieces.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from unmask.arrays import AnyArray, LabelImage
from unmask.check.finding import Sight
from unmask.check.pieces import Pieces, find_holes, find_pieces
from unmask.data.sample import Sample
from unmask.geometry.labels import outlines

__all__ = ["object_sights"]

CRUMB = 3  # pixels
SMALLEST = 4.0  # pixels across
HOLE = 1 / 20  # of its object's area
COMPARABLE = 1 / 4  # of the area of an object's largest piece
COARSE = 4  # pixels by which the inside of large objects is measured


def object_sights(sample: Sample, raw: LabelImage | None, field_of_view: int) -> list[Sight]:
    """What is wrong with the objects of one image.

    Args:
        sample: the image and its annotation.
        raw: (h, w) the ids as stored, where the annotation is a label image: they are named, and their pieces looked at.
        field_of_view: pixels across that the network sees at once.

    Returns:
        Sights "pieces", "two-objects", "crumbs", "holes", "tiny", "large" and "empty"; none without annotation.
    """
    if sample.objects is None:
        return []
    if not sample.objects.any():
        unknown = sample.ignore is not None and bool(sample.ignore.all())
        return [] if unknown else [Sight("empty", sample.name, sample.file or Path())]
    found: dict[str, list[str]] = {}
    for layer in [sample.objects] if sample.layers is None else sample.layers:
        for code, words in _of_layer(sample, layer, raw, field_of_view).items():
            found.setdefault(code, []).extend(words)
    return [
        Sight(code, sample.name, sample.file or Path(), words[0], len(words)) for code, words in found.items() if words
    ]


def _of_layer(sample: Sample, layer: LabelImage, raw: LabelImage | None, field_of_view: int) -> dict[str, list[str]]:
    """Each object with a problem, in words: where it is and what; the worst first."""
    pieces = find_pieces(layer)
    apart, broken = _in_pieces(pieces, raw)
    return {
        "two-objects": apart,
        "pieces": broken,
        "crumbs": _crumbs(pieces, raw),
        "tiny": _tiny(pieces, raw),
        "holes": _holes(sample, layer, raw),
        "large": _large(pieces, raw, field_of_view),
    }


def _in_pieces(pieces: Pieces, raw: LabelImage | None) -> tuple[list[str], list[str]]:
    """Ids of two objects that lie apart, and objects in pieces that are more than crumbs."""
    apart: list[str] = []
    broken: list[str] = []
    if raw is None:
        return apart, broken
    # Of two pieces at the edge, the rest of the object may lie outside.
    cut = np.bincount(pieces.owner[pieces.at_edge], minlength=int(pieces.owner.max()) + 1) > 1
    extra = ~pieces.main & (pieces.area > CRUMB) & ~(pieces.at_edge & cut[pieces.owner])
    for owner in _largest_first(pieces.owner[extra], pieces.area[extra]):
        own = np.flatnonzero(pieces.owner == owner)
        main, others = own[pieces.main[own]][0], own[extra[own]]
        words = f"{_place(pieces, main, raw)}: pieces of {_areas(pieces, [main, *others])} pixels"
        (apart if any(_are_apart(pieces, main, other) for other in others) else broken).append(words)
    return apart, broken


def _are_apart(pieces: Pieces, main: int, other: int) -> bool:
    """Whether two pieces are of comparable size, and the gap between them wider than the smaller one."""
    area = pieces.area[other]
    if area < COMPARABLE * pieces.area[main]:
        return False
    border = outlines(pieces.labels)
    first, second = (np.argwhere(border & (pieces.labels == piece + 1)) for piece in (main, other))
    gap = KDTree(first).query(second)[0].min() - 1
    return bool(gap > _diameter(area))


def _crumbs(pieces: Pieces, raw: LabelImage | None) -> list[str]:
    """Pieces of a few pixels: of label images beside the main piece or alone, else objects."""
    small = (pieces.area <= CRUMB) & ~pieces.at_edge & ((raw is not None) | _alone(pieces))
    return [f"{_place(pieces, piece, raw)}: {_areas(pieces, [piece])} pixels" for piece in np.flatnonzero(small)]


def _tiny(pieces: Pieces, raw: LabelImage | None) -> list[str]:
    """Objects of one piece that is larger than a crumb, and small."""
    small = (pieces.area > CRUMB) & (_diameter(pieces.area) < SMALLEST) & ~pieces.at_edge & _alone(pieces)
    chosen = np.flatnonzero(small)
    return [
        f"{_place(pieces, piece, raw)}: {_diameter(pieces.area[piece]):.1f} pixels across"
        for piece in chosen[np.argsort(pieces.area[chosen], kind="stable")]
    ]


def _holes(sample: Sample, layer: LabelImage, raw: LabelImage | None) -> list[str]:
    """Objects with small holes; rings, whose hole is large, are no finding."""
    known = layer == 0
    elsewhere = None if sample.layers is None else (sample.objects > 0) & known
    unknown = elsewhere if sample.ignore is None else sample.ignore if elsewhere is None else elsewhere | sample.ignore
    holes = find_holes(layer, unknown)
    small = holes.area < HOLE * np.bincount(layer.ravel())[holes.owner]
    words = []
    for owner in _largest_first(holes.owner[small], holes.area[small]):
        own = np.flatnonzero(small & (holes.owner == owner))
        row, column = holes.first[own[0]]
        size = int(holes.area[own].sum())
        words.append(f"{_name(int(row), int(column) - 1, raw)}: {_count(own.size, 'hole')} of {_count(size, 'pixel')}")
    return words


def _large(pieces: Pieces, raw: LabelImage | None, field_of_view: int) -> list[str]:
    """Objects so large that the network sees nothing but their inside somewhere."""
    words = []
    candidates = np.flatnonzero(_diameter(pieces.area) > field_of_view)
    boxes = ndimage.find_objects(pieces.labels) if candidates.size else []
    for piece in candidates[np.argsort(-pieces.area[candidates], kind="stable")]:
        crop = pieces.labels[boxes[piece]][::COARSE, ::COARSE] == piece + 1
        # What touches the edge of the image goes on there, mirrored; elsewhere the box ends with the object.
        inside = 2 * COARSE * ndimage.distance_transform_edt(crop).max()
        if inside > field_of_view:
            words.append(f"{_place(pieces, int(piece), raw)}: {_diameter(pieces.area[piece]):.0f} pixels across")
    return words


def _alone(pieces: Pieces) -> AnyArray:
    """(k,) bool, the piece is a whole object."""
    return np.bincount(pieces.owner)[pieces.owner] == 1


def _largest_first(owner: AnyArray, area: AnyArray) -> Sequence[int]:
    """Each owner once, in falling order of the area that belongs to it."""
    ids, index = np.unique(owner, return_inverse=True)
    return [int(ids[i]) for i in np.argsort(-np.bincount(index, area, ids.size), kind="stable")]


def _diameter(area: AnyArray) -> AnyArray:
    """Of the circle of equal area, pixels."""
    return np.sqrt(area * 4 / np.pi)


def _place(pieces: Pieces, piece: int, raw: LabelImage | None) -> str:
    return _name(*pieces.first(piece), raw)


def _name(row: int, column: int, raw: LabelImage | None) -> str:
    """Where an object is, with the id that its file gives it."""
    place = f"row {row}, column {column}"
    return place if raw is None or raw[row, column] == 0 else f"id {raw[row, column]} at {place}"


def _areas(pieces: Pieces, chosen: Sequence[int]) -> str:
    sizes = sorted((int(pieces.area[piece]) for piece in chosen), reverse=True)
    return ", ".join(f"{size:,}" for size in sizes[:-1]) + (" and " if sizes[1:] else "") + f"{sizes[-1]:,}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
