"""Objects with scores, read from what `unmask predict` leaves, and COCO's scores of whole folders."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from unmask.data.label_folder import read_label_folder
from unmask.data.options import ReadOptions
from unmask.data.shapes.run_lengths import read_runs
from unmask.errors import DataError, PairingError, UnreadableFile
from unmask.geometry.rle import RLE, encode
from unmask.metrics.folders import evaluate_folders
from unmask.metrics.scored import masks_of_labels, scored_objects
from unmask.metrics.scores import Scores

SIZE = (30, 40)


def square(y: int, x: int, side: int = 6) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[y : y + side, x : x + side] = True
    return mask


SQUARES = [square(2, 2), square(2, 20), square(15, 10)]


def labels_of(*masks: np.ndarray) -> np.ndarray:
    labels = np.zeros(SIZE, np.int32)
    for number, mask in enumerate(masks, start=1):
        labels[mask] = number
    return labels


def write(folder: Path, **images: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in images.items():
        tifffile.imwrite(folder / f"{name}.tif", image.astype(np.int32))
    return folder


def write_table(folder: Path, *rows: tuple[str, int, str, float], header: str = "image,label,class,score,area") -> None:
    lines = [header, *(",".join(map(str, (*row, 36))) for row in rows)]
    (folder / "objects.csv").write_text("\n".join(lines) + "\n")


def write_document(
    folder: Path, objects: list[tuple[str, np.ndarray, str, float]], images: tuple[str, ...] = ("a",), **more: Any
) -> None:
    names = sorted({label for _, _, label, _ in objects})
    content = {
        "images": [{"id": n, "file_name": f"{name}.png", "height": 30, "width": 40} for n, name in enumerate(images)],
        "categories": [{"id": n, "name": name} for n, name in enumerate(names)],
        "annotations": [
            {
                "id": n,
                "image_id": images.index(image),
                "category_id": names.index(label),
                "segmentation": encode(mask, 0, 0, SIZE),
                "score": score,
            }
            for n, (image, mask, label, score) in enumerate(objects, start=1)
        ],
    }
    (folder / "coco.json").write_text(json.dumps(content | more))


def ours(folder: Path, **images: np.ndarray) -> Path:
    """A folder as `predict` leaves it, but for the table."""
    write(folder / "labels", **images)
    (folder / "summary.json").write_text(json.dumps({"kind": "objects", "images": []}))
    return folder


def only(scores: dict[str, Scores]) -> dict[str, Any]:
    (found,) = scores.values()
    return dict(found.to_dict())


def decode(rle: RLE) -> np.ndarray:
    """The full frame, by the package's other reader."""
    counts = rle["counts"]
    packed = counts.encode() if isinstance(counts, str) else counts
    runs = read_runs(packed) if isinstance(packed, bytes) else np.array(packed)
    return np.repeat(np.arange(runs.size) % 2 == 1, runs).reshape(rle["size"][::-1]).T


def test_masks_of_labels() -> None:
    """Ids with gaps, however large, in two layers."""
    layers = [np.where(SQUARES[0], 7, 0) + np.where(SQUARES[1], 2_000_000_000, 0), np.where(square(4, 4), 3, 0)]
    found = masks_of_labels(layers)
    assert [label for label, _ in found] == [7, 2_000_000_000, 3]
    for (_, mask), expected in zip(found, [SQUARES[0], SQUARES[1], square(4, 4)], strict=True):
        assert np.array_equal(decode(mask), expected)


def test_scores_of_the_table(tmp_path: Path) -> None:
    """Two right and one wrong between them by score: AP by hand. Without its table the folder has no such score."""
    truth = write(tmp_path / "truth", a=labels_of(SQUARES[0], SQUARES[2]))
    found = ours(tmp_path / "found", a=labels_of(*SQUARES))
    assert "coco" not in only(evaluate_folders([found], truth))
    write_table(found, ("a", 1, "object", 0.9), ("a", 2, "object", 0.8), ("a", 3, "object", 0.7))
    scores = only(evaluate_folders([found], truth))
    assert list(scores) == ["images", "semantic", "objects", "boundaries", "coco"]
    assert scores["coco"]["mask"]["ap"] == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert scores["objects"]["ap"]["0.50"] == pytest.approx(2 / 3)  # TP / (TP + FP + FN): not COCO's
    write_table(found, ("a", 1, "object", 0.9), ("a", 2, "object", 0.1), ("a", 3, "object", 0.7))
    assert only(evaluate_folders([found], truth))["coco"]["box"]["ap"] == 1  # the wrong one comes last


def test_labels_of_the_table_are_those_of_the_file(tmp_path: Path) -> None:
    """Labels with gaps and in another order than raster order, and an image whose name ends like a mask's."""
    labels = np.where(SQUARES[0], 9, 0) + np.where(SQUARES[1], 4, 0)
    truth = write(tmp_path / "truth", cell_mask=labels_of(SQUARES[0]))
    found = ours(tmp_path / "found", cell_mask=labels)
    write_table(found, ("cell_mask", 4, "object", 0.2), ("cell_mask", 9, "object", 0.8))
    assert only(evaluate_folders([found], truth))["coco"]["mask"]["ap"] == 1


