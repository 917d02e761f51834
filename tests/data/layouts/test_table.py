"""Tables of paths."""

import csv
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from unmask.data.dataset import Dataset
from unmask.data.folder import read_folder, read_images, read_label_folder
from unmask.data.layouts.table_file import parse_table, table_lines
from unmask.data.options import ReadOptions
from unmask.errors import DataError, MaskError, PairingError, UnmaskError, UnreadableFile

IMAGE = np.arange(240, dtype=np.uint8).reshape(12, 20)
LABELS = np.zeros((12, 20), np.uint16)
LABELS[1:4, 1:5], LABELS[1:4, 6:9], LABELS[6:9, 2:5], LABELS[6:9, 8:12], LABELS[6:10, 14:18] = 1, 2, 3, 4, 5


def write_layout(folder: Path, samples: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Writes table.csv, and the images and masks that it names."""
    for name, (image, labels) in samples.items():
        put(folder / "raw" / f"{name}.tif", image)
        put(folder / "truth" / f"{name}.tif", labels)
    write(folder / "table.csv", ["image", "mask"], *([f"raw/{name}.tif", f"truth/{name}.tif"] for name in samples))


def put(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tifffile.imwrite(path, array, photometric="minisblack")
    else:
        Image.fromarray(array).save(path)


def write(file: Path, *lines: list[str], delimiter: str = ",") -> Path:
    with open(file, "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, delimiter=delimiter).writerows(lines)
    return file


def binary(*labels: int) -> np.ndarray:
    return 255 * np.isin(LABELS, labels).astype(np.uint8)


def objects_of(dataset: Dataset, name: str) -> np.ndarray:
    found = dataset.load(name).objects
    assert found is not None
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Images a, b, c and their masks, without a table."""
    write_layout(tmp_path, {name: (IMAGE + place, LABELS) for place, name in enumerate("abc")})
    (tmp_path / "table.csv").unlink()
    return tmp_path


TEXTS = {
    "plain": "image,mask\nraw/a.tif,truth/a.tif\n",
    "semicolons": "image;mask\nraw/a.tif;truth/a.tif\n",
    "tabs": "image\tmask\nraw/a.tif\ttruth/a.tif\n",
    "mark": "\ufeffimage,mask\nraw/a.tif,truth/a.tif\n",
    "windows": "image,mask\r\nraw\\a.tif,truth\\a.tif\r\n",
    "quotes": '"image","mask"\n"raw/a.tif","truth/a.tif"\n',
    "blank lines": "image,mask\n\n , \nraw/a.tif,truth/a.tif\n,\n",
    "no end": "image,mask\nraw/a.tif,truth/a.tif",
    "blanks": " Image Path , MASK-PATH \n raw/a.tif , truth/a.tif \n",
    "other columns": "id,label,stain,filename\n7,truth/a.tif,DAPI,raw/a.tif\n",
    "trailing separators": "image,mask\nraw/a.tif,truth/a.tif,,\n",
    "dots": "path,annotation\n./raw/../raw/a.tif,truth/a.tif\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("given", ["file", "folder"])
def test_ways_to_write_a_table(data: Path, text: str, given: str) -> None:
    file = data / ("table.tsv" if "\t" in text else "table.csv")
    file.write_bytes(text.encode())
    dataset = read_folder(file if given == "file" else data)
    assert (dataset.layout, dataset.names(), dataset.kind, dataset.root.name) == (
        "table",
        ["a"],
        "objects",
        file.name if given == "file" else data.name,
    )
    np.testing.assert_array_equal(dataset.load("a").image[..., 0], IMAGE)
    np.testing.assert_array_equal(objects_of(dataset, "a"), LABELS)
    assert dataset.pairing.startswith("1 image, as listed, such as ")
    assert dataset.entry("a").listed == file


def test_absolute_paths(data: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    table = write(
        tmp_path_factory.mktemp("elsewhere") / "table.csv",
        ["image", "mask"],
        [str(data / "raw" / "a.tif"), str(data / "truth" / "a.tif")],
    )
    dataset = read_folder(table.parent)
    np.testing.assert_array_equal(objects_of(dataset, "a"), LABELS)
    assert str(data / "raw" / "a.tif") in dataset.pairing


def test_other_tables_are_none(data: Path) -> None:
    put(data / "images" / "a.tif", IMAGE)
    put(data / "masks" / "a.tif", LABELS)
    write(data / "split.csv", ["name", "split"], ["a", "train"])
    write(data / "objects.csv", ["image", "label"], ["a", "1"])
    write(data / "metadata.csv", ["filename", "label"], ["raw/a.tif", "benign"])
    write(data / "gone.csv", ["image", "mask"], ["/mnt/gone/a.tif", "/mnt/gone/a_mask.tif"])
    (data / "measured.csv").write_bytes(b"\xff\xfe\0 damaged")
    assert read_folder(data).layout == "pairs"
    (data / "split.csv").unlink()
    write(data / "table.csv", ["image", "mask"], ["raw/b.tif", "truth/b.tif"])
    assert (read_folder(data).layout, read_folder(data).names()) == ("table", ["b"])


def test_a_table_of_wrong_paths_is_told_where_nothing_else_is(data: Path) -> None:
    write(data / "table.csv", ["image", "mask"], ["/mnt/gone/a.tif", "/mnt/gone/a_mask.tif"])
    with pytest.raises(
        PairingError, match=r"table\.csv: line 2 names /mnt/gone/a\.tif, which is not there\. Write its pa"
    ):
        read_folder(data)


def test_several_tables(data: Path) -> None:
    for part, name in (("train", "a"), ("val", "b"), ("test", "c")):
        write(data / f"{part}.csv", ["image", "mask"], [f"raw/{name}.tif", f"truth/{name}.tif"])
    assert dict(read_folder(data).splits) == {"a": "train", "b": "val", "c": "test"}
    assert dict(read_folder(data / "val.csv").splits) == {}
    write(data / "more.csv", ["image", "mask"], ["raw/c.tif", "truth/c.tif"])
    with pytest.raises(PairingError, match=r"has several tables of images, more\.csv and test\.csv\. Give the one"):
        read_folder(data)


def test_splits_and_names(data: Path) -> None:
    rows = [["raw/a.tif", "truth/a.tif", "Training", "x"], ["raw/b.tif", "truth/b.tif", "validation", "y"]]
    write(data / "table.csv", ["image", "mask", "subset", "name"], *rows, ["raw/c.tif", "truth/c.tif", "test", ""])
    dataset = read_folder(data)
    assert dict(dataset.splits) == {"x": "train", "y": "val", "c": "test"}
    write(data / "split.csv", ["name", "split"], ["x", "train"], ["y", "test"], ["c", "test"])
    assert dict(read_folder(data).splits) == {"x": "train", "y": "test", "c": "test"}
    assert read_label_folder(data).names == ["x", "y", "c"]


def test_files_of_one_name_are_told_apart(data: Path) -> None:
    put(data / "more" / "a.tif", IMAGE)
    write(data / "table.csv", ["image", "mask"], *([f"{folder}/a.tif", "truth/a.tif"] for folder in ("raw", "more")))
    assert read_folder(data).names() == ["more_a", "raw_a"]  # and one mask may be that of several images


@pytest.mark.parametrize("columns", [["image_1", "image_2"], ["image", "channel2"], ["ch2", "ch1"]])
def test_columns_of_channels(data: Path, columns: list[str]) -> None:
    write(data / "table.csv", [*columns, "mask"], ["raw/a.tif", "raw/b.tif", "truth/a.tif"])
    dataset = read_folder(data)
    assert (dataset.names(), dataset.channels) == (["b" if columns[0] == "ch2" else "a"], 2)
    image = next(iter(dataset)).image
    np.testing.assert_array_equal(image[..., 0], IMAGE + (columns[0] == "ch2"))
    np.testing.assert_array_equal(image[..., 1], IMAGE + (columns[0] != "ch2"))


def test_stacks(data: Path) -> None:
    put(data / "s.tif", np.stack([IMAGE, IMAGE]))
    put(data / "m.tif", np.stack([LABELS, 0 * LABELS]))
    write(
        data / "table.csv",
        ["image", "mask", "split"],
        ["s.tif", "m.tif", "train"],
        ["raw/a.tif", "truth/a.tif", "test"],
    )
    dataset = read_folder(data)
    assert dict(dataset.splits) == {"a": "test", "s_001": "train", "s_002": "train"}


def test_several_masks_are_an_object_each(data: Path) -> None:
    for label in (1, 2, 5):
        put(data / "parts" / f"{label}.png", binary(label, 4) if label == 5 else binary(label))
    write(data / "table.csv", ["image", "mask"], *(["raw/a.tif", f"parts/{label}.png"] for label in (1, 2, 5)))
    dataset = read_folder(data)
    assert (dataset.kind, dataset.class_names) == ("objects", ("object",))
    np.testing.assert_array_equal(objects_of(dataset, "a"), np.where(LABELS < 3, LABELS, 3 * (LABELS > 3)))
    assert dataset.decision == "3 masks of 1 image, one object in each; if only classes matter, say --classes."


CLASSED = [["a", "1", "pear"], ["a", "2", "apple"], ["a", "3", "pear"], ["b", "4", "apple"]]


@pytest.mark.parametrize("column", ["class", "Category", "label"])
def test_classes_of_masks(data: Path, column: str) -> None:
    for label in range(1, 5):
        put(data / "parts" / f"{label}.png", binary(label))
    rows = [[f"raw/{image}.tif", f"parts/{label}.png", name] for image, label, name in CLASSED]
    write(data / "table.csv", ["image", "mask", column], *rows)
    dataset = read_folder(data)
    assert (dataset.kind, dataset.class_names) == ("objects", ("pear", "apple"))
    np.testing.assert_array_equal(dataset.load("a").classes, np.select([LABELS == 2, LABELS > 3], [2, 0], LABELS > 0))
    assert dataset.decision.startswith("4 masks of 2 images, one object in each, of 2 classes (pear, apple); if only")
    assert read_folder(data, ReadOptions("classes")).kind == "classes"
    sample = read_folder(data, ReadOptions(ignore="pear")).load("a")
    np.testing.assert_array_equal(sample.ignore, np.isin(LABELS, (1, 3)))
    np.testing.assert_array_equal(sample.classes, LABELS == 2)
    with pytest.raises(DataError, match=r"--ignore plum: there is nothing .*Choose from pear, apple"):
        read_folder(data, ReadOptions(ignore="plum"))


def test_masks_of_a_class_each(data: Path) -> None:
    put(data / "apples.png", binary(1, 2))
    put(data / "pears.png", binary(3, 4, 5))
    put(data / "none.png", binary())
    rows = [["raw/a.tif", "apples.png", "apple"], ["raw/a.tif", "pears.png", "pear"], ["raw/b.tif", "none.png", "pear"]]
    write(data / "table.csv", ["image", "mask", "class"], *rows)
    dataset = read_folder(data)
    np.testing.assert_array_equal(objects_of(dataset, "a"), LABELS)
    np.testing.assert_array_equal(dataset.load("a").classes, np.where(LABELS > 2, 2, LABELS > 0))
    assert objects_of(dataset, "b").max() == 0
    told = "3 masks of 2 images, one of a class, of 2 classes (apple, pear): each connected region is one object. If"
    assert dataset.decision.startswith(told)
    assert dataset.pairing == "2 images, as listed, such as raw/a.tif with 2 masks, such as apples.png."
    put(data / "none.png", binary(1))
    assert objects_of(read_folder(data, ReadOptions("objects")), "a").max() == 2  # a mask, an object
    put(data / "apples.png", np.where(binary(1, 2) > 0, LABELS, 0).astype(np.uint8))  # a label image
    np.testing.assert_array_equal(objects_of(read_folder(data), "a"), LABELS)


def test_the_name_of_the_only_class(data: Path) -> None:
    write(data / "table.csv", ["image", "mask", "class"], *([f"raw/{n}.tif", f"truth/{n}.tif", "cell"] for n in "ab"))
    dataset = read_folder(data)
    assert (dataset.class_names, dataset.kind) == (("cell",), "objects")
    np.testing.assert_array_equal(objects_of(dataset, "b"), LABELS)


A, B = "raw/a.tif,truth/a.tif", "raw/b.tif,truth/b.tif"


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("", DataError, r"table\.csv: has no column image and mask \(its first line is ''\)\. Name the columns"),
        (f"{A}\n{B}\n", DataError, r"has no column image and mask \(its first line is 'raw/a\.tif,truth/a\.tif'\)"),
        ("image,class\nraw/a.tif,cell\n", DataError, r"has no column mask \(its first line is 'image,class'\)"),
        ("image,mask\n", DataError, r"table\.csv: names no image\. Write one line an image"),
        (f"image,mask\n{A}\nraw/b.tif\n", DataError, r"line 3 has 1 cell, the first line 2\. Write as many"),
        (f"image,mask\n{A}\nraw/b,1.tif,truth/b.tif\n", DataError, r"line 3 has 3 cells, the first line 2"),
        (
            f"image,mask\n{A}\nraw/x.tif,truth/b.tif\n",
            PairingError,
            r"line 3 names raw/x\.tif, which is not there\. Write",
        ),
        (
            f"image,mask\n{A}\nraw/b.tif,x.tif\n",
            PairingError,
            r"line 3 names x\.tif, which is not there\. Write its path",
        ),
        (
            f"image,mask\n{A}\nraw/b.tif,\n",
            PairingError,
            r"line 3 names no mask of raw/b\.tif\. Draw its mask, all 0 if",
        ),
        (f"image,mask\n{A}\n,truth/b.tif\n", PairingError, r"line 3 names no image\. Fill its cell in"),
        (f"image,mask,channel2\n{A},\n", PairingError, r"line 2 names no image\. Fill its cell in"),
        (f"image,mask\n{A}\n{A}\n", DataError, r"line 3 names raw/a\.tif and truth/a\.tif once more, as line 2 does"),
        (f"image,mask,split\n{A},train\n{B},\n", DataError, r"line 3: has no split\. Write train, val or test"),
        (f"image,mask,split\n{A},train\n{B},7\n", DataError, r"line 3: the split '7' is unknown\. Write train, val or"),
        (
            f"image,mask,split\n{A},train\nraw/a.tif,truth/b.tif,val\n",
            DataError,
            r"line 3: raw/a\.tif has the split 'val', in line 2 'train'",
        ),
        (f"image,mask,name\n{A},x\n{B},X\n", DataError, r"lines 2 and 3 give two images the name X"),
        (f"image,mask,name\n{A},x/y\n", DataError, r"line 2: the name x/y holds a slash"),
        (f"image,mask,class\n{A},x\n{B},\n", DataError, r"line 3 has no class\. Fill it in"),
        (
            f"image,mask,ch2\n{A},raw/b.tif\n{A},raw/c.tif\n",
            DataError,
            r"line 3: raw/a\.tif is in another line with other",
        ),
        (f'image,mask\n"{A}\n', UnreadableFile, r"is damaged in line 2 \(unexpected end of data\)"),
        ("image,mask\nraw,truth\n", UnreadableFile, r"raw: "),
        ("image,mask\n" + "x" * 5000 + ",y\n", PairingError, r"line 2 names x{100}, which is not there"),
        ("image,mask\n" + "x" * 200_000 + ",y\n", UnreadableFile, r"is damaged in line \d \(field larger than"),
        ("image,mask\nraw/a.tif,truth/a\0.tif\n", PairingError, r"line 2 names truth/a\0\.tif, which is not there"),
        (f"image,mask\n{A}\nraw/b.tif,small.tif\n", PairingError, r"small\.tif: is 11 x 20 pixels .*its image 12 x 20"),
        ("image,mask\nraw/a.tif,empty.tif\n", MaskError, r"holds only empty masks"),
        (
            "image,mask,class\nraw/a.tif,small.tif,x\nraw/a.tif,truth/a.tif,y\n",
            PairingError,
            r"small\.tif: is 11 x 20 pi",
        ),
        (
            "image,mask,class\nraw/a.tif,smooth.png,x\nraw/a.tif,truth/a.tif,y\n",
            MaskError,
            r"smooth\.png: is a mask with \d+ in-bet",
        ),
    ],
)
def test_what_is_wrong_is_said(data: Path, text: str, kind: type[UnmaskError], message: str) -> None:
    put(data / "small.tif", LABELS[:-1])
    put(data / "empty.tif", 0 * LABELS)
    smooth = Image.fromarray(binary(1, 2, 3, 4, 5)).resize((14, 8), Image.Resampling.BILINEAR)
    smooth.resize((20, 12), Image.Resampling.BILINEAR).save(data / "smooth.png")
    (data / "table.csv").write_text(text)
    with pytest.raises(kind, match=message) as caught:
        read_folder(data / "table.csv")
    assert len(str(caught.value)) < 1000


def test_text_of_another_coding(data: Path) -> None:
    (data / "table.csv").write_bytes("image,mask\nZellkörper.tif,b.tif\n".encode("cp1252"))
    with pytest.raises(UnreadableFile, match=r"table\.csv: is not text in UTF-8\. Save it as CSV UTF-8; Excel has"):
        read_folder(data / "table.csv")
    with pytest.raises(UnreadableFile, match=r"table\.csv: is not text in UTF-8"):
        read_folder(data, ReadOptions(layout="table"))


def test_problems_can_be_collected(data: Path) -> None:
    (data / "raw" / "c.tif").write_bytes(b"none")
    rows = [[f"raw/{name}.tif", f"truth/{name}.tif"] for name in "axbc"]
    write(data / "table.csv", ["image", "mask"], *rows, ["raw/b.tif", ""])
    problems: list[UnmaskError] = []
    assert read_folder(data, ReadOptions(report=problems.append)).names() == ["a", "b"]
    assert [problem.problem[:12] for problem in problems] == ["line 3 names", "line 6 names", "is not a PNG"]
    write(data / "table.csv", ["image", "mask"], ["raw/x.tif", "truth/a.tif"])
    with pytest.raises(PairingError, match=r"table\.csv: names no image that is there, with its mask\. Mend its paths"):
        read_folder(data / "table.csv", ReadOptions(report=problems.append))


CELLS = st.sampled_from(["image", "mask", "class", "split", "name", "raw/a.tif", "truth/a.tif", "x", "train", "", "\0"])


@given(st.lists(st.lists(CELLS | st.text(max_size=9), max_size=5), max_size=5), st.sampled_from(",;\t"), st.booleans())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_table_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    assert_clear: Callable[..., Any],
    lines: list[list[str]],
    separator: str,
    header: bool,
) -> None:
    root = tmp_path_factory.mktemp("table")
    write_layout(root, {"a": (IMAGE, LABELS)})
    first = ["image", "mask", "class", "split", "name"]
    text = "\n".join(separator.join(line) for line in ([first, *lines] if header else lines))
    (root / "table.csv").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert_clear(lambda: list(read_folder(root / "table.csv")))


