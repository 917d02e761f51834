"""Folders of predictions against truth: of this tool and of others."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from unmask.data.options import ReadOptions
from unmask.errors import DataError, PairingError
from unmask.metrics.folders import evaluate_folders


def write(folder: Path, **images: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in images.items():
        tifffile.imwrite(folder / f"{name}.tif", image)
    return folder


def two_objects() -> np.ndarray:
    labels = np.zeros((20, 30), np.uint16)
    labels[2:10, 2:10], labels[2:10, 10:18], labels[12:19, 3:25] = 1, 2, 3
    return labels


def test_perfect_and_merged(tmp_path: Path) -> None:
    """Merging two of three objects: 1 TP, 1 FP, 2 FN at IoU .5 (the merged object has IoU .5 with neither above it)."""
    truth = write(tmp_path / "truth", a=two_objects(), b=two_objects())
    merged = np.where(two_objects() == 2, 1, two_objects())
    perfect = write(tmp_path / "perfect", a=two_objects() + np.uint16(100) * (two_objects() > 0), b=two_objects())
    worse = write(tmp_path / "worse", a=two_objects(), b=merged)
    scores = evaluate_folders([perfect, worse], truth)
    assert list(scores) == ["perfect", "worse"]
    assert scores["perfect"].to_dict()["objects"]["ap"]["0.95"] == 1  # type: ignore[index]
    assert scores["worse"].to_dict()["objects"]["ap"]["0.55"] == pytest.approx((1 + 1 / 4) / 2)  # type: ignore[index]
    assert scores["worse"].to_dict()["objects"]["merges"] == 1  # type: ignore[index]


def test_classes_mean_what_the_truths_values_mean(tmp_path: Path) -> None:
    """A prediction without class 2 (value 128) is not read as if its values were others."""
    random = np.random.default_rng(0)
    masks = {name: random.choice(np.array([0, 64, 128], np.uint8), (40, 40)) for name in "abc"}
    truth = write(tmp_path / "truth", **masks)
    found = write(tmp_path / "found", **{name: np.where(mask == 128, 0, mask) for name, mask in masks.items()})
    semantic = evaluate_folders([found], truth, reading=ReadOptions("classes"))["found"].semantic
    assert semantic["dice"] == {"class_1": 1.0, "class_2": 0.0}


def test_our_own_label_images_are_objects(tmp_path: Path) -> None:
    """One object an image would look like a binary mask, whose object in two pieces would count as two."""
    labels = np.zeros((20, 20), np.uint16)
    labels[2:6, 2:6] = labels[2:6, 10:14] = 1
    truth = write(tmp_path / "truth", a=two_objects()[:, :20] * (labels > 0), b=two_objects()[:, :20])
    ours = tmp_path / "ours"
    write(ours / "labels", a=labels, b=labels)
    (ours / "summary.json").write_text(json.dumps({"images": []}))
    per_image = evaluate_folders([ours], truth)["ours"].per_image
    assert per_image["a"]["predicted_objects"] == 1


def test_missing_predictions(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", a=two_objects(), b=two_objects())
    found = write(tmp_path / "found", a=two_objects())
    with pytest.raises(
        PairingError, match=r"found: 1 of the truth's 2 images have no prediction, b for one\. Predict them"
    ):
        evaluate_folders([found], truth)
    assert evaluate_folders([found], truth, common=True)["found"].images == 1
    with pytest.raises(PairingError, match="no image of the truth has a prediction"):
        evaluate_folders([write(tmp_path / "other", c=two_objects())], truth, common=True)


def test_split(tmp_path: Path) -> None:
    write(tmp_path / "data" / "images", a=two_objects(), b=two_objects())
    write(tmp_path / "data" / "masks", a=two_objects(), b=two_objects())
    (tmp_path / "data" / "split.csv").write_text("name,split\na,train\nb,test\n")
    found = write(tmp_path / "found", b=two_objects())
    assert list(evaluate_folders([found], tmp_path / "data", split="test")["found"].per_image) == ["b"]
    with pytest.raises(DataError, match=r"split\.csv: no image is marked val\. Choose train, val or test"):
        evaluate_folders([found], tmp_path / "data", split="val")


def test_split_without_a_split_file(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", a=two_objects())
    with pytest.raises(DataError, match=r"truth: there is no split\.csv\. Leave --split out"):
        evaluate_folders([write(tmp_path / "found", a=two_objects())], truth, split="test")


def test_decisions_are_told(tmp_path: Path) -> None:
    told: dict[str, str] = {}
    truth = write(tmp_path / "truth", a=two_objects())
    evaluate_folders([write(tmp_path / "found", a=two_objects())], truth, on_read=told.__setitem__)
    assert list(told) == ["truth", "found"]
    assert "one object an id" in told["truth"]


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", a=two_objects())
    paths = [write(tmp_path / tool / "labels", a=two_objects()) for tool in ("x", "y")]
    assert list(evaluate_folders(paths, truth)) == [str(path) for path in paths]


def test_sizes_that_differ(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", a=two_objects())
    with pytest.raises(PairingError, match="a"):
        evaluate_folders([write(tmp_path / "found", a=two_objects().T)], truth)


def test_what_the_truth_does_not_know_is_not_scored(tmp_path: Path) -> None:
    """Value 9 is ignored: an object found there is no error, one missed elsewhere is."""
    unknown = two_objects()
    unknown[:, 20:] = 9
    truth = write(tmp_path / "truth", a=unknown, b=two_objects())
    found = two_objects()
    found[2:6, 22:28] = 7
    predicted = write(tmp_path / "found", a=found, b=two_objects())
    objects = ReadOptions("objects")
    assert evaluate_folders([predicted], truth, reading=objects)["found"].objects["ap"]["0.50"] < 1  # type: ignore[index]
    scores = evaluate_folders([predicted], truth, reading=ReadOptions("objects", ignore="9"))["found"]
    assert scores.objects["ap"]["0.95"] == 1  # type: ignore[index]
    assert scores.semantic["pixel_error"] == 0
    with pytest.raises(DataError, match=r"--ignore 8: there is nothing of that value or name\. Choose from 1, 2, 3, 9"):
        evaluate_folders([predicted], truth, reading=ReadOptions("objects", ignore="8"))
