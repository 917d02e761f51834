import numpy as np
import pytest
from scipy import ndimage

from unmask.errors import DataError
from unmask.geometry.labels import relabel
from unmask.instances.decode import label_objects
from unmask.instances.fit import fit
from unmask.recipe import InstanceRecipe


def overlap(truth, prediction, ignore=None):
    """Mean over true objects of the largest IoU, wrong counts punished: simple, and enough to climb on."""
    if truth.max() == prediction.max() == 0:
        return float("nan")
    table = np.zeros((truth.max() + 1, prediction.max() + 1))
    np.add.at(table, (truth, prediction), 1)
    union = table.sum(1, keepdims=True) + table.sum(0, keepdims=True) - table
    iou = (table / union.clip(1))[1:, 1:]
    return float(iou.max(axis=1, initial=0).sum() / max(iou.shape[0], iou.shape[1], 1))


def nuclei(seed, size=96):
    """Discs in contact, their probability blurred with a ridge between, flecks of noise."""
    rng = np.random.default_rng(seed)
    sites = rng.uniform(0, size, (14, 2))
    distances = np.linalg.norm(np.indices((size, size)).transpose(1, 2, 0)[:, :, None] - sites, axis=3)
    truth = relabel(np.where(distances.min(axis=2) < 9, 1 + distances.argmin(axis=2), 0))
    ridge = ndimage.maximum_filter(truth, 3) != ndimage.minimum_filter(np.where(truth > 0, truth, 99), 3)
    front = ndimage.gaussian_filter(np.where((truth > 0) & ~ridge, 1.0, 0.0), 1.2) * 0.95
    front[rng.random(front.shape) < 0.002] = 0.97
    return np.stack([1 - front, front]).astype(np.float32), truth


def membranes(seed, size=128):
    """Cells that fill the image up to their dark walls, which are open (0.8) in places."""
    rng = np.random.default_rng(seed)
    sites = np.argwhere(np.ones((4, 4))) * 32 + rng.uniform(6, 26, (16, 2))
    distances = np.linalg.norm(np.indices((size, size)).transpose(1, 2, 0)[:, :, None] - sites, axis=3)
    truth = relabel(1 + distances.argmin(axis=2))
    first, second = np.sort(distances, axis=2)[:, :, :2].transpose(2, 0, 1)
    wall = np.where(ndimage.gaussian_filter(rng.standard_normal((size, size)), 3) > 0.12, 0.8, 0.15)
    front = np.where(second - first > 8, 0.99, wall)
    return np.stack([1 - front, front]).astype(np.float32), truth


def fitted(make, count, start=None):
    maps, truths = zip(*(make(seed) for seed in range(count)), strict=True)
    return fit(maps, truths, overlap, start or InstanceRecipe())


def test_nuclei_with_a_ridge_want_two_thresholds_and_a_smallest_size():
    found = fitted(nuclei, 4)
    assert found.score > 0.9
    assert found.values.mask_threshold < found.values.seed_threshold
    assert 1 <= found.values.reach <= 9
    for maps, truth in map(nuclei, range(90, 94)):
        fit_score = overlap(truth, label_objects(1 - maps[0], found.values))
        assert fit_score > 0.88
        assert fit_score > overlap(truth, label_objects(1 - maps[0], InstanceRecipe())) > 0.8
        assert overlap(truth, label_objects(1 - maps[0], InstanceRecipe(reach=0))) < 0.8


def test_membranes_want_seeds_above_their_gaps_and_growth_over_the_walls():
    found = fitted(membranes, 3)
    assert found.score > 0.95
    assert found.values.seed_threshold > 0.8
    assert found.values.mask_threshold <= 0.15
    assert found.values.reach >= 4


