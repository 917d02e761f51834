"""Objects as three classes, background, inside and border, for networks of classes; and back to objects."""

import numpy as np
import numpy.typing as npt
from images import Labels, Pair
from skimage.measure import label
from skimage.segmentation import find_boundaries, relabel_sequential, watershed

__all__ = ["BORDER", "CLASSES", "INSIDE", "decode", "encode", "smallest_object"]

CLASSES, INSIDE, BORDER = 3, 1, 2


def encode(labels: Labels) -> npt.NDArray[np.uint8]:
    """Class map (h, w): the border is the outermost pixel of each object, so touching ones have two between them."""
    border = find_boundaries(labels, connectivity=2, mode="inner")
    classes: npt.NDArray[np.uint8] = np.where(labels == 0, 0, np.where(border, BORDER, INSIDE)).astype(np.uint8)
    return classes


def decode(probabilities: npt.NDArray[np.float32], smallest: float) -> Labels:
    """Label image of probabilities (3, h, w).

    Pieces of the class inside are the seeds, and grow over the border by a watershed. A piece of foreground without
    one, an object too thin to have an inside, is an object too.

    Args:
        probabilities: of background, inside and border.
        smallest: objects of fewer pixels are left out.
    """
    found = probabilities.argmax(axis=0)
    seeds, foreground = label(found == INSIDE, connectivity=1), label(found > 0, connectivity=1)
    seeded = np.isin(foreground, np.unique(foreground[seeds > 0]))
    seeds = np.where(seeded, seeds, np.where(foreground > 0, foreground + seeds.max(), 0))
    labels = watershed(1 - probabilities[INSIDE], seeds, mask=foreground > 0)
    labels[np.bincount(labels.ravel())[labels] < smallest] = 0
    kept: Labels = relabel_sequential(labels)[0].astype(np.int32)
    return kept


def smallest_object(training: tuple[Pair, ...]) -> float:
    """Half the pixels of the smallest annotated object: what is smaller is noise."""
    areas = [np.bincount(pair.labels.ravel())[1:] for pair in training]
    return 0.5 * min((int(some[some > 0].min()) for some in areas if some.any()), default=0)
