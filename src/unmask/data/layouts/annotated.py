"""From what annotation files list to a data set: images found and checked, classes united, shapes made run lengths."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from unmask.data.dataset import Dataset, Entry
from unmask.data.formats.channels import common_channels
from unmask.data.formats.header import Header
from unmask.data.formats.images import read_header
from unmask.data.formats.upright import check_upright
from unmask.data.layouts.named_images import find_images, split_word
from unmask.data.layouts.split_words import splits_said
from unmask.data.listing import natural, short, unique_names
from unmask.data.masks.coding import AROUND_KNOWN, Coding, Kind, means_name, never_there, unknown_ignore
from unmask.data.options import OUTSIDE, ReadOptions, attempt
from unmask.data.shapes.annotations import (
    FARTHEST,
    Annotation,
    LeftOut,
    ListedImage,
    ListedObject,
    Listing,
    Shape,
    outlines_of,
    run_lengths,
)
from unmask.errors import DataError, MaskError, PairingError

__all__ = ["BEYOND", "EMPTY", "OUTSIDE_IMAGE", "annotated_dataset", "header_to_annotate"]

MOST_CLASSES = 254  # 255 marks what is to be ignored
LARGEST = 2**29  # pixels; longer runs overrun pycocotools' memory
EMPTY = ("shape without a pixel in the image", "shapes without a pixel in the image")
OUTSIDE_IMAGE = ("shape outside the image", "shapes outside the image")
BEYOND = ("part of a shape that leaves the image", "parts of shapes that leave the image")


@dataclass(frozen=True)
class _Found:
    """Objects of all images, each with the name of its class, and what was left out."""

    objects: dict[Path, list[tuple[str, bytes]]] = field(default_factory=lambda: defaultdict(list))
    ignored: dict[Path, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    left_out: list[LeftOut] = field(default_factory=list)
    names: set[str] = field(default_factory=set)


def annotated_dataset(root: Path, listings: Sequence[tuple[str, Listing]], options: ReadOptions) -> Dataset:
    """The data set that annotation files list.

    Args:
        root: its folder, or one annotation file.
        listings: what the files of each kind hold, with the kind's name.
        options: kind "classes" where only classes matter; a class to ignore; what becomes of images with a problem.

    Raises:
        PairingError: images that are not there, are listed twice, or are of another size than listed.
        MaskError: no object at all; more than 254 classes.
        UnreadableFile: an image that is damaged.
        DataError: run lengths that do not fit; images with different numbers of channels.
    """
    kind: Kind = options.kind or "objects"
    listed = _located([image for _, listing in listings for image in listing.images], root)
    found = _Found(left_out=[one for _, listing in listings for one in listing.left_out])
    read = [attempt(options, partial(_collect, found, path, image, options)) for path, image in listed.items()]
    headers = [header for header in read if header]
    classes = _classes(root, listings, found)
    ignored = _ignored(root, listings, found, options)
    names = unique_names([header.path for header in headers])
    entries = [
        _entry(name, header, listed[header.path].file, found, classes)
        for header, name in zip(headers, names, strict=True)
    ]
    splits, told = _splits(root, entries)
    return Dataset(
        root=root,
        entries=tuple(entries),
        channels=common_channels(headers),
        coding=Coding(
            kind,
            tuple(range(1, 1 + len(classes))),
            _decision(listings, found, classes, options, ignored),
            tuple(classes),
            outside=options.ignore == OUTSIDE,
        ),
        pairing=_pairing(root, listed) + told,
        splits=splits,
        layout=" and ".join(name.lower() for name, _ in listings),
        left_out=tuple(found.left_out),
    )


def _located(images: Sequence[ListedImage], root: Path) -> dict[Path, ListedImage]:
    """Listed images by their files, in natural order."""
    base = root if root.is_dir() else root.parent
    by_file: defaultdict[Path, list[ListedImage]] = defaultdict(list)
    for image in images:
        by_file[image.file].append(image)
    found: dict[Path, ListedImage] = {}
    for file, group in by_file.items():
        for path, image in zip(_places(file, group, base), group, strict=True):
            if path in found:
                other = found[path].file
                where = "twice" if other == file else f"and so does {other}"
                remedy = "take one of the two out" if other == file else "give the one file to use as DATA"
                raise PairingError(f"lists {image.name} {where}", file=file, remedy=remedy)
            found[path] = image
    return {path: found[path] for path in sorted(found, key=natural)}


def _places(file: Path, images: Sequence[ListedImage], base: Path) -> list[Path]:
    """Where the images of an annotation file lie: looked for by name unless its reader has found them."""
    known = [image.path for image in images if image.path]
    return known if len(known) == len(images) else find_images(file, [image.name for image in images], base)


def _collect(found: _Found, path: Path, image: ListedImage, options: ReadOptions) -> Header:
    """Adds the objects of one image, as run lengths."""
    header = header_to_annotate(path)
    check_upright(path, image.size)
    if image.size not in (None, header.size):
        raise _other_size(header, image)
    taken = []
    for one in image.objects:
        counts = _counts(one, image, header.size)
        beyond = _beyond(one.shape, header.size)
        if beyond or counts is None:
            found.left_out.append(LeftOut(beyond or EMPTY, image.name))
        if counts is not None:
            taken.append((one, counts))
    for one, counts in taken:
        found.names.add(one.label)
        if one.ignored or means_name(options.ignore, one.label):
            found.ignored[header.path].append(counts)
        else:
            found.objects[header.path].append((one.label, counts))
    return header


def _counts(one: ListedObject, image: ListedImage, size: tuple[int, int]) -> bytes | None:
    if any((np.abs(part) > FARTHEST).any() for part in outlines_of(one.shape)):
        problem = f"has an outline in {image.name} that lies further off than any image is large"
        raise DataError(problem, file=image.file, remedy="draw it again, or take it out")
    try:
        return run_lengths(one.shape, size)
    except ValueError as error:
        problem = f"has run lengths of an object in {image.name} that {error}"
        raise DataError(problem, file=image.file, remedy="export the annotations again") from None


def _beyond(shape: Shape, size: tuple[int, int]) -> tuple[str, str] | None:
    """In words, that outlines leave the image by more than a pixel; None where they do not."""
    corners = [part for part in outlines_of(shape) if len(part) and np.isfinite(part).all()]
    if not corners:
        return None
    low, high = np.concatenate(corners).min(axis=0), np.concatenate(corners).max(axis=0)
    if (high <= 0).any() or (low >= size[::-1]).any():
        return OUTSIDE_IMAGE
    return BEYOND if (low < -1).any() or (high > np.array(size[::-1]) + 1).any() else None


def _other_size(header: Header, image: ListedImage) -> PairingError:
    problem = "is {} x {} pixels (rows x columns), its annotations are of {} x {}".format(
        *header.size, *(image.size or ())
    )
    remedy = "give the images that were annotated, not resized"
    if image.size == header.size[::-1]:
        problem += ": rows and columns are swapped"
        remedy = "save it upright; cameras often only note that a photograph was turned (EXIF)"
    return PairingError(problem, file=header.path, remedy=remedy, code="size")


def header_to_annotate(path: Path) -> Header:
    """The header of an image that outlines can belong to.

    Raises:
        UnreadableFile: it is damaged.
        PairingError: it holds several images.
        DataError: it is too large.
    """
    header = read_header(path)
    if header.pages > 1:
        remedy = "save each as a file of its own"
        raise PairingError(f"holds {header.pages} images; an annotated file holds one", file=header.path, remedy=remedy)
    if header.size[0] * header.size[1] > LARGEST:
        problem = f"has more than {LARGEST:,} pixels, too many for outlines"
        raise DataError(problem, file=header.path, remedy="cut it into several, or give label images in masks/")
    return header


def _ignored(
    root: Path, listings: Sequence[tuple[str, Listing]], found: _Found, options: ReadOptions
) -> frozenset[str]:
    """The classes that the user wants ignored; they need not occur.

    Raises:
        DataError: there are none of that name.
    """
    known = found.names.union(*(listing.classes for _, listing in listings))
    given = frozenset(name for name in known if means_name(options.ignore, name))
    if options.ignore in (None, OUTSIDE) or given:
        return given
    raise unknown_ignore(str(options.ignore), sorted(found.names), root)


def _classes(root: Path, listings: Sequence[tuple[str, Listing]], found: _Found) -> dict[str, int]:
    """Index of each class that occurs, from 1."""
    used = {label for objects in found.objects.values() for label, _ in objects}
    if not used:
        regions = sum(map(len, found.ignored.values()))
        ignored = f" but {regions:,} to ignore (such as crowds)" if regions else ""
        left = f"; left out: {_left_out(found)}" if found.left_out else ""
        raise MaskError(f"holds no object{ignored}{left}", file=root, remedy="annotate at least one object")
    if len(used) > MOST_CLASSES:
        problem = f"holds objects of {len(used)} classes, more than {MOST_CLASSES}"
        raise MaskError(problem, file=root, remedy="unite classes, or leave some out")
    names = dict.fromkeys(name for _, listing in listings for name in listing.classes)
    return {name: index for index, name in enumerate((name for name in names if name in used), start=1)}


def _entry(name: str, header: Header, file: Path, found: _Found, classes: dict[str, int]) -> Entry:
    objects = found.objects[header.path]
    annotation = Annotation(
        header.size,
        tuple(classes[label] for label, _ in objects),
        tuple(counts for _, counts in objects),
        tuple(found.ignored[header.path]),
    )
    return Entry(name, header.path, annotation, listed=None if file == header.path else file)


def _splits(root: Path, entries: Sequence[Entry]) -> tuple[dict[str, str], str]:
    """The split by the names of files and folders, and a sentence where these do not say all."""
    if root.is_file():
        return {}, ""
    return splits_said({entry.name: split_word(entry.listed or root, root) for entry in entries})


def _decision(
    listings: Sequence[tuple[str, Listing]],
    found: _Found,
    classes: dict[str, int],
    options: ReadOptions,
    given: frozenset[str],
) -> str:
    count = sum(map(len, found.objects.values()))
    files = len({image.file for _, listing in listings for image in listing.images if image.file != image.path})
    kinds = " and ".join(name for name, _ in listings)
    objects = f"{count:,} {'object' if count == 1 else 'objects'}"
    held = f"{files} {kinds} {'file holds' if files == 1 else 'files hold'} {objects}"
    told = (
        ": read as classes, as asked."
        if options.kind == "classes"
        else ". If only their classes matter, say --classes."
    )
    of = f"{len(classes)} {'class' if len(classes) == 1 else 'classes'}"
    dropped = len({name for _, listing in listings for name in listing.classes} - given - set(classes))
    never = f"{dropped} listed {'class never occurs and is' if dropped == 1 else 'classes never occur and are'} dropped"
    unused = f" {never}." if dropped else ""
    remarks = "".join(f" {listing.remark}" for _, listing in listings if listing.remark)
    regions = sum(map(len, found.ignored.values()))
    ignored = f" {regions:,} {'region is' if regions == 1 else 'regions are'} ignored." if regions else ""
    ignored += f" {never_there(str(options.ignore))}" if given and not given & found.names else ""
    ignored += f" {AROUND_KNOWN}" if options.ignore == OUTSIDE else ""
    left = f" Left out: {_left_out(found)}." if found.left_out else ""
    return f"{held} of {of}{told}{unused}{remarks}{ignored}{left}"


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
    names = [short(file, base) for file in dict.fromkeys(one.file for one in listed.values())]
    count = f"{len(listed)} {'image' if len(listed) == 1 else 'images'}"
    return f"{count} named in {', '.join(names)}, such as {short(path, base)}."