def test_the_table_holds_every_trial_and_the_best_of_them_is_the_result():
    start = InstanceRecipe(seed_threshold=0.99, mask_threshold=0.98, reach=7, min_size=33, max_hole=5)
    found = fitted(nuclei, 2, start)
    assert found.table[0][0] == start
    assert found.score == max(score for _, score in found.table) >= found.table[0][1]
    assert dict(found.table)[found.values] == found.score
    assert len({values for values, _ in found.table}) == len(found.table)
    for values, score in found.table[:: max(1, len(found.table) // 4)]:
        pairs = [nuclei(0), nuclei(1)]
        assert score == pytest.approx(np.mean([overlap(t, label_objects(1 - maps[0], values)) for maps, t in pairs]))


def test_the_truth_bounds_the_search():
    found = fitted(nuclei, 3)
    sizes = np.concatenate([np.bincount(nuclei(seed)[1].ravel())[1:] for seed in range(3)])
    start = InstanceRecipe()
    for values, _ in found.table:
        assert values.reach <= max(start.reach, np.sqrt(np.median(sizes) / np.pi))
        assert values.min_size <= max(start.min_size, round(np.percentile(sizes, 1)))
        assert values.max_hole <= max(start.max_hole, round(np.median(sizes) / 4))


def test_the_same_input_gives_the_same_result():
    assert fitted(nuclei, 2) == fitted(nuclei, 2)


def test_where_nothing_is_better_the_start_stays():
    maps, truth = nuclei(0)
    start = InstanceRecipe(seed_threshold=0.66, mask_threshold=0.33, reach=3, min_size=7, max_hole=11)
    found = fit([maps], [truth], lambda truth, prediction, ignore: 1.0, start)
    assert (found.values, found.score) == (start, 1.0)


def test_images_without_a_score_are_left_out_of_the_mean():
    empty = np.stack([np.ones((20, 20)), np.zeros((20, 20))]).astype(np.float32), np.zeros((20, 20), np.int32)
    maps, truth = nuclei(0)
    alone = fit([maps], [truth], overlap, InstanceRecipe())
    assert fit([maps, empty[0]], [truth, empty[1]], overlap, InstanceRecipe()) == alone
    only = fit([empty[0]], [empty[1]], overlap, InstanceRecipe())
    assert (only.values, only.score) == (InstanceRecipe(), 0.0)


def test_large_sets_are_thinned_evenly(monkeypatch):
    monkeypatch.setattr("unmask.instances.fit._GRID_PIXELS", 200)
    monkeypatch.setattr("unmask.instances.fit._CLIMB_PIXELS", 500)
    truths = [np.full((10, 10), i, np.int32) for i in range(1, 11)]
    seen = []
    maps = np.stack([np.zeros((10, 10)), np.ones((10, 10))]).astype(np.float32)
    fit([maps] * 10, truths, lambda truth, prediction, ignore: seen.append(int(truth[0, 0])) or 1.0, InstanceRecipe())
    grid, climb = seen[: seen.index(3)], seen[seen.index(3) - 1 :]
    assert grid == [1, 6] * (len(grid) // 2) + [1]  # 2 of 10 images, and the first of the climb's
    assert climb == [1, 3, 5, 7, 9] * (len(climb) // 5)


def test_without_images_it_says_what_to_do():
    with pytest.raises(DataError, match=r"no annotated image .* Annotate at least one validation image\."):
        fit([], [], overlap, InstanceRecipe())


def test_what_is_to_be_ignored_goes_to_the_score():
    """Each image with its own mask, also where images are thinned; without any, None."""
    maps = np.stack([np.zeros((10, 10)), np.ones((10, 10))]).astype(np.float32)
    truths = [np.full((10, 10), i, np.int32) for i in range(1, 5)]
    masks = [np.full((10, 10), i % 2 == 0) if i > 1 else None for i in range(1, 5)]
    seen = set()

    def score(truth, prediction, ignore):
        seen.add((int(truth[0, 0]), None if ignore is None else bool(ignore.all())))
        return 1.0

    fit([maps] * 4, truths, score, InstanceRecipe(), masks)
    assert seen == {(1, None), (2, True), (3, False), (4, True)}
    seen.clear()
    fit([maps] * 4, truths, score, InstanceRecipe())
    assert seen == {(number, None) for number in range(1, 5)}


def test_parameters_are_fitted_to_what_is_known():
    """The nuclei of one half are not annotated: unless that half is ignored, fewer objects are better."""
    pairs = [nuclei(seed) for seed in range(3)]
    ignore = np.zeros((96, 96), bool)
    ignore[:, 48:] = True

    def score(truth, prediction, ignore):
        return overlap(*(relabel(np.where(ignore, 0, one)) for one in (truth, prediction)))

    half = [np.where(ignore, 0, truth) for _, truth in pairs]
    maps = [probability for probability, _ in pairs]
    known = fit(maps, half, score, InstanceRecipe(), [ignore] * 3)
    assert known.score > 0.85
    assert fit(maps, half, overlap, InstanceRecipe()).score < 0.6
