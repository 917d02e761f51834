"""Images that a data set holds twice: pixel for pixel, or nearly so: brighter, scaled, saved as JPEG.

Two images are compared in a version of 64 x 64 pixels, of which only detail is kept (what a Gaussian of one pixel
blurs away), evened out so that a few bright objects do not decide alone. It hardly changes with brightness, contrast,
scale and JPEG. They are nearly the same where that detail correlates by 0.93 or more in every part of the image that
has detail, of 4 x 4 parts: frames of a time lapse and sections of a stack agree in some parts and not in others.

Measured as the lowest correlation of a part. Copies of about 25 images of each set (DSB 2018, its bright-field images,
a Cell Tracking Challenge time lapse, two EM stacks, balloon, COCO), dimmed to 0.4 of their brightness, scaled by 0.5,
0.73 and 1.6, and as JPEG of quality 75 and 40: 0.974 and more. Neighbouring frames of the time lapse: 0.82 at most;
sections of one embryo in DSB 2018: 0.73; neighbouring EM sections: 0.47; all other pairs less.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float16, Float32
from PIL import Image
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from unmask.arrays import RawImage
from unmask.check.finding import Sight
from unmask.check.images import grey
from unmask.data.sample import Sample

__all__ = ["Fingerprint", "duplicate_sights", "fingerprint"]

SIDE = 64  # pixels of the small version
PARTS = 4  # along each side
ALIKE = 0.93  # correlation of all parts
CANDIDATE = 0.85  # correlation of the whole, which is cheap for all pairs
SHAPE = 1.03  # sides of images that show the same have the same ratio, but for rounding


@dataclass(frozen=True)
class Fingerprint:
    """By what an image is known again.

    Attributes:
        name: of the image in its data set.
        file: of the image.
        size: rows and columns.
        exact: the same for equal pixels of one type only; empty for a constant image, which is like all others.
        detail: evened out, of length 1; 0 for a constant image.
    """

    name: str
    file: Path
    size: tuple[int, int]
    exact: str
    detail: Float16[np.ndarray, "64 64"]


def fingerprint(sample: Sample) -> Fingerprint:
    """The fingerprint of an image."""
    image = np.ascontiguousarray(sample.image)
    constant = bool((image == image[0, 0]).all())
    whole = hashlib.blake2b(f"{image.shape} {image.dtype}".encode())
    whole.update(image.data)
    detail = np.zeros((SIDE, SIDE), np.float32) if constant else _detail(image)
    exact = "" if constant else whole.hexdigest()
    return Fingerprint(sample.name, sample.file or Path(), sample.size, exact, detail.astype(np.float16))


def duplicate_sights(prints: Sequence[Fingerprint], splits: Mapping[str, str]) -> list[Sight]:
    """Images that are there more than once.

    Args:
        prints: of all images, in the data set's order.
        splits: name to "train", "val" or "test"; empty where images are not split.

    Returns:
        One Sight for each image that is there again: "leak" where a copy is in another split, else "duplicate".
    """
    groups: dict[int, list[int]] = {}
    for index, number in enumerate(_groups(prints)):
        groups.setdefault(number, []).append(index)
    copies = [[prints[index] for index in group] for group in groups.values() if len(group) > 1]
    return [_sight(one, [other for other in group if other is not one], splits) for group in copies for one in group]


def _sight(one: Fingerprint, copies: Sequence[Fingerprint], splits: Mapping[str, str]) -> Sight:
    """What to say of an image that has copies: of those in another split first, and of equal ones."""
    split = splits.get(one.name)
    elsewhere = [copy for copy in copies if split and splits.get(copy.name, split) != split]
    copy = min(elsewhere or copies, key=lambda copy: copy.exact != one.exact)
    equal = f"{'equal' if copy.exact == one.exact else 'nearly equal'} to {copy.name}"
    if elsewhere:
        return Sight("leak", one.name, one.file, f"in {split}, {equal} in {splits[copy.name]}")
    return Sight("duplicate", one.name, one.file, equal)


def _groups(prints: Sequence[Fingerprint]) -> Sequence[int]:
    """(n,) number of the group of copies that each image is in."""
    pairs = [*_equal(prints), *_alike(prints)]
    rows, columns = ([pair[end] for pair in pairs] for end in (0, 1))
    links = coo_array((np.ones(len(pairs)), (rows, columns)), shape=(len(prints), len(prints)))
    return [int(group) for group in connected_components(links, directed=False)[1]]


def _equal(prints: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    first: dict[str, int] = {}
    for index, one in enumerate(prints):
        if one.exact and first.setdefault(one.exact, index) != index:
            yield first[one.exact], index


def _alike(prints: Sequence[Fingerprint], chunk: int = 256) -> Iterator[tuple[int, int]]:
    """Pairs of images that are nearly the same; all pairs are compared, a few hundred images at a time."""
    details = np.array([one.detail.ravel() for one in prints], np.float16).reshape(len(prints), SIDE * SIDE)
    for start in range(0, len(prints), chunk):
        these = details[start : start + chunk].astype(np.float32)
        for other in range(start, len(prints), chunk):
            alike = these @ details[other : other + chunk].astype(np.float32).T
            for i, j in np.argwhere(alike > CANDIDATE):
                first, second = start + int(i), other + int(j)
                if first < second and _are_alike(prints[first], prints[second]):
                    yield first, second


def _are_alike(one: Fingerprint, other: Fingerprint) -> bool:
    ratio = one.size[0] * other.size[1] / (one.size[1] * other.size[0])
    return 1 / SHAPE < ratio < SHAPE and _lowest(one.detail, other.detail) >= ALIKE


def _lowest(one: Float16[np.ndarray, "64 64"], other: Float16[np.ndarray, "64 64"]) -> float:
    """The lowest correlation of those parts that have at least mean detail."""
    first, second = (detail.astype(np.float32).reshape(PARTS, SIDE // PARTS, PARTS, -1) for detail in (one, other))
    within = (1, 3)
    energy = np.sqrt((first**2).sum(within) * (second**2).sum(within))
    chosen = energy >= energy.mean()
    return float(((first * second).sum(within)[chosen] / energy[chosen]).min())


def _detail(image: RawImage) -> Float32[np.ndarray, "64 64"]:
    small = np.asarray(Image.fromarray(grey(image)).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    fine = small - ndimage.gaussian_filter(small, 1)
    local = np.sqrt(ndimage.gaussian_filter(fine**2, 6))
    even = fine / (local + fine.std() + np.finfo(np.float32).tiny)
    even -= even.mean()
    length = float(np.linalg.norm(even))
    return even / length if length > 0 else np.zeros_like(even)
