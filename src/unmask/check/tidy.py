"""The annotation of one image without crumbs, small holes and ids that mark two objects."""

from dataclasses import replace

import numpy as np

from unmask.arrays import AnyArray, LabelImage
from unmask.check.objects import CRUMB, are_apart, small_holes
from unmask.check.pieces import find_pieces
from unmask.data.sample import Sample

__all__ = ["tidied"]


def tidied(sample: Sample, *, separate: bool) -> tuple[Sample, list[str]]:
    """A sample with its annotation mended, and in words what was done.

    Args:
        sample: with its annotation.
        separate: pieces of one id may be objects of their own (label images). Of masks whose objects are connected
            regions, and of objects that overlap, they never are.

    Returns:
        The sample; the same one, and no words, where nothing was to be done.
    """
    assert sample.objects is not None, "mended data are annotated"
    assert sample.classes is not None, "mended data are annotated"
    if sample.layers is not None:
        return sample, []
    objects, crumbs = _without_crumbs(sample.objects)
    objects, filled = _filled(objects, sample)
    objects, parted = _separated(objects) if separate else (objects, 0)
    done = {
        "{} removed": (crumbs, "crumb"),
        "{} of objects filled": (filled, "hole"),
        "{} given an id of its own": (parted, "piece"),
    }
    words = [text.format(f"{n} {what}" + ("" if n == 1 else "s")) for text, (n, what) in done.items() if n]
    if not words:
        return sample, []
    return replace(sample, objects=objects, classes=_classes(objects, sample)), words


def _without_crumbs(objects: LabelImage) -> tuple[LabelImage, int]:
    pieces = find_pieces(objects)
    small = (pieces.area <= CRUMB) & ~pieces.at_edge
    kept = np.append(True, ~small)
    return np.where(kept[pieces.labels], objects, 0), int(small.sum())


def _filled(objects: LabelImage, sample: Sample) -> tuple[LabelImage, int]:
    """Small holes given to the object around them; what is unknown is no hole."""
    holes = small_holes(objects, sample.ignore)
    filled: LabelImage = np.where(objects == 0, holes.owners(), objects).astype(np.int32)
    return filled, holes.area.size


def _separated(objects: LabelImage) -> tuple[LabelImage, int]:
    """Pieces that lie apart from the rest of their object as objects of their own."""
    pieces = find_pieces(objects)
    result, top, count = objects.copy(), int(objects.max()), 0
    main_of = {int(pieces.owner[index]): int(index) for index in np.flatnonzero(pieces.main)}
    for index in np.flatnonzero(~pieces.main):
        if are_apart(pieces, main_of[int(pieces.owner[index])], int(index)):
            count += 1
            result[pieces.labels == index + 1] = top + count
    return result, count


def _classes(objects: LabelImage, sample: Sample) -> AnyArray:
    """Class map of the mended objects: each the class that it had."""
    assert sample.objects is not None, "mended data are annotated"
    assert sample.classes is not None, "mended data are annotated"
    class_of = np.zeros(int(max(objects.max(), sample.objects.max())) + 1, np.uint8)
    there = (objects > 0) & (sample.classes > 0)
    class_of[objects[there]] = sample.classes[there]
    return class_of[objects]
