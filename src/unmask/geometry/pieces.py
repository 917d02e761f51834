"""The connected pieces of the objects of a label image."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64
from skimage.measure import label

from unmask.arrays import AnyArray, LabelImage

__all__ = ["Pieces", "pieces"]


@dataclass(frozen=True)
class Pieces:
    """Connected pieces (8 neighbours) of objects; `n` of them, numbered from 1.

    Attributes:
        image: (h, w) int64, the number of the piece of each pixel, 0 for the background.
        ids: (n,) the object of each piece.
        areas: (n,) pixels of each piece.
    """

    image: AnyArray
    ids: Int64[np.ndarray, " n"]
    areas: Int64[np.ndarray, " n"]

    def main(self) -> Int64[np.ndarray, " n"]:
        """(n,) for each piece the number of its object's largest piece, the first of equals."""
        order = np.lexsort((np.arange(self.ids.size), -self.areas, self.ids))
        ids, first = np.unique(self.ids[order], return_index=True)
        largest: AnyArray = order[first] + 1
        return largest[np.searchsorted(ids, self.ids)]


def pieces(labels: LabelImage) -> Pieces:
    """The pieces of the objects of a label image.

    Args:
        labels: (h, w) integers, 0 is background; an id may be in several pieces.
    """
    image: AnyArray = label(labels, background=0, connectivity=2)  # type: ignore[no-untyped-call]
    count = int(image.max())
    ids = np.zeros(count + 1, np.int64)
    ids[image.ravel()] = labels.ravel()
    return Pieces(image, ids[1:], np.bincount(image.ravel(), minlength=count + 1)[1:])
