"""Data sets whose masks are images: in two folders, or side by side, or so in each of several folders.

Where they lie is in `split_folders.py`, what belongs together by name in `pairing.py` and `channel_files.py`, what
names their classes in `palette.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from unmask.data.dataset import Dataset
from unmask.data.entry import MaskFile
from unmask.data.layouts.channel_files import channel_files
from unmask.data.layouts.masked import Masked, counted, masked_dataset
from unmask.data.layouts.pairing import has_mask, pair
from unmask.data.layouts.split_folders import IMAGES, MASKS, Part, find_parts, images_apart
from unmask.data.layouts.split_words import WORDS
from unmask.data.listing import stem, unique_names
from unmask.data.masks.deciding import decide
from unmask.data.masks.palette import find_palette
from unmask.data.options import ReadOptions
from unmask.errors import PairingError

__all__ = ["IMAGES", "MASKS", "PairedImages", "paired_images", "read_paired"]


@dataclass(frozen=True)
class PairedImages:
    """The images of a data set whose masks are images.

    Attributes:
        files: of each image, one or one a channel, by what it is named after: a file in a folder of its own part.
        names: of each image that a mask of its would have, by its first file.
        channels: which there are, in words; empty where a file is an image.
    """

    files: dict[Path, tuple[Path, ...]]
    names: dict[Path, str]
    channels: str


def read_paired(root: Path, options: ReadOptions) -> Dataset | None:
    """Pairs images and masks, and decides what the masks mean. Looks at every mask, and at image headers.

    Args:
        root: the folder, or a file, which is another layout.
        options: a kind overrules what the masks are taken for; what becomes of files with a problem.

    Returns:
        The data set; None where there are no images and masks laid out so.

    Raises:
        PairingError: files that do not belong together, sizes that differ.
        MaskError: masks that cannot be understood or are all empty.
        UnreadableFile: a damaged file.
        DataError: images with different numbers of channels; a palette that cannot be understood.
    """
    parts = [] if root.is_file() else find_parts(root)
    if not parts:
        return None
    images = paired_images(root, parts, options)
    remarks = [_lone(part, root, options) for part in parts if not (part.images and part.masks)]
    remarks.append(_apart(root, parts))
    above = [root.parent] if root.name.lower() in WORDS else []
    palette = find_palette([root, *(part.masks[0].parent for part in parts if part.masks), *above])
    how = f"paired by name, {images.channels}" if images.channels else "paired by name"
    items = _items(parts, images, options)
    dataset = masked_dataset(root, items, options, how=how, coding=partial(decide, palette=palette))
    return replace(dataset, pairing=" ".join([dataset.pairing, *filter(None, remarks)]))


def paired_images(root: Path, parts: Sequence[Part], options: ReadOptions) -> PairedImages:
    """The images of some parts; of several files where channels lie in files of their own.

    Args:
        root: of the data set.
        parts: as `find_parts` gives them.
        options: what becomes of images that lack a channel.

    Raises:
        PairingError: an image lacks a channel.
    """
    files = [file for part in parts for file in part.images]
    matches = {part.folder: has_mask(part.masks) for part in parts}
    places = {part.folder: root / part.place if part.place.parts else part.folder for part in parts}
    found = channel_files(files, lambda image: matches[image.parent](image), options.report)
    if found is None:
        return PairedImages({places[file.parent] / file.name: (file,) for file in files}, {}, "")
    names = {group[0]: stem(image) for image, group in found.images.items()}
    if len(found.endings) == 1:  # an image is then called as its file is, as it is where there are no masks
        shown = {places[group[0].parent] / group[0].name: group for group in found.images.values()}
    else:
        shown = {places[image.parent] / image.name: group for image, group in found.images.items()}
    return PairedImages(shown, names, found.words)


def _items(parts: Sequence[Part], images: PairedImages, options: ReadOptions) -> list[Masked]:
    names = unique_names(list(images.files))
    known = {files[0]: (name, files) for name, files in zip(names, images.files.values(), strict=True)}
    items = []
    for part in parts:
        first = [file for file in part.images if file in known]
        for image, mask in pair(first, part.masks, options.report, images.names) if first and part.masks else ():
            name, files = known[image]
            items.append(Masked(name, files, MaskFile(mask), part.split))
    return items


def _apart(root: Path, parts: Sequence[Part]) -> str:
    """A remark on images in folders that take no part."""
    found = images_apart(root, parts)
    if not found:
        return ""
    names = {folder: f"{folder.relative_to(root).as_posix()}/" if folder != root else "./" for folder in found}
    words = ", ".join(f"{names[folder]} ({counted(count, 'image')})" for folder, count in found.items())
    return f"Left out, since other folders are paired: {words}."


def _lone(part: Part, root: Path, options: ReadOptions) -> str:
    """Reports a folder of images without masks, or masks without images; a remark where that is as it should be."""
    place = part.folder.relative_to(root).as_posix()
    if part.split == "test" and part.images:
        return f"{place}/ has no masks: left out, {counted(len(part.images), 'image')}."
    there, missing = ("image", "masks") if part.images else ("mask", "images")
    count = counted(len(part.images or part.masks), there)
    problem = f"holds {count}, and there are no {missing} for {place}/"
    folder = part.folder if part.images else part.masks[0].parent
    remedy = f"add the {missing}, or move the folder away"
    options.report(PairingError(problem, file=folder, remedy=remedy, code="unpaired"))
    return ""
