"""From archives' folders to ones that unmask reads."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from unmask.data.folder import read_folder
from unmask.data.formats.images import read_image
from unmask.errors import FetchError
from unmask.public.arrange import CAMVID, arrange

PNG = Callable[[Any], bytes]


def put(folder: Path, files: dict[str, bytes | str]) -> None:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """What was unpacked, and where the set goes."""
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw", tmp_path / "done"


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def splits(folder: Path) -> dict[str, str]:
    with (folder / "split.csv").open() as file:
        return {row["name"]: row["split"] for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    ("shape", "top", "files"),
    [
        ("isbi2012", "ISBI-2012-challenge/", ["train-volume.tif", "train-labels.tif", "test-volume.tif"]),
        ("isbi2012", "", ["train-volume.tif", "train-labels.tif"]),
        ("ctc", "Fluo-N2DH-SIM+/", ["01/t000.tif", "01_GT/SEG/man_seg000.tif", "01_GT/TRA/man_track.txt", "02/t0.tif"]),
        ("balloon", "balloon/", ["train/a.jpg", "train/via_region_data.json", "val/b.jpg", "val/via_region_data.json"]),
        ("dsb2018", "", ["one/images/one.png", "one/masks/1.png", "two/images/two.png"]),
        ("dsb2018", "stage1_train/", ["one/images/one.png", "one/masks/1.png"]),
    ],
)
def test_as_it_is(folders: tuple[Path, Path], shape: Any, top: str, files: list[str]) -> None:
    """The outer folder goes, if there is one; nothing else changes."""
    raw, done = folders
    put(raw, {top + file: file for file in files})
    assert arrange(shape, raw, done) == []
    before = "stage1_train/" if shape == "dsb2018" else ""
    assert names(done) == sorted(before + file for file in files)
    assert all((done / (before + file)).read_text() == file for file in files)


def test_penn_fudan(folders: tuple[Path, Path], png: PNG) -> None:
    raw, done = folders
    labels = np.pad([[1, 1], [2, 2]], 4)
    put(raw, {"PennFudanPed/PNGImages/P1.png": png(np.full((10, 10, 3), 9)), "PennFudanPed/readme.txt": "hello"})
    put(raw, {"PennFudanPed/PedMasks/P1_mask.png": png(labels), "PennFudanPed/Annotation/P1.txt": "boxes"})
    assert arrange("penn-fudan", raw, done) == ["PNGImages/ and PedMasks/ are called images/ and masks/."]
    assert names(done) == ["Annotation/P1.txt", "images/P1.png", "masks/P1_mask.png", "readme.txt"]
    assert len(read_folder(done)) == 1


def test_bbbc039(folders: tuple[Path, Path], png: PNG) -> None:
    """Pixels that touch, also at corners, and have one value in the red channel are one nucleus."""
    raw, done = folders
    red = np.array([[1, 1, 0, 2, 0], [1, 1, 2, 2, 0], [0, 0, 0, 0, 1], [1, 0, 0, 1, 0]], np.uint8)
    rgba = np.stack([red, red * 0, red * 0, red * 0 + 255], axis=2)
    for name in ("A01", "B02", "C03"):
        put(raw, {f"masks/{name}.png": png(rgba), f"images/{name}.tif": b""})
        tifffile.imwrite(raw / "images" / f"{name}.tif", np.arange(20, dtype=np.uint16).reshape(4, 5))
    put(
        raw,
        {
            "metadata/training.txt": "A01.png\r\n",
            "metadata/validation.txt": "B02.png\n",
            "metadata/test.txt": "C03.png",
        },
    )
    said = arrange("bbbc039", raw, done)
    assert len(said) == 2
    found = read_image(done / "masks" / "A01.tif").planes[0][..., 0]
    assert found.tolist() == [[1, 1, 0, 2, 0], [1, 1, 2, 2, 0], [0, 0, 0, 0, 3], [4, 0, 0, 3, 0]]
    assert splits(done) == {"A01": "train", "B02": "val", "C03": "test"}
    assert names(done / "masks_png") == ["A01.png", "B02.png", "C03.png"]
    dataset = read_folder(done)
    assert dataset.names("test") == ["C03"]
    sample = dataset.load("A01")
    assert sample.objects is not None
    assert sample.objects.max() == 4


def test_camvid(folders: tuple[Path, Path], png: PNG) -> None:
    """Numbers in the order of codes.txt become the makers' colours."""
    raw, done = folders
    order = [name for name, _ in CAMVID]
    numbers = np.array([[order.index("Sky"), order.index("Void")], [order.index("Road"), order.index("Car")]])
    for name in ("0001TP_1", "0016E5_2"):
        put(raw, {f"camvid/images/{name}.png": png(np.zeros((2, 2, 3))), f"camvid/labels/{name}_P.png": png(numbers)})
    put(raw, {"camvid/codes.txt": "\n".join(order), "camvid/valid.txt": "0016E5_2.png\n"})
    assert len(arrange("camvid", raw, done)) == 2
    pictures = [f"{part}/{name}.png" for part in ("images", "masks") for name in ("0001TP_1", "0016E5_2")]
    assert names(done) == sorted([*pictures, "label_colors.txt", "split.csv"])
    mask = np.asarray(Image.open(done / "masks" / "0001TP_1.png"))
    assert mask.tolist() == [[[128, 128, 128], [0, 0, 0]], [[128, 64, 128], [64, 0, 128]]]
    assert splits(done) == {"0001TP_1": "train", "0016E5_2": "val"}
    lines = (done / "label_colors.txt").read_text().splitlines()
    assert (len(lines), lines[0]) == (32, "64 128 64\t\tAnimal")


def test_camvid_with_other_classes(folders: tuple[Path, Path], png: PNG) -> None:
    raw, done = folders
    put(raw, {"camvid/codes.txt": "Sky\nRoad\n"})
    with pytest.raises(FetchError, match=r"codes\.txt: does not name the 32 classes of CamVid"):
        arrange("camvid", raw, done)
    put(raw, {"camvid/codes.txt": "\n".join(name for name, _ in CAMVID), "camvid/labels/a_P.png": png([[32]])})
    with pytest.raises(FetchError, match=r"a_P\.png: is no image of class numbers from 0 to 31"):
        arrange("camvid", raw, done)


def test_camvid_colours_are_told_apart() -> None:
    assert len({colour for _, colour in CAMVID}) == len({name for name, _ in CAMVID}) == 32


def test_coco(folders: tuple[Path, Path]) -> None:
    raw, done = folders
    put(raw, {"val2017/1.jpg": "x", "annotations/instances_val2017.json": "{}"})
    assert "moved out of annotations/" in arrange("coco", raw, done)[0]
    assert names(done) == ["instances_val2017.json", "val2017/1.jpg"]


@pytest.mark.parametrize("shape", ["isbi2012", "ctc", "penn-fudan", "camvid", "coco", "bbbc039", "balloon"])
def test_something_else(folders: tuple[Path, Path], shape: Any) -> None:
    raw, done = folders
    put(raw, {"readme.txt": "moved"})
    with pytest.raises(FetchError, match=r"what was downloaded holds no .* \(there: readme\.txt\)"):
        arrange(shape, raw, done)
