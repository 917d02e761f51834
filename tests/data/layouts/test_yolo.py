"""YOLO's layout: which images and label files, data.yaml, what lines become, and what is refused."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unmask.data.dataset import Dataset
from unmask.data.folder import read_folder, read_images, read_label_folder
from unmask.data.options import ReadOptions
from unmask.errors import DataError, MaskError, PairingError, UnmaskError, UnreadableFile

SIZE = (40, 60)
NAMES = {"names": ["nucleus", "dirt"]}


def outline(mask: np.ndarray) -> np.ndarray:
    """(p, 2) x and y of one outline of exactly these pixels: runs of rows, joined by lines to the first corner."""
    corners: list[tuple[int, int]] = []
    for y, row in enumerate(mask):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
        for left, right in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            corners += [(left, y), (right, y), (right, y + 1), (left, y + 1), (left, y), *corners[:1]]
    return np.array(corners, float)


def line(index: int, corners: Any, size: tuple[int, int] = SIZE) -> str:
    """A line of a label file."""
    fractions = np.array(corners, float) / size[::-1]
    return " ".join([str(index), *(f"{value:.6f}" for value in fractions.ravel())])


def square(index: int = 0, x: float = 1, y: float = 1) -> str:
    """4 columns, 3 rows."""
    return line(index, [(x, y), (x + 4, y), (x + 4, y + 3), (x, y + 3)])


def picture(path: Path, size: tuple[int, int] = SIZE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (*size, 3)).astype(np.uint8)).save(path)
    return path


def labelled(root: Path, image: str, *lines: str) -> None:
    """An image with its label file, where YOLO looks for it."""
    picture(root / image)
    label = root / image.replace("images", "labels")
    label.parent.mkdir(parents=True, exist_ok=True)
    label.with_suffix(".txt").write_text("\n".join(lines) + "\n")


def configured(root: Path, **content: Any) -> Path:
    (root / "data.yaml").write_text(yaml.safe_dump(content))
    return root


def cells(root: Path) -> Path:
    """Two images of two classes."""
    labelled(root, "images/a.png", square(0), square(1, 20))
    labelled(root, "images/b.png", square(1))
    return configured(root, train="images", **NAMES)


def write_layout(folder: Path, samples: dict[str, tuple[np.ndarray, np.ndarray]]) -> Path:
    """Images and label files, all of class "object"."""
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for name, (image, labels) in samples.items():
        Image.fromarray(image).save(folder / "images" / f"{name}.png")
        lines = [line(0, outline(labels == label), labels.shape) for label in np.unique(labels[labels > 0])]
        (folder / "labels" / f"{name}.txt").write_text("\n".join(lines))
    return configured(folder, train="images", names=["object"])


def areas(dataset: Dataset, name: str = "a") -> list[int]:
    """Pixels of each object."""
    sample = dataset.load(name)
    assert sample.objects is not None
    layers = sample.objects[None] if sample.layers is None else sample.layers
    return [int((layers == label).sum()) for label in range(1, 1 + int(layers.max()))]


def test_outlines_are_read_back_exactly(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    samples = {}
    for name, size in (("a", (30, 41)), ("b", (17, 9))):
        samples[name] = (random.integers(0, 255, size).astype(np.uint8), random.integers(0, 5, size).astype(np.uint16))
    samples["empty"] = (samples["a"][0], np.zeros((30, 41), np.uint16))
    dataset = read_folder(write_layout(tmp_path / "data", samples))
    assert (dataset.names(), dataset.channels, dataset.class_names) == (["a", "b", "empty"], 1, ("object",))
    assert (dataset.layout, dataset.kind) == ("yolo", "objects")
    for name, (image, labels) in samples.items():
        sample = dataset.load(name)
        np.testing.assert_array_equal(sample.image[..., 0], image)
        np.testing.assert_array_equal(sample.objects, labels)
    assert dataset.decision == "3 YOLO files hold 8 objects of 1 class. If only their classes matter, say --classes."
    assert dataset.pairing == "3 images, each with its YOLO file, such as images/a.png with labels/a.txt."
    assert read_label_folder(tmp_path / "data").names == ["a", "b", "empty"]


def test_classes_by_their_names(tmp_path: Path) -> None:
    dataset = read_folder(cells(tmp_path))
    assert (dataset.class_names, dataset.class_values) == (("nucleus", "dirt"), (1, 2))
    sample = dataset.load("a")
    assert sample.classes is not None
    assert (sample.classes[2, 2], sample.classes[2, 22], sample.classes[9, 9]) == (1, 2, 0)
    assert areas(dataset) == [12, 12]
    assert read_folder(tmp_path, ReadOptions("classes")).kind == "classes"
    assert read_folder(tmp_path, ReadOptions(ignore="dirt")).load("b").ignore is not None


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ({"names": {0: "nucleus", 1: "dirt", 5: "dust"}, "nc": 3}, ("nucleus", "dirt")),
        ({"names": {"0": "nucleus", "1": 7}}, ("nucleus", "7")),
        ({"nc": 2}, ("class_0", "class_1")),
    ],
)
def test_names_in_data_yaml(tmp_path: Path, content: dict[str, Any], names: tuple[str, ...]) -> None:
    configured(cells(tmp_path), train="images", **content)
    dataset = read_folder(tmp_path)
    assert dataset.class_names == names
    assert ("1 listed class never occurs and is dropped." in dataset.decision) == (
        len(content["names"]) == 3 if "names" in content else False
    )


@pytest.mark.parametrize("place", ["classes.txt", "labels/classes.txt", "obj.names"])
def test_names_in_a_list(tmp_path: Path, place: str) -> None:
    (cells(tmp_path) / "data.yaml").unlink()
    assert read_folder(tmp_path).class_names == ("class_0", "class_1")
    assert "Nothing names their classes." in read_folder(tmp_path).decision
    (tmp_path / place).write_text("nucleus\ndirt\n")
    assert read_folder(tmp_path).class_names == ("nucleus", "dirt")


def test_one_class_without_a_name(tmp_path: Path) -> None:
    labelled(tmp_path, "images/a.png", square(3))
    assert read_folder(tmp_path).class_names == ("object",)


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ("images/train/a.png", "images/val/b.png"),
        ("images/train2017/a.png", "images/val2017/b.png"),
        ("train/images/a.png", "valid/images/b.png"),
        ("train/images/x/a.png", "test/images/y/b.png"),
    ],
)
def test_splits_in_folders(tmp_path: Path, train: str, val: str) -> None:
    labelled(tmp_path, train, square())
    labelled(tmp_path, val, square())
    dataset = read_folder(tmp_path)
    assert dataset.splits == {"a": "train", "b": "test" if "test" in val else "val"}
    assert [entry.image for entry in dataset.entries] == [tmp_path / train, tmp_path / val]


@pytest.mark.parametrize(
    ("content", "splits"),
    [
        ({"train": "images/one", "val": "images/two"}, {"a": "train", "b": "val"}),
        ({"path": "/home/me/cells", "train": "images/one", "val": "images/two"}, {"a": "train", "b": "val"}),
        ({"path": "../cells", "train": "images/one", "validation": "images/two"}, {"a": "train", "b": "val"}),
        ({"train": "../images/one", "test": "../images/two"}, {"a": "train", "b": "test"}),  # Roboflow's
        ({"train": "/home/me/cells/images/one", "val": "C:\\cells\\images\\two"}, {"a": "train", "b": "val"}),
        ({"train": ["images/one", "images/two"], "val": None}, {"a": "train", "b": "train"}),
        ({"train": "train.txt", "val": "val.txt"}, {"a": "train", "b": "val"}),
        ({"train": "images", "val": "images/two"}, {"a": "train", "b": "train"}),
        ({"train": "images/one"}, {"a": "train"}),
        ({"train": "pictures", "val": "there"}, {}),
    ],
)
def test_splits_in_data_yaml(tmp_path: Path, content: dict[str, Any], splits: dict[str, str]) -> None:
    root = tmp_path / "cells"
    labelled(root, "images/one/a.png", square())
    labelled(root, "images/two/b.png", square(1))
    (root / "train.txt").write_text("./images/one/a.png\n\n")
    (root / "val.txt").write_text("data/cells/images/two/b.png\n")
    configured(root, **NAMES, **content)
    for data in (root, root / "data.yaml"):
        dataset = read_folder(data)
        assert dataset.splits == splits
        assert dataset.names() == (list(splits) or ["a", "b"])
    told = {
        "images": "1 image is in several of train, val and test, and taken for the first of them.",
        "pictures": "says train: pictures, which is not there. data.yaml says val: there, which is not there. So the",
    }
    for train, words in told.items():
        assert (words in dataset.pairing) == (content["train"] == train)


def test_any_name_of_data_yaml(tmp_path: Path) -> None:
    (cells(tmp_path) / "data.yaml").rename(tmp_path / "cells.yml")
    (tmp_path / "recipe.yaml").write_text("schedule: {steps: 3}")
    (tmp_path / "broken.yaml").write_text("{")
    assert read_folder(tmp_path).class_names == ("nucleus", "dirt")
    (tmp_path / "more.yaml").write_text("{train: images, names: [a, b]}")
    with pytest.raises(PairingError, match=r": holds cells\.yml and more\.yaml, both of YOLO's kind\. Give the one to"):
        read_folder(tmp_path)
    assert read_folder(tmp_path / "more.yaml").class_names == ("a", "b")


def test_images_without_objects(tmp_path: Path) -> None:
    labelled(tmp_path, "images/a.png", square())
    labelled(tmp_path, "images/b.png", "", "  ")
    picture(tmp_path / "images" / "c.png")
    dataset = read_folder(tmp_path)
    assert [len(areas(dataset, name)) for name in ("a", "b", "c")] == [1, 0, 0]
    assert dataset.decision.startswith("2 YOLO files hold 1 object of 1 class.")
    assert dataset.pairing == (
        "3 images, 2 with a YOLO file, such as images/a.png with labels/a.txt, and 1 without, which has no objects."
    )


def test_boxes_and_repeated_lines_are_left_out(tmp_path: Path) -> None:
    labelled(tmp_path, "images/a.png", square(), "0 0.5 0.5 0.1 0.1", square(), square(0, 20), line(0, [(1, 1)] * 3))
    dataset = read_folder(tmp_path)
    assert areas(dataset) == [12, 12]
    assert dataset.decision.endswith(
        "Left out: 1 box without outline (first in a.png), 1 repeated line (first in a.png), "
        "1 shape without a pixel in the image (first in a.png)."
    )


def test_parts_joined_by_a_line(tmp_path: Path) -> None:
    """As ultralytics joins the parts of an object: from one to the next and back the same way."""
    one, two = [(2, 2), (8, 2), (8, 8), (2, 8)], [(20, 10), (30, 10), (30, 20), (20, 20)]
    joined = [*one[:3], *two[:1], *two[1:], two[0], one[2], one[3]]
    labelled(tmp_path, "images/a.png", line(0, joined))
    sample = read_folder(tmp_path).load("a")
    assert sample.objects is not None
    expected = np.zeros(SIZE, int)
    expected[2:8, 2:8] = expected[10:20, 20:30] = 1
    np.testing.assert_array_equal(sample.objects, expected)


def test_corners_at_the_edge_and_a_little_beyond(tmp_path: Path) -> None:
    labelled(tmp_path, "images/a.png", "0 -0.009 0 1.005 0 1.005 1 -0.009 1")
    assert areas(read_folder(tmp_path)) == [SIZE[0] * SIZE[1]]


def test_masks_among_labels_are_pairs(tmp_path: Path) -> None:
    labelled(tmp_path, "images/a.png", "some notes")
    mask = np.zeros(SIZE, np.uint8)
    mask[3:9, 3:9] = 1
    Image.fromarray(mask).save(tmp_path / "labels" / "a.png")
    assert read_folder(tmp_path).layout == "pairs"


def broken(root: Path, case: str) -> None:
    """Puts one thing wrong into a sound data set of two images."""
    cells(root)
    label = root / "labels" / "b.txt"
    match case:
        case "boxes":
            for name in ("a", "b"):
                (root / "labels" / f"{name}.txt").write_text("0 0.5 0.5 0.1 0.1\n")
        case "words":
            label.write_text(square() + "\nnucleus 0.1 0.1 0.2 0.2 0.3 0.3\n")
        case "commas":
            label.write_text(square().replace(" ", ","))
        case "odd":
            label.write_text(square() + " 0.5")
        case "confidence":
            label.write_text("0 0.5 0.5 0.1 0.1 0.93")
        case "two corners":
            label.write_text("0 0.5 0.5")
        case "pixels":
            label.write_text("0 10 10 20 10 20 20")
        case "beyond":
            label.write_text("0 0.1 0.1 1.2 0.1 0.2 0.2")
        case "NaN":
            label.write_text("0 0.1 nan 0.2 0.1 0.2 0.2")
        case "huge":
            label.write_text("0 0.1 1e999 0.2 0.1 0.2 0.2")
        case "fraction":
            label.write_text(square().replace("0", "0.5", 1))
        case "negative":
            label.write_text("-" + square(1))
        case "NaN class":
            label.write_text("nan" + square()[1:])
        case "unknown class":
            label.write_text(square(2))
        case "from one":
            (root / "labels" / "a.txt").write_text(square(1))
            label.write_text(square(2))
        case "not text":
            label.write_bytes(b"\xff\xfe\x00\x01")
        case "no image":
            (root / "data.yaml").unlink()
            (root / "images" / "b.png").unlink()
        case "webp":
            (root / "data.yaml").unlink()
            (root / "images" / "b.png").rename(root / "images" / "b.webp")
        case "damaged image":
            (root / "images" / "b.png").write_bytes((root / "images" / "b.png").read_bytes()[:20])
        case "nothing":
            for name in ("a", "b"):
                (root / "labels" / f"{name}.txt").write_text("")
        case "no yaml":
            (root / "data.yaml").write_text("names: [a, b")
        case "count":
            configured(root, train="images", nc=3, **NAMES)
        case "poses":
            configured(root, train="images", kpt_shape=[17, 3], **NAMES)
        case "names":
            configured(root, train="images", names=[["a"], "b"])
        case "no train":
            configured(root, train="pictures", val="images", **NAMES)
        case "list":
            configured(root, train="train.txt", **NAMES)
            (root / "train.txt").write_text("images/a.png\nimages/c.png\nimages/d.png\n")


@pytest.mark.parametrize(
    ("case", "kind", "message"),
    [
        (
            "boxes",
            MaskError,
            r"labels/a\.txt: holds boxes without outlines \(five numbers a line\)\. Annotate outlines",
        ),
        (
            "words",
            DataError,
            r"labels/b\.txt: line 2 is not numbers: nucleus 0\.1 .* Export it again as YOLO segmentat",
        ),
        ("commas", DataError, r"labels/b\.txt: line 1 is not numbers: 0,0\.0"),
        ("odd", DataError, r"b\.txt: line 1 has 10 numbers; an outline is a class and .* Leave out its last number if"),
        ("confidence", DataError, r"b\.txt: line 1 has 6 numbers; .* Leave out its last number if that is a confid"),
        ("two corners", DataError, r"b\.txt: line 1 has 3 numbers; an outline is a class and three or more pairs"),
        ("pixels", DataError, r"b\.txt: line 1 has the coordinate 10, beyond 0 to 1: pixels, .* Divide x by the image"),
        ("beyond", DataError, r"b\.txt: line 1 has the coordinate 1\.2, beyond 0 to 1\. Export it again"),
        ("NaN", DataError, r"b\.txt: line 1 has the coordinate nan, beyond 0 to 1"),
        ("huge", DataError, r"b\.txt: line 1 has the coordinate inf, beyond 0 to 1"),
        ("fraction", DataError, r"b\.txt: line 1 has the class 0\.5; classes are 0, 1, 2 and so on"),
        ("negative", DataError, r"b\.txt: line 1 has the class -1; classes are 0, 1, 2 and so on"),
        ("NaN class", DataError, r"b\.txt: line 1 has the class nan; classes"),
        (
            "unknown class",
            DataError,
            r"b\.txt: line 1 has the class 2, and data\.yaml names 2, 0 to 1\. Name class 2 in data\.yaml, or correct",
        ),
        ("from one", DataError, r"names 2, 0 to 1; in all files classes go from 1 to 2\. Subtract 1 from the class in"),
        ("not text", UnreadableFile, r"b\.txt: is not text \("),
        (
            "no image",
            PairingError,
            r"labels/b\.txt: is a label file without an image\. Put its image into .*images, or",
        ),
        ("webp", PairingError, r"without an image that unmask reads \(there is b\.webp\)\. Save b\.webp as PNG"),
        ("damaged image", UnreadableFile, r"b\.png: is damaged or truncated"),
        ("nothing", MaskError, r": holds no object\. Annotate at least one object"),
        ("no yaml", UnreadableFile, r"data\.yaml: is not YAML \(while parsing .*\)\. Correct it, or take it away"),
        ("count", DataError, r"data\.yaml: says that there are 3 classes \(nc\), and names 2\. Correct one of the two"),
        (
            "poses",
            DataError,
            r"data\.yaml: is of poses \(kpt_shape\): label files hold boxes and points\. Annotate out",
        ),
        (
            "names",
            DataError,
            r"data\.yaml: has no sound names of classes: \[\['a'\], 'b'\]\. Write names: \[FIRST, SECOND",
        ),
        ("no train", PairingError, r"data\.yaml: says train: pictures, which is not there\. Correct the path, from"),
        ("list", PairingError, r"train\.txt: names 3 images, of which 2 are not there, first images/c\.png\. Write pa"),
    ],
)
def test_wrong_data_are_refused(tmp_path: Path, case: str, kind: type[UnmaskError], message: str) -> None:
    broken(tmp_path, case)
    with pytest.raises(kind, match=message) as caught:
        read_folder(tmp_path)
    assert caught.value.file is not None
    assert "\n" not in str(caught.value)
    if "class" in case or case == "from one":
        assert caught.value.code == "ids"
    # A check goes on with the other image.
    if case not in ("boxes", "from one", "nothing", "no yaml", "count", "poses", "names", "no train", "list"):
        seen: list[UnmaskError] = []
        assert read_folder(tmp_path, ReadOptions(report=seen.append)).names() == ["a"]
        assert [type(error) for error in seen] == [kind]


def test_classes_from_one_without_a_single_sound_image(tmp_path: Path) -> None:
    broken(tmp_path, "from one")
    (tmp_path / "labels" / "a.txt").write_text(square(2))
    seen: list[UnmaskError] = []
    with pytest.raises(PairingError, match=r": holds no image with a sound label file\. Mend the first of them"):
        read_folder(tmp_path, ReadOptions(report=seen.append))
    assert [error.code for error in seen] == ["ids", "ids"]


def test_other_data_are_not_yolos(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "labels").mkdir()
    with pytest.raises(PairingError, match=r"is not laid out as yolo"):
        read_folder(tmp_path, ReadOptions(layout="yolo"))
    configured(tmp_path, train="images", **NAMES)
    with pytest.raises(PairingError, match=r"data\.yaml: leads to no image that has a label file\. Put images into"):
        read_folder(tmp_path / "data.yaml")
    (tmp_path / "recipe.yaml").write_text("net: unet")
    with pytest.raises(DataError, match=r"recipe\.yaml: is no data\.yaml of YOLO: it has no train and names\. Write"):
        read_folder(tmp_path / "recipe.yaml")


def test_yaml_that_grows_without_bounds(tmp_path: Path) -> None:
    cells(tmp_path)
    levels = [f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]" for n in range(1, 20)]
    for text in (
        "b0: &b0 [lol]\n" + "\n".join(levels) + "\ntrain: images\nnames: *b19",
        "train: images\nnames: " + "[" * 50_000,
    ):
        (tmp_path / "data.yaml").write_text(text)
        start = time.process_time()
        with pytest.raises(UnreadableFile, match=r"data\.yaml: is not YAML \("):
            read_folder(tmp_path)
        assert time.process_time() - start < 5
    (tmp_path / "data.yaml").write_text("names: [" + "a, " * 100_000 + "]")
    with pytest.raises(UnreadableFile, match=r"data\.yaml: has more than 131,072 bytes, too many for a data\.yaml"):
        read_folder(tmp_path)


def test_photographs_that_viewers_turn_are_refused(tmp_path: Path) -> None:
    labelled(tmp_path, "images/a.png", square())
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(tmp_path / "images" / "b.jpg", exif=exif)
    with pytest.raises(PairingError, match=r"b\.jpg: is stored turned \(EXIF orientation 6\): viewers show it otherw"):
        read_folder(tmp_path)


@given(data=st.data())
def test_mutated_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, assert_clear: Callable[..., Any], data: st.DataObject
) -> None:
    root = cells(tmp_path_factory.mktemp("fuzz"))
    file = root / data.draw(st.sampled_from(["labels/a.txt", "data.yaml"]))
    text = bytearray(file.read_bytes())
    some = st.sampled_from([b"", b" ", b"\n", b"-", b"9" * 400, b"e9", b"\xff", b"nan", b": ", b"[", b"&a ", b"!!int "])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text)))
        text[place : place + data.draw(st.integers(0, 3))] = data.draw(some)
    file.write_bytes(bytes(text))
    assert_clear(lambda: list(read_folder(root)))


def test_real_polygons_become_what_they_are_in_via(tmp_path: Path, shared_data: Path) -> None:
    via = read_folder(shared_data / "balloon" / "val" / "via_region_data.json")
    regions = json.loads((shared_data / "balloon" / "val" / "via_region_data.json").read_text())
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    for image in list(regions.values())[:4]:
        name = Path(image["filename"]).stem
        (tmp_path / "images" / image["filename"]).symlink_to(shared_data / "balloon" / "val" / image["filename"])
        outlines = [one["shape_attributes"] for one in image["regions"].values()]
        corners = [list(zip(one["all_points_x"], one["all_points_y"], strict=True)) for one in outlines]
        size = via.load(name).size
        (tmp_path / "labels" / f"{name}.txt").write_text("\n".join(line(0, one, size) for one in corners))
    dataset = read_folder(tmp_path)
    assert len(dataset) == 4
    for sample in dataset:
        np.testing.assert_array_equal(sample.objects, via.load(sample.name).objects)


@pytest.mark.parametrize("text", ["a: &x [1]\nb: *x\n", "stage: !custom {a: 1}\n", "train: gone.txt\nnames: {a: 1}\n"])
def test_a_data_yaml_of_another_tool_is_left_alone(tmp_path: Path, text: str) -> None:
    picture = (np.arange(400).reshape(20, 20) % 251).astype(np.uint8)
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
        Image.fromarray(picture // 126 * 255 if part == "masks" else picture).save(tmp_path / part / "a.png")
    (tmp_path / "data.yaml").write_text(text)
    assert read_folder(tmp_path).layout == "pairs"
    with pytest.raises(DataError, match=r"data\.yaml: (is not YAML|has no sound names)"):
        read_folder(tmp_path, ReadOptions(layout="yolo"))
    assert read_images([tmp_path]).names() == ["a"]


@pytest.mark.parametrize("folder", ["images/val", "labels/val"])
def test_folders_that_are_links(tmp_path: Path, folder: str) -> None:
    labelled(tmp_path / "set", "images/train/a.png", square())
    labelled(tmp_path / "set", "images/val/b.png", square())
    (tmp_path / "set" / folder).rename(tmp_path / "elsewhere")
    (tmp_path / "set" / folder).symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "images" / "round").symlink_to(tmp_path / "set" / "images")
    dataset = read_folder(tmp_path / "set")
    assert dict(dataset.splits) == {"a": "train", "b": "val"}
