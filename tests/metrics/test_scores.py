"""Scores of images and of sets: the key tree, how images are put together, side by side."""

import csv
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from stardist.matching import matching_dataset

from unmask.errors import DataError, MaskError, PairingError
from unmask.metrics.comparison import ComparisonRow, compare_table
from unmask.metrics.image_scores import score_image
from unmask.metrics.matching import THRESHOLDS
from unmask.metrics.scores import aggregate

DECIMALS = ["0.50", "0.55", "0.60", "0.65", "0.70", "0.75", "0.80", "0.85", "0.90", "0.95"]


def _scores(name, truth, prediction, boundaries=True):
    truth, prediction = np.array(truth, np.int32), np.array(prediction, np.int32)
    classes = [(labels > 0).astype(np.uint8) for labels in (truth, prediction)]
    return score_image(name, classes[0], truth, classes[1], prediction, ("cell",), boundaries=boundaries)


GOOD = ("good", [[1, 1, 0, 2, 2]], [[1, 1, 0, 2, 2]])
FAIR = ("fair", [[1, 1, 1, 1, 0, 2]], [[3, 3, 3, 0, 0, 0]])  # IoU 3/4, one missed
EMPTY = ("empty", [[0, 0]], [[0, 0]])
GHOST = ("ghost", [[0, 0]], [[0, 1]])


def test_the_key_tree_is_that_of_the_contract():
    tree = json.loads(json.dumps(aggregate([_scores(*GOOD), _scores(*FAIR)]).to_dict(), allow_nan=False))
    assert list(tree) == ["images", "semantic", "objects", "boundaries"]
    assert tree["images"] == 2
    assert list(tree["semantic"]) == ["pixel_error", "iou", "dice"]
    assert list(tree["semantic"]["iou"]) == list(tree["semantic"]["dice"]) == ["cell"]
    ratios = ["ap", "f1", "precision", "recall"]
    singles = ["panoptic_quality", "aji", "seg", "count_error", "merges", "splits"]
    assert list(tree["objects"]) == ratios + singles
    assert all(list(tree["objects"][ratio]) == DECIMALS for ratio in ratios)
    assert list(tree["boundaries"]) == ["v_rand", "v_info", "rand_error", "warping_error"]


def test_objects_are_averaged_over_images():
    objects = aggregate([_scores(*GOOD), _scores(*FAIR)]).objects
    assert objects["ap"]["0.50"] == (1 + 1 / 2) / 2
    assert objects["ap"]["0.80"] == (1 + 0) / 2
    assert objects["f1"]["0.50"] == pytest.approx((1 + 2 / 3) / 2)
    assert objects["precision"]["0.50"] == 1
    assert objects["recall"]["0.50"] == (1 + 1 / 2) / 2
    assert objects["panoptic_quality"] == pytest.approx((1 + 0.75 / 1.5) / 2)
    assert objects["aji"] == pytest.approx((1 + 3 / 5) / 2)
    assert objects["seg"] == pytest.approx((1 + 1 + 3 / 4 + 0) / 4)  # over objects, not images
    assert objects["count_error"] == (0 + 1 / 2) / 2


def test_pixels_are_pooled_over_images():
    semantic = aggregate([_scores(*GOOD), _scores(*FAIR)]).semantic
    assert semantic["pixel_error"] == pytest.approx(2 / 11)
    assert semantic["iou"] == {"cell": (4 + 3) / (4 + 5)}
    assert semantic["dice"] == {"cell": 14 / 16}


def test_matches_are_pooled_too():
    pooled = aggregate([_scores(*GOOD), _scores(*FAIR)]).pooled["0.50"]
    assert (pooled.true_positives, pooled.false_positives, pooled.false_negatives) == (3, 0, 1)
    assert pooled.ap == 3 / 4


