import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unmask.data.folder import read_folder, read_images
from unmask.data.listing import unique_names
from unmask.data.options import ReadOptions
from unmask.errors import PairingError, UnmaskError, UnreadableFile

IMAGE = np.arange(240, dtype=np.uint8).reshape(12, 20)


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(IMAGE // 120 * 255 if "mask" in name else IMAGE).save(root / name)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["x/a.png", "x/A.png"], ["a", "A"]),
        (["x/a.jpg", "x/a.JPG"], ["a_jpg", "a_JPG"]),
        (["x/a.png", "y/A.png"], ["x_a", "y_A"]),
    ],
)
def test_names_that_differ_in_case_alone(files: list[str], names: list[str]) -> None:
    assert unique_names([Path(file) for file in files]) == names


def test_one_file_given_as_two() -> None:
    with pytest.raises(PairingError, match=r"a\.png: cannot be told apart from another file by its name\. Rename"):
        unique_names([Path("x/a.png"), Path("x/a.png")])


def test_images_that_differ_in_case_alone(tmp_path: Path) -> None:
    put(tmp_path, "images/a.png", "images/A.png", "masks/a.png", "masks/A.png")
    (tmp_path / "split.csv").write_text("name,split\na,test\nA,train\n")
    assert dict(read_folder(tmp_path).splits) == {"A": "train", "a": "test"}
    put(tmp_path / "twins", "images/a.jpg", "images/a.JPG", "masks/a.png")
    assert sorted(read_images([tmp_path / "twins/images"]).names()) == ["a_JPG", "a_jpg"]
    with pytest.raises(PairingError, match=r"has the same name as a\.JPG, so that their masks cannot be told apart"):
        read_folder(tmp_path / "twins")


def test_an_image_that_was_left_out_may_be_in_the_split_file(tmp_path: Path) -> None:
    put(tmp_path, "images/a.png", "images/b.png", "images/c.png", "masks/a.png", "masks/b.png")
    (tmp_path / "split.csv").write_text("name,split\na,train\nb,val\nc,train\n")
    problems: list[UnmaskError] = []
    dataset = read_folder(tmp_path, ReadOptions(report=problems.append))
    assert dict(dataset.splits) == {"a": "train", "b": "val"}
    assert [(error.file, error.code) for error in problems] == [(tmp_path / "images/c.png", "unpaired")]


@pytest.mark.parametrize("place", ["images/plate1", "train", "a/masks", "x"])
@pytest.mark.parametrize("read", [read_folder, lambda path: read_images([path])])
def test_a_folder_that_must_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, read: Callable[[Path], object]
) -> None:
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / "masks").mkdir(exist_ok=True)
    _forbid(monkeypatch, tmp_path / place)
    message = rf"{place}: is a folder that cannot be read \(Permission denied\)\. Allow reading it, or move it away"
    with pytest.raises(UnreadableFile, match=message):
        read(tmp_path)


def _forbid(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Makes listing a folder fail as it does without permission, for a superuser too."""
    for name in ("listdir", "scandir"):
        known = getattr(os, name)

        def refuse(path: object = ".", known: Callable[[object], object] = known) -> object:
            if str(path) == str(folder):
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return known(path)

        monkeypatch.setattr(os, name, refuse)


def test_hidden_files_are_no_images(tmp_path: Path) -> None:
    put(tmp_path, "s1/images/a.png", "s1/masks/1_mask.png", "s1/masks/2_mask.png", "s2/images/b.png")
    (tmp_path / "s2/masks").mkdir()
    (tmp_path / "s2/masks/._x.png").write_bytes(b"x")
    assert read_folder(tmp_path).names() == ["s1", "s2"]
