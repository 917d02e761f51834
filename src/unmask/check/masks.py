"""What the masks of a set say together: what their values mean, and what of the annotation was not taken."""

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from unmask.check.finding import Sight
from unmask.data.dataset import Dataset
from unmask.data.entry import Entry, MaskFile
from unmask.data.layouts.annotated import BEYOND, EMPTY, OUTSIDE_IMAGE

__all__ = ["mask_sights"]

CODES = {BEYOND: "outside", OUTSIDE_IMAGE: "outside", EMPTY: "degenerate"}
HIGHEST = 255


def mask_sights(dataset: Dataset) -> list[Sight]:
    """What is wrong with the annotation of a set, or worth knowing of it.

    Args:
        dataset: as it was read; no file is read again.

    Returns:
        Sights "ambiguous" of the whole set; "scaled" of each mask; "outside", "degenerate" and "left-out" of each image
        with shapes that were cut off or left out, their number as the amount.
    """
    sights = _left_out(dataset)
    coding = dataset.coding
    if coding is not None and not coding.sure:
        sights.append(Sight("ambiguous", "", dataset.root, coding.decision))
    if coding is not None and coding.kind == "binary" and coding.values == (HIGHEST,):
        files = [(entry.name, entry.source.file) for entry in dataset.entries if isinstance(entry.source, MaskFile)]
        sights += [Sight("scaled", name, file) for name, file in files]
    return sights


def _left_out(dataset: Dataset) -> list[Sight]:
    """One Sight for each image and kind of shape that was not taken whole."""
    sights = []
    for one, count in Counter(dataset.left_out).items():
        entry = _entry(one.image, dataset.entries)
        name, file = (entry.name, entry.listed or entry.image) if entry else ("", dataset.root)
        place = f" of {one.image}" if not entry or file != entry.image else ""
        detail = f"{count:,} {one.words[count > 1]}{place}"
        sights.append(Sight(CODES.get(one.words, "left-out"), name, file, detail, count))
    return sights


def _entry(image: str, entries: Sequence[Entry]) -> Entry | None:
    """The entry of an image as an annotation file names it; None where that is none, or more than one."""
    parts = PurePosixPath(image.replace("\\", "/")).parts
    ends = [entry for entry in entries if entry.image.parts[-len(parts) :] == parts]
    named = ends or [entry for entry in entries if parts and entry.image.name == parts[-1]]
    return named[0] if len(named) == 1 else None
