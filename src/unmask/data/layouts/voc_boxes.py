"""Boxes as Pascal VOC annotates them, in an XML file an image: refused, since boxes have no outlines.

XML is looked into for a word and never parsed, so that no file can grow in memory.
"""

from pathlib import Path

from unmask.data.formats.images import SUFFIXES
from unmask.data.layouts.pairing import masks_beside
from unmask.errors import MaskError, UnreadableFile

__all__ = ["boxes_alone", "boxes_in"]

BOXES, OUTLINE = b"<bndbox", b"<polygon"
LOOK = 2**16  # bytes of a file that are looked into
BESIDE_BOXES = {"annotations", "images", "image"}  # folders of data that have boxes and nothing else


def boxes_alone(root: Path) -> MaskError | None:
    """The error where boxes in annotations/ or beside images are all that annotates the images of a folder."""
    folders = {child.name.lower(): child for child in root.iterdir() if child.is_dir()}
    place = folders.get("annotations", root)
    if set(folders) - BESIDE_BOXES or any(_annotates(file) for file in place.iterdir() if file.is_file()):
        return None
    return None if place == root and masks_beside(list(root.iterdir())) else boxes_in(place)


def _annotates(file: Path) -> bool:
    return file.suffix.lower() not in (".xml", ".md", ".txt", *SUFFIXES)


def boxes_in(folder: Path) -> MaskError | None:
    """The error where the first XML file of a folder has boxes and no outlines; None where there is no such file."""
    first = next(iter(sorted(folder.glob("*.xml"))), None)
    start = _start(first) if first else b""
    if BOXES not in start or OUTLINE in start:
        return None
    remedy = "annotate outlines, or make them of the boxes with a segmentation tool"
    return MaskError("holds boxes without outlines", file=first, remedy=remedy)


def _start(file: Path) -> bytes:
    try:
        with open(file, "rb") as stream:
            return stream.read(LOOK)
    except OSError as error:
        raise UnreadableFile(f"cannot be opened ({error.strerror})", file=file, remedy="give a readable file") from None
