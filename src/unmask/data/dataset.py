"""Dataset: which files belong together and what their masks mean; images are read when they are asked for."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from unmask.data.entry import Entry, read_pixels
from unmask.data.masks.coding import Coding, Kind
from unmask.data.masks.read import check_sizes
from unmask.data.sample import Sample
from unmask.data.shapes.annotations import Annotation, LeftOut
from unmask.data.truth import read_truth
from unmask.errors import DataError, PairingError

__all__ = ["Dataset", "Entry", "split_dataset"]

MOST_VALIDATION = 40  # more images make validation slower, hardly surer


@dataclass(frozen=True)
class Dataset:
    """Images, their annotation where there is any, and what was found out about them.

    Attributes:
        root: the folder they came from, or the file that lists them.
        entries: one an image, in natural order of names.
        channels: of every image; copies of grey and constant alpha are dropped when an image is loaded.
        coding: what the values of masks mean, and the names of classes; None where there is no annotation.
        pairing: one plain sentence: how files were paired, with an example.
        splits: name to "train", "val" or "test"; empty where neither a split.csv nor names of folders say it.
        layout: the name of the layout that they were found in; empty where they are images alone.
        left_out: annotations that were not taken as objects, or only in part.
    """

    root: Path
    entries: tuple[Entry, ...]
    channels: int
    coding: Coding | None = None
    pairing: str = ""
    splits: Mapping[str, str] = field(default_factory=dict)
    layout: str = ""
    left_out: tuple[LeftOut, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for entry in self.entries:
            if entry.name in seen:
                problem = f"gets the name {entry.name}, which another image has"
                raise PairingError(problem, file=entry.image, remedy="rename one of the two files")
            seen.add(entry.name)

    @property
    def kind(self) -> Kind | None:
        """What mask values are: "objects", "classes", "binary"; None where there is no annotation."""
        return None if self.coding is None else self.coding.kind

    @property
    def class_names(self) -> tuple[str, ...]:
        """Without background, such as ("object",) or ("class_1", "class_2"); empty where there is no annotation."""
        return () if self.coding is None else self.coding.class_names

    @property
    def class_values(self) -> tuple[int, ...]:
        """The value of each class in label images: the masks' own, or 1, 2, ...; empty where they hold objects."""
        return () if self.coding is None else self.coding.predicted.values

    @property
    def decision(self) -> str:
        """One plain sentence: what the masks hold, what that was taken for and how to overrule it."""
        return "There are no masks." if self.coding is None else self.coding.decision

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
            The sample; `classes` and `objects` are None where there is no annotation.

        Raises:
            DataError: there is no such image, it has other channels than the set, or image and mask differ in size.
            UnreadableFile: a file is damaged, or the image has values that are not finite.
            MaskError: mask values that mean nothing.
        """
        entry = self.entry(name)
        image, header = read_pixels(entry, self.channels)
        sample = Sample(name, image, pixel_size=header.pixel_size, file=entry.image)
        if entry.source is None or self.coding is None:
            return sample
        if isinstance(entry.source, Annotation) and entry.source.size != sample.size:
            problem = "was {} x {} pixels when the data set was read".format(*entry.source.size)
            raise PairingError(problem, file=entry.image, remedy="start again, so that all images are looked at anew")
        found = read_truth(entry, self.coding)
        if entry.masks:
            check_sizes(entry.masks[0], found.objects.shape, sample.size)
        return replace(
            sample,
            classes=found.classes,
            objects=found.objects,
            layers=found.layers,
            layer_classes=None if found.layers is None else found.layer_classes,
            ignore=found.ignore,
        )

    @cached_property
    def _by_name(self) -> dict[str, Entry]:
        return {entry.name: entry for entry in self.entries}


def split_dataset(dataset: Dataset, seed: int, val_fraction: float = 0.15) -> dict[str, list[str]]:
    """Which images train, validate and test.

    A split that is said is honoured: its "test" is never trained on, and where it has no "val", validation images are
    drawn from its "train". Without one, they are drawn from all images, and no test set is made up. The draw takes the
    names with the smallest hash of seed and name, so that adding an image moves few others, if any.

    Args:
        dataset: the images.
        seed: of the draw.
        val_fraction: share of the training images drawn for validation; at least 1 of 2 or more, at most 40. A single
            image is trained on and nothing validates.

    Returns:
        "train", "val" and "test": lists of names in the data set's order.

    Raises:
        DataError: the split leaves nothing to train on.
    """
    train = dataset.names("train") if dataset.splits else dataset.names()
    val, test = set(dataset.names("val")), dataset.names("test")
    if not train:
        marked = " and ".join(f"{len(group)} as {word}" for word, group in (("val", val), ("test", test)) if group)
        remedy = "mark some as train in a split.csv (columns name and split); one as --split overrules what folders say"
        raise DataError(f"has no image to train on ({marked})", file=dataset.root, remedy=remedy)
    if not val and len(train) > 1:
        count = min(MOST_VALIDATION, max(1, round(val_fraction * len(train))))
        val = set(sorted(train, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())[:count])
    chosen = [name for name in dataset.names() if name in val]
    return {"train": [name for name in train if name not in val], "val": chosen, "test": test}
