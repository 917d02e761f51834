"""What was understood of a data set: a small table to look at before anything is trained on it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from unmask.arrays import AnyArray
from unmask.data.dataset import Dataset
from unmask.data.sample import Sample

__all__ = ["ImageFacts", "Understood", "facts", "understand"]

MOST_CLASSES = 8  # listed with their numbers


@dataclass(frozen=True)
class ImageFacts:
    """One image in a few numbers.

    Attributes:
        size: rows and columns, pixels.
        channels: of the image.
        type: of the grey values, such as uint16.
        low: the smallest grey value.
        high: the largest.
        objects: number of objects of each class, the first class first.
        pixels: number of pixels of each class, the background first.
        ignored: number of pixels to ignore.
        pixel_size: (y, x) micrometres, or None where the file does not say.
    """

    size: tuple[int, int]
    channels: int
    type: str
    low: float
    high: float
    objects: tuple[int, ...]
    pixels: tuple[int, ...]
    ignored: int
    pixel_size: tuple[float, float] | None


@dataclass(frozen=True)
class Understood:
    """A data set in a few numbers; what the files hold, as far as images were looked at.

    Attributes:
        data: its folder or file.
        layout: the name of its layout.
        images: how many were looked at: all; for training, those that train and validate.
        sizes: (rows, columns) and how many images have it, the most frequent first.
        types: type of the grey values and how many images have it.
        grey: smallest and largest grey value.
        channels: of every image.
        kind: what the masks hold: objects, classes or binary.
        objects: how many there are.
        classes: name and number of objects of each.
        shares: name and share of the known pixels of each class, the background first.
        ignored: share of all pixels that are ignored.
        splits: train, val and test, with how many images are in each.
        pixel_sizes: (y, x) micrometres and how many images have it.
        pairing: how files were paired, with an example.
        decision: what the masks were taken for, and how to overrule it.
    """

    data: str
    layout: str
    images: int
    sizes: tuple[tuple[tuple[int, int], int], ...]
    types: dict[str, int]
    grey: tuple[float, float]
    channels: int
    kind: str
    objects: int
    classes: dict[str, int]
    shares: dict[str, float]
    ignored: float
    splits: dict[str, int]
    pixel_sizes: tuple[tuple[tuple[float, float] | None, int], ...]
    pairing: str
    decision: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    def rows(self) -> list[tuple[str, str]]:
        """A label and a value for each line of the table."""
        low, high = self.grey
        rows = [
            ("layout", self.layout),
            ("images", f"{self.images:,} of {self._sizes()}"),
            ("grey values", f"{' and '.join(self.types)}, {low:g} to {high:g}"),
            ("channels", str(self.channels)),
            ("masks hold", self.kind),
            ("objects", f"{self.objects:,}, {self.objects / max(1, self.images):.3g} an image"),
            ("classes", self._classes()),
        ]
        if self.ignored:
            rows.append(("ignored", f"{self.ignored:.2%} of the pixels"))
        if self.splits:
            rows.append(("split", ", ".join(f"{count} {name}" for name, count in self.splits.items())))
        known = [(size, count) for size, count in self.pixel_sizes if size is not None]
        if known:
            rows.append(("pixel size", ", ".join(f"{y:.4g} x {x:.4g} µm ({count})" for (y, x), count in known[:3])))
        return [*rows, ("files", self.pairing)]

    def _sizes(self) -> str:
        """The sizes in words: all of them where there are few, else the range."""
        if len(self.sizes) <= 3:
            return ", ".join(
                f"{rows} x {columns}" + (f" ({count})" if len(self.sizes) > 1 else "")
                for (rows, columns), count in self.sizes
            )
        sides = np.array([size for size, _ in self.sizes])
        low, high = sides.min(axis=0), sides.max(axis=0)
        return f"{len(self.sizes)} sizes, {low[0]} x {low[1]} to {high[0]} x {high[1]}"

    def _classes(self) -> str:
        named = [
            f"{name} ({self.objects_of(name)}{self.shares.get(name, 0):.2g} of the pixels)" for name in self.classes
        ]
        return ", ".join(named if len(named) <= MOST_CLASSES else [*named[:MOST_CLASSES], f"... {len(named)} in all"])

    def objects_of(self, name: str) -> str:
        """The number of a class's objects in words, where objects matter."""
        count = self.classes[name]
        return "" if self.kind == "classes" else f"{count:,} {'object' if count == 1 else 'objects'}, "


def facts(sample: Sample, classes: int) -> ImageFacts:
    """One image in a few numbers.

    Args:
        sample: with its annotation.
        classes: how many there are, without the background.

    Raises:
        ValueError: the sample has no annotation.
    """
    if sample.classes is None or sample.objects is None:
        raise ValueError(f"{sample.name} has no annotation")
    known = sample.classes if sample.ignore is None else sample.classes[~sample.ignore]
    return ImageFacts(
        size=sample.size,
        channels=sample.channels,
        type=str(sample.image.dtype),
        low=float(sample.image.min()),
        high=float(sample.image.max()),
        objects=tuple(np.bincount(_class_of(sample), minlength=1 + classes)[1:].tolist()),
        pixels=tuple(np.bincount(known.ravel(), minlength=1 + classes).tolist()),
        ignored=sample.classes.size - known.size,
        pixel_size=sample.pixel_size,
    )


def _class_of(sample: Sample) -> AnyArray:
    """The class of each object that has a pixel."""
    assert sample.objects is not None, "checked by the caller"
    assert sample.classes is not None, "checked by the caller"
    if sample.layers is not None and sample.layer_classes is not None:
        ids: AnyArray = np.unique(sample.layers)
        return sample.layer_classes[ids[ids > 0]]
    # Every object lies in one class.
    pairs: AnyArray = np.unique(sample.objects.astype(np.int64) * 256 + sample.classes)
    return pairs[pairs >= 256] % 256


def understand(dataset: Dataset, looked: Iterable[ImageFacts], splits: dict[str, int] | None = None) -> Understood:
    """A data set in a few numbers.

    Args:
        dataset: with annotation.
        looked: facts of its images, or of those that were looked at.
        splits: how many images train, validate and test; as the data say unless given.
    """
    rows = list(looked)
    names = dataset.class_names
    pixels = np.sum([row.pixels for row in rows], axis=0) if rows else np.zeros(1 + len(names))
    objects = np.sum([row.objects for row in rows], axis=0) if rows else np.zeros(len(names), int)
    total = sum(row.size[0] * row.size[1] for row in rows)
    said = Counter(dataset.splits.values())
    return Understood(
        data=str(dataset.root),
        layout=dataset.layout,
        images=len(rows),
        sizes=_counted([row.size for row in rows]),
        types=dict(_counted([row.type for row in rows])),
        grey=(min((row.low for row in rows), default=0.0), max((row.high for row in rows), default=0.0)),
        channels=dataset.channels,
        kind=dataset.kind or "",
        objects=int(objects.sum()),
        classes={name: int(count) for name, count in zip(names, objects, strict=True)},
        shares={
            name: float(count / max(1, pixels.sum()))
            for name, count in zip(("background", *names), pixels, strict=True)
        },
        ignored=sum(row.ignored for row in rows) / max(1, total),
        splits={word: said[word] for word in ("train", "val", "test") if said[word]} if splits is None else splits,
        pixel_sizes=_counted([row.pixel_size for row in rows]),
        pairing=dataset.pairing,
        decision=dataset.decision,
    )


def _counted(values: Sequence[Any]) -> tuple[tuple[Any, int], ...]:
    return tuple(Counter(values).most_common())
