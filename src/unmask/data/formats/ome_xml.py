"""OME-XML: what it may declare, and which planes of an image lie in one file of a set.

Microscopes write an image as a set of OME-TIFF files, each with the metadata of all (or with the name of a companion
file that has them). One file is read for what lies in it: its channels together, every position along z and t an image.

Source: https://docs.openmicroscopy.org/ome-model/
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from unmask.data.formats.reading import AGAIN, MOST_PAGES
from unmask.errors import UnreadableFile

__all__ = ["OwnPlanes", "check_declared", "is_set", "own_planes", "with_companion"]

AXES = "ZCT"
Plane = tuple[int, int, int]  # position along z, c and t


@dataclass(frozen=True)
class OwnPlanes:
    """The planes of an image that lie in one file.

    Attributes:
        pages: numbers of TIFF pages, the channels of one image next to each other.
        channels: how many pages make one image.
    """

    pages: tuple[int, ...]
    channels: int


def check_declared(path: Path, xml: str) -> None:
    """Refuses OME-XML that declares more planes than a file can have: a list of them would be made.

    Raises:
        UnreadableFile: more than a million planes.
    """
    for pixels in _all(_root(xml), "Pixels"):
        blocks = [_number(data, name, 0) for data in _all(pixels, "TiffData") for name in ("PlaneCount", "NumPlanes")]
        planes = max(math.prod(_number(pixels, f"Size{axis}", 1) for axis in AXES), *blocks, 0)
        if planes > MOST_PAGES:
            problem = f"holds {planes:,} planes by its OME-XML, more than {MOST_PAGES:,}"
            raise UnreadableFile(problem, file=path, remedy=AGAIN)


def own_planes(path: Path, xml: str) -> OwnPlanes | None:
    """Which planes of a set of files lie in one of them.

    Args:
        path: the file.
        xml: its OME-XML, for which `check_declared` was called; that of a companion file is looked up beside it.

    Returns:
        The planes; None where the file is not one of a set, or what lies in it are no whole images.
    """
    own, whole = _root(xml).get("UUID"), _root(with_companion(path, xml))
    images = [planes for pixels in _all(whole, "Pixels") if (planes := _planes(pixels, path.name, own))]
    return _whole_images(images[0]) if len(images) == 1 and _names_files(whole) else None


def with_companion(path: Path, xml: str) -> str:
    """The OME-XML of a file's whole set: its own, or that of the companion file it names, where that lies beside it.

    Raises:
        UnreadableFile: the companion file declares too many planes.
    """
    binary = next(_all(_root(xml), "BinaryOnly"), None)
    name = "" if binary is None else Path(binary.get("MetadataFile", "")).name
    if not name.lower().endswith(".ome") or not path.with_name(name).is_file():
        return xml
    text = path.with_name(name).read_text(encoding="utf-8")
    check_declared(path.with_name(name), text)
    return text


def is_set(xml: str) -> bool:
    """Whether OME-XML speaks of other files than the one that it is in."""
    root = _root(xml)
    return _names_files(root) or next(_all(root, "BinaryOnly"), None) is not None


def _names_files(root: ElementTree.Element) -> bool:
    return len({one.get("FileName") for one in _all(root, "UUID")}) > 1


def _planes(pixels: ElementTree.Element, name: str, own: str | None) -> dict[Plane, int]:
    """Page numbers of the planes in the file that is called `name` or has the id `own`, in the set's order."""
    order = pixels.get("DimensionOrder", "XYZCT")[2:]
    samples = next((_number(channel, "SamplesPerPixel", 1) for channel in _all(pixels, "Channel")), 1)
    sizes = {axis: _number(pixels, f"Size{axis}", 1) for axis in AXES}
    sizes["C"] = max(sizes["C"] // max(samples, 1), 1)
    shape = [sizes[axis] for axis in reversed(order)]
    found: dict[Plane, int] = {}
    for data in _all(pixels, "TiffData"):
        if not any(one.get("FileName") == name or (own and one.text == own) for one in _all(data, "UUID")):
            continue
        first = int(np.ravel_multi_index([_number(data, f"First{axis}", 0) for axis in reversed(order)], shape))
        count = _number(data, "PlaneCount", 1 if "IFD" in data.attrib else math.prod(shape))
        for step in range(count):
            place = dict(zip(reversed(order), np.unravel_index(first + step, shape), strict=True))
            found[(int(place["Z"]), int(place["C"]), int(place["T"]))] = _number(data, "IFD", 0) + step
    return found


def _whole_images(planes: dict[Plane, int]) -> OwnPlanes | None:
    """Pages by image; None where not all images have the same channels."""
    images: defaultdict[tuple[int, int], dict[int, int]] = defaultdict(dict)
    for (z, c, t), page in planes.items():
        images[z, t][c] = page
    channels = sorted(next(iter(images.values())))
    if any(sorted(pages) != channels for pages in images.values()):
        return None
    return OwnPlanes(tuple(pages[c] for pages in images.values() for c in channels), len(channels))


def _root(xml: str) -> ElementTree.Element:
    return ElementTree.fromstring(xml)


def _all(element: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    """Elements of this name, in whichever version of the schema."""
    return (one for one in element.iter() if one.tag.rpartition("}")[2] == name)


def _number(element: ElementTree.Element, name: str, default: int) -> int:
    return int(element.get(name, default))