def test_whole_objects_of_layers(tmp_path: Path) -> None:
    """Two bars that cross: whole in the layers, cut in the label image."""
    bars = [np.zeros(SIZE, bool), np.zeros(SIZE, bool)]
    bars[0][10:16, 2:38], bars[1][2:28, 16:22] = True, True
    write_document(tmp_path, [("a", bar, "object", 1) for bar in bars])
    (tmp_path / "coco.json").rename(tmp_path / "cells.json")
    Image.fromarray(np.zeros(SIZE, np.uint8)).save(tmp_path / "a.png")
    found = ours(tmp_path / "found", a=labels_of(bars[1], bars[0]))
    write_table(found, ("a", 2, "object", 0.9), ("a", 1, "object", 0.8))
    cut = only(evaluate_folders([found], tmp_path / "cells.json"))["coco"]["mask"]
    write(found / "layers", a=np.stack([np.where(bar, label, 0) for bar, label in zip(bars, (2, 1), strict=True)]))
    whole = only(evaluate_folders([found], tmp_path / "cells.json"))["coco"]["mask"]
    assert cut["ap"] < 0.9
    assert whole["ap"] == 1


def test_coco_file_is_preferred(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", a=labels_of(*SQUARES))
    found = ours(tmp_path / "found", a=labels_of(SQUARES[0]))
    write_table(found, ("a", 1, "object", 0.9))
    assert only(evaluate_folders([found], truth))["coco"]["mask"]["ar"] == pytest.approx(1 / 3)
    write_document(found, [("a", mask, "object", 0.5) for mask in SQUARES])
    assert only(evaluate_folders([found], truth))["coco"]["mask"]["ar"] == 1


def test_polygons_and_plain_counts_of_other_tools(tmp_path: Path) -> None:
    found = ours(tmp_path / "found", a=labels_of(SQUARES[0]))
    write_document(found, [("a", mask, "object", 0.5) for mask in SQUARES])
    document = json.loads((found / "coco.json").read_text())
    document["annotations"][0]["segmentation"] = [[2, 2, 8, 2, 8, 8, 2, 8]]
    document["annotations"][1]["segmentation"] = {"size": SIZE, "counts": [602, *([6, 24] * 5), 6, 1200 - 602 - 156]}
    document["annotations"][2]["segmentation"] = []  # nothing: a wrong object
    (found / "coco.json").write_text(json.dumps(document))
    scored = scored_objects(read_label_folder(found))
    assert scored is not None
    masks = [decode(one.mask) for one in scored.load("a", SIZE)]
    assert np.array_equal(masks[0], SQUARES[0])
    assert np.array_equal(masks[1], SQUARES[1])
    assert not masks[2].any()


@pytest.mark.parametrize("why", ["other columns", "no score in coco.json", "classes", "a list", "true classes"])
def test_no_scores(why: str, tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", a=labels_of(*SQUARES))
    found = ours(tmp_path / "found", a=labels_of(*SQUARES))
    if why == "other columns":
        write_table(found, header="image;label;class;score")
    elif why == "no score in coco.json":
        write_document(found, [], annotations=[{"id": 1, "image_id": 0, "category_id": 0, "segmentation": []}])
    elif why == "a list":
        (found / "coco.json").write_text("[]")
    else:
        write_table(found, *(("a", label, "object", 0.9) for label in (1, 2, 3)))
        (found / "summary.json").write_text(json.dumps({"kind": "classes" if why == "classes" else "objects"}))
    kind = "classes" if why == "true classes" else None
    assert "coco" not in only(evaluate_folders([found], truth, reading=ReadOptions(kind)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", 1, "object", 0.9)], "objects.csv: has no row for object 2 of the image a. Predict into a new folder"),
        ([("a", 1, "object", ""), ("a", 2, "object", 0.9)], "objects.csv: has no sound label and score in line 2."),
        ([("a", 1, "object", 0.9), ("a", 2, "object", "nan")], "objects.csv: has no sound label and score in line 3."),
    ],
)
def test_tables_that_are_not_sound(rows: list[Any], message: str, tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", a=labels_of(*SQUARES[:2]))
    found = ours(tmp_path / "found", a=labels_of(*SQUARES[:2]))
    write_table(found, *rows)
    with pytest.raises(DataError, match=re.escape(message)):
        evaluate_folders([found], truth)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": []}, r"coco\.json: is not as a COCO file should be \(KeyError: 0\)"),
        (
            {"segmentation": {"size": [30, 41], "counts": "b"}},
            r"an object in a whose outline is not sound \(are of 30 x 41",
        ),
        ({"segmentation": {"size": [30, 40], "counts": [5, 5]}}, r"is not sound \(cover 10 pixels"),
        ({"segmentation": {"size": [30, 40]}}, r"is not sound \('counts'\)"),
        ({"file_name": "b.png"}, r"coco\.json: does not list the image a\. Predict into a new folder, or remove"),
        ({"score": "high"}, r"coco\.json: is not as a COCO file should be \(ValueError"),
    ],
)
def test_documents_that_are_not_sound(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", a=labels_of(*SQUARES))
    found = ours(tmp_path / "found", a=labels_of(*SQUARES))
    write_document(found, [("a", SQUARES[0], "object", 0.5)])
    document = json.loads((found / "coco.json").read_text())
    for part in (document, *document["images"], *document["annotations"]):
        part.update({key: value for key, value in change.items() if key in part})
    (found / "coco.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match=message):
        evaluate_folders([found], truth)


def test_document_that_is_cut_off(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", a=labels_of(*SQUARES))
    found = ours(tmp_path / "found", a=labels_of(*SQUARES))
    (found / "coco.json").write_text('{"images": [')
    with pytest.raises(UnreadableFile, match=r"coco\.json: is not JSON, or cut off"):
        evaluate_folders([found], truth)


def test_a_folder_of_coco_files_only(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", a=labels_of(*SQUARES))
    found = ours(tmp_path / "found", a=labels_of(*SQUARES))
    write_document(found, [])
    (found / "labels" / "a.tif").unlink()
    (found / "labels").rmdir()
    with pytest.raises(PairingError, match=r"has no label images\. Predict again, with --save labels,coco"):
        evaluate_folders([found], truth)


@pytest.fixture
def named_truth(tmp_path: Path) -> Path:
    """Two cells and a speck of dirt, as a COCO file."""
    objects = [("a", SQUARES[0], "cell", 1.0), ("a", SQUARES[1], "cell", 1.0), ("a", SQUARES[2], "dirt", 1.0)]
    write_document(tmp_path, objects)
    Image.fromarray(np.zeros(SIZE, np.uint8)).save(tmp_path / "a.png")
    return (tmp_path / "coco.json").rename(tmp_path / "cells.json")


def test_classes_are_matched_by_name(tmp_path: Path, named_truth: Path) -> None:
    """One cell is called dirt, and surer than the dirt is: half of the cells at precision 1, all dirt at 1 / 2."""
    found = ours(tmp_path / "found", a=labels_of(*SQUARES))
    write_table(found, ("a", 1, "cell", 0.9), ("a", 2, "dirt", 0.8), ("a", 3, "dirt", 0.7))
    scores = only(evaluate_folders([found], named_truth))
    assert scores["coco"]["mask"]["ap50"] == pytest.approx((51 / 101 + 1 / 2) / 2)
    assert scores["semantic"]["iou"] == pytest.approx({"cell": 1 / 2, "dirt": 1 / 2})
    assert scores["objects"]["ap"]["0.50"] == 1


def test_predictions_without_names_are_compared_as_objects(tmp_path: Path, named_truth: Path) -> None:
    found = ours(tmp_path / "found", a=labels_of(*SQUARES))
    write_table(found, *(("a", label, "object", 0.9) for label in (1, 2, 3)))
    scores = only(evaluate_folders([found], named_truth))
    assert scores["coco"]["mask"]["ap"] == 1
    assert "semantic" not in scores


def test_truth_without_names(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", a=labels_of(*SQUARES))
    found = ours(tmp_path / "found", a=labels_of(*SQUARES))
    write_table(found, ("a", 1, "cell", 0.9), ("a", 2, "dirt", 0.8), ("a", 3, "dirt", 0.7))
    scores = only(evaluate_folders([found], truth))
    assert scores["coco"]["mask"]["ap"] == 1
    assert scores["semantic"]["dice"] == {"object": 1}


def test_classes_of_another_coco_file(tmp_path: Path, named_truth: Path) -> None:
    """A prediction that is a COCO file itself, with its classes in another order, and one of its own."""
    found = tmp_path / "found"
    found.mkdir()
    write_document(
        found, [("a", SQUARES[0], "dirt", 0.9), ("a", SQUARES[1], "alga", 0.8), ("a", SQUARES[2], "dirt", 0.7)]
    )
    Image.fromarray(np.zeros(SIZE, np.uint8)).save(found / "a.png")
    scores = only(evaluate_folders([found / "coco.json"], named_truth))
    assert scores["semantic"]["iou"] == pytest.approx({"cell": 0, "dirt": 1 / 2})
    assert scores["coco"]["mask"]["ap50"] == pytest.approx((0 + 1 / 2) / 2)


def test_split_that_names_of_files_say(tmp_path: Path) -> None:
    """instances_train.json and instances_val.json: the split needs no split.csv."""
    for part in ("train", "val"):
        write_document(tmp_path, [(part, mask, "cell", 1.0) for mask in SQUARES], (part,))
        (tmp_path / "coco.json").rename(tmp_path / f"instances_{part}.json")
        Image.fromarray(np.zeros(SIZE, np.uint8)).save(tmp_path / f"{part}.png")
    found = ours(tmp_path / "found", train=labels_of(*SQUARES), val=labels_of(*SQUARES[:2]))
    (scores,) = evaluate_folders([found], tmp_path, split="val").values()
    assert list(scores.per_image) == ["val"]
    with pytest.raises(DataError, match="no image is marked test"):
        evaluate_folders([found], tmp_path, split="test")
