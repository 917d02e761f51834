"""Survey: what a data set holds, in the few numbers that a recipe is derived from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

from unmask.arrays import LabelImage
from unmask.data.dataset import Dataset
from unmask.data.sample import Sample
from unmask.errors import DataError, MaskError
from unmask.geometry.labels import areas, bounding_boxes

__all__ = ["Survey", "survey"]

# Objects that fill more of the image than this, with thin background between them, are cells between membranes.
MEMBRANE_COVER = 0.6


@dataclass(frozen=True)
class Survey:
    """Numbers of a data set.

    Attributes:
        images: how many.
        sizes: (n, 2) rows and columns.
        known: of each image, the pixels that are not to be ignored.
        channels: of every image.
        grey: type and range of the grey values, in words.
        boxes: of each image's objects, (n, 4) float32: x0, y0, x1, y1 in pixels.
        diameters: of all objects, pixels, of the circle of equal area; sorted.
        objects_per_image: mean.
        touching: share of objects that share a side or corner with another.
        frequencies: share of the known pixels of each class, the background first.
        pixel_size: (y, x) micrometres, when all files agree.
    """

    images: int
    sizes: tuple[tuple[int, int], ...]
    known: tuple[int, ...]
    channels: int
    grey: str
    boxes: tuple[Float32[np.ndarray, "n 4"], ...]
    diameters: tuple[float, ...]
    objects_per_image: float
    touching: float
    frequencies: tuple[float, ...]
    pixel_size: tuple[float, float] | None

    @property
    def side(self) -> int:
        """Median of the images' shorter sides, pixels."""
        return int(np.median([min(size) for size in self.sizes]))

    @property
    def membranes(self) -> bool:
        """Whether cells fill the image, with thin membranes between them (as in EM)."""
        return 1 - self.frequencies[0] > MEMBRANE_COVER and self.objects_per_image >= 2

    def diameter(self, percent: float) -> float:
        """A percentile of the objects' diameters, pixels."""
        return float(np.percentile(self.diameters, percent))


def survey(dataset: Dataset, names: Sequence[str]) -> Survey:
    """Look at every image named, so that a damaged one is found before training and not an hour into it.

    Raises:
        DataError: nothing is annotated, or a file cannot be used.
        MaskError: no mask holds anything but background.
    """
    rows = [_row(dataset.load(name), 1 + len(dataset.class_names)) for name in names]
    if not rows:
        raise DataError("no annotated image to learn from", file=dataset.root, remedy="add images and their masks")
    counts = np.sum([row.counts for row in rows], axis=0)
    diameters = np.sort(np.concatenate([row.diameters for row in rows]))
    if diameters.size == 0:
        raise MaskError("every mask is empty", file=dataset.root, remedy="draw at least a few objects in the masks")
    scales = {row.pixel_size for row in rows}
    return Survey(
        images=len(rows),
        sizes=tuple(row.size for row in rows),
        known=tuple(int(row.counts.sum()) for row in rows),
        channels=rows[0].channels,
        grey=_grey(rows),
        boxes=tuple(row.boxes for row in rows),
        diameters=tuple(float(d) for d in diameters),
        objects_per_image=diameters.size / len(rows),
        touching=sum(row.touching for row in rows) / diameters.size,
        frequencies=tuple(float(share) for share in counts / counts.sum()),
        pixel_size=scales.pop() if len(scales) == 1 else None,
    )


@dataclass(frozen=True)
class _Row:
    size: tuple[int, int]
    channels: int
    type: str
    low: float
    high: float
    boxes: np.ndarray
    diameters: np.ndarray
    touching: int
    counts: np.ndarray
    pixel_size: tuple[float, float] | None


def _grey(rows: Sequence[_Row]) -> str:
    types = " and ".join(sorted({row.type for row in rows}))
    return f"{types}, {min(row.low for row in rows):g} to {max(row.high for row in rows):g}"


def _row(sample: Sample, classes: int) -> _Row:
    assert sample.classes is not None, "training samples are annotated"
    assert sample.objects is not None, "training samples are annotated"
    known = None if sample.ignore is None else ~sample.ignore
    layers = sample.objects[None] if sample.layers is None else sample.layers
    found = np.concatenate([areas(layer) for layer in layers])
    boxes = np.concatenate([bounding_boxes(layer) for layer in layers])[found > 0]
    return _Row(
        size=sample.size,
        channels=sample.channels,
        type=str(sample.image.dtype),
        low=float(sample.image.min()),
        high=float(sample.image.max()),
        boxes=boxes[:, [1, 0, 3, 2]].astype(np.float32),
        diameters=np.sqrt(found[found > 0] * 4 / np.pi),
        touching=_touching(sample.objects),
        counts=np.bincount(sample.classes.ravel() if known is None else sample.classes[known], minlength=classes),
        pixel_size=sample.pixel_size,
    )


def _touching(objects: LabelImage) -> int:
    """How many objects have a pixel beside (8 neighbours) one of another object."""
    largest = ndimage.maximum_filter(objects, 3)
    padded = np.where(objects == 0, np.iinfo(np.int32).max, objects)
    smallest = ndimage.minimum_filter(padded, 3)
    beside = (objects > 0) & ((largest != objects) | (smallest != objects))
    return int(np.unique(objects[beside]).size)
