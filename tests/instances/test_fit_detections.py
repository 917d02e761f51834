import numpy as np
import pytest
from skimage.draw import disk

from unmask.errors import DataError
from unmask.geometry.labels import relabel
from unmask.instances.detections import Detections
from unmask.instances.fit_detections import fit_detections
from unmask.instances.paint import paint
from unmask.recipe import DetectionRecipe

SIZE = (80, 80)


def overlap(truth, prediction, ignore=None):
    """Mean over true objects of the largest IoU, wrong counts punished."""
    if truth.max() == prediction.max() == 0:
        return float("nan")
    table = np.zeros((truth.max() + 1, prediction.max() + 1))
    np.add.at(table, (truth, prediction), 1)
    union = table.sum(1, keepdims=True) + table.sum(0, keepdims=True) - table
    iou = (table / union.clip(1))[1:, 1:]
    return float(iou.max(axis=1, initial=0).sum() / max(iou.shape[0], iou.shape[1], 1))


def discs(seed, certain=0.7, edge=0.3):
    """Discs found with scores above `certain`, their edges at probability `edge`; doublets and flecks of less."""
    random = np.random.default_rng(seed)
    truth, found = np.zeros(SIZE, np.int32), []
    y, x = (np.mgrid[:28, :28] - 13.5) / 14 * 1.4  # in radii
    for number, (row, column) in enumerate(np.argwhere(np.ones((4, 4))) * 20 + 10 + random.integers(-1, 2, (16, 2)), 1):
        radius = random.integers(5, 9)
        truth[disk((row, column), radius, shape=SIZE)] = number
        place = np.array([column, row, column, row]) + 0.5 + 1.4 * radius * np.array([-1, -1, 1, 1])
        found.append((random.uniform(certain, 1), place, edge))
        found.append((random.uniform(0.1, certain), place + random.uniform(-2, 2, 4), edge))
        found.append((random.uniform(0.1, certain), place / 8 + 70 * random.random(), edge))
    found.sort(key=lambda item: -item[0])
    masks = [1 / (1 + np.exp(3 * (np.hypot(y, x) - 1) - np.log(edge / (1 - edge)))) for _, _, edge in found]
    scores = np.array([score for score, _, _ in found], np.float32)
    boxes = np.array([box for _, box, _ in found], np.float32).clip(0, 80)
    return Detections(SIZE, boxes, np.ones(len(found), np.uint8), scores, np.array(masks, np.float32)), truth


def fitted(count, start=None, score=overlap, **kinds):
    found, truths = zip(*(discs(seed, **kinds) for seed in range(count)), strict=True)
    return fit_detections(found, truths, score, start or DetectionRecipe())


def mean(values, seeds, **kinds):
    return np.mean([overlap(truth, paint(found, values).labels) for found, truth in (discs(s, **kinds) for s in seeds)])


@pytest.mark.parametrize("certain", [0.3, 0.7, 0.9])
def test_the_score_threshold_goes_where_true_objects_begin(certain):
    found = fitted(3, certain=certain)
    assert abs(found.score_threshold - certain) <= 0.1
    assert mean(found, range(90, 93), certain=certain) > 0.85


@pytest.mark.parametrize("edge", [0.35, 0.6])
def test_the_mask_threshold_goes_where_the_masks_are_right(edge):
    found = fitted(3, edge=edge)
    assert abs(found.mask_threshold - edge) <= 0.1
    assert mean(found, range(90, 93), edge=edge) > mean(
        found.model_copy(update={"mask_threshold": 0.5}), range(90, 93), edge=edge
    )


def test_what_may_be_covered_depends_on_the_truth():
    """Scores say nothing; true objects lie half upon each other, or doublets do."""
    truth = np.zeros(SIZE, np.int32)
    truth[10:30, :32] = 2
    truth[10:30, :20] = 1
    boxes = np.array([[0, 10, 20, 30], [12, 10, 32, 30], [0, 10, 20, 32]], np.float32)  # the last is the first again
    found = Detections(SIZE, boxes, np.ones(3, np.uint8), np.full(3, 0.9, np.float32), None)
    assert paint(found, fit_detections([found], [truth], overlap, DetectionRecipe(covered=0.1))).classes.size == 2
    alone = np.where(truth == 1, truth, 0)
    assert paint(found, fit_detections([found], [alone], overlap, DetectionRecipe())).classes.size == 1


def test_the_smallest_size_is_at_most_the_first_percentile_of_the_truth():
    found, truth = discs(0)
    flecks = np.random.default_rng(0).integers(0, 78, (30, 2)).astype(np.float32)
    boxes = np.concatenate([np.concatenate([flecks, flecks + 2], axis=1), found.boxes])
    masks = np.concatenate([np.ones((30, 28, 28), np.float32), found.masks])
    scores = np.concatenate([np.ones(30, np.float32), found.scores])  # as certain as anything
    both = Detections(SIZE, boxes, np.ones(len(boxes), np.uint8), scores, masks)
    smallest = np.percentile(np.bincount(truth.ravel())[1:], 1)
    fit = fit_detections([both], [truth], overlap, DetectionRecipe())
    assert 4 < fit.min_size <= smallest


