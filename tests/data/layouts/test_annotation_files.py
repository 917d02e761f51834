"""Where annotation files and their images lie; what is in them: test_coco.py, test_via.py."""

import json
import weakref
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from unmask.data.dataset import split_dataset
from unmask.data.folder import read_folder, read_images, read_label_folder
from unmask.data.layouts import annotation_files
from unmask.data.layouts.layouts import LAYOUTS
from unmask.data.options import ReadOptions
from unmask.errors import DataError, PairingError, UnreadableFile


def picture(path: Path, colour: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(colour).integers(0, 255, (6, 8, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)


def coco(file: Path, *names: str) -> None:
    """A COCO file of images with an object of 12 pixels each."""
    outline = [[1, 1, 5, 1, 5, 4, 1, 4]]
    content = {
        "images": [{"id": index, "file_name": name, "height": 6, "width": 8} for index, name in enumerate(names)],
        "annotations": [
            {"id": index, "image_id": index, "category_id": 1, "segmentation": outline} for index in range(len(names))
        ],
        "categories": [{"id": 1, "name": "cell"}],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))


def via(file: Path, *names: str) -> None:
    square = {"name": "rect", "x": 1, "y": 1, "width": 4, "height": 3}
    regions = [{"shape_attributes": square, "region_attributes": {}}]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({name: {"filename": name, "regions": regions} for name in names}))


@pytest.mark.parametrize(
    ("file", "name", "image"),
    [
        ("cells.json", "a.jpg", "a.jpg"),
        ("cells.json", "a.jpg", "images/a.jpg"),
        ("cells.json", "a.jpg", "some/where/a.jpg"),
        ("cells.json", "some/a.jpg", "some/a.jpg"),
        ("cells.json", "gone/a.jpg", "images/a.jpg"),
        ("cells.json", "C:\\data\\a.jpg", "images/a.jpg"),
        ("cells.json", "https://example.org/a.jpg", "a.jpg"),
        ("instances_train2017.json", "a.jpg", "train2017/a.jpg"),
        ("instances_train2017.json", "a.jpg", "train/a.jpg"),
        ("instances_train2017.json", "a.jpg", "images/train2017/a.jpg"),
        ("annotations/instances_train2017.json", "a.jpg", "train2017/a.jpg"),
        ("annotations/cells.json", "a.jpg", "images/a.jpg"),
        ("train/_annotations.coco.json", "a.jpg", "train/a.jpg"),
    ],
)
def test_images_are_found(tmp_path: Path, file: str, name: str, image: str) -> None:
    coco(tmp_path / file, name)
    picture(tmp_path / image)
    for path in (tmp_path, tmp_path / file):
        assert [entry.image for entry in read_folder(path).entries] == [tmp_path / image]


def test_a_folder_by_the_files_name_comes_before_others(tmp_path: Path) -> None:
    for part in ("train", "val"):
        coco(tmp_path / f"instances_{part}.json", "a.jpg", "b.jpg")
        for name in ("a", "b"):
            picture(tmp_path / part / f"{name}.jpg", len(part))
    dataset = read_folder(tmp_path)
    # Names of both parts are the same, so they are told apart.
    assert dataset.names() == ["train_a", "val_a", "train_b", "val_b"]
    assert dataset.names("val") == ["val_a", "val_b"]
    for entry in dataset.entries:
        assert dataset.splits[entry.name] == entry.image.parent.name
    assert read_images([tmp_path]).names() == dataset.names()
    assert read_label_folder(tmp_path).splits == dataset.splits


def test_images_of_one_name_elsewhere_are_ambiguous(tmp_path: Path) -> None:
    coco(tmp_path / "cells.json", "a.jpg")
    picture(tmp_path / "x" / "a.jpg")
    picture(tmp_path / "y" / "a.jpg")
    with pytest.raises(PairingError, match=r"cells\.json: names a\.jpg, and there are .*x/a\.jpg and .*y/a\.jpg\. Wri"):
        read_folder(tmp_path)


def test_missing_images_are_counted(tmp_path: Path) -> None:
    coco(tmp_path / "cells.json", "a.jpg", "b.jpg", "c.jpg")
    picture(tmp_path / "b.jpg")
    with pytest.raises(
        PairingError,
        match=r"cells\.json: names 3 images, of which 2 are not there, first a\.jpg\. Put them into .*, or",
    ):
        read_folder(tmp_path)


def test_one_image_in_two_files(tmp_path: Path) -> None:
    coco(tmp_path / "one.json", "a.jpg")
    coco(tmp_path / "two.json", "a.jpg")
    picture(tmp_path / "a.jpg")
    with pytest.raises(
        PairingError, match=r"two\.json: lists a\.jpg and so does .*one\.json\. Give the one file to use"
    ):
        read_folder(tmp_path)
    assert read_folder(tmp_path / "two.json").names() == ["a"]