def test_merges_and_splits_are_totals():
    merge = _scores("merge", [[1, 1, 2, 2]], [[1, 1, 1, 1]])
    split = _scores("split", [[1, 1, 1, 1]], [[1, 1, 2, 2]])
    objects = aggregate([merge, split, _scores("again", [[1, 1, 2, 2]], [[1, 1, 1, 1]])]).objects
    assert (objects["merges"], objects["splits"]) == (2, 1)


def test_nothing_to_find_and_nothing_found_says_nothing():
    alone = aggregate([_scores(*EMPTY)])
    assert alone.to_dict() == {
        "images": 1,
        "semantic": {"pixel_error": 0, "iou": {}, "dice": {}},
        "objects": {"count_error": 0, "merges": 0, "splits": 0},
    }
    assert aggregate([_scores(*FAIR), _scores(*EMPTY)]).objects["ap"]["0.50"] == 1 / 2
    assert aggregate([_scores(*FAIR), _scores(*EMPTY)]).objects["aji"] == 3 / 5


def test_a_false_object_on_an_empty_image_counts():
    objects = aggregate([_scores(*GOOD), _scores(*GHOST)]).objects
    assert objects["ap"]["0.50"] == objects["aji"] == 1 / 2
    assert objects["seg"] == 1
    assert objects["count_error"] == 1 / 2


def test_what_is_not_given_is_absent():
    labels = np.array([[1, 0]], np.int32)
    only_objects = aggregate([score_image("a", None, labels, None, labels, ())]).to_dict()
    assert list(only_objects) == ["images", "objects", "boundaries"]
    classes = labels.astype(np.uint8)
    only_classes = aggregate([score_image("a", classes, labels, classes, None, ("cell",))]).to_dict()
    assert list(only_classes) == ["images", "semantic"]
    without = aggregate([_scores(*GOOD, boundaries=False)]).to_dict()
    assert list(without) == ["images", "semantic", "objects"]


def test_boundaries_of_a_merge():
    truth, prediction = np.zeros((2, 9, 13), np.int32)
    truth[1:8, 1:6], truth[1:8, 7:12] = 1, 2
    prediction[1:8, 1:12] = 1
    boundaries = aggregate([_scores("merge", truth, prediction)]).boundaries
    assert boundaries["v_rand"] == pytest.approx(0.5 / 0.75)
    assert boundaries["v_info"] == 0
    assert boundaries["warping_error"] == pytest.approx(7 / (9 * 13))


def test_rows_of_images_are_flat():
    rows = aggregate([_scores(*GOOD), _scores(*FAIR), _scores(*EMPTY)]).per_image
    assert list(rows) == ["good", "fair", "empty"]
    fair = rows["fair"]
    assert fair["ap_0.50"] == 1 / 2
    assert fair["mean_ap"] == pytest.approx((6 * 0.5 + 4 * 0) / 10)  # .50 to .75 of .95
    assert fair["iou_cell"] == pytest.approx(3 / 5)
    assert fair["mean_matched_iou"] == 3 / 4
    assert (fair["truth_objects"], fair["predicted_objects"], fair["missed"], fair["extra"]) == (2, 1, 1, 0)
    assert "ap_0.50" not in rows["empty"]
    assert "v_rand" not in rows["empty"]
    assert all(isinstance(value, int | float) and np.isfinite(value) for row in rows.values() for value in row.values())


def test_ranking_is_by_ap_and_leaves_out_what_has_none():
    better = ("better", [[1, 1, 1, 1, 1, 2]], [[3, 3, 3, 3, 0, 0]])  # as fair at .50, better at .80
    ranking = aggregate([_scores(*one) for one in (EMPTY, FAIR, GHOST, better, GOOD)]).ranking()
    assert ranking == ["good", "better", "fair", "ghost"]


def test_ranking_of_class_maps_is_by_pixel_error():
    truth = np.array([[1, 1, 0, 0]], np.uint8)
    worse = score_image("worse", truth, None, 1 - truth, None, ("cell",))
    best = score_image("best", truth, None, truth, None, ("cell",))
    assert aggregate([worse, best]).ranking() == ["best", "worse"]


