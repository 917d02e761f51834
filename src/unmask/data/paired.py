"""Data sets whose masks are images: in two folders, or side by side."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from unmask.data.channels import common_channels
from unmask.data.coding import decide
from unmask.data.dataset import Dataset, Entry
from unmask.data.entry import MaskFile
from unmask.data.header import Header
from unmask.data.images import read_header
from unmask.data.listing import find_folder, holds_images, image_files, page_name, stem
from unmask.data.masks import MaskFacts, check_sizes, look_at
from unmask.data.options import ReadOptions, attempt
from unmask.data.pairing import masks_beside, pair
from unmask.errors import MaskError, PairingError

__all__ = ["IMAGES", "MASKS", "images_and_masks", "read_paired"]

IMAGES = ("images", "image")
MASKS = ("masks", "mask", "labels", "label")


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
        DataError: images with different numbers of channels.
    """
    found = None if root.is_file() else images_and_masks(root)
    if found is None:
        return None
    with ThreadPoolExecutor() as pool:
        looked = [
            one
            for one in pool.map(lambda files: _look(files[0], files[1], options), pair(*found, options.report))
            if one
        ]
    if not looked:
        raise PairingError("holds no image with a sound mask", file=root, remedy="mend the first of them")
    headers = [header for header, _ in looked]
    facts = [one for _, seen in looked for one in seen]
    coding = decide(facts, options)
    if all(one.values.size == 0 for one in facts):
        remedy = "draw at least one object in one of them"
        raise MaskError("holds only empty masks (all 0)", file=facts[0].file.parent, remedy=remedy)
    entries = tuple(
        Entry(
            page_name(stem(header.path), page, header.pages),
            header.path,
            MaskFile(seen[page].file, page if header.pages > 1 else None),
            page if header.pages > 1 else None,
        )
        for header, seen in looked
        for page in range(header.pages)
    )
    return Dataset(
        root=root,
        entries=entries,
        channels=common_channels(headers),
        coding=coding,
        pairing=_pairing(root, [(header.path, seen[0].file) for header, seen in looked], len(entries)),
    )


def _look(image: Path, mask: Path, options: ReadOptions) -> tuple[Header, list[MaskFacts]] | None:
    """The header of an image and the facts of its mask; None where a problem was reported."""

    def look() -> tuple[Header, list[MaskFacts]]:
        header, facts = read_header(image), look_at([mask])[0]
        _check_pair(header, facts)
        return header, facts

    return attempt(options, look)


def images_and_masks(root: Path) -> tuple[list[Path], list[Path]] | None:
    """The image files and the mask files of a data folder, or None."""
    images, masks = find_folder(root, IMAGES), find_folder(root, MASKS)
    if images and masks and holds_images(images) and holds_images(masks):
        return image_files(images), image_files(masks)
    if images or masks or not holds_images(root):
        return None
    files = image_files(root)
    beside = masks_beside(files)
    return ([file for file in files if file not in beside], beside) if beside else None


def _check_pair(image: Header, masks: Sequence[MaskFacts]) -> None:
    if len(masks) != image.pages:
        problem = (
            f"has {len(masks)} {'page' if len(masks) == 1 else 'pages'}, its image {image.path.name} has {image.pages}"
        )
        remedy = "give both the same pages; where pages are channels, save the image with its channel axis named C"
        raise PairingError(problem, file=masks[0].file, remedy=remedy)
    check_sizes(masks[0].file, masks[0].size, image.size)


def _pairing(root: Path, pairs: Sequence[tuple[Path, Path]], images: int) -> str:
    image, mask = (file.relative_to(root).as_posix() for file in pairs[0])
    files = "" if images == len(pairs) else f" in {len(pairs)} {'file' if len(pairs) == 1 else 'files'}"
    return f"{images} {'image' if images == 1 else 'images'}{files}, paired by name, such as {image} with {mask}."
