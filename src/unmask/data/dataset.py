"""Dataset: which files belong together and what their masks mean; images are read when they are asked for."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from unmask.data.annotations import Annotation
from unmask.data.channels import with_channels
from unmask.data.coding import Coding, Kind, interpret
from unmask.data.images import read_image
from unmask.data.masks import read_mask
from unmask.data.sample import Sample
from unmask.errors import DataError, PairingError

__all__ = ["Dataset", "Entry", "check_sizes", "split_dataset"]

MOST_VALIDATION = 40  # more images make validation slower, hardly surer


@dataclass(frozen=True)
class Entry:
    """One image and its mask, as files.

    Attributes:
        name: unique in the data set.
        image: the file with the image.
        mask: the file with its mask or its annotation, or None.
        page: which image of a multi-page file, from 0; None where the file holds one.
        mask_page: which mask of a multi-page file, from 0; None where the file holds one.
        annotation: its objects where they are no mask but shapes, as in COCO and VIA files; else None.
    """

    name: str
    image: Path
    mask: Path | None = None
    page: int | None = None
    mask_page: int | None = None
    annotation: Annotation | None = None


@dataclass(frozen=True)
class Dataset:
    """Images, their masks where there are any, and what was found out about them.

    Attributes:
        root: the folder they came from.
        entries: one an image, in natural order of names.
        channels: of every image; copies of grey and constant alpha are dropped when an image is loaded.
        kind: what mask values are: "objects", "classes", "binary"; None where there are no masks.
        class_names: without background, e.g. ("object",) or ("class_1", "class_2"); empty where there are no masks.
        class_values: the mask value of each class, e.g. (255,); 1, 2, ... for annotations that are shapes; empty for
            label images and where there are no masks.
        decision: one plain sentence: what the masks hold, what that was taken for and how to overrule it.
        pairing: one plain sentence: how files were paired, with an example.
        splits: name to "train", "val" or "test"; empty where neither a split.csv nor names of folders say it.
    """

    root: Path
    entries: tuple[Entry, ...]
    channels: int
    kind: Kind | None = None
    class_names: tuple[str, ...] = ()
    class_values: tuple[int, ...] = ()
    decision: str = "There are no masks."
    pairing: str = ""
    splits: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for entry in self.entries:
            if entry.name in seen:
                problem = f"gets the name {entry.name}, which another image has"
                raise PairingError(problem, file=entry.image, remedy="rename one of the two files")
            seen.add(entry.name)

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Sample]:
        return (self.load(entry.name) for entry in self.entries)

    def names(self, split: str | None = None) -> list[str]:
        """Names of all images, or of those that are in `split`."""
        return [entry.name for entry in self.entries if split is None or self.splits.get(entry.name) == split]

    def subset(self, names: Sequence[str]) -> "Dataset":
        """The data set of these images only, in this order.

        Raises:
            DataError: there is no such image; names the closest.
        """
        return replace(self, entries=tuple(self.entry(name) for name in names))

    def entry(self, name: str) -> Entry:
        """The files of one image.

        Raises:
            DataError: there is no such image; names the closest.
        """
        if name not in self._by_name:
            closest = get_close_matches(name, self._by_name, 1)
            remedy = f"the closest name is {closest[0]}" if closest else f"names look like {next(iter(self._by_name))}"
            raise DataError(f"has no image called {name}", file=self.root, remedy=remedy)
        return self._by_name[name]

    def load(self, name: str) -> Sample:
        """Reads one image and its mask.

        Returns:
            The sample; `classes` and `objects` are None where there is no mask.

        Raises:
            DataError: there is no such image, it has other channels than the set, or image and mask differ in size.
            UnreadableFile: a file is damaged, or the image has values that are not finite.
            MaskError: mask values that mean nothing.
        """
        entry = self.entry(name)
        file = read_image(entry.image, entry.page or 0)
        image = with_channels(file.planes[0], file.header, self.channels)
        sample = Sample(name, image, pixel_size=file.pixel_size, file=entry.image)
        if entry.annotation is not None:
            return _with_annotation(sample, entry.annotation)
        if entry.mask is None or self.kind is None:
            return sample
        mask = read_mask(entry.mask, entry.mask_page or 0)[0]
        check_sizes(entry.mask, (mask.shape[0], mask.shape[1]), sample.size)
        classes, objects = interpret(mask, Coding(self.kind, self.class_values, self.decision), entry.mask)
        return replace(sample, classes=classes, objects=objects)

    @cached_property
    def _by_name(self) -> dict[str, Entry]:
        return {entry.name: entry for entry in self.entries}


def _with_annotation(sample: Sample, annotation: Annotation) -> Sample:
    if sample.size != annotation.size:
        problem = f"was {annotation.size[0]} x {annotation.size[1]} pixels when the data set was read"
        raise PairingError(problem, file=sample.file, remedy="start again, so that all images are looked at anew")
    found = annotation.label_layers()
    class_of = None if found.layers is None else found.layer_classes
    return replace(sample, classes=found.classes, objects=found.objects, layers=found.layers, layer_classes=class_of)


def check_sizes(mask: Path, size: tuple[int, int], image: tuple[int, int]) -> None:
    """Refuses a mask of another size than its image.

    Args:
        mask: the mask's file, for the message.
        size: (rows, columns) of the mask.
        image: (rows, columns) of the image.

    Raises:
        PairingError: they differ; says so when rows and columns are swapped.
    """
    if size == image:
        return
    problem = f"is {size[0]} x {size[1]} pixels (rows x columns), its image {image[0]} x {image[1]}"
    remedy = "export the mask at the image's own size; resizing it afterwards would blur it"
    if size == image[::-1]:
        problem += ": rows and columns are swapped"
        remedy = "transpose the mask, in Python mask.T; if image and mask were turned by a viewer, turn one back"
    raise PairingError(problem, file=mask, remedy=remedy)


def split_dataset(dataset: Dataset, seed: int, val_fraction: float = 0.15) -> dict[str, list[str]]:
    """Which images train, validate and test.

    A split.csv is honoured: its "test" is never trained on, and where it names no "val", validation images are drawn
    from its "train". Without one, they are drawn from all images, and no test set is made up. The draw takes the names
    with the smallest hash of seed and name, so that adding an image moves few others, if any.

    Args:
        dataset: the images.
        seed: of the draw.
        val_fraction: share of the training images drawn for validation; at least 1 of 2 or more, at most 40. A single
            image is trained on and nothing validates.

    Returns:
        "train", "val" and "test": lists of names in the data set's order.

    Raises:
        DataError: split.csv leaves nothing to train on.
    """
    train = dataset.names("train") if dataset.splits else dataset.names()
    val, test = set(dataset.names("val")), dataset.names("test")
    if not train:
        raise DataError("leaves no image to train on", file=dataset.root / "split.csv", remedy="mark some as train")
    if not val and len(train) > 1:
        count = min(MOST_VALIDATION, max(1, round(val_fraction * len(train))))
        val = set(sorted(train, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())[:count])
    chosen = [name for name in dataset.names() if name in val]
    return {"train": [name for name in train if name not in val], "val": chosen, "test": test}
