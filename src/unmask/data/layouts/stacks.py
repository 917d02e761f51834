"""Data sets of stacks side by side: one multi-page TIFF of images, one of as many label images.

train-volume.tif  train-labels.tif  test-volume.tif   the ISBI challenge of 2012; without labels is left out
volume.tif  labels.tif
cells_raw.tif  cells_seg.tif
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from unmask.data.dataset import Dataset
from unmask.data.entry import MaskFile
from unmask.data.formats.images import read_header
from unmask.data.layouts.masked import Masked, masked_dataset
from unmask.data.layouts.split_words import word_in
from unmask.data.listing import natural, stem
from unmask.data.options import TOLERANT, ReadOptions, attempt
from unmask.errors import PairingError

__all__ = ["read_stacks", "stacks_images"]

SUFFIXES = (".tif", ".tiff")
IMAGES, MASKS = ("images", "image"), ("masks", "mask", "labels", "label")
IMAGE_WORD = r"volumes?|vol|images?|img|im|raw|stack"
MASK_WORD = r"labels?|masks?|seg|segmentations?|gt|ground[ _-]?truth|annotations?"


def read_stacks(root: Path, options: ReadOptions) -> Dataset | None:
    """Reads stacks of images and stacks of their label images, which lie in one folder.

    Args:
        root: the folder.
        options: a kind overrules what the masks are taken for; what becomes of files with a problem.

    Returns:
        The data set; None where no two files are called so, or none of them holds several images.

    Raises:
        PairingError: two stacks that could be meant, labels without images, numbers of images or sizes that differ.
        MaskError: masks that cannot be understood or are all empty.
        UnreadableFile: a damaged file.
        DataError: images with different numbers of channels.
    """
    files = _files(root)
    images, masks = _by_core(files, IMAGE_WORD), _by_core(files, MASK_WORD)
    cores = [core for core in images if core in masks]
    if not any(_is_stack(file, options) for core in cores for file in images[core] + masks[core]):
        return None
    for core in masks:
        if core not in images:
            remedy = "put its images beside it, or move it away"
            options.report(PairingError("holds labels without images", file=masks[core][0], remedy=remedy))
    pairs = {core: (_only(images[core]), _only(masks[core])) for core in cores}
    items = [Masked(stem(image), (image,), MaskFile(mask), word_in(core)) for core, (image, mask) in pairs.items()]
    dataset = masked_dataset(root, items, options)
    spare = sorted(set(files) - {file for pair in pairs.values() for file in pair}, key=natural)
    left = f" Left out: {', '.join(file.name for file in spare)}." if spare else ""
    return replace(dataset, pairing=dataset.pairing + left)


def stacks_images(root: Path) -> dict[Path, tuple[Path, ...]] | None:
    """All files but labels, by their own names; None where there are no stacks with labels."""
    files = _files(root)
    images, masks = _by_core(files, IMAGE_WORD), _by_core(files, MASK_WORD)
    pairs = [images[core] + masks[core] for core in images if core in masks]
    if not any(_is_stack(file, TOLERANT) for pair in pairs for file in pair):
        return None
    labels = {file for group in masks.values() for file in group}
    return {file: (file,) for file in sorted(files, key=natural) if file not in labels}


def _files(root: Path) -> list[Path]:
    """The TIFF files of a folder; none where two folders say more plainly which files are meant."""
    if root.is_file() or all(_holds_folder(root, names) for names in (IMAGES, MASKS)):
        return []
    return [file for file in root.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")]


def _by_core(files: Iterable[Path], word: str) -> dict[str, list[Path]]:
    """Files whose names begin or end with a word, by the rest of their names."""
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for file in sorted(files, key=natural):
        name = stem(file).lower()
        match = re.fullmatch(rf"(?:(.*)[ _.-])?(?:{word})", name) or re.fullmatch(rf"(?:{word})[ _.-](.*)", name)
        if match:
            found[match[1] or ""].append(file)
    return found


def _is_stack(file: Path, options: ReadOptions) -> bool:
    header = attempt(options, lambda: read_header(file))
    return header is not None and header.pages > 1


def _holds_folder(root: Path, names: Sequence[str]) -> bool:
    return any(child.name.lower() in names and child.is_dir() for child in root.iterdir())


def _only(files: list[Path]) -> Path:
    if len(files) > 1:
        problem = f"could be meant as well as {files[0].name}"
        raise PairingError(problem, file=files[1], remedy="keep the right one of the two, and move the other away")
    return files[0]