def test_images_with_several_pages_are_refused(tmp_path: Path) -> None:
    coco(tmp_path / "cells.json", "a.tif")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 6, 8), np.uint8), photometric="minisblack")
    with pytest.raises(PairingError, match=r"a\.tif: holds 3 images; an annotated file holds one\. Save each"):
        read_folder(tmp_path)


def test_images_too_large_for_outlines_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    coco(tmp_path / "cells.json", "a.jpg")
    picture(tmp_path / "a.jpg")
    monkeypatch.setattr("unmask.data.layouts.annotated.LARGEST", 47)
    with pytest.raises(
        DataError, match=r"a\.jpg: has more than 47 pixels, too many for outlines\. Cut it into several"
    ):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        (["instances_train2017.json", "instances_val2017.json"], ["train", "val"]),
        (["train/via_region_data.json", "val/via_region_data.json"], ["train", "val"]),
        (["train/_annotations.coco.json", "valid/_annotations.coco.json"], ["train", "val"]),
        (["cells_training.json", "cells_test.json"], ["train", "test"]),
        (["instances_val2017.json", "instances_test2017.json"], ["val", "test"]),  # nothing to train on
        (["instances_val2017.json"], None),
        (["instances_train2017.json", "instances_more.json"], ["train", "train"]),
        (["instances_test2017.json", "instances_more.json"], ["test", "train"]),
        (["training_set.json"], ["train"]),
        (["trainings.json"], None),  # no word by itself
    ],
)
def test_splits(tmp_path: Path, files: list[str], splits: list[str] | None) -> None:
    names = [f"{letter}.jpg" for letter, _ in zip("abc", files, strict=False)]
    for file, name in zip(files, names, strict=True):
        (via if "via" in file else coco)(tmp_path / file, name)
        picture((tmp_path / file).parent / name)
    dataset = read_folder(tmp_path)
    assert dataset.names() == [name[0] for name in names]
    assert dataset.splits == ({} if splits is None else dict(zip(dataset.names(), splits, strict=True)))
    if splits == ["val", "test"]:
        with pytest.raises(
            DataError, match=r"has no image to train on \(1 as val and 1 as test\)\. Mark some as train"
        ):
            split_dataset(dataset, 0)
    else:
        parts = split_dataset(dataset, 0)
        assert parts["train"]
        assert parts["test"] == dataset.names("test")


def test_splits_train_and_validate(tmp_path: Path) -> None:
    for part, letters in (("train", "abc"), ("val", "xy")):
        via(tmp_path / part / "via_region_data.json", *(f"{letter}.jpg" for letter in letters))
        for letter in letters:
            picture(tmp_path / part / f"{letter}.jpg")
    dataset = read_folder(tmp_path)
    assert split_dataset(dataset, 0) == {"train": ["a", "b", "c"], "val": ["x", "y"], "test": []}
    assert dataset.pairing == (
        "5 images named in train/via_region_data.json, val/via_region_data.json, such as train/a.jpg."
    )
    # Its own folder's name says nothing about one part alone.
    assert read_folder(tmp_path / "val").splits == {}


def test_a_split_file_overrules_names(tmp_path: Path) -> None:
    coco(tmp_path / "instances_train.json", "a.jpg", "b.jpg")
    for name in ("a", "b"):
        picture(tmp_path / f"{name}.jpg")
    (tmp_path / "split.csv").write_text("name,split\na,test\nb,train\n")
    assert read_folder(tmp_path).splits == {"a": "test", "b": "train"}
    assert read_folder(tmp_path / "instances_train.json").splits == {"a": "test", "b": "train"}
    (tmp_path / "other.csv").write_text("name,split\na,train\nb,val\n")
    assert read_folder(tmp_path, ReadOptions(split=tmp_path / "other.csv")).splits == {"a": "train", "b": "val"}


def test_captions_and_settings_beside_are_left_alone(tmp_path: Path) -> None:
    coco(tmp_path / "annotations" / "instances_train2017.json", "a.jpg")
    picture(tmp_path / "train2017" / "a.jpg")
    captions = {"images": [], "annotations": [{"image_id": 1, "caption": "a cell"}]}
    for name in ("annotations/captions_train2017.json", "settings.json"):
        (tmp_path / name).write_text(json.dumps(captions))
    assert read_folder(tmp_path).names() == ["a"]


def test_masks_come_before_annotation_files(tmp_path: Path) -> None:
    coco(tmp_path / "cells.json", "gone.jpg")
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.tri(6, 8, dtype=np.uint8)).save(tmp_path / "masks" / "a.png")
    assert read_folder(tmp_path).kind == "binary"
    assert read_label_folder(tmp_path).names == ["a"]


