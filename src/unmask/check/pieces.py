"""Connected pieces of the objects of a label image, and the holes in them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from scipy import ndimage
from skimage.measure import label

from unmask.arrays import AnyArray, LabelImage
from unmask.geometry.labels import areas

__all__ = ["Holes", "Pieces", "find_holes", "find_pieces"]

EIGHT = np.ones((3, 3), bool)


@dataclass(frozen=True)
class Pieces:
    """Connected pieces (8 neighbours) of all objects of a label image: `k` pieces, ids 1..k.

    Attributes:
        labels: (h, w) int32, 0 or the id of a piece.
        owner: (k,) id of the object that it is of.
        area: (k,) pixels.
        at_edge: (k,) it touches the edge of the image: a part of it may be outside.
        main: (k,) it is the largest piece of its object; of equal ones the first.
    """

    labels: LabelImage
    owner: Int[np.ndarray, " k"]
    area: Int[np.ndarray, " k"]
    at_edge: Bool[np.ndarray, " k"]
    main: Bool[np.ndarray, " k"]

    def first(self, piece: int) -> tuple[int, int]:
        """Row and column of the first pixel of a piece in raster order; `piece` is an index from 0."""
        row, column = divmod(int((self.labels.ravel() == piece + 1).argmax()), self.labels.shape[1])
        return row, column


@dataclass(frozen=True)
class Holes:
    """Enclosed background with one object around it: `k` holes.

    Attributes:
        owner: (k,) id of the object around it.
        area: (k,) pixels.
        first: (k, 2) row and column of a pixel at its upper edge.
    """

    owner: Int[np.ndarray, " k"]
    area: Int[np.ndarray, " k"]
    first: Int[np.ndarray, "k 2"]


def find_pieces(objects: LabelImage) -> Pieces:
    """The pieces of all objects.

    Args:
        objects: (h, w) int32, 0 is background.
    """
    labels = label(objects, background=0, connectivity=2).astype(np.int32, copy=False)  # type: ignore[no-untyped-call]
    count = int(labels.max())
    owner = np.zeros(count + 1, np.int64)
    owner[labels] = objects
    at_edge = np.zeros(count + 1, bool)
    at_edge[_frame(labels)] = True
    area = areas(labels)
    # Largest first within an object; lexsort is stable, so that the first of equal ones stays first.
    order = np.lexsort((-area, owner[1:]))
    main = np.zeros(count, bool)
    main[order[np.flatnonzero(np.diff(owner[1:][order], prepend=-1))]] = True
    return Pieces(labels, owner[1:], area, at_edge[1:], main)


def find_holes(objects: LabelImage, open_: AnyArray | None = None) -> Holes:
    """Background that one object encloses, without a way out over sides or corners of pixels.

    Args:
        objects: (h, w) int32, 0 is background.
        open_: (h, w) bool, pixels that are no background although `objects` is 0 there: of unknown content, or of
            objects in another layer. Background with such a pixel is no hole.
    """
    empty = np.empty(objects.shape, np.int32)
    ndimage.label(objects == 0, EIGHT, output=empty)
    size = areas(empty)
    enclosed = np.ones(size.size + 1, bool)
    enclosed[0] = False
    enclosed[_frame(empty)] = False
    if open_ is not None:
        enclosed[empty[open_]] = False
    hole, owner, row, column = _borders(empty, objects, enclosed)
    found, start, kinds = np.unique(hole, return_index=True, return_counts=True)
    lone = kinds == 1  # one object around it
    at = start[lone]
    return Holes(owner[at], size[found[lone] - 1], np.stack([row[at], column[at]], axis=1))


def _frame(labels: LabelImage) -> AnyArray:
    """Labels along the four edges of an image."""
    return np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])


def _borders(empty: LabelImage, objects: LabelImage, enclosed: AnyArray) -> tuple[AnyArray, AnyArray, AnyArray, AnyArray]:
    """Each pair of an enclosed background region and an object beside it, once, rising: ids, row and column."""
    inside = enclosed[empty]
    pairs = []
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        here = [slice(None), slice(None)]
        there = [slice(None), slice(None)]
        here[axis], there[axis] = (slice(1, None), slice(None, -1)) if step == 1 else (slice(None, -1), slice(1, None))
        rows, columns = np.nonzero(inside[tuple(here)] & (objects[tuple(there)] > 0))
        ids = objects[tuple(there)][rows, columns]
        regions = empty[tuple(here)][rows, columns]
        first = step == 1
        pairs.append(np.stack([regions, ids, rows + (first and axis == 0), columns + (first and axis == 1)]))
    found = np.concatenate(pairs, axis=1)
    _, index = np.unique(found[:2], axis=1, return_index=True)
    regions, ids, rows, columns = found[:, index]
    return regions, ids, rows, columns