def test_many_masks_are_found_quickly(tmp_path: Path) -> None:
    put(tmp_path / "m.png", binary(1))
    put(tmp_path / "i.png", IMAGE)
    for image in range(20):
        (tmp_path / f"i{image}.png").hardlink_to(tmp_path / "i.png")
    for mask in range(200):
        (tmp_path / f"m{mask}.png").hardlink_to(tmp_path / "m.png")
    rows = [[f"i{image}.png", f"m{mask}.png"] for image in range(20) for mask in range(200)]
    write(tmp_path / "table.csv", ["image", "mask"], *rows)
    start = time.process_time()
    dataset = read_folder(tmp_path)
    assert time.process_time() - start < 1.5  # for 4,000 masks
    assert len(dataset.entry("i7").masks) == 200


@pytest.mark.parametrize("place", [".", "truth"])
def test_a_file_that_names_classes(tmp_path: Path, place: str) -> None:
    write_layout(tmp_path, {"a": (IMAGE, np.minimum(LABELS, 2)), "b": (IMAGE, np.minimum(LABELS, 2))})
    (tmp_path / place / "classes.txt").write_text("background\npear\napple\n")
    for root in (tmp_path, tmp_path / "table.csv"):
        dataset = read_folder(root)
        assert (dataset.kind, dataset.class_names) == ("classes", ("pear", "apple"))