def test_other_files_beside_label_images_do_no_harm(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Image.fromarray(np.tri(6, 8, dtype=np.uint8)).save(tmp_path / f"{name}.png")
    (tmp_path / "summary.json").write_text('{"images": 2}')
    (tmp_path / "broken.json").write_text("{")
    assert read_label_folder(tmp_path).names == ["a", "b"]


def test_a_damaged_file_among_others_is_told(tmp_path: Path) -> None:
    coco(tmp_path / "train" / "cells.json", "a.jpg")
    picture(tmp_path / "train" / "a.jpg")
    (tmp_path / "val").mkdir()
    (tmp_path / "val" / "cells.json").write_text('{"images": [')
    with pytest.raises(
        UnreadableFile, match=r"val/cells\.json: is not JSON, or cut off \(Expecting .*\)\. Copy or exp"
    ):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '{"version": "5.0", "shapes": [], "flags": {}}',
            r"\(its keys are version, shapes, flags\)\. Give a C",
        ),
        (
            '{"images": [], "categories": []}',
            r"\(its keys are images, categories\)\. Give a COCO instances file \(images",
        ),
        ("[{}, {}]", r"\(a list of 2; results have no images, the file that they belong to has\)\. Give"),
        ("{}", r"does not read \(it holds no annotations\)\. Give a COCO"),
        ("17", r"does not read \(it holds no annotations\)"),
        ('{"_via_img_metadata": []}', r"\(its keys are _via_img_metadata\)"),
        (
            "<html>",
            r"is not JSON, or cut off \(Expecting value: line 1 column 1 \(char 0\)\)\. Copy or export it again",
        ),
        ("[" * 100_000, r"is not JSON, or cut off"),
        ("\udcff", r"is not JSON, or cut off \('utf-8' codec can't decode"),
    ],
)
def test_other_json_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    for read in (read_folder, read_label_folder, lambda path: read_images([path])):
        with pytest.raises(DataError, match=r"a\.json: .*" + message) as caught:
            read(tmp_path / "a.json")
        assert caught.value.file == tmp_path / "a.json"
    with pytest.raises(DataError, match=message):
        read_folder(tmp_path)


def test_other_folders_are_told_as_before(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(PairingError, match=r"holds no image that unmask reads \(1 \.txt\)"):
        read_folder(tmp_path)
    (tmp_path / "labels").mkdir()
    (tmp_path / "summary.json").write_text("{}")  # what `predict` leaves
    with pytest.raises(PairingError, match=r"has labels/ but no images/ \(there: labels/\)"):
        read_folder(tmp_path)


def test_grey_photographs_among_coloured_ones(tmp_path: Path) -> None:
    coco(tmp_path / "cells.json", "a.jpg", "b.jpg")
    picture(tmp_path / "a.jpg")
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(tmp_path / "b.jpg")
    dataset = read_folder(tmp_path)
    assert dataset.channels == 3
    grey = dataset.load("b").image
    assert grey.shape == (6, 8, 3)
    assert (grey == grey[..., :1]).all()
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(tmp_path / "a.jpg")
    assert read_folder(tmp_path).channels == 1


def test_json_files_are_read_once_and_others_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of labelme files has its images in them."""

    class Content(dict[str, object]):
        """One that can be watched."""

    read: list[weakref.ref[Content]] = []

    def watched(file: Path) -> Content:
        content = Content(shapes=[], imageData="/9j/")
        read.append(weakref.ref(content))
        return content

    monkeypatch.setattr(annotation_files, "read_json", watched)
    for name in "abc":
        (tmp_path / f"{name}.json").touch()
    layouts = [layout for layout in LAYOUTS if layout.name in ("coco", "via")]
    assert [layout.read(tmp_path, ReadOptions()) for layout in layouts] == [None, None]
    assert len(read) == 3
    read.clear()
    kept = annotation_files._read(tmp_path)
    assert [one.other for one in kept] == ["its keys are shapes, imageData"] * 3
    assert [content() for content in read] == [None] * 3


def test_via_can_be_asked_for(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    via(tmp_path / "via.json", "a.png")
    assert read_folder(tmp_path, ReadOptions(layout="via")).layout == "via"
    with pytest.raises(PairingError, match="is not laid out as coco"):
        read_folder(tmp_path, ReadOptions(layout="coco"))


@pytest.mark.parametrize(("turn", "said", "refused"), [(6, False, True), (3, True, True), (6, True, False)])
def test_photographs_that_viewers_turn(tmp_path: Path, turn: int, said: bool, refused: bool) -> None:
    """Outlines drawn in a viewer do not fit the pixels; a size that fits them says that they do."""
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    coco(tmp_path / "cells.json", "a.jpg") if said else via(tmp_path / "cells.json", "a.jpg")
    if refused:
        with pytest.raises(PairingError, match=rf"a\.jpg: is stored turned \(EXIF orientation {turn}\).*mogrify"):
            read_folder(tmp_path)
    else:
        assert read_folder(tmp_path).names() == ["a"]
