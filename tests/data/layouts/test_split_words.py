from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unmask.data.dataset import split_dataset
from unmask.data.folder import read_folder
from unmask.data.layouts.split_words import word_in
from unmask.errors import DataError

IMAGE = np.arange(240, dtype=np.uint8).reshape(12, 20)
MASK = np.zeros((12, 20), np.uint8)
MASK[2:6, 3:9] = 255
CORNERS = "0 0.1 0.1 0.5 0.1 0.5 0.5\n"


def put(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def pairs(root: Path, *places: str) -> None:
    for place in places:
        put(root / "images" / place / f"{place}1.png", IMAGE)
        put(root / "masks" / place / f"{place}1.png", MASK)


def outlines(root: Path, *places: str) -> None:
    for place in places:
        put(root / "images" / place / f"{place}1.png", IMAGE)
        (root / "labels" / place).mkdir(parents=True)
        (root / "labels" / place / f"{place}1.txt").write_text(CORNERS)


def objects(root: Path, *places: str) -> None:
    for place in places:
        put(root / place / f"{place}1" / "image.png", IMAGE)
        for number in (1, 2):
            put(root / place / f"{place}1" / "masks" / f"{number}.png", MASK)


@pytest.mark.parametrize(
    ("path", "word"),
    [("stage1_train/x", "train"), ("valid", "val"), ("Testing", None), ("trains", None), ("a/TEST_2/train", "test")],
)
def test_words(path: str, word: str | None) -> None:
    assert word_in(Path(path)) == word


@pytest.mark.parametrize("write", [pairs, outlines, objects])
def test_images_to_test_are_never_trained_on(tmp_path: Path, write: object) -> None:
    assert callable(write)
    write(tmp_path / "more", "train", "test", "extra")
    dataset = read_folder(tmp_path / "more")
    assert split_dataset(dataset, 0)["test"] == ["test1"]
    assert sorted(dataset.names("train")) == ["extra1", "train1"]
    assert dataset.pairing.endswith(" No split is said of 1 image, such as extra1: it counts as train.")
    write(tmp_path / "held", "val", "test")
    with pytest.raises(DataError, match=r"held: has no image to train on \(1 as val and 1 as test\)"):
        split_dataset(read_folder(tmp_path / "held"), 0)


def test_the_name_of_the_folder_given_says_nothing(tmp_path: Path) -> None:
    for place, write in (("pairs", pairs), ("outlines", outlines), ("objects", objects)):
        write(tmp_path / place / "test", "plate")
        assert split_dataset(read_folder(tmp_path / place / "test"), 0)["train"]
