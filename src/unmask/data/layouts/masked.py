"""From masks that are images to a data set: sizes checked, every mask looked at, and decided what the values mean."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from unmask.data.dataset import Dataset, Entry
from unmask.data.entry import MaskFile, MaskFiles, ObjectsAndClasses, together
from unmask.data.formats.channels import common_channels
from unmask.data.formats.header import Header
from unmask.data.formats.images import read_header
from unmask.data.layouts.split_words import splits_said
from unmask.data.listing import page_name, short
from unmask.data.masks.coding import Coding
from unmask.data.masks.deciding import decide
from unmask.data.masks.palette import find_palette
from unmask.data.masks.read import MaskFacts, check_sizes, look_at
from unmask.data.options import ReadOptions, attempt
from unmask.errors import MaskError, PairingError, UnmaskError

__all__ = ["Decide", "Masked", "by_palette", "counted", "masked_dataset"]

Decide = Callable[[Sequence[MaskFacts], ReadOptions], Coding]


@dataclass(frozen=True)
class Masked:
    """Image files that belong together, and the masks of their images.

    Attributes:
        name: of the image; where files hold many images, each gets a number after it.
        images: one file, or one a channel, all with the same number of images.
        source: what annotates them. A `MaskFile` without a page holds as many masks as there are images, and is looked
            at, as are the classes of `ObjectsAndClasses`; `MaskFiles` only where they hold regions, since there may be
            a hundred an image.
        split: "train", "val" or "test", where files or folders say it.
        listed: the file that lists it, if there is one.
    """

    name: str
    images: tuple[Path, ...]
    source: MaskFile | MaskFiles | ObjectsAndClasses
    split: str | None = None
    listed: Path | None = None


@dataclass(frozen=True)
class _Looked:
    """What was seen in the files of one item; no facts where masks are not looked at."""

    item: Masked
    header: Header
    facts: tuple[MaskFacts, ...]


def masked_dataset(
    root: Path,
    items: Sequence[Masked],
    options: ReadOptions,
    *,
    how: str = "paired by name",
    coding: Decide | None = None,
) -> Dataset:
    """The data set of images and their masks. Looks at masks, and at image headers, several files at a time.

    Args:
        root: its folder, or the file that lists them.
        items: in the order that the data set is to have.
        options: what the user says of it; what becomes of files with a problem.
        how: images and masks were brought together, for the sentence that says so.
        coding: decides what mask values mean, from what was seen in the masks; none was seen of `MaskFiles`. A mask
            that it reports is left out with its image. `by_palette` unless given.

    Returns:
        The data set; an item without a split is to train where others have one.

    Raises:
        PairingError: sizes or numbers of pages that differ, two images of one name, or no sound pair at all.
        MaskError: masks that cannot be understood or are all empty.
        UnreadableFile: a damaged file.
        DataError: images with different numbers of channels.
    """
    with ThreadPoolExecutor() as pool:
        looked = [one for one in pool.map(lambda item: attempt(options, lambda: _look(item)), items) if one]
    decided, looked = _decided(root, looked, options, coding or by_palette(root, items))
    facts = [seen for one in looked for seen in one.facts]
    if facts and all(seen.values.size == 0 for seen in facts):
        remedy = "draw at least one object in one of them"
        raise MaskError("holds only empty masks (all 0)", file=facts[0].file.parent, remedy=remedy)
    splits, told = splits_said({entry.name: one.item.split for one in looked for entry in _entries(one)})
    return Dataset(
        root=root,
        entries=tuple(entry for one in looked for entry in _entries(one)),
        channels=common_channels([one.header for one in looked]),
        coding=decided,
        pairing=_pairing(root, looked, how) + told,
        splits=splits,
    )


def by_palette(root: Path, items: Sequence[Masked]) -> Decide:
    """Decides by the values of masks, and by a file beside the data or their masks that names classes."""
    masks = [item.source.file.parent for item in items if isinstance(item.source, MaskFile)]
    return partial(decide, palette=find_palette([root.parent if root.is_file() else root, *masks]))


def _decided(
    root: Path, looked: Sequence[_Looked], options: ReadOptions, coding: Decide
) -> tuple[Coding, list[_Looked]]:
    """What mask values mean, and what was looked at without masks that were reported while that was decided."""
    reported: set[Path | None] = set()

    def report(error: UnmaskError) -> None:
        options.report(error)
        reported.add(error.file)

    facts = [seen for one in looked for seen in one.facts]
    decided = coding(facts, replace(options, report=report)) if looked else None
    left = [one for one in looked if not any(seen.file in reported for seen in one.facts)]
    if decided is None or not left:
        raise PairingError("holds no image with a sound mask", file=root, remedy="mend the first of them")
    return decided, left


def counted(count: int, noun: str) -> str:
    """A number with its noun, which takes an s: 1 image, 2 images, 1,200 images."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _look(item: Masked) -> _Looked:
    header = together([read_header(path) for path in item.images])
    match item.source:
        case MaskFile(file) | ObjectsAndClasses(_, MaskFile(file)):
            facts = look_at([file])[0]
            _check_pair(header, facts)
            return _Looked(item, header, tuple(facts))
        case MaskFiles():
            return _Looked(item, header, _of_files(header, item.source))


