"""Pass 4 of `blockwise`: final labels of a block, and all that is said of objects and can be added up over blocks."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numba
import numpy as np
from jaxtyping import Float32, Int32, Int64, Shaped, UInt8
from numpy import ndarray

from unmask.arrays import AnyArray, LabelImage, ProbabilityMap, RawImage
from unmask.instances.blockwise import Table, compact
from unmask.instances.decode import class_sums, classes_and_scores

__all__ = ["ObjectSums", "finish", "merge_objects", "object_sums", "whole_objects"]


@dataclass(frozen=True)
class ObjectSums:
    """What is known of objects, or of their parts in one block, in the order of their numbers.

    All of it is integers (but `totals` of float images): parts add up to the same, however the image was cut.

    Attributes:
        numbers: (n,) int32, of the final label image.
        areas: (n,) pixels.
        boxes: (n, 4) top, left, bottom, right in pixels of the image, bottom and right exclusive.
        moments: (n, 5) sums of y, x, y y, x x, x y over the pixels, modulo 2 ** 64: what is small is exact.
        classes: (n, c) probabilities summed, as `class_sums` gives them.
        totals: (n, k) grey values of each channel summed, int64 or, of float images, float64.
        lows: (n, k) smallest grey values, in the image's type.
        highs: (n, k) largest grey values.
    """

    numbers: Int32[ndarray, " n"]
    areas: Int64[ndarray, " n"]
    boxes: Int64[ndarray, "n 4"]
    moments: Int64[ndarray, "n 5"]
    classes: Int64[ndarray, "n c"]
    totals: Shaped[ndarray, "n k"]
    lows: Shaped[ndarray, "n k"]
    highs: Shaped[ndarray, "n k"]

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, index: AnyArray) -> "ObjectSums":
        """Some of them: by a mask or by positions."""
        return ObjectSums(*(column[index] for column in _columns(self)))

    def classes_and_scores(self) -> tuple[UInt8[ndarray, " n"], Float32[ndarray, " n"]]:
        """As `decode` gives them, once the objects are whole."""
        return classes_and_scores(self.classes, self.areas)


def finish(
    labels: LabelImage,
    table: Table,
    probabilities: ProbabilityMap,
    image: RawImage | None,
    origin: tuple[int, int],
) -> tuple[LabelImage, ObjectSums]:
    """Final labels of one block, and what is known of the objects and parts of objects in it.

    Args:
        labels: (h, w) int32 of `holes_of_block`.
        table: of the block, of `join_holes`.
        probabilities: (c, h, w) float32 of the block.
        image: (h, w, k) grey values of the block, or None to leave the intensities out.
        origin: row and column of the block's first pixel in the image.

    Returns:
        (h, w) int32 in the numbers of the image, and the sums.
    """
    own, numbers = compact(labels, table)
    return numbers[own], object_sums(own, numbers[1:], probabilities, image, origin)


def object_sums(
    labels: LabelImage,
    numbers: Int32[ndarray, " n"],
    probabilities: ProbabilityMap,
    image: RawImage | None,
    origin: tuple[int, int],
) -> ObjectSums:
    """What is known of the objects of one block, or of a whole image.

    Args:
        labels: (h, w) int32, 1..n.
        numbers: of these in the image.
        probabilities: (c, h, w) float32, as all below as for `finish`.
        image: (h, w, k) grey values, or None.
        origin: row and column of the first pixel in the image.

    Returns:
        The sums; of a label that is not there, an area of 0.
    """
    grey = np.zeros((*labels.shape, 0), np.uint8) if image is None else image
    count, channels = numbers.size, grey.shape[2]
    sums = ObjectSums(
        numbers,
        np.zeros(count, np.int64),
        np.tile(np.array([2**62, 2**62, 0, 0]), (count, 1)),
        np.zeros((count, 5), np.int64),
        class_sums(labels, probabilities)[1:],
        np.zeros((count, channels), np.float64 if grey.dtype.kind == "f" else np.int64),
        np.zeros((count, channels), grey.dtype),
        np.zeros((count, channels), grey.dtype),
    )
    _add_grey(labels, grey, sums.areas, sums.totals, sums.lows, sums.highs)
    _add_places(labels, origin[0], origin[1], sums.boxes, sums.moments)
    return sums


def merge_objects(parts: Sequence[ObjectSums]) -> ObjectSums:
    """Objects from their parts.

    Args:
        parts: of any blocks, also merged before. Sums of float images are added in this order, all else is exact.

    Returns:
        One element an object, in the order of their numbers.
    """
    rows = ObjectSums(*(np.concatenate(column) for column in zip(*map(_columns, parts), strict=True)))
    rows = rows.take(np.argsort(rows.numbers, kind="stable"))
    starts = np.flatnonzero(np.diff(rows.numbers, prepend=0))
    lowest, highest, add = (np.minimum.reduceat, np.maximum.reduceat, np.add.reduceat)
    return ObjectSums(
        rows.numbers[starts],
        add(rows.areas, starts),
        np.hstack([lowest(rows.boxes[:, :2], starts), highest(rows.boxes[:, 2:], starts)]),
        add(rows.moments, starts),
        add(rows.classes, starts),
        add(rows.totals, starts),
        lowest(rows.lows, starts),
        highest(rows.highs, starts),
    )


def whole_objects(rows: Iterable[tuple[int, Sequence[ObjectSums]]]) -> Iterator[ObjectSums]:
    """Objects as soon as they are whole, while the blocks of an image go by row after row.

    Memory holds the objects that reach into the rows to come, and whole ones that wait for these, whose numbers are
    lower: all below the start of one that goes through the image.

    Args:
        rows: of blocks, from above: the row of pixels after its last, and what `finish` gave of its blocks, in order.
            Objects are connected (by 8 neighbours or fewer): one that has pixels in two rows of blocks has some in the
            last line of the upper one. Of another the part above would come as an object of its own.

    Yields:
        A part for each row and one after the last, merged, its numbers higher than those of the parts before; it may be
        empty.
    """
    reaching: list[ObjectSums] = []  # to the last line of a row: what lies in two rows crosses it
    waiting: list[ObjectSums] = []
    for stop, parts in rows:
        merged = merge_objects([*reaching, *parts])
        at_end = merged.boxes[:, 2] == stop
        reaching = [merged.take(at_end)]
        whole = merge_objects([*waiting, merged.take(~at_end)])
        is_next = whole.numbers < reaching[0].numbers.min(initial=np.iinfo(np.int32).max)
        yield whole.take(is_next)
        waiting = [whole.take(~is_next)]
    yield merge_objects([*waiting, *reaching])


def _columns(sums: ObjectSums) -> tuple[AnyArray, ...]:
    return tuple(vars(sums).values())


@numba.njit(cache=True, nogil=True)
def _add_grey(
    labels: LabelImage,
    image: RawImage,
    areas: Int64[ndarray, " n"],
    totals: Shaped[ndarray, "n k"],
    lows: Shaped[ndarray, "n k"],
    highs: Shaped[ndarray, "n k"],
) -> None:
    """Counts pixels and adds up grey values."""
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            i = labels[y, x] - 1
            if i >= 0:
                for k in range(image.shape[2]):
                    value = image[y, x, k]
                    totals[i, k] += value
                    if areas[i] == 0 or value < lows[i, k]:
                        lows[i, k] = value
                    if areas[i] == 0 or value > highs[i, k]:
                        highs[i, k] = value
                areas[i] += 1


@numba.njit(cache=True, nogil=True)
def _add_places(
    labels: LabelImage, top: int, left: int, boxes: Int64[ndarray, "n 4"], moments: Int64[ndarray, "n 5"]
) -> None:
    """Stretches boxes and adds up positions."""
    for v in range(labels.shape[0]):
        for u in range(labels.shape[1]):
            i = labels[v, u] - 1
            if i >= 0:
                y, x = v + top, u + left
                boxes[i, 0] = min(boxes[i, 0], y)
                boxes[i, 1] = min(boxes[i, 1], x)
                boxes[i, 2] = max(boxes[i, 2], y + 1)
                boxes[i, 3] = max(boxes[i, 3], x + 1)
                moments[i, 0] += y
                moments[i, 1] += x
                moments[i, 2] += y * y
                moments[i, 3] += x * x
                moments[i, 4] += x * y
