"""Windows find the objects that one pass finds, each once.

The detector here is an oracle: the image is its own label image, so that it knows what a window shows, cut objects
included, and errs as a network does: boxes that are a little off, scores that change from window to window.
"""

import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from unmask.arrays import FloatImage
from unmask.data.phantom.phantom import Kind, Phantom
from unmask.geometry.labels import bounding_boxes, relabel
from unmask.instances.detections import Detections
from unmask.predict.windows import _best, _close, detect_windows

SIDE = 28


def oracle(jitter: float = 0.0, masks: bool = True) -> Callable[[FloatImage], Detections]:
    """Finds all of a label image that it is shown; boxes off by `jitter` of their sides, scores by chance."""

    def detect(window: FloatImage) -> Detections:
        random = np.random.default_rng(zlib.crc32(window.tobytes()))
        labels = window[..., 0].astype(np.int32)
        ids, places = [], []
        for number, place in enumerate(ndimage.find_objects(labels), start=1):
            if place is not None:
                ids.append(number)
                places.append((place[1].start, place[0].start, place[1].stop, place[0].stop))
        boxes = np.array(places, np.float32).reshape(-1, 4)
        small = [_resampled(labels, *place, number) for number, place in zip(ids, places, strict=True)]
        sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        boxes += jitter * sides * random.normal(size=boxes.shape).astype(np.float32)
        scores = -np.sort(-random.uniform(0.05, 1, len(ids))).astype(np.float32)
        stack = np.array(small, np.float32).reshape(-1, SIDE, SIDE) if masks else None
        return Detections(labels.shape, boxes, np.ones(len(ids), np.uint8), scores, stack)

    return detect


def _resampled(labels: np.ndarray, x0: int, y0: int, x1: int, y1: int, number: int) -> np.ndarray:
    at = (np.arange(SIDE) + 0.5) / SIDE
    rows, columns = (y0 + at * (y1 - y0)).astype(int), (x0 + at * (x1 - x0)).astype(int)
    return labels[np.ix_(rows, columns)] == number


