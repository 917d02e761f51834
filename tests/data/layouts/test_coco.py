import json
from pathlib import Path
from typing import Any

import numpy as np
import pycocotools.mask as coco_masks
import pytest
from PIL import Image

from unmask.data.folder import read_folder, read_images, read_label_folder
from unmask.data.options import ReadOptions
from unmask.errors import DataError, MaskError, PairingError, UnmaskError

SQUARE = [1, 1, 5, 1, 5, 4, 1, 4]  # 4 columns, 3 rows


def picture(path: Path, size: tuple[int, int] = (6, 8), seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (*size, 3)).astype(np.uint8)).save(path)


def annotation(image: int, category: int, segmentation: Any, **more: Any) -> dict[str, Any]:
    return {"id": 7, "image_id": image, "category_id": category, "segmentation": segmentation, **more}


def listing(
    images: list[str], annotations: list[dict[str, Any]], categories: dict[int, str], size: tuple[int, int] = (6, 8)
) -> dict[str, Any]:
    return {
        "images": [
            {"id": index, "file_name": name, "height": size[0], "width": size[1]} for index, name in enumerate(images)
        ],
        "annotations": annotations,
        "categories": [{"id": index, "name": name} for index, name in categories.items()],
    }


def write(file: Path, content: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def cells(root: Path) -> Path:
    """Two images; polygons, plain and compressed run lengths; a crowd; one category that never occurs."""
    mask = np.zeros((6, 8), np.uint8, order="F")
    mask[4:, 2:] = 1
    packed = {"size": [6, 8], "counts": coco_masks.encode(mask)["counts"].decode()}
    annotations = [
        annotation(0, 30, [SQUARE], iscrowd=0),
        annotation(0, 4, {"size": [6, 8], "counts": [30, 9, 9]}),
        annotation(0, 4, packed),
        annotation(0, 30, {"size": [6, 8], "counts": [0, 48]}, iscrowd=1),
    ]
    write(root / "cells.json", listing(["b.png", "a.png"], annotations, {30: "nucleus", 4: "dirt", 5: "dust"}))
    for name in ("a", "b"):
        picture(root / "images" / f"{name}.png")
    return root


def test_polygons_and_run_lengths(tmp_path: Path) -> None:
    dataset = read_folder(cells(tmp_path))
    assert (dataset.names(), dataset.kind, dataset.channels) == (["a", "b"], "objects", 3)
    assert (dataset.class_names, dataset.class_values) == (("dirt", "nucleus"), (1, 2))  # in order of ids
    sample = dataset.load("b")
    assert sample.layers is not None
    assert sample.layer_classes is not None
    assert [int((sample.layers == label).sum()) for label in (1, 2, 3)] == [4 * 3, 9, 6 * 2]
    assert sample.layer_classes.tolist() == [0, 2, 1, 1]
    np.testing.assert_array_equal(sample.ignore, sample.objects == 0)  # a crowd: all that is no object
    assert sample.objects is not None
    assert sample.classes is not None
    # The second object: the sixth column, and the upper half of the seventh.
    assert sample.objects.tolist() == [
        [0, 0, 0, 0, 0, 2, 2, 0],
        [0, 1, 1, 1, 1, 2, 2, 0],
        [0, 1, 1, 1, 1, 2, 2, 0],
        [0, 1, 1, 1, 1, 2, 0, 0],
        [0, 0, 3, 3, 3, 2, 3, 3],
        [0, 0, 3, 3, 3, 2, 3, 3],
    ]
    np.testing.assert_array_equal(sample.classes, np.array([0, 2, 1, 1])[sample.objects])


def test_images_without_annotations_have_no_objects(tmp_path: Path) -> None:
    sample = read_folder(cells(tmp_path)).load("a")
    assert sample.objects is not None
    assert sample.classes is not None
    assert not sample.objects.any()
    assert not sample.classes.any()
    assert sample.layers is None


def test_what_was_found_is_said(tmp_path: Path) -> None:
    dataset = read_folder(cells(tmp_path))
    assert dataset.decision == (
        "1 COCO file holds 3 objects of 2 classes. If only their classes matter, say --classes. "
        "1 listed class never occurs and is dropped. 1 region is ignored."
    )
    assert dataset.pairing == "2 images named in cells.json, such as images/a.png."


def test_a_file_itself_can_be_given(tmp_path: Path) -> None:
    file = cells(tmp_path) / "cells.json"
    dataset = read_folder(file)
    assert (dataset.root, dataset.names()) == (file, ["a", "b"])
    assert read_label_folder(file).names == ["a", "b"]
    assert read_images([file]).names() == ["a", "b"]


def test_only_classes(tmp_path: Path) -> None:
    dataset = read_folder(cells(tmp_path), ReadOptions("classes"))
    assert (dataset.kind, dataset.class_values) == ("classes", (1, 2))
    assert ": read as classes, as asked." in dataset.decision


def test_truth_for_scores(tmp_path: Path) -> None:
    truth, dataset = read_label_folder(cells(tmp_path)), read_folder(tmp_path)
    assert (truth.names, truth.kind, truth.coding.class_names) == (["a", "b"], "objects", ("dirt", "nucleus"))
    for name in truth.names:
        found = truth.load(name)
        sample = dataset.load(name)
        np.testing.assert_array_equal(found.classes, sample.classes)
        np.testing.assert_array_equal(found.objects, sample.objects)
    found = truth.load("b")
    np.testing.assert_array_equal(found.layers, dataset.load("b").layers)
    assert found.layer_classes.tolist() == [0, 2, 1, 1]
    assert truth.load("a").layers is None
    with pytest.raises(PairingError, match=r"has no mask called c\. Add it"):
        truth.load("c")


def test_degenerate_annotations_are_left_out(tmp_path: Path) -> None:
    annotations = [
        annotation(1, 1, [[1, 1, 5, 5]]),
        annotation(0, 1, [SQUARE]),
        annotation(0, 1, [[90, 90, 99, 90, 99, 99]]),
        annotation(0, 1, []),
        annotation(5, 1, [SQUARE]),
    ]
    write(tmp_path / "a.json", listing(["a.png", "b.png"], annotations, {1: "cell"}))
    for name in ("a", "b"):
        picture(tmp_path / f"{name}.png")
    dataset = read_folder(tmp_path)
    assert dataset.decision.endswith(
        "Left out: 1 annotation of an image that is not listed (first in image 5), "
        "1 shape outside the image (first in a.png), 2 shapes without a pixel in the image (first in a.png)."
    )
    assert [sample.objects.max() for sample in dataset if sample.objects is not None] == [1, 0]


def test_polygons_in_other_nestings(tmp_path: Path) -> None:
    corners = [[1, 1], [5, 1], [5, 4], [1, 4]]
    annotations = [annotation(0, 1, SQUARE), annotation(1, 1, [corners]), annotation(2, 1, [[*SQUARE, 9]])]
    write(tmp_path / "a.json", listing(["a.png", "b.png", "c.png"], annotations, {1: "cell"}))
    for name in ("a", "b", "c"):
        picture(tmp_path / f"{name}.png")
    assert [int((sample.objects == 1).sum()) for sample in read_folder(tmp_path)] == [12, 12, 12]


def test_classes_of_several_files_are_united_by_name(tmp_path: Path) -> None:
    write(tmp_path / "instances_train.json", listing(["a.png"], [annotation(0, 3, [SQUARE])], {3: "cat", 1: "cow"}))
    write(tmp_path / "instances_val.json", listing(["b.png"], [annotation(0, 3, [SQUARE])], {2: "dog", 3: "bird"}))
    picture(tmp_path / "train" / "a.png")
    picture(tmp_path / "val" / "b.png")
    dataset = read_folder(tmp_path)
    assert dataset.class_names == ("bird", "cat")
    assert [sample.classes.max() for sample in dataset if sample.classes is not None] == [2, 1]
    assert "2 listed classes never occur and are dropped." in dataset.decision
    assert dataset.splits == {"a": "train", "b": "val"}


def test_files_without_categories_hold_objects(tmp_path: Path) -> None:
    content = listing(["a.png"], [annotation(0, 9, [SQUARE])], {})
    del content["categories"]
    write(tmp_path / "a.json", content)
    picture(tmp_path / "a.png")
    assert read_folder(tmp_path).class_names == ("object",)


def test_named_and_unnamed_files_together(tmp_path: Path) -> None:
    write(tmp_path / "a.json", listing(["a.png"], [annotation(0, 3, [SQUARE])], {3: "cat"}))
    write(tmp_path / "b.json", listing(["b.png"], [annotation(0, 3, [SQUARE])], {}))
    for name in ("a", "b"):
        picture(tmp_path / f"{name}.png")
    assert read_folder(tmp_path).class_names == ("cat", "object")


def broken(root: Path, case: str) -> None:
    """Puts one thing wrong into a sound folder."""
    file = root / "cells.json"
    content = json.loads(file.read_text())
    first = content["annotations"][0]
    match case:
        case "cut off":
            file.write_text(file.read_text()[:-9])
            return
        case "missing":
            (root / "images" / "a.png").unlink()
        case "unknown category":
            first["category_id"] = 9
        case "no category":
            del first["category_id"]
        case "no file name":
            del content["images"][0]["file_name"]
        case "same id":
            content["images"][0]["id"] = content["images"][1]["id"]
        case "listed twice":
            content["images"][1]["file_name"] = "b.png"
        case "size":
            picture(root / "images" / "b.png", (6, 9))
        case "swapped":
            picture(root / "images" / "b.png", (8, 6))
        case "words":
            first["segmentation"] = [["a", "b", "c", "d", "e", "f"]]
        case "no counts":
            first["segmentation"] = {"size": [6, 8]}
        case "short counts":
            first["segmentation"] = {"size": [6, 8], "counts": [20, 9]}
        case "other counts":
            first["segmentation"] = {"size": [8, 6], "counts": [48]}
        case "boxes":
            for one in content["annotations"]:
                one |= {"segmentation": [], "iscrowd": 0, "bbox": [1, 1, 3, 3]}
        case "nothing":
            content["annotations"] = []
        case "only crowds":
            for one in content["annotations"]:
                one["iscrowd"] = 1
    write(file, content)


@pytest.mark.parametrize(
    ("case", "kind", "message"),
    [
        ("cut off", UnmaskError, r"cells\.json: is not JSON, or cut off \(.*line 1 column .*\)\. Copy or export it"),
        (
            "missing",
            PairingError,
            r"cells\.json: names 2 images, of which 1 is not there: a\.png\. Put them into",
        ),
        ("unknown category", DataError, r": annotation 7 is of category 9, which the file does not list\. Add 9 with"),
        (
            "no category",
            DataError,
            r": one of its annotations has no sound category_id: \{'id': 7, .*\. Export it again",
        ),
        ("no file name", DataError, r"cells\.json: one of its images has no sound file_name: \{'id': 0"),
        ("same id", DataError, r"cells\.json: lists two images of one id\. Export it again"),
        ("listed twice", PairingError, r"cells\.json: lists b\.png twice\. Take one of the two out"),
        ("size", PairingError, r"b\.png: is 6 x 9 pixels \(rows x columns\), its annotations are of 6 x 8\. Give the"),
        ("swapped", PairingError, r"b\.png: is 8 x 6 .* of 6 x 8: rows and columns are swapped\. Save it upright"),
        ("words", DataError, r": annotation 7 has an outline that is neither polygons nor run lengths\. Export"),
        ("no counts", DataError, r": annotation 7 has an outline that is neither polygons nor run lengths\. Export"),
        (
            "short counts",
            DataError,
            r": has run lengths of an object in b\.png that cover 29 pixels, the image has 6 x",
        ),
        ("other counts", DataError, r"in b\.png that are of 8 x 6 pixels \(rows x columns\), the image has 6 x 8\. Ex"),
        ("boxes", MaskError, r"cells\.json: holds boxes without outlines\. Annotate outlines"),
        ("nothing", MaskError, r": holds no object\. Annotate at least one object"),
        (
            "only crowds",
            MaskError,
            r": holds no object but 4 to ignore \(such as crowds\)\. Annotate at least one",
        ),
    ],
)
def test_wrong_files_are_refused_in_one_line(tmp_path: Path, case: str, kind: type[UnmaskError], message: str) -> None:
    broken(cells(tmp_path), case)
    for read in (read_folder, read_label_folder):
        if case == "cut off" and read is read_label_folder:
            continue  # a folder of label images might have any file beside
        with pytest.raises(kind, match=message) as caught:
            read(tmp_path)
        assert "\n" not in str(caught.value)
        assert caught.value.file is not None


def test_more_classes_than_fit_are_refused(tmp_path: Path) -> None:
    annotations = [annotation(0, index, [SQUARE]) for index in range(256)]
    write(tmp_path / "a.json", listing(["a.png"], annotations, {index: f"c{index}" for index in range(256)}))
    picture(tmp_path / "a.png")
    with pytest.raises(MaskError, match=r"holds objects of 256 classes, more than 254\. Unite classes"):
        read_folder(tmp_path)


def test_an_image_that_changed_since(tmp_path: Path) -> None:
    dataset = read_folder(cells(tmp_path))
    picture(tmp_path / "images" / "b.png", (6, 9))
    with pytest.raises(PairingError, match=r"b\.png: was 6 x 8 pixels when the data set was read\. Start again"):
        dataset.load("b")


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
def test_real_coco(shared_data: Path) -> None:
    dataset = read_folder(shared_data / "coco")
    assert (len(dataset), dataset.channels, len(dataset.class_names)) == (53, 3, 61)
    assert (len(dataset.names("train")), len(dataset.names("val"))) == (26, 27)
    assert dataset.decision.startswith("2 COCO files hold 352 objects of 61 classes.")
    assert "3 regions are ignored" in dataset.decision
    listed = json.loads((shared_data / "coco" / "instances_val2017.json").read_text())
    names = {one["id"]: one["name"] for one in listed["categories"]}
    for image in listed["images"]:
        sample = dataset.load(Path(image["file_name"]).stem)
        masks = [one for one in listed["annotations"] if one["image_id"] == image["id"] and not one["iscrowd"]]
        assert sample.objects is not None
        assert sample.classes is not None
        for label, one in enumerate(masks, start=1):
            mask = coco_masks.decode(one["segmentation"]) > 0
            layers = sample.objects[None] if sample.layers is None else sample.layers
            np.testing.assert_array_equal((layers == label).any(axis=0), mask)
            assert one["area"] == mask.sum()
            assert {dataset.class_names[index - 1] for index in sample.classes[sample.objects == label]} == {
                names[one["category_id"]]
            }


def test_an_outline_beyond_measure(tmp_path: Path) -> None:
    cells(tmp_path)
    far = [annotation(0, 4, [SQUARE]), annotation(0, 4, [[1, 1, 1e308, -1e308, -1e308, 4]])]
    write(tmp_path / "cells.json", listing(["a.png"], far, {4: "dirt"}))
    with pytest.raises(DataError, match=r"has an outline in a\.png that lies further off than any image is large"):
        read_folder(tmp_path)


def test_what_is_ignored_is_told(tmp_path: Path) -> None:
    """Also what never occurs; a class that is ignored is not dropped."""
    dataset = read_folder(cells(tmp_path), ReadOptions(ignore="DIRT"))
    assert dataset.class_names == ("nucleus",)
    assert " 1 listed class never occurs and is dropped. 3 regions are ignored." in dataset.decision
    dataset = read_folder(tmp_path, ReadOptions(ignore="dust"))
    assert dataset.class_names == ("dirt", "nucleus")
    assert "dropped" not in dataset.decision
    assert dataset.decision.endswith(" --ignore dust: that never occurs.")
    dataset = read_folder(tmp_path, ReadOptions(ignore="outside"))
    assert dataset.decision.endswith(" What is not annotated is ignored, but for the surroundings of objects.")
    with pytest.raises(DataError, match=r"--ignore stone: there is nothing .*Choose from dirt, nucleus, or say"):
        read_folder(tmp_path, ReadOptions(ignore="stone"))
