"""Data sets whose masks are images: in two folders, or side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from unmask.data.channels import common_channels
from unmask.data.coding import decide
from unmask.data.dataset import Dataset, Entry, check_sizes
from unmask.data.header import Header
from unmask.data.listing import find_folder, holds_images, image_files, page_name, read_headers, stem
from unmask.data.masks import MaskFacts, look_at
from unmask.data.pairing import masks_beside, pair
from unmask.errors import MaskError, PairingError

__all__ = ["IMAGES", "MASKS", "images_and_masks", "read_paired"]

IMAGES = ("images", "image")
MASKS = ("masks", "mask", "labels", "label")


def read_paired(root: Path, kind: Literal["objects", "classes"] | None = None) -> Dataset | None:
    """Pairs images and masks, and decides what the masks mean. Looks at every mask, and at image headers.

    Args:
        root: the folder, or an annotation file, which is another layout.
        kind: overrules what the masks are taken for.

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
    images, masks = found
    pairs = pair(images, masks)
    headers = read_headers([image for image, _ in pairs])
    facts = look_at([mask for _, mask in pairs])
    for header, seen in zip(headers, facts, strict=True):
        _check_pair(header, seen)
    coding = decide([one for seen in facts for one in seen], kind)
    if all(one.values.size == 0 for seen in facts for one in seen):
        remedy = "draw at least one object in one of them"
        raise MaskError("holds only empty masks (all 0)", file=masks[0].parent, remedy=remedy)
    entries = tuple(
        Entry(page_name(stem(header.path), page, header.pages), header.path, mask, *_page_pair(page, header.pages))
        for header, (_, mask) in zip(headers, pairs, strict=True)
        for page in range(header.pages)
    )
    return Dataset(
        root=root,
        entries=entries,
        channels=common_channels(headers),
        kind=coding.kind,
        class_names=coding.class_names,
        class_values=coding.values,
        decision=coding.decision,
        pairing=_pairing(root, pairs, len(entries)),
    )


def images_and_masks(root: Path) -> tuple[list[Path], list[Path]] | None:
    """The image files and the mask files of a data folder, or None."""
    images, masks = find_folder(root, IMAGES), find_folder(root, MASKS)
    if images and masks:
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


def _page_pair(page: int, pages: int) -> tuple[int | None, int | None]:
    return (page, page) if pages > 1 else (None, None)


def _pairing(root: Path, pairs: Sequence[tuple[Path, Path]], images: int) -> str:
    image, mask = (file.relative_to(root).as_posix() for file in pairs[0])
    files = "" if images == len(pairs) else f" in {len(pairs)} {'file' if len(pairs) == 1 else 'files'}"
    return f"{images} {'image' if images == 1 else 'images'}{files}, paired by name, such as {image} with {mask}."