def test_sets_that_make_no_sense_are_refused():
    message = "no image was scored. Give at least one prediction whose name is that of a truth."
    with pytest.raises(PairingError, match=re.escape(message)):
        aggregate([])
    with pytest.raises(
        PairingError, match=re.escape("good: two images have this name. Give each image a name of its own")
    ):
        aggregate([_scores(*GOOD), _scores(*GOOD)])
    other = score_image("other", None, None, None, None, ("nucleus",))
    message = "class names differ between images. Score all images with one list of class names."
    with pytest.raises(DataError, match=re.escape(message)):
        aggregate([_scores(*GOOD), other])


def test_messages_name_the_image():
    labels = np.zeros((2, 2), np.int32)
    with pytest.raises(PairingError, match=r"^cell_7: the prediction has 2 x 3 pixels and the truth 2 x 2"):
        score_image("cell_7", None, labels, None, np.zeros((2, 3), np.int32), ())
    with pytest.raises(MaskError, match=r"^cell_7: the prediction is of type float64"):
        score_image("cell_7", None, labels, None, labels * 0.5, ())
    with pytest.raises(MaskError, match=r"^cell_7: a class map holds class 1, and only 0 are named"):
        score_image("cell_7", labels + 1, None, labels, None, ())


def test_predictions_stand_side_by_side():
    names = [GOOD, FAIR]
    right = aggregate([_scores(name, truth, truth) for name, truth, _ in names])
    wrong = aggregate([_scores(*one, boundaries=False) for one in names])
    rows = {row.key: row for row in compare_table({"wrong": wrong, "right": right, "again": right})}
    assert rows["ap_0.50"] == ComparisonRow("objects", "ap_0.50", (3 / 4, 1, 1), (1, 2))
    assert rows["pixel_error"].best == rows["count_error"].best == (1, 2)
    assert rows["merges"] == ComparisonRow("objects", "merges", (0, 0, 0), (0, 1, 2))
    assert rows["v_rand"].values == (None, 1, 1)
    sections = [row.section for row in compare_table({"wrong": wrong, "right": right})]
    assert sections == sorted(sections, key=["semantic", "objects", "boundaries"].index)
    alone = [row for row in compare_table({"wrong": wrong, "right": right}) if row.key == "v_rand"]
    assert alone == [ComparisonRow("boundaries", "v_rand", (None, 1), ())]


def test_dsb2018_equals_stardist_over_images():
    """Real masks, shifted and cut, 15 test images."""
    if "UNMASK_DATA" not in os.environ:
        pytest.skip("UNMASK_DATA is not set")
    from skimage.io import imread

    folder = Path(os.environ["UNMASK_DATA"]) / "dsb2018"
    with (folder / "split.csv").open() as file:
        names = [row["name"] for row in csv.DictReader(file) if row["split"] == "test"][:15]
    truths = [imread(next((folder / "masks").glob(f"{name}.*"))).astype(np.int32) for name in names]
    predictions = [np.roll(truth, (2, 1), (0, 1)) for truth in truths]
    for prediction in predictions:
        prediction[::40] = 0
        prediction[:, 100:] += 5000 * (prediction[:, 100:] > 0)
    ours = aggregate([_scores(*one) for one in zip(names, truths, predictions, strict=True)])
    theirs = matching_dataset(truths, predictions, THRESHOLDS, by_image=True, show_progress=False)
    assert [*ours.objects["ap"].values()] == pytest.approx([one.accuracy for one in theirs])
    assert [*ours.objects["f1"].values()] == pytest.approx([one.f1 for one in theirs])
    assert [*ours.objects["precision"].values()] == pytest.approx([one.precision for one in theirs])
    assert [*ours.objects["recall"].values()] == pytest.approx([one.recall for one in theirs])
    assert ours.objects["panoptic_quality"] == pytest.approx(theirs[0].panoptic_quality)
    assert [one.true_positives for one in ours.pooled.values()] == [one.tp for one in theirs]
    assert 0 < ours.objects["splits"] < ours.pooled["0.50"].objects