def shown(labels: np.ndarray) -> FloatImage:
    """A label image as the image that the oracle reads."""
    return labels[..., None].astype(np.float32)


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n, 4) and (m, 4) boxes to (n, m), pair by pair."""
    shared = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    both = shared.clip(0).prod(2)
    area = (a[:, 2:] - a[:, :2]).prod(1)[:, None] + (b[:, 2:] - b[:, :2]).prod(1)[None]
    return both / (area - both)


def phantom(kind: Kind, seed: int) -> tuple[np.ndarray, int]:
    """A label image and the longest side of an object in it."""
    objects = Phantom(kind, (610, 760), seed=seed).sample().objects
    assert objects is not None
    labels = relabel(objects)
    boxes = bounding_boxes(labels)
    return labels, int((boxes[:, 2:] - boxes[:, :2]).max())


@pytest.fixture(scope="module", params=["nuclei", "cells"])
def tissue(request: pytest.FixtureRequest) -> tuple[np.ndarray, int]:
    return phantom(request.param, 3)


@pytest.mark.parametrize("window", [3.0, 4.5])
def test_an_exact_detector_finds_the_very_objects(tissue: tuple[np.ndarray, int], window: float) -> None:
    labels, largest = tissue
    whole = oracle()(shown(labels))
    found = detect_windows(oracle(), shown(labels), int(window * largest), largest)
    assert len(found) == len(whole) > 90
    assert np.array_equal(*(rows[np.lexsort(rows.T)] for rows in (found.boxes, whole.boxes)))
    assert np.all(np.diff(found.scores) <= 0)
    assert found.size == labels.shape


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("extra", [0, 17])
def test_one_that_errs_finds_the_same_but_for_one_in_a_hundred(
    tissue: tuple[np.ndarray, int], extra: int, masks: bool
) -> None:
    labels, largest = tissue
    detect = oracle(jitter=0.01, masks=masks)
    found = detect_windows(detect, shown(labels), 4 * largest, largest + extra)
    truth = oracle(masks=masks)(shown(labels))
    overlaps = iou(truth.boxes, found.boxes)
    assert (overlaps.max(1) > 0.9).mean() >= 0.99
    assert (overlaps.max(0) > 0.9).mean() >= 0.99
    assert abs(len(found) - len(truth)) <= 0.01 * len(truth)


@settings(max_examples=60)
@given(st.integers(2, 14), st.integers(0, 9), st.integers(1, 40), st.integers(0, 2**32 - 1), st.data())
def test_objects_anywhere(cell: int, more_overlap: int, more_window: int, seed: int, data: st.DataObject) -> None:
    """Rectangles in the cells of a lattice, none larger than the overlap."""
    height, width = (data.draw(st.integers(cell, 9 * cell)) for _ in range(2))
    random = np.random.default_rng(seed)
    labels = np.zeros((height, width), np.int32)
    for y, x in np.ndindex(height // cell, width // cell):
        (h, w) = random.integers(1, cell + 1, 2)
        top, left = y * cell + random.integers(0, cell - h + 1), x * cell + random.integers(0, cell - w + 1)
        labels[top : top + h, left : left + w] = 1 + labels.max()
    overlap = cell + more_overlap
    found = detect_windows(oracle(masks=False), shown(labels), overlap + more_window, overlap)
    truth = oracle(masks=False)(shown(labels))
    assert np.array_equal(*(rows[np.lexsort(rows.T)] for rows in (found.boxes, truth.boxes)))


def scripted(*answers: list[tuple[list[float], float]], masks: np.ndarray | None = None) -> Callable[..., Detections]:
    """A detector that gives boxes and scores window by window, whatever it is shown."""
    rows = iter(answers)

    def detect(window: FloatImage) -> Detections:
        answer = next(rows)
        boxes = np.array([box for box, _ in answer], np.float32).reshape(-1, 4)
        scores = np.array([score for _, score in answer], np.float32)
        stack = None if masks is None else np.repeat(masks[None], len(answer), axis=0)
        return Detections(window.shape[:2], boxes, np.ones(len(answer), np.uint8), scores, stack)

    return detect


# Two windows of 70 columns, 0 to 70 and 50 to 120; the border is column 60.
PAIR = np.zeros((40, 120, 1), np.float32)


def two(left: list[tuple[list[float], float]], right: list[tuple[list[float], float]]) -> Detections:
    """What two windows make of it, both answers in pixels of the image."""
    moved = [([box[0] - 50, box[1], box[2] - 50, box[3]], score) for box, score in right]
    return detect_windows(scripted(left, moved), PAIR, 70, 20)


def test_the_window_that_owns_the_middle_reports() -> None:
    found = two([([40, 10, 66, 20], 0.5)], [([52, 10, 62, 20], 0.9), ([80, 10, 90, 20], 0.7)])
    assert found.boxes.tolist() == [[80, 10, 90, 20], [40, 10, 66, 20]]
    assert found.scores.tolist() == pytest.approx([0.7, 0.5])


def test_windows_that_each_see_it_on_the_others_side_do_not_lose_it() -> None:
    found = two([([53, 10, 67.5, 22], 0.6)], [([52.5, 10, 67, 22], 0.8)])
    assert found.boxes.tolist() == [[52.5, 10, 67, 22]]


def test_a_whole_object_wins_against_a_piece_of_better_score() -> None:
    """From column 22 to 66 of 20 shared columns: the right window sees columns 50 to 66, and takes them for more."""
    found = two([([22, 10, 66, 30], 0.3)], [([50.5, 10, 69, 30], 0.9)])
    assert found.boxes.tolist() == [[22, 10, 66, 30]]


def test_of_two_pieces_the_larger_stays() -> None:
    found = two([([30, 10, 69, 30], 0.3)], [([50.5, 10, 70, 30], 0.9)])
    assert found.boxes.tolist() == [[30, 10, 69, 30]]


@pytest.mark.parametrize(("top", "bottom"), [(0, 20), (20, 40)])
def test_the_images_edge_cuts_nothing(top: int, bottom: int) -> None:
    found = two([([52, top, 66, bottom], 0.3)], [([50, top, 68, bottom], 0.9)])
    assert found.boxes.tolist() == [[52, top, 66, bottom]]


def test_a_small_whole_object_inside_another_is_one_of_its_own() -> None:
    """One pass would keep both: their IoU is small, and nothing was cut."""
    found = two([([25, 5, 67, 35], 0.9)], [([58, 12, 64, 18], 0.6)])
    assert len(found) == 2


def test_classes_do_not_meet() -> None:
    answers = iter([1, 2])

    def detect(window: FloatImage) -> Detections:
        kind = next(answers)
        box = [[52.0, 10, 68, 20]] if kind == 1 else [[2.0, 10, 18, 20]]
        return Detections((40, 70), np.array(box, np.float32), np.array([kind], np.uint8), np.ones(1, np.float32), None)

    assert sorted(detect_windows(detect, PAIR, 70, 20).classes.tolist()) == [1, 2]


@pytest.mark.parametrize(("masks", "objects"), [(True, 2), (False, 1)])
def test_masks_tell_apart_what_boxes_cannot(masks: bool, objects: int) -> None:
    """Two bars that lie side by side across the border, in nearly the same box."""
    upper = np.triu(np.ones((SIDE, SIDE), np.float32), 8)
    answers = iter([([52.0, 5, 67, 20], upper), ([3.0, 5, 18, 20], upper.T)])

    def detect(window: FloatImage) -> Detections:
        box, mask = next(answers)
        return Detections(
            window.shape[:2],
            np.array([box], np.float32),
            np.ones(1, np.uint8),
            np.ones(1, np.float32),
            mask[None] if masks else None,
        )

    assert len(detect_windows(detect, PAIR, 70, 20)) == objects


def test_one_window_is_one_pass() -> None:
    answer = [([1.0, 2, 3, 4], 0.9), ([0.0, 0, 30, 30], 0.4)]
    found = detect_windows(scripted(answer), PAIR[:, :70], 70, 20)
    assert found.boxes.tolist() == [box for box, _ in answer]


def test_nothing_found() -> None:
    found = detect_windows(oracle(), PAIR, 70, 20)
    assert len(found) == 0
    assert found.masks is not None
    assert found.masks.shape == (0, SIDE, SIDE)
    assert not found.saturated


def test_a_full_window_is_told() -> None:
    answers = iter([False, True])

    def detect(window: FloatImage) -> Detections:
        none = oracle()(window)
        return Detections(none.size, none.boxes, none.classes, none.scores, none.masks, next(answers))

    assert detect_windows(detect, PAIR, 70, 20).saturated


def test_progress_ends_with_all_pixels() -> None:
    calls: list[tuple[int, int]] = []
    detect_windows(oracle(), PAIR, 30, 10, progress=lambda done, of: calls.append((done, of)))
    assert len(calls) == 12
    assert calls[0] == (20 * 23, 4800)
    assert calls[-1] == (4800, 4800)
    assert sorted(calls) == calls


def test_an_overlap_as_large_as_the_window() -> None:
    with pytest.raises(ValueError, match="windows of 20 pixels cannot overlap by 20"):
        detect_windows(oracle(), PAIR, 20, 20)


def test_close_pairs_are_those_of_the_slow_search() -> None:
    random = np.random.default_rng(5)
    corners = random.uniform(0, 100, (300, 2))
    boxes = np.concatenate([corners, corners + random.uniform(1, 30, (300, 2))], axis=1).astype(np.float32)
    classes, windows = random.integers(1, 3, 300).astype(np.uint8), random.integers(0, 4, 300)
    expected = set()
    for i in range(300):
        for j in range(i):
            shared = np.minimum(boxes[i, 2:], boxes[j, 2:]) - np.maximum(boxes[i, :2], boxes[j, :2])
            least = min(np.prod(boxes[k, 2:] - boxes[k, :2]) for k in (i, j))
            apart = classes[i] != classes[j] or windows[i] == windows[j]
            if not apart and shared.min() > 0 and shared.prod() > 0.5 * least:
                expected.add((j, i))
    pairs = _close(boxes, classes, windows)
    assert len(expected) > 300
    assert len(pairs) == len(expected)
    assert {(min(pair), max(pair)) for pair in pairs.tolist()} == expected


def test_what_was_put_out_puts_nothing_out() -> None:
    """0 beats 1, which would have beaten 2."""
    boxes = np.tile(np.array([0, 0, 9, 9], np.float32), (3, 1))
    scores = np.array([0.9, 0.8, 0.7], np.float32)
    found = Detections((9, 9), boxes, np.ones(3, np.uint8), scores, None)
    stays = _best(found, np.zeros(3, np.bool_), np.array([[2, 1], [1, 0]]))
    assert stays.tolist() == [True, False, True]
