from pathlib import Path

import pytest

from unmask.data.layouts.split_folders import find_parts
from unmask.errors import PairingError


def made(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def parts(root: Path) -> list[tuple[str, list[str], list[str], str | None]]:
    """Place, names of images, names of masks, split."""
    return [
        (part.place.as_posix(), [file.name for file in part.images], [file.name for file in part.masks], part.split)
        for part in find_parts(root)
    ]


def test_two_folders(tmp_path: Path) -> None:
    made(tmp_path, "images/a.tif", "images/old/b.tif", "Masks/a.png")
    assert parts(tmp_path) == [(".", ["a.tif"], ["a.png"], None)]


def test_class_maps_are_masks_where_there_are_no_others(tmp_path: Path) -> None:
    made(tmp_path, "images/a.tif", "classes/a.png", "membranes/a.png")
    assert parts(tmp_path) == [(".", ["a.tif"], ["a.png"], None)]
    made(tmp_path, "masks/a.bmp")
    assert parts(tmp_path) == [(".", ["a.tif"], ["a.bmp"], None)]


def test_folders_below_mirror_each_other(tmp_path: Path) -> None:
    made(
        tmp_path, "images/p10/a.tif", "images/p2/w/a.tif", "masks/p10/a.tif", "masks/p2/w/a.tif", "masks/.thumbs/a.tif"
    )
    assert [part[0] for part in parts(tmp_path)] == ["p2/w", "p10"]
    made(tmp_path, "images/p3/a.tif", "masks/p4/a.tif")
    assert parts(tmp_path)[1:3] == [("p3", ["a.tif"], [], None), ("p4", [], ["a.tif"], None)]
    made(tmp_path, "images/a.tif", "masks/a.tif")  # then what is below need not belong to it
    assert [part[0] for part in parts(tmp_path)] == [".", "p2/w", "p10"]


@pytest.mark.parametrize(
    "names",
    [
        ("train/images/a.tif", "train/masks/a.tif", "val/images/b.tif", "val/labels/b.tif"),
        ("images/train/a.tif", "masks/train/a.tif", "images/val/b.tif", "masks/val/b.tif"),
        ("train/a.tif", "train/a_mask.tif", "val/b.tif", "val/b_masks.tif"),
        ("train/a.tif", "train_labels/a.tif", "val/b.tif", "val_labels/b.tif"),
        ("train/a.tif", "trainannot/a.tif", "val/b.tif", "valannot/b.tif"),
        ("train_images/a.tif", "train_masks/a.tif", "val_images/b.tif", "val_masks/b.tif"),
    ],
)
def test_folders_named_after_a_split(tmp_path: Path, names: tuple[str, ...]) -> None:
    made(tmp_path, *names)
    found = parts(tmp_path)
    assert [(len(images), len(masks), split) for _, images, masks, split in found] == [(1, 1, "train"), (1, 1, "val")]
    assert [place.removesuffix("_images") for place, *_ in found] == ["train", "val"]


def test_other_words_for_splits(tmp_path: Path) -> None:
    made(
        tmp_path, *(f"{one}/{part}/a.tif" for one in ("stage1_train", "Valid", "test") for part in ("images", "masks"))
    )
    assert [(place, split) for place, _, _, split in parts(tmp_path)] == [
        ("stage1_train", "train"),
        ("test", "test"),
        ("Valid", "val"),
    ]


def test_a_split_without_masks(tmp_path: Path) -> None:
    made(tmp_path, "train/images/a.tif", "train/masks/a.tif", "test/images/b.tif", "val/c.tif")
    assert parts(tmp_path) == [
        ("test", ["b.tif"], [], "test"),
        ("train", ["a.tif"], ["a.tif"], "train"),
        ("val", ["c.tif"], [], "val"),
    ]


@pytest.mark.parametrize(
    "names",
    [
        ("train/a.tif", "val/b.tif"),
        ("train/images/a.tif", "val/images/b.tif"),
        ("images/a.tif",),
        ("images/train/a.tif", "masks/a.tif"),
        ("images/a.tif", "labels/a.txt"),
        ("a.tif", "b.tif"),
        ("stage1_train/x/images/x.png", "stage1_train/x/masks/y.png"),
    ],
)
def test_other_layouts(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert parts(made(tmp_path, *names)) == []


def test_two_folders_of_masks(tmp_path: Path) -> None:
    made(tmp_path, "train/images/a.tif", "train/masks/a.tif", "train/labels/a.tif")
    with pytest.raises(PairingError, match=r"train: has both labels/ and masks/\. Keep the one to use"):
        find_parts(tmp_path)
