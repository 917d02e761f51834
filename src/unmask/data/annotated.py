"""From what annotation files list to a data set: images found and checked, classes united, shapes made run lengths."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unmask.data.annotations import Annotation, LeftOut, ListedImage, Listing, run_lengths
from unmask.data.channels import common_channels
from unmask.data.coding import Kind
from unmask.data.dataset import Dataset, Entry
from unmask.data.header import Header
from unmask.data.listing import natural, read_headers, unique_names
from unmask.data.named_images import find_images, split_word
from unmask.errors import DataError, MaskError, PairingError

__all__ = ["annotated_dataset"]

MOST_CLASSES = 255
LARGEST = 2**29  # pixels; longer runs overrun pycocotools' memory
EMPTY = ("shape without a pixel in the image", "shapes without a pixel in the image")


@dataclass(frozen=True)
class _Found:
    """Objects of all images, each with the name of its class, and what was left out."""

    objects: dict[Path, list[tuple[str, bytes]]] = field(default_factory=lambda: defaultdict(list))
    left_out: list[LeftOut] = field(default_factory=list)


def annotated_dataset(root: Path, listings: Sequence[tuple[str, Listing]], kind: Kind) -> Dataset:
    """The data set that annotation files list.

    Args:
        root: its folder, or one annotation file.
        listings: what the files of each kind hold, with the kind's name.
        kind: what the data set's is to be.

    Raises:
        PairingError: images that are not there, are listed twice, or are of another size than listed.
        MaskError: no object at all; more than 255 classes.
        UnreadableFile: an image that is damaged.
        DataError: run lengths that do not fit; images with different numbers of channels.
    """
    listed = _located([image for _, listing in listings for image in listing.images], root)
    headers = read_headers(list(listed))
    found = _Found(left_out=[one for _, listing in listings for one in listing.left_out])
    for header in headers:
        _collect(found, header, listed[header.path])
    classes = _classes(root, listings, found)
    entries = [
        _entry(name, header, listed[header.path].file, found.objects[header.path], classes)
        for header, name in zip(headers, unique_names(list(listed)), strict=True)
    ]
    return Dataset(
        root=root,
        entries=tuple(entries),
        channels=common_channels(headers),
        kind=kind,
        class_names=tuple(classes),
        class_values=tuple(range(1, 1 + len(classes))),
        decision=_decision(listings, found, classes, kind),
        pairing=_pairing(root, listed),
        splits=_splits(root, entries),
    )


def _located(images: Sequence[ListedImage], root: Path) -> dict[Path, ListedImage]:
    """Listed images by their files, in natural order."""
    base = root if root.is_dir() else root.parent
    by_file: defaultdict[Path, list[ListedImage]] = defaultdict(list)
    for image in images:
        by_file[image.file].append(image)
    found: dict[Path, ListedImage] = {}
    for file, group in by_file.items():
        for path, image in zip(find_images(file, [one.name for one in group], base), group, strict=True):
            if path in found:
                other = found[path].file
                where = "twice" if other == file else f"and so does {other}"
                remedy = "take one of the two out" if other == file else "give the one file to use as DATA"
                raise PairingError(f"lists {image.name} {where}", file=file, remedy=remedy)
            found[path] = image
    return {path: found[path] for path in sorted(found, key=natural)}


def _collect(found: _Found, header: Header, image: ListedImage) -> None:
    """Adds the objects of one image, as run lengths."""
    if header.pages > 1:
        remedy = "save each as a file of its own"
        raise PairingError(f"holds {header.pages} images; an annotated file holds one", file=header.path, remedy=remedy)
    if header.size[0] * header.size[1] > LARGEST:
        problem = f"has more than {LARGEST:,} pixels, too many for outlines"
        raise DataError(problem, file=header.path, remedy="cut it into several, or give label images in masks/")
    if image.size not in (None, header.size):
        raise _other_size(header, image)
    for one in image.objects:
        try:
            counts = run_lengths(one.shape, header.size)
        except ValueError as error:
            problem = f"has run lengths of an object in {image.name} that {error}"
            raise DataError(problem, file=image.file, remedy="export the annotations again") from None
        if counts is None:
            found.left_out.append(LeftOut(EMPTY, image.name))
        else:
            found.objects[header.path].append((one.label, counts))


def _other_size(header: Header, image: ListedImage) -> PairingError:
    problem = "is {} x {} pixels (rows x columns), its annotations are of {} x {}".format(
        *header.size, *(image.size or ())
    )
    remedy = "give the images that were annotated, not resized"
    if image.size == header.size[::-1]:
        problem += ": rows and columns are swapped"
        remedy = "save it upright; cameras often only note that a photograph was turned (EXIF)"
    return PairingError(problem, file=header.path, remedy=remedy)


def _classes(root: Path, listings: Sequence[tuple[str, Listing]], found: _Found) -> dict[str, int]:
    """Index of each class that occurs, from 1."""
    used = {label for objects in found.objects.values() for label, _ in objects}
    if not used:
        left = f"; left out: {_left_out(found)}" if found.left_out else ""
        raise MaskError(f"holds no object{left}", file=root, remedy="annotate at least one object")
    if len(used) > MOST_CLASSES:
        problem = f"holds objects of {len(used)} classes, more than {MOST_CLASSES}"
        raise MaskError(problem, file=root, remedy="unite classes, or leave some out")
    names = dict.fromkeys(name for _, listing in listings for name in listing.classes)
    return {name: index for index, name in enumerate((name for name in names if name in used), start=1)}


def _entry(
    name: str, header: Header, file: Path, objects: Sequence[tuple[str, bytes]], classes: dict[str, int]
) -> Entry:
    annotation = Annotation(
        header.size, tuple(classes[label] for label, _ in objects), tuple(counts for _, counts in objects)
    )
    return Entry(name, header.path, file, annotation=annotation)


def _splits(root: Path, entries: Sequence[Entry]) -> dict[str, str]:
    """The split by the names of files and folders, where all say one and there is something to train on."""
    if root.is_file():
        return {}
    words = {entry.name: split_word(entry.mask or root, root) for entry in entries}
    splits = {name: word for name, word in words.items() if word}
    return splits if len(splits) == len(words) and "train" in splits.values() else {}


def _decision(listings: Sequence[tuple[str, Listing]], found: _Found, classes: dict[str, int], kind: Kind) -> str:
    count = sum(map(len, found.objects.values()))
    files = len({image.file for _, listing in listings for image in listing.images})
    kinds = " and ".join(name for name, _ in listings)
    objects = f"{count:,} {'object' if count == 1 else 'objects'}"
    held = f"{files} {kinds} {'file holds' if files == 1 else 'files hold'} {objects}"
    told = ": read as classes, as asked." if kind == "classes" else ". If only their classes matter, say --classes."
    of = f"{len(classes)} {'class' if len(classes) == 1 else 'classes'}"
    dropped = len({name for _, listing in listings for name in listing.classes}) - len(classes)
    never = f"{dropped} listed {'class never occurs and is' if dropped == 1 else 'classes never occur and are'} dropped"
    unused = f" {never}." if dropped else ""
    remarks = "".join(f" {listing.remark}" for _, listing in listings if listing.remark)
    left = f" Left out: {_left_out(found)}." if found.left_out else ""
    return f"{held} of {of}{told}{unused}{remarks}{left}"


def _left_out(found: _Found) -> str:
    first: dict[tuple[str, str], str] = {}
    for one in found.left_out:
        first.setdefault(one.words, one.image)
    counts = Counter(one.words for one in found.left_out)
    told = [f"{count:,} {words[count > 1]} (first in {first[words]})" for words, count in counts.items()]
    return ", ".join(told)


def _pairing(root: Path, listed: dict[Path, ListedImage]) -> str:
    base = root if root.is_dir() else root.parent
    path = next(iter(listed))
    names = [file.relative_to(base).as_posix() for file in dict.fromkeys(one.file for one in listed.values())]
    count = f"{len(listed)} {'image' if len(listed) == 1 else 'images'}"
    example = path.relative_to(base).as_posix() if path.is_relative_to(base) else str(path)
    return f"{count} named in {', '.join(names)}, such as {example}."
