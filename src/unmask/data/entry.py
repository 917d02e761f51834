"""Entry: one image of a data set as files, and what annotates it. Read when asked for, not before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unmask.arrays import AnyArray, RawImage
from unmask.data.formats.channels import with_channels
from unmask.data.formats.header import Header
from unmask.data.formats.images import read_header, read_image
from unmask.data.shapes.annotations import Annotation
from unmask.errors import PairingError

__all__ = ["Entry", "MaskFile", "MaskFiles", "ObjectsAndClasses", "Source", "header_of", "read_pixels", "together"]


@dataclass(frozen=True)
class MaskFile:
    """A mask that is an image; `page` of a multi-page file, from 0, None where the file holds one."""

    file: Path
    page: int | None = None


@dataclass(frozen=True)
class MaskFiles:
    """One mask a file: every file holds one object, its pixels the brighter half of the file's values.

    Attributes:
        files: of one image; there may be none.
        classes: class index of each, from 1.
        ignored: files that show what is to be ignored.
        regions: every file holds all objects of a class: connected regions of one value other than 0.
    """

    files: tuple[Path, ...]
    classes: tuple[int, ...]
    ignored: tuple[Path, ...] = ()
    regions: bool = False


@dataclass(frozen=True)
class ObjectsAndClasses:
    """A label image of objects, and a class map that says what each of them is (Pascal VOC).

    Attributes:
        objects: one id an object.
        classes: what of it is ignored is so in `objects` too, whatever that holds.
        unknown: a value of `objects` that is ignored as well.
    """

    objects: MaskFile
    classes: MaskFile
    unknown: int | None = None


Source = MaskFile | MaskFiles | ObjectsAndClasses | Annotation


@dataclass(frozen=True)
class Entry:
    """One image and its annotation, as files.

    Attributes:
        name: unique in the data set.
        image: the file with the image, or with its first channels. Of masks without images: the mask.
        source: what annotates it; None where nothing does.
        page: which image of a multi-page file, from 0; None where the file holds one.
        more: files with further channels, in order.
        listed: the file that lists it or holds its annotation, where that is neither image nor mask.
    """

    name: str
    image: Path
    source: Source | None = None
    page: int | None = None
    more: tuple[Path, ...] = ()
    listed: Path | None = None

    @property
    def masks(self) -> tuple[Path, ...]:
        """The files with masks; none where the annotation is shapes."""
        match self.source:
            case MaskFile(file):
                return (file,)
            case MaskFiles(files, _, ignored):
                return (*files, *ignored)
            case ObjectsAndClasses(objects, classes):
                return (objects.file, classes.file)
        return ()


def read_pixels(entry: Entry, channels: int) -> tuple[RawImage, Header]:
    """The image of an entry.

    Args:
        entry: of one file, or of one file a channel.
        channels: how many are wanted.

    Returns:
        (h, w, channels), and the header of its file, or of its files taken together.

    Raises:
        DataError: other channels than wanted.
        PairingError: files of one image that differ in size.
        UnreadableFile: a file is damaged.
    """
    files = [read_image(path, entry.page or 0) for path in (entry.image, *entry.more)]
    if len(files) == 1:
        return with_channels(files[0].planes[0], files[0].header, channels), files[0].header
    header = together([file.header for file in files])
    image: AnyArray = np.concatenate([file.planes[0] for file in files], axis=2)
    image = image.astype(np.float32, copy=False) if image.dtype.kind == "f" else image
    return with_channels(image, header, channels), header


def together(headers: Sequence[Header]) -> Header:
    """The header of an image whose channels lie in several files.

    Raises:
        PairingError: they differ in size or number of pages.
    """
    first = headers[0]
    if len(headers) == 1:
        return first
    for other in headers[1:]:
        if (other.size, other.pages) != (first.size, first.pages):
            problem = (
                f"is {other.size[0]} x {other.size[1]} pixels (rows x columns) of {other.pages} pages, the channel "
                f"{first.path.name} is {first.size[0]} x {first.size[1]} of {first.pages}"
            )
            raise PairingError(
                problem, file=other.path, remedy="give all channels of an image the same size", code="size"
            )
    dtype = np.result_type(*[header.dtype for header in headers])
    dtype = np.dtype(np.float32) if dtype.kind == "f" else dtype  # of int32 with float32 it would be float64
    samples = sum(header.samples for header in headers)
    return replace(first, samples=samples, colour=False, alpha=False, dtype=dtype)


def header_of(entry: Entry) -> Header:
    """The header of an entry's image, all its files taken together."""
    return together([read_header(path) for path in (entry.image, *entry.more)])
