"""Detections of an image of any size: overlapping windows, each looked at alone, and what they found made one.

A window reports the objects whose middle lies in the part that it owns, so that an object no larger than the overlap is
reported by a window that sees all of it. Two windows see the same object slightly differently, though: near the border
either may report it, and what is left twice is found by its overlap and dropped. Of an object larger than the overlap,
of which no window sees all, the pieces that two windows saw may remain as two objects.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import numba
import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8
from numpy import ndarray

from unmask.arrays import FloatImage
from unmask.geometry.windows import Window, overlapping_axis
from unmask.instances.detections import Detections
from unmask.instances.paste import Crop, crops

__all__ = ["detect_windows"]

# An object whose middle lies outside the window's own part by less than this share of its side is kept, or one that
# each of two windows sees on the other's side of the border would be lost.
SLACK = 0.1
# A box that ends so near an inner edge of its window (pixels, or share of its side) is of an object that was cut.
EDGE, EDGE_SHARE = 2.0, 0.05
# Two detections are one object above this intersection over union, or over a smaller one that was cut.
SAME, PIECE = 0.5, 0.7
# Masks are compared where boxes share more than this part of the smaller one.
CLOSE = 0.5
MASK_THRESHOLD = 0.5


def detect_windows(
    detect: Callable[[FloatImage], Detections],
    image: FloatImage,
    window: int,
    overlap: int,
    progress: Callable[[int, int], None] | None = None,
) -> Detections:
    """The objects of an image, found window by window.

    Of two detections of one class from different windows that are one object, the one that no window's edge cut is
    kept; of two whole ones that of the better score, of two pieces the larger. One object they are when the IoU of
    their masks (without masks: boxes) is above 0.5, or when the smaller was cut and more than 0.7 of it lies in the
    other.

    Args:
        detect: finds the objects of an image (h, w, c), boxes in its own pixels, best first.
        image: (h, w, c).
        window: largest side of a window, pixels; an image no larger is looked at as a whole.
        overlap: pixels that neighbouring windows share: the largest object's side.
        progress: called with (pixels done, pixels in all) after each window.

    Returns:
        Detections in pixels of the image, best first; saturated when those of any window were.

    Raises:
        ValueError: `overlap` is negative or not below `window`.
    """
    height, width = image.shape[:2]
    axes = overlapping_axis(height, window, overlap), overlapping_axis(width, window, overlap)
    views, done = [], 0
    for rows, columns in product(*axes):
        found = detect(image[rows.start : rows.stop, columns.start : columns.stop])
        views.append(_view(found, rows, columns, (height, width)))
        done += (rows.own_stop - rows.own_start) * (columns.own_stop - columns.own_start)
        if progress is not None:
            progress(done, height * width)
    return _merged(views)


@dataclass(frozen=True)
class _View:
    """What a window reports: detections in pixels of the image, and which of them an edge of the window cut."""

    detections: Detections
    cut: Bool[ndarray, " n"]


def _view(found: Detections, rows: Window, columns: Window, size: tuple[int, int]) -> _View:
    shift = np.array([columns.start, rows.start] * 2, np.float32)
    placed = replace(found, size=size, boxes=found.boxes + shift)
    x, y = placed.boxes[:, 0::2], placed.boxes[:, 1::2]
    own = _is_own(x, columns) & _is_own(y, rows)
    cut = _is_cut(x, columns, size[1]) | _is_cut(y, rows, size[0])
    return _View(placed.take(own), cut[own])


def _is_own(sides: Float32[ndarray, "n 2"], axis: Window) -> Bool[ndarray, " n"]:
    start, stop = sides.T
    middle, slack = (start + stop) / 2, SLACK * (stop - start)
    return (middle >= axis.own_start - slack) & (middle < axis.own_stop + slack)


def _is_cut(sides: Float32[ndarray, "n 2"], axis: Window, size: int) -> Bool[ndarray, " n"]:
    """Which end at an edge of the window that is not one of the image."""
    start, stop = sides.T
    near = np.maximum(EDGE, EDGE_SHARE * (stop - start))
    return ((start < axis.start + near) & (axis.start > 0)) | ((stop > axis.stop - near) & (axis.stop < size))


def _merged(views: list[_View]) -> Detections:
    """The detections of all windows, each object once."""
    together = _together([view.detections for view in views])
    windows = np.repeat(np.arange(len(views)), [len(view.detections) for view in views])
    cut = np.concatenate([view.cut for view in views])
    same = _same(together, cut, _close(together.boxes, together.classes, windows))
    kept = together.take(_best(together, cut, same))
    return kept.take(np.argsort(-kept.scores, kind="stable"))


def _together(parts: list[Detections]) -> Detections:
    masks = [part.masks for part in parts if part.masks is not None]
    return Detections(
        parts[0].size,
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.classes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate(masks) if masks else None,
        any(part.saturated for part in parts),
    )


def _close(
    boxes: Float32[ndarray, "n 4"], classes: UInt8[ndarray, " n"], windows: Int64[ndarray, " n"]
) -> Int64[ndarray, "pairs 2"]:
    """Pairs of one class from different windows whose boxes share much of the smaller one."""
    order = np.argsort(boxes[:, 1], kind="stable")
    # In this order a box meets only those that start before it ends.
    ends = np.searchsorted(boxes[order, 1], boxes[order, 3])
    pairs = _sweep(boxes[order], ends, classes[order], windows[order])
    return order[np.array(pairs, np.int64).reshape(-1, 2)]


@numba.njit(cache=True)
def _sweep(
    boxes: Float32[ndarray, "n 4"],
    ends: Int64[ndarray, " n"],
    classes: UInt8[ndarray, " n"],
    windows: Int64[ndarray, " n"],
) -> list[tuple[int, int]]:
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    pairs = [(i, i) for i in range(0)]
    for i in range(len(boxes)):
        for j in range(i + 1, ends[i]):
            w = min(boxes[i, 2], boxes[j, 2]) - max(boxes[i, 0], boxes[j, 0])
            h = min(boxes[i, 3], boxes[j, 3]) - boxes[j, 1]
            alike = windows[i] != windows[j] and classes[i] == classes[j]
            if alike and w > 0 and w * h > CLOSE * min(areas[i], areas[j]):
                pairs.append((i, j))
    return pairs


def _same(
    detections: Detections, cut: Bool[ndarray, " n"], pairs: Int64[ndarray, "pairs 2"]
) -> Int64[ndarray, "same 2"]:
    """Those pairs that are one object."""
    wanted = np.unique(pairs)
    masks = dict(zip(wanted.tolist(), crops(detections.take(wanted), MASK_THRESHOLD), strict=True))
    same = [(i, j) for i, j in pairs.tolist() if _are_one(masks[i], masks[j], bool(cut[i]), bool(cut[j]))]
    return np.array(same, np.int64).reshape(-1, 2)


def _are_one(a: Crop, b: Crop, a_cut: bool, b_cut: bool) -> bool:
    shared = _shared(a, b)
    (smaller, was_cut), (larger, _) = sorted((int(np.count_nonzero(m.mask)), c) for m, c in ((a, a_cut), (b, b_cut)))
    return shared > SAME * (smaller + larger - shared) or (was_cut and shared > PIECE * smaller)


def _shared(a: Crop, b: Crop) -> int:
    """How many pixels two masks have in common."""
    top, left = max(a.top, b.top), max(a.left, b.left)
    bottom = min(a.top + a.mask.shape[0], b.top + b.mask.shape[0])
    right = min(a.left + a.mask.shape[1], b.left + b.mask.shape[1])
    if bottom <= top or right <= left:
        return 0
    first = a.mask[top - a.top : bottom - a.top, left - a.left : right - a.left]
    second = b.mask[top - b.top : bottom - b.top, left - b.left : right - b.left]
    return int(np.count_nonzero(first & second))


def _best(detections: Detections, cut: Bool[ndarray, " n"], same: Int64[ndarray, "same 2"]) -> Bool[ndarray, " n"]:
    """Which detections stay: of each pair that is one object the better, unless a still better one has put it out.

    Whole ones are better than pieces; of whole ones that of higher score, of pieces the larger.
    """
    sides = detections.boxes[:, 2:] - detections.boxes[:, :2]
    worth = np.where(cut, sides.prod(axis=1), detections.scores)
    rank = np.empty(len(cut), np.int64)
    rank[np.lexsort((-worth, cut))] = np.arange(len(cut))
    stays = np.ones(len(cut), np.bool_)
    for better, worse in sorted(np.sort(rank[same], axis=1).tolist()):
        stays[worse] &= not stays[better]
    return stays[rank]
