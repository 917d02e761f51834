"""Images to predict: all that a layout says, whatever is wrong with their annotation, and whether there is any."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from unmask.cli.predict import _of_split
from unmask.data.folder import read_images
from unmask.errors import PairingError

IMAGE = np.arange(240, dtype=np.uint8).reshape(12, 20)
MASK = np.zeros((12, 20), np.uint8)
MASK[2:6, 3:9] = 1
BOXES = "<annotation><object><bndbox><xmin>1</xmin></bndbox></object></annotation>"


def put(root: Path, *names: str, array: np.ndarray = IMAGE) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".tif"):
            tifffile.imwrite(root / name, array, photometric="minisblack")
        else:
            Image.fromarray(array).save(root / name)


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def names(root: Path) -> list[str]:
    return read_images([root]).names()


def test_frames_without_outlines(tmp_path: Path) -> None:
    put(tmp_path, *(f"01/t00{frame}.tif" for frame in range(6)), "02/t000.tif")
    put(tmp_path, "01_GT/SEG/man_seg002.tif", array=MASK)
    assert names(tmp_path) == [*(f"01_t00{frame}" for frame in range(6)), "02_t000"]


def test_cases_to_test_and_cases_without_a_label_map(tmp_path: Path) -> None:
    put(tmp_path, "imagesTr/a_0000.png", "imagesTr/a_0001.png", "imagesTr/b_0000.png", "imagesTr/b_0001.png")
    put(tmp_path, "imagesTs/a_0000.png", "imagesTs/a_0001.png", "imagesTs/c_0000.png", "imagesTs/c_0001.png")
    put(tmp_path, "labelsTr/a.png", array=MASK)
    found = read_images([tmp_path])
    assert (found.names(), found.channels) == (["a", "b", "imagesTs_a", "c"], 2)
    assert found.entry("imagesTs_a").more == (tmp_path / "imagesTs/a_0001.png",)


def test_folders_without_masks(tmp_path: Path) -> None:
    put(tmp_path, "stage1_train/a/images/a.png", "stage1_train/b/images/b.png", "stage1_test/c/images/c.png")
    put(tmp_path, "stage1_train/a/masks/1.png", "stage1_train/a/masks/2.png", array=MASK)
    assert names(tmp_path) == ["a", "b", "c"]
    put(tmp_path / "other", "x/image.png", "y/image.png")
    put(tmp_path / "other", "x/masks/1.png", "x/masks/2.png", array=MASK)
    assert names(tmp_path / "other") == ["x", "y"]


def test_pascal_voc_without_masks_or_with_bad_ones(tmp_path: Path) -> None:
    put(tmp_path, "JPEGImages/a.jpg", "JPEGImages/b.jpg", "SegmentationObject/a.png")  # as it should not be
    assert names(tmp_path) == ["a", "b"]
    write(tmp_path / "boxes", "JPEGImages/a.xml", BOXES)
    put(tmp_path / "boxes", "JPEGImages/a.jpg")
    assert names(tmp_path / "boxes") == ["a"]


@pytest.mark.parametrize(
    ("image", "annotation", "text"),
    [
        ("a.jpg", "a.xml", BOXES),
        ("images/a.jpg", "labels/a.txt", "0 .5 .5 .2 .2\n"),
        ("images/train/a.jpg", "labels/train/a.txt", "0 .5 .5 .2 .2\n"),
        ("train/images/a.jpg", "train/labels/a.txt", "no line of YOLO\n"),
        ("train/a.jpg", "train/a.json", json.dumps({"shapes": [], "imagePath": "gone.jpg"})),
        ("train/a.jpg", "train/instances.json", json.dumps({"images": [], "annotations": [], "categories": 3})),
    ],
)
def test_annotation_that_cannot_be_read(tmp_path: Path, image: str, annotation: str, text: str) -> None:
    second = image.replace("train", "test").replace("a.jpg", "b.jpg")
    put(tmp_path, image, second)
    write(tmp_path, annotation, text)
    assert sorted(names(tmp_path)) == ["a", "b"]


def test_stacks_without_labels(tmp_path: Path) -> None:
    put(tmp_path, "train-volume.tif", "test-volume.tif", array=np.stack([IMAGE, IMAGE]))
    put(tmp_path, "train-labels.tif", array=np.stack([MASK] * 3))
    assert names(tmp_path) == [f"{part}-volume_00{page}" for part in ("test", "train") for page in (1, 2)]


def test_a_table_with_cells_of_masks_left_empty(tmp_path: Path) -> None:
    put(tmp_path, "a1.png", "a2.png", "b1.png", "b2.png", "m.png")
    write(tmp_path, "cells.csv", "name,image_1,image_2,mask\nx,a1.png,a2.png,m.png\ny,b1.png,b2.png,\n")
    for given in (tmp_path, tmp_path / "cells.csv"):
        found = read_images([given])
        assert (found.names(), found.channels) == (["x", "y"], 2)
    (tmp_path / "b2.png").unlink()
    with pytest.raises(PairingError, match=r"cells\.csv: line 3 names b2\.png, which is not there"):
        read_images([tmp_path])


def test_smoothed_and_missing_masks_of_a_split(tmp_path: Path) -> None:
    put(tmp_path, "train/images/a.png", "train/images/b.png", "test/images/c.png")
    put(tmp_path, "train/masks/a.png", array=IMAGE)
    assert sorted(names(tmp_path)) == ["a", "b", "c"]


def test_images_of_a_data_yaml(tmp_path: Path) -> None:
    put(tmp_path, "images/one/a.png", "images/two/b.png")
    write(tmp_path, "labels/one/a.txt", "0 .5 .5 .2 .2\n")
    write(tmp_path, "cells.yaml", "train: images/one\nval: images/two\nnames: [cell]\n")
    assert names(tmp_path / "cells.yaml") == ["a", "b"]


def test_images_of_a_split_that_folders_or_a_file_say(tmp_path: Path) -> None:
    put(tmp_path, "imagesTr/a_0000.png", "imagesTr/b_0000.png", "imagesTs/c_0000.png")
    put(tmp_path, "labelsTr/a.png", "labelsTr/b.png", "labelsTs/c.png", array=MASK)
    write(tmp_path, "dataset.json", json.dumps({"labels": {"background": 0, "cell": 1}}))
    found = read_images([tmp_path])
    assert _of_split([tmp_path / "model"], [tmp_path], "test", found) == ["c"]
    write(tmp_path, "split.csv", "name,split\na,test\nb,train\n")  # c is no matter
    assert _of_split([tmp_path / "model"], [tmp_path], "test", found) == ["a"]
    write(tmp_path, "model/split.json", json.dumps({"train": ["x"], "test": ["y"]}))  # trained on other images
    assert _of_split([tmp_path / "model"], [tmp_path], "test", found) == ["a"]
    write(tmp_path, "model/split.json", json.dumps({"train": ["a"], "test": ["b"]}))
    assert _of_split([tmp_path / "model"], [tmp_path], "test", found) == ["b"]
