"""What a set of images says as a whole: ids that go on, rare classes, pixel sizes, types, shifted masks.

Everything that needs more than one image comes from one `Row` an image, so that no image is held or read twice.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from unmask.arrays import LabelImage
from unmask.check.duplicates import Fingerprint, fingerprint
from unmask.check.finding import Sight
from unmask.check.fit import Fit, fit, fit_sights
from unmask.check.images import divisor
from unmask.check.shift import Alignment, align, shift_sights
from unmask.data.formats.header import Header
from unmask.data.sample import Sample
from unmask.geometry.labels import areas

__all__ = ["Row", "look", "set_sights"]

RARE = 0.01  # of the pixels of the most frequent class
FEW_IMAGES = 3  # with fewer of them a class is hardly learned and validated
FEW_SHARE = 0.25  # in a small set, so few images of a class are not few
JPEG = (".jpg", ".jpeg")
SCALE = 1.1  # pixel sizes that differ by less are one


@dataclass(frozen=True)
class Row:
    """What the set needs to know of one image.

    Attributes:
        name: of the image in its data set.
        file: of the image.
        size: rows and columns.
        dtype: type of the image's values.
        channels: how many.
        low: lowest value.
        high: highest value.
        divisor: by what 16-bit values can be divided to fit 8 bits; None where they need 16, or are not of 16 bits.
        counts: known pixels of the background and of each class, as far as there are any; empty without annotation.
        objects: how many; None without annotation.
        diameters: (objects,) of the circle of equal area, pixels.
        ids: smallest and largest id as stored; None where no ids are stored, or the mask is empty.
        pixel_size: (y, x) in micrometres, or None.
        fingerprint: by what a copy is known.
        alignment: how the masks fit the image at every shift; None where that cannot be said.
        fit: how they fit in every orientation; None where that cannot be said.
    """

    name: str
    file: Path
    size: tuple[int, int]
    dtype: str
    channels: int
    low: float
    high: float
    divisor: int | None
    counts: tuple[int, ...]
    objects: int | None
    diameters: Float32[np.ndarray, " n"]
    ids: tuple[int, int] | None
    pixel_size: tuple[float, float] | None
    fingerprint: Fingerprint
    alignment: Alignment | None
    fit: Fit | None


def look(sample: Sample, header: Header, raw: LabelImage | None) -> Row:
    """What the set needs to know of one image.

    Args:
        sample: the image and its annotation.
        header: of the image's file.
        raw: (h, w) the ids as stored, where the annotation is a label image.
    """
    diameters = _diameters(sample)
    return Row(
        name=sample.name,
        file=sample.file or header.path,
        size=sample.size,
        dtype=str(sample.image.dtype),
        channels=sample.channels,
        low=float(sample.image.min()),
        high=float(sample.image.max()),
        divisor=divisor(sample.image),
        counts=_counts(sample),
        objects=None if sample.objects is None else diameters.size,
        diameters=diameters,
        ids=_ids(sample, raw),
        pixel_size=sample.pixel_size,
        fingerprint=fingerprint(sample),
        alignment=align(sample),
        fit=fit(sample),
    )


def set_sights(rows: Sequence[Row], class_names: Sequence[str]) -> list[Sight]:
    """What is wrong with a set of images.

    Args:
        rows: of all images, in the data set's order.
        class_names: without background.

    Returns:
        Sights "turned", "unfit", "continued", "imbalance", "pixel-size", "narrow" and "shifted".
    """
    shifted = shift_sights([row.alignment for row in rows if row.alignment is not None])
    unfit = fit_sights([row.fit for row in rows if row.fit is not None])
    return [*unfit, *_continued(rows), *_imbalance(rows, class_names), *_pixel_sizes(rows), *_narrow(rows), *shifted]


def _continued(rows: Sequence[Row]) -> list[Sight]:
    """Ids that go on from file to file: each file's begin above those of the file before."""
    numbered = [(row, row.ids) for row in rows if row.ids is not None]
    if len(numbered) < 2 or any(low <= before for (_, (_, before)), (_, (low, _)) in pairwise(numbered)):
        return []
    return [Sight("continued", row.name, row.file, f"ids {ids[0]:,} to {ids[1]:,}") for row, ids in numbered]