@pytest.mark.parametrize("seed", range(4))
def test_the_result_is_never_worse_than_the_start_and_always_the_same(seed):
    random = np.random.default_rng(seed)
    start = DetectionRecipe(
        score_threshold=float(random.random()),
        mask_threshold=float(random.uniform(0.2, 0.8)),
        covered=float(random.random()),
        min_size=int(random.integers(1, 200)),
        nms=0.37,
        overlap=99,
    )
    found = fitted(2, start)
    assert mean(found, range(2)) >= mean(start, range(2))
    assert found == fitted(2, start)
    assert (found.nms, found.overlap) == (0.37, 99)


def test_of_equals_the_nearest_to_the_start_is_taken():
    start = DetectionRecipe(score_threshold=0.52, mask_threshold=0.47, covered=0.33, min_size=7)
    assert fitted(1, start, lambda truth, prediction, ignore: 1.0) == start
    # Where any threshold above the flecks does, the smallest of them.
    boxes = np.array([[0, 0, 20, 20], [40, 40, 44, 44]], np.float32)
    found = Detections(SIZE, boxes, np.ones(2, np.uint8), np.array([0.9, 0.62], np.float32), None)
    truth = paint(found, DetectionRecipe(score_threshold=0.8)).labels
    assert fit_detections([found], [truth], overlap, start).score_threshold == 0.65
    assert fit_detections([found], [truth], overlap, DetectionRecipe(score_threshold=0.93)).score_threshold == 0.9


def test_images_without_a_score_are_left_out_of_the_mean():
    nothing = discs(0)[0].take(np.zeros(48, bool)), np.zeros(SIZE, np.int32)
    pairs = [discs(0), discs(1)]
    alone = fit_detections(*zip(*pairs, strict=True), overlap, DetectionRecipe())
    assert fit_detections(*zip(*pairs, nothing, strict=True), overlap, DetectionRecipe()) == alone
    assert fit_detections(*zip(nothing, strict=True), overlap, DetectionRecipe()) == DetectionRecipe()


def test_large_sets_are_thinned_evenly(monkeypatch):
    monkeypatch.setattr("unmask.instances.fit_detections._PIXELS", 500)
    truths = [np.full((10, 10), i, np.int32) for i in range(1, 11)]
    empty = Detections((10, 10), np.zeros((0, 4), np.float32), np.zeros(0, np.uint8), np.zeros(0, np.float32), None)
    seen = []
    fit_detections(
        [empty] * 10, truths, lambda truth, prediction, ignore: seen.append(int(truth[0, 0])) or 1.0, DetectionRecipe()
    )
    assert seen == [1, 3, 5, 7, 9] * (len(seen) // 5)


def test_without_images_it_says_what_to_do():
    with pytest.raises(DataError, match=r"no annotated image .* Annotate at least one validation image\."):
        fit_detections([], [], overlap, DetectionRecipe())


def test_what_is_to_be_ignored_goes_to_the_score(monkeypatch):
    """Each image with its own mask, also where images are thinned; without any, None."""
    monkeypatch.setattr("unmask.instances.fit_detections._PIXELS", 200)
    truths = [np.full((10, 10), i, np.int32) for i in range(1, 5)]
    masks = [np.full((10, 10), i > 2) if i > 1 else None for i in range(1, 5)]
    empty = Detections((10, 10), np.zeros((0, 4), np.float32), np.zeros(0, np.uint8), np.zeros(0, np.float32), None)
    seen = set()

    def score(truth, prediction, ignore):
        seen.add((int(truth[0, 0]), None if ignore is None else bool(ignore.all())))
        return 1.0

    fit_detections([empty] * 4, truths, score, DetectionRecipe(), masks)
    assert seen == {(1, None), (3, True)}
    seen.clear()
    fit_detections([empty] * 4, truths, score, DetectionRecipe())
    assert seen == {(1, None), (3, None)}


def test_thresholds_are_fitted_to_what_is_known():
    """Discs of one half are not annotated, and score highest: unless that half is ignored, they are all wrong."""
    pairs = [discs(seed) for seed in range(2)]
    ignore = np.zeros(SIZE, bool)
    ignore[:, 40:] = True

    def score(truth, prediction, ignore):
        return overlap(*(relabel(np.where(ignore, 0, one)) for one in (truth, prediction)))

    half = [np.where(ignore, 0, truth) for _, truth in pairs]
    found = [one for one, _ in pairs]
    known = fit_detections(found, half, score, DetectionRecipe(), [ignore] * 2)
    means = [
        np.mean([score(t, paint(one, known).labels, mask) for one, t in zip(found, half, strict=True)])
        for mask in (ignore, False)
    ]
    assert means[0] > 0.85
    assert means[1] < 0.6