def _of_files(header: Header, source: MaskFiles) -> tuple[MaskFacts, ...]:
    """What was seen in masks that are files of their own."""
    if header.pages > 1:
        problem = f"holds {header.pages} images; an image whose masks are files of their own is alone in its file"
        raise PairingError(problem, file=header.path, remedy="save each as a file of its own")
    seen = look_at(source.files) if source.regions else []
    for facts in seen:
        _check_pair(header, facts)
    return tuple(one for facts in seen for one in facts)


def _check_pair(image: Header, masks: Sequence[MaskFacts]) -> None:
    if len(masks) != image.pages:
        problem = f"has {counted(len(masks), 'page')}, its image {image.path.name} has {image.pages}"
        remedy = "give both the same pages; where pages are channels, save the image with its channel axis named C"
        raise PairingError(problem, file=masks[0].file, remedy=remedy)
    check_sizes(masks[0].file, masks[0].size, image.size)


def _entries(looked: _Looked) -> list[Entry]:
    """One entry an image."""
    item, pages = looked.item, looked.header.pages
    image, more = item.images[0], item.images[1:]
    if pages == 1:
        return [Entry(item.name, image, item.source, None, more, item.listed)]
    return [
        Entry(page_name(item.name, page, pages), image, _of_page(item.source, page), page, more, item.listed)
        for page in range(pages)
    ]


def _of_page(source: MaskFile | MaskFiles | ObjectsAndClasses, page: int) -> MaskFile | MaskFiles | ObjectsAndClasses:
    match source:
        case MaskFile():
            return replace(source, page=page)
        case ObjectsAndClasses(objects, classes):
            return replace(source, objects=replace(objects, page=page), classes=replace(classes, page=page))
    return source


def _pairing(root: Path, looked: Sequence[_Looked], how: str) -> str:
    """How many images there are, how they were paired, with an example: the first, or the first with masks."""
    images = sum(one.header.pages for one in looked)
    held = "" if images == len(looked) else f" in {counted(len(looked), 'file')}"
    first = next((one.item for one in looked if one.item.source != MaskFiles((), ())), looked[0].item)
    names = " + ".join(short(path, root) for path in first.images)
    return f"{counted(images, 'image')}{held}, {how}, such as {names} with {_masks(root, first)}."


def _masks(root: Path, item: Masked) -> str:
    match item.source:
        case MaskFile(file):
            return short(file, root)
        case ObjectsAndClasses(objects, classes):
            return f"{short(objects.file, root)} and {short(classes.file, root)}"
        case MaskFiles(files):
            folder = short(files[0].parent, root) if files else "."
            where = f" in {folder}" if folder != "." else f", such as {files[0].name}" if files else ""
            return counted(len(files), "mask") + where
