"""From a network's probabilities to objects: seeds, growth, sizes, holes, classes.

A network trained with a background ridge between touching objects separates them where its foreground probability is
high, and finds their true extent where it is low. So objects are counted at a high threshold and measured at a low one.

Every step is a labelling numbered in raster order, a count over a label, or a growth of bounded reach. Each can
therefore be computed block by block with the very result of the whole image.
"""

import numba
import numpy as np
from jaxtyping import Float32, Int64, UInt8
from numpy import ndarray

from unmask.arrays import LabelImage, MaskImage, ProbabilityMap
from unmask.geometry.labels import areas, components, relabel
from unmask.instances.growth import grow
from unmask.instances.objects import Objects
from unmask.recipe import InstanceRecipe

__all__ = ["class_sums", "classes_and_scores", "decode", "drop_small", "fill_holes", "label_objects"]

_ONE = 1 << 24  # probabilities are added as integers: exact, so that no order of blocks can change a class


def decode(
    probabilities: ProbabilityMap, parameters: InstanceRecipe, pixel_size: tuple[float, float] | None = None
) -> Objects:
    """Objects of one image.

    Args:
        probabilities: (c, h, w) float32, softmax; channel 0 is background, channel k class k.
        parameters: thresholds, reach and sizes; see `label_objects`.
        pixel_size: (y, x) in micrometres, handed on.

    Returns:
        The objects. An object's class is the one with the largest probability summed over its pixels (the lowest index
        of equals), its score the mean of 1 - background.
    """
    labels = label_objects(1 - probabilities[0], parameters)
    classes, scores = classes_and_scores(class_sums(labels, probabilities)[1:], areas(labels))
    return Objects(labels, classes, scores, pixel_size)


def label_objects(foreground: Float32[ndarray, "h w"], parameters: InstanceRecipe) -> LabelImage:
    """Objects from a foreground probability, classes aside.

    1. Seeds are the 4-connected components of `foreground >= seed_threshold`; those of less than half of `min_size` are
       none, being flecks. What nowhere reaches the threshold is no object.
    2. Seeds grow into `foreground >= mask_threshold` by at most `reach` layers (`grow`).
    3. Objects smaller than `min_size` pixels go, then holes of at most `max_hole` pixels are filled.

    Args:
        foreground: (h, w) float32, 1 - background.
        parameters: the five values above.

    Returns:
        (h, w) int32, 1..n in raster order of each object's first pixel.
    """
    seeds = drop_small(components(foreground >= parameters.seed_threshold), parameters.min_size / 2)
    labels = grow(seeds, foreground >= parameters.mask_threshold, parameters.reach)
    return relabel(fill_holes(drop_small(labels, parameters.min_size), parameters.max_hole))


def classes_and_scores(
    sums: Int64[ndarray, "n c"], pixels: Int64[ndarray, " n"]
) -> tuple[UInt8[ndarray, " n"], Float32[ndarray, " n"]]:
    """Class and score of each object from its `class_sums` and its area."""
    classes = (1 + sums[:, 1:].argmax(axis=1)).astype(np.uint8)
    return classes, (1 - sums[:, 0] / (_ONE * pixels)).astype(np.float32)


def drop_small(labels: LabelImage, min_size: float) -> LabelImage:
    """Takes objects of less than `min_size` pixels away; the others keep their labels."""
    kept = np.append(False, areas(labels) >= min_size)
    return np.where(kept[labels], labels, np.int32(0))


def fill_holes(labels: LabelImage, max_hole: int) -> LabelImage:
    """Gives holes to the object around them.

    A hole is an 8-connected component of the background of at most `max_hole` pixels that shares sides with exactly one
    object and does not lie at the image's edge, where nobody knows whether it is closed.

    Args:
        labels: (h, w) int32.
        max_hole: in pixels; 0 fills nothing.

    Returns:
        (h, w) int32.
    """
    holes = components(labels == 0, connectivity=2)
    fits = np.append(False, areas(holes) <= max_hole)
    for edge in (holes[0], holes[-1], holes[:, 0], holes[:, -1]):
        fits[edge] = False
    return _fill(labels, holes, fits) if fits.any() else labels


@numba.njit(cache=True, nogil=True)
def _fill(labels: LabelImage, holes: LabelImage, fits: MaskImage) -> LabelImage:
    """Fills holes marked in `fits`, none of them at the image's edge, that have one neighbour."""
    owner = np.zeros(fits.size, np.int32)
    height, width = labels.shape
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            hole = holes[y, x]
            if fits[hole]:
                for label in (labels[y - 1, x], labels[y, x - 1], labels[y, x + 1], labels[y + 1, x]):
                    if label != 0 and owner[hole] == 0:
                        owner[hole] = label
                    elif label != 0 and owner[hole] != label:
                        fits[hole] = False
    filled = labels.copy()
    for y in range(height):
        for x in range(width):
            if fits[holes[y, x]]:
                filled[y, x] = owner[holes[y, x]]
    return filled


@numba.njit(cache=True, nogil=True)
def class_sums(labels: LabelImage, probabilities: ProbabilityMap) -> Int64[ndarray, "labels c"]:
    """Probabilities summed over each label (the background's too), as integers: sums of parts add up to the whole's."""
    sums = np.zeros((labels.max() + 1, probabilities.shape[0]), np.int64)
    for k in range(probabilities.shape[0]):
        for y in range(labels.shape[0]):
            for x in range(labels.shape[1]):
                sums[labels[y, x], k] += np.int64(_ONE * probabilities[k, y, x] + 0.5)
    return sums
