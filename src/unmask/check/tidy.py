"""The annotation of one image without crumbs, small holes and ids that mark two objects."""

from dataclasses import replace

import numpy as np

from unmask.arrays import AnyArray, LabelImage
from unmask.check.objects import apart, crumbs, small_holes
from unmask.check.pieces import find_pieces
from unmask.data.sample import Sample

__all__ = ["tidied"]


def tidied(sample: Sample, *, one_piece: bool) -> tuple[Sample, list[str]]:
    """A sample with its annotation mended, and in words what was done: what `object_sights` counts, and no more.

    Args:
        sample: with its annotation.
        one_piece: an id is meant to be one piece (label images, one mask a file): what lies apart is another object.

    Returns:
        The sample; the same one, and no words, where nothing was to be done. Objects that overlap stay as they are.
    """
    assert sample.objects is not None, "mended data are annotated"
    assert sample.classes is not None, "mended data are annotated"
    if sample.layers is not None:
        return sample, []
    objects, few = _without_crumbs(sample, one_piece)
    holes = small_holes(objects, sample.ignore)
    objects = np.where(objects == 0, holes.owners(), objects).astype(np.int32)
    objects, parted = _separated(objects, sample) if one_piece else (objects, 0)
    done = {
        "{} removed": (few, "crumb"),
        "{} of objects filled": (holes.area.size, "hole"),
        "{} given an id of its own": (parted, "piece"),
    }
    words = [text.format(f"{n} {what}" + ("" if n == 1 else "s")) for text, (n, what) in done.items() if n]
    if not words:
        return sample, []
    return replace(sample, objects=objects, classes=_classes(objects, sample)), words


def _without_crumbs(sample: Sample, one_piece: bool) -> tuple[LabelImage, int]:
    assert sample.objects is not None, "checked by the caller"
    pieces = find_pieces(sample.objects, sample.ignore)
    small = crumbs(pieces, one_piece=one_piece)
    kept = np.append(True, ~small)
    return np.where(kept[pieces.labels], sample.objects, 0), int(small.sum())


def _separated(objects: LabelImage, sample: Sample) -> tuple[LabelImage, int]:
    """Pieces that lie apart from the rest of their object as objects of their own."""
    pieces = find_pieces(objects, sample.ignore)
    result, top = objects.copy(), int(objects.max())
    found = apart(pieces)
    for number, index in enumerate(found, start=1):
        result[pieces.labels == index + 1] = top + number
    return result, len(found)


def _classes(objects: LabelImage, sample: Sample) -> AnyArray:
    """Class map of the mended objects: each the class that it had."""
    assert sample.objects is not None, "mended data are annotated"
    assert sample.classes is not None, "mended data are annotated"
    class_of = np.zeros(int(max(objects.max(), sample.objects.max())) + 1, np.uint8)
    there = (objects > 0) & (sample.classes > 0)
    class_of[objects[there]] = sample.classes[there]
    return class_of[objects]