def test_a_class_to_ignore_in_capitals(data: Path) -> None:
    rows = [[f"{name}.png", f"{name}_{label}.png", label] for name in "a" for label in ("pear", "apple")]
    for image, mask, label in rows:
        put(data / image, IMAGE)
        put(data / mask, binary(1 if label == "pear" else 2))
    write(data / "table.csv", ["image", "mask", "class"], *rows)
    assert read_folder(data, ReadOptions(ignore="PEAR")).class_names == ("apple",)


def test_a_long_table_of_measurements_is_put_aside_soon(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = "".join(f"gone{number}.tif,gone{number}.png\n" for number in range(5_000))
    (data / "measured.csv").write_text("file,label\n" + pairs)
    (data / "images").mkdir()
    looked: list[str] = []
    exists = os.path.exists

    def counted(path: Path) -> bool:
        looked.append(str(path))
        return exists(path)

    monkeypatch.setattr(os.path, "exists", counted)
    read_images([data])
    assert 0 < sum("gone" in path for path in looked) <= 3_000  # of the first 1,000 lines


def test_a_table_is_read_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "measured.csv").write_bytes(b"area,mean\n" + b"1,2\n" * 10_000 + b"\xff\n")
    lines = table_lines(tmp_path / "measured.csv")
    assert [next(lines), next(lines)] == [(1, ["area", "mean"]), (2, ["1", "2"])]
    with pytest.raises(DataError, match=r"measured\.csv: has no column image and mask"):  # not that it is no text
        parse_table(tmp_path / "measured.csv")