def _imbalance(rows: Sequence[Row], class_names: Sequence[str]) -> list[Sight]:
    """Classes with few pixels, or in few images."""
    annotated = [row for row in rows if row.counts]
    if len(class_names) < 2 or not annotated:
        return []
    counts = np.zeros((len(annotated), 1 + len(class_names)), np.int64)
    for line, row in zip(counts, annotated, strict=True):
        line[: len(row.counts)] = row.counts
    pixels, images = counts[:, 1:].sum(axis=0), (counts[:, 1:] > 0).sum(axis=0)
    most = int(pixels.argmax())
    few = (images < FEW_IMAGES) & (images < FEW_SHARE * len(annotated))
    sights = []
    for index in (int(i) for i in np.flatnonzero(few | (pixels < RARE * pixels[most]))):
        where = annotated[int(counts[:, 1 + index].argmax())]
        share = f"{pixels[index] / max(1, int(pixels[most])):.2%} of the pixels of {class_names[most]}"
        detail = f"{class_names[index]}: {share}, in {_images(int(images[index]))} of {len(annotated)}"
        sights.append(Sight("imbalance", where.name if images[index] else "", where.file, detail))
    return sights


def _pixel_sizes(rows: Sequence[Row]) -> list[Sight]:
    """Images whose pixels are larger or smaller than those of most; of JPEG they are a camera's or printer's."""
    measured = [row for row in rows if row.file.suffix.lower() not in JPEG]
    sizes = [(row, row.pixel_size) for row in measured if row.pixel_size is not None]
    if not sizes:
        return []
    usual = Counter(size for _, size in sizes).most_common(1)[0][0]
    other = [(row, size) for row, size in sizes if _ratio(size, usual) > SCALE]
    return [
        Sight("pixel-size", row.name, row.file, f"{_micrometres(size)}, most have {_micrometres(usual)}")
        for row, size in other
    ]


def _narrow(rows: Sequence[Row]) -> list[Sight]:
    """16-bit images that would all fit 8 bits in the same way; a dark image among others does not count."""
    deep = [row for row in rows if row.dtype in ("uint16", "int16") and row.high > 0]
    steps = {row.divisor for row in deep}
    if len(steps) != 1 or None in steps:
        return []
    step = steps.pop()
    held = "values of 0 to 255" if step == 1 else f"multiples of {step}"
    return [Sight("narrow", row.name, row.file, f"{row.dtype} with only {held}") for row in deep]


def _counts(sample: Sample) -> tuple[int, ...]:
    if sample.classes is None:
        return ()
    known = sample.classes if sample.ignore is None else sample.classes[~sample.ignore]
    return tuple(int(count) for count in np.bincount(known.ravel(), minlength=1))


def _diameters(sample: Sample) -> Float32[np.ndarray, " n"]:
    if sample.objects is None:
        return np.zeros(0, np.float32)
    layers = sample.objects[None] if sample.layers is None else sample.layers
    found = np.concatenate([areas(layer) for layer in layers])
    return np.sqrt(found[found > 0] * 4 / np.pi).astype(np.float32)


def _ids(sample: Sample, raw: LabelImage | None) -> tuple[int, int] | None:
    """Of objects only: what means background or is to be ignored is none."""
    if raw is None or sample.objects is None or not sample.objects.any():
        return None
    ids = raw[sample.objects > 0]
    return int(ids.min()), int(ids.max())


def _ratio(one: tuple[float, float], other: tuple[float, float]) -> float:
    """By how much two pixel sizes differ along the axis along which they differ most; 1 where they are equal."""
    return max(max(a, b) / min(a, b) for a, b in zip(one, other, strict=True))


def _micrometres(size: tuple[float, float]) -> str:
    return f"{size[0]:.4g} x {size[1]:.4g} micrometres"


def _images(number: int) -> str:
    return f"{number} {'image' if number == 1 else 'images'}"
