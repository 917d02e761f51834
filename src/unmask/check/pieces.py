"""Connected pieces of the objects of a label image, and the holes in them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int
from scipy import ndimage
from skimage.measure import label

from unmask.arrays import AnyArray, LabelImage, MaskImage
from unmask.geometry.labels import areas, outlines

__all__ = ["Holes", "Pieces", "find_holes", "find_pieces"]

EIGHT = np.ones((3, 3), bool)


@dataclass(frozen=True)
class Pieces:
    """Connected pieces (8 neighbours) of all objects of a label image: `k` pieces, ids 1..k.

    Attributes:
        labels: (h, w) int32, 0 or the id of a piece.
        owner: (k,) id of the object that it is of.
        area: (k,) pixels.
        at_edge: (k,) it touches the edge of the image or what is unknown: a part of it may be there.
        main: (k,) it is the largest piece of its object; of equal ones the first.
    """

    labels: LabelImage
    owner: Int[np.ndarray, " k"]
    area: Int[np.ndarray, " k"]
    at_edge: Bool[np.ndarray, " k"]
    main: Bool[np.ndarray, " k"]

    @cached_property
    def boxes(self) -> list[tuple[slice, slice]]:
        """(k,) rows and columns of each piece."""
        return [(box[0], box[1]) for box in ndimage.find_objects(self.labels)]

    def mask(self, piece: int) -> MaskImage:
        """(h, w) bool, the pixels of one piece in its box; `piece` is an index from 0."""
        return self.labels[self.boxes[piece]] == piece + 1

    def pixels(self, piece: int) -> Int[np.ndarray, "p 2"]:
        """Row and column of each pixel of one piece, in raster order."""
        return np.argwhere(self.mask(piece)) + [place.start for place in self.boxes[piece]]


@dataclass(frozen=True)
class Holes:
    """Enclosed background with one object around it: `k` holes.

    Attributes:
        labels: (h, w) int32, the region of background that each pixel is in; 0 on objects.
        region: (k,) which of these the hole is.
        owner: (k,) id of the object around it.
        area: (k,) pixels.
        first: (k, 2) row and column of its first pixel.
    """

    labels: LabelImage
    region: Int[np.ndarray, " k"]
    owner: Int[np.ndarray, " k"]
    area: Int[np.ndarray, " k"]
    first: Int[np.ndarray, "k 2"]

    def only(self, chosen: Bool[np.ndarray, " k"]) -> "Holes":
        """Some of the holes."""
        return Holes(self.labels, self.region[chosen], self.owner[chosen], self.area[chosen], self.first[chosen])

    def owners(self) -> LabelImage:
        """(h, w) int32, in a hole the id of the object around it, else 0: what would fill it."""
        owner = np.zeros(int(self.labels.max()) + 1, np.int32)
        owner[self.region] = self.owner
        return owner[self.labels]


def find_pieces(objects: LabelImage, unknown: AnyArray | None = None) -> Pieces:
    """The pieces of all objects.

    Args:
        objects: (h, w) int32, 0 is background.
        unknown: (h, w) bool, where nobody knows what is there: pieces beside it count as those at the edge do.
    """
    labels = label(objects, background=0, connectivity=2).astype(np.int32, copy=False)  # type: ignore[no-untyped-call]
    count = int(labels.max())
    owner = np.zeros(count + 1, np.int64)
    owner[labels] = objects
    at_edge = np.zeros(count + 1, bool)
    at_edge[_frame(labels)] = True
    if unknown is not None:
        at_edge[labels[ndimage.binary_dilation(unknown, EIGHT)]] = True
    area = areas(labels)
    # Largest first within an object; lexsort is stable, so that the first of equal ones stays first.
    order = np.lexsort((-area, owner[1:]))
    main = np.zeros(count, bool)
    main[order[np.flatnonzero(np.diff(owner[1:][order], prepend=-1))]] = True
    return Pieces(labels, owner[1:], area, at_edge[1:], main)


def find_holes(objects: LabelImage, no_background: AnyArray | None = None) -> Holes:
    """Background that one object encloses, without a way out over sides or corners of pixels.

    Args:
        objects: (h, w) int32, 0 is background.
        no_background: (h, w) bool, pixels that are none although `objects` is 0 there: of unknown content, or of
            objects in another layer. A region with such a pixel is no hole.
    """
    empty = np.empty(objects.shape, np.int32)
    ndimage.label(objects == 0, EIGHT, output=empty)
    size = areas(empty)
    enclosed = np.ones(size.size + 1, bool)
    enclosed[0] = False
    enclosed[_frame(empty)] = False
    if no_background is not None:
        enclosed[empty[no_background]] = False
    regions, owner, pixel = _beside(empty, objects, enclosed)
    hole, start, objects_around = np.unique(regions, return_index=True, return_counts=True)
    lone = objects_around == 1
    return Holes(empty, hole[lone], owner[start[lone]], size[hole[lone] - 1], pixel[start[lone]])


def _frame(labels: LabelImage) -> AnyArray:
    """Labels along the four edges of an image."""
    return np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])


def _beside(empty: LabelImage, objects: LabelImage, enclosed: AnyArray) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Each pair of an enclosed background region and an object at its side, once: ids, and a pixel of the region.

    Returns:
        (p,) regions, rising; (p,) objects; (p, 2) row and column.
    """
    rows, columns = np.nonzero(enclosed[empty] & outlines(empty))
    steps = ((-1, 0), (0, -1), (0, 1), (1, 0))  # never out of the image: enclosed regions do not touch its edge
    owner = np.stack([objects[rows + y, columns + x] for y, x in steps])
    step, pixel = np.nonzero(owner)
    regions, owners = empty[rows[pixel], columns[pixel]], owner[step, pixel]
    _, index = np.unique(regions.astype(np.int64) * (int(objects.max()) + 1) + owners, return_index=True)
    return regions[index], owners[index], np.stack([rows[pixel[index]], columns[pixel[index]]], axis=1)
