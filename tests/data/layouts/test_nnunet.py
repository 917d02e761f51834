"""Data sets as nnU-Net has them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from unmask.data.folder import read_folder, read_label_folder
from unmask.data.options import ReadOptions
from unmask.errors import DataError, MaskError, PairingError, UnmaskError, UnreadableFile

IMAGE = np.arange(240, dtype=np.uint8).reshape(12, 20)
LABELS = np.zeros((12, 20), np.uint8)
LABELS[1:4, 1:5], LABELS[1:4, 6:9], LABELS[6:10, 14:18] = 1, 1, 2
LABELS[11] = 3
VERSION_2 = {
    "channel_names": {"0": "DAPI", "1": "GFP"},
    "labels": {"background": 0, "apple": 1, "pear": 2, "ignore": 3},
    "numTraining": 2,
    "file_ending": ".png",
}


def write_layout(folder: Path, samples: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Writes imagesTr/ID_0000.png, labelsTr/ID.png and dataset.json with one class: what touches is one object."""
    for name, (image, labels) in samples.items():
        put(folder / "imagesTr" / f"{name}_0000.png", image)
        put(folder / "labelsTr" / f"{name}.png", (labels > 0).astype(np.uint8))
    (folder / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "object": 1}}))


def put(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tifffile.imwrite(path, array, photometric="minisblack")
    else:
        Image.fromarray(array).save(path)


def write(root: Path, content: object = VERSION_2, part: str = "Tr", names: str = "ab") -> Path:
    """Images of two channels and label maps of two classes and a row to ignore."""
    for name in names:
        for channel in (0, 1):
            put(root / f"images{part}" / f"{name}_{channel:04d}.png", IMAGE + channel)
        put(root / f"labels{part}" / f"{name}.png", LABELS)
    (root / "dataset.json").write_text(json.dumps(content))
    return root


def test_channels_and_classes(tmp_path: Path) -> None:
    dataset = read_folder(write(tmp_path))
    assert (dataset.layout, dataset.names(), dataset.channels) == ("nnunet", ["a", "b"], 2)
    assert (dataset.kind, dataset.class_names, dataset.class_values) == ("classes", ("apple", "pear"), (1, 2))
    sample = dataset.load("b")
    np.testing.assert_array_equal(sample.image, np.dstack([IMAGE, IMAGE + 1]))
    np.testing.assert_array_equal(sample.classes, np.where(LABELS == 3, 0, LABELS))
    np.testing.assert_array_equal(sample.ignore, LABELS == 3)
    assert sample.objects is not None
    assert sample.objects.max() == 3
    assert dataset.pairing == (
        "2 images, paired by name, such as imagesTr/a_0000.png + imagesTr/a_0001.png with labelsTr/a.png."
    )
    assert dataset.decision == (
        "2 masks hold classes that dataset.json names: apple = 1, pear = 2. "
        "If values are ids of objects, say --objects. 3 is ignored."
    )


def test_version_1(tmp_path: Path) -> None:
    labels = {"0": "background", "1": "apple", "2": "pear", "3": "ignore"}
    dataset = read_folder(write(tmp_path, {"modality": {"0": "DAPI", "1": "GFP"}, "labels": labels}))
    assert (dataset.class_names, dataset.class_values) == (("apple", "pear"), (1, 2))
    np.testing.assert_array_equal(dataset.load("a").classes, np.where(LABELS == 3, 0, LABELS))


def test_one_class_is_of_connected_regions(tmp_path: Path) -> None:
    write_layout(tmp_path, {"a_1": (IMAGE, LABELS)})
    dataset = read_folder(tmp_path)
    assert (dataset.names(), dataset.kind, dataset.class_names) == (["a_1"], "binary", ("object",))
    assert dataset.load("a_1").objects.max() == 4
    assert "object = 1, each connected region one object" in dataset.decision


def test_classes_that_never_occur_are_dropped_and_told(tmp_path: Path) -> None:
    labels = {"background": 0, "plum": 4, "pear": 2, "apple": 1, "ignore": 3}
    dataset = read_folder(write(tmp_path, {"labels": labels}))
    assert (dataset.class_names, dataset.class_values) == (("apple", "pear"), (1, 2))
    assert " Never there and dropped: plum." in dataset.decision


@pytest.mark.parametrize("ignore", ["pear", "2"])
def test_a_class_to_ignore(tmp_path: Path, ignore: str) -> None:
    dataset = read_folder(write(tmp_path), ReadOptions(ignore=ignore))
    assert dataset.class_names == ("apple",)
    np.testing.assert_array_equal(dataset.load("a").ignore, LABELS >= 2)
    np.testing.assert_array_equal(dataset.load("a").classes, LABELS == 1)


def test_what_the_user_says(tmp_path: Path) -> None:
    write(tmp_path)
    assert read_folder(tmp_path, ReadOptions("classes")).class_names == ("apple", "pear")
    dataset = read_folder(tmp_path, ReadOptions("objects"))
    assert (dataset.kind, dataset.load("a").objects.max()) == ("objects", 2)  # one an id; 3 is still ignored
    np.testing.assert_array_equal(dataset.load("a").ignore, LABELS == 3)
    assert read_folder(tmp_path, ReadOptions(ignore="ignore")).class_names == ("apple", "pear")
    assert read_folder(tmp_path, ReadOptions(ignore="outside")).load("a").ignore[8, 6]
    with pytest.raises(DataError, match=r"--ignore plum: there is nothing .*Choose from apple, pear"):
        read_folder(tmp_path, ReadOptions(ignore="plum"))


def test_labelled_test_images_are_the_test_split(tmp_path: Path) -> None:
    write(write(tmp_path), part="Ts", names="bc")
    dataset = read_folder(tmp_path)
    assert dict(dataset.splits) == {"a": "train", "b": "train", "imagesTs_b": "test", "c": "test"}
    for file in (tmp_path / "labelsTs").iterdir():
        file.unlink()
    (tmp_path / "labelsTs").rmdir()
    dataset = read_folder(tmp_path)
    assert (dataset.names(), dict(dataset.splits)) == (["a", "b"], {})
    assert dataset.pairing.endswith(" Left out, since there is no labelsTs: imagesTs.")


def test_colour_is_one_file(tmp_path: Path) -> None:
    put(tmp_path / "imagesTr" / "a_0000.png", np.dstack([IMAGE, IMAGE + 1, IMAGE + 2]))
    put(tmp_path / "labelsTr" / "a.png", LABELS)
    (tmp_path / "dataset.json").write_text(json.dumps(VERSION_2 | {"channel_names": {"0": "R", "1": "G", "2": "B"}}))
    dataset = read_folder(tmp_path)
    assert (dataset.channels, dataset.load("a").image[0, 0].tolist()) == (3, [0, 1, 2])


def test_stacks_of_channels(tmp_path: Path) -> None:
    for channel in (0, 1):
        put(tmp_path / "imagesTr" / f"a_{channel:04d}.tif", np.stack([IMAGE + channel, IMAGE + channel + 5]))
    put(tmp_path / "labelsTr" / "a.tif", np.stack([LABELS, 0 * LABELS]))
    (tmp_path / "imagesTr" / "a.json").write_text('{"spacing": [1, 1, 1]}')
    (tmp_path / "dataset.json").write_text(json.dumps(VERSION_2))
    dataset = read_folder(tmp_path)
    assert dataset.names() == ["a_001", "a_002"]
    np.testing.assert_array_equal(dataset.load("a_002").image, np.dstack([IMAGE + 5, IMAGE + 6]))
    assert dataset.load("a_002").objects.max() == 0
    np.testing.assert_array_equal(read_label_folder(tmp_path).load("a_001").classes, np.where(LABELS == 3, 0, LABELS))


def move(*names: str) -> Callable[[Path], Any]:
    return lambda root: (root / names[0]).rename(root / names[1])


def labels(*args: object, **named: object) -> Callable[[Path], Any]:
    """Replaces the labels, or the whole, of dataset.json."""
    content = args[0] if args else VERSION_2 | {"labels": {"background": 0, "apple": 1} | named}
    return lambda root: (root / "dataset.json").write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (move("labelsTr", "labels"), PairingError, r"labelsTr: is missing, beside imagesTr\. Put a label map ID"),
        (
            move("dataset.json", "data.json"),
            PairingError,
            r'dataset\.json: is missing, beside imagesTr\. Write it with .*"la',
        ),
        (
            move("imagesTr/b_0001.png", "b.png"),
            PairingError,
            r"b_0000\.png: belongs to 1 channel where others have 2: b_0001\.png is not there",
        ),
        (
            move("imagesTr/b_0000.png", "imagesTr/b.png"),
            PairingError,
            r"imagesTr/b\.png: does not end with the number of a channel\. Call it b_0000\.png",
        ),
        (move("labelsTr/b.png", "b.png"), PairingError, r"b_0000\.png: is an image without a label map\. Draw"),
        (
            move("labelsTr/b.png", "labelsTr/c.png"),
            PairingError,
            r"c\.png: is a label map without an image\. Put c_0000 into",
        ),
        (
            labels(whole=[1, 2]),
            DataError,
            r"has the label whole of several values \[1, 2\]\. Give every value a label of its own",
        ),
        (labels(apple="1"), DataError, r"has the label apple of the value 1, which is no whole number"),
        (
            labels(apple=float("nan")),
            DataError,
            r"has the label apple of the value nan, which is no whole number from 0",
        ),
        (labels(apple=10**30), DataError, r"has the label apple of the value 10+, which is no whole number from 0"),
        (labels(apple=True), DataError, r"has the label apple of the value True, which is no whole number from 0"),
        (labels(pear=1), DataError, r"gives the value 1 two labels\. Give each label its own value"),
        (
            labels(),
            MaskError,
            r"a\.png: holds the value 2, which dataset\.json does not name\. Name it there \(it names 1\), or say",
        ),
        (labels(pear=2, ignore=3, apple=9), MaskError, r"a\.png: holds the value 1, which dataset\.json does not name"),
        (labels({"channel_names": {}}), DataError, r"has no labels, which should name the classes\. Add "),
        (labels([1]), DataError, r"holds no JSON object\. Write"),
        (labels('{"labels": '), UnreadableFile, r"dataset\.json: is not JSON \(Expecting value"),
        (labels("[" * 100_000), UnreadableFile, r"dataset\.json: is not JSON \(maximum recursion"),
        (
            lambda root: (root / "dataset.json").write_bytes(b"\xff\xfe{"),
            UnreadableFile,
            r"dataset\.json: is not JSON \('utf-8'",
        ),
        (
            lambda root: put(root / "imagesTr" / "b_0000.png", IMAGE[:-1]),
            PairingError,
            r"b_0001\.png: is 12 x 20 pixels .* the channel b_0000\.png is 11 x 20",
        ),
        (
            lambda root: put(root / "labelsTr" / "b.png", LABELS.T),
            PairingError,
            r"b\.png: is 20 x 12 .*rows and columns are swapped",
        ),
        (
            lambda root: [put(file, 0 * LABELS) for file in (root / "labelsTr").iterdir()],
            MaskError,
            r"labelsTr: holds only empty masks",
        ),
        (
            lambda root: [put(file, LABELS // 3 * 3) for file in (root / "labelsTr").iterdir()],
            MaskError,
            r"labelsTr: holds masks of nothing but what is to be ignored",
        ),
        (
            lambda root: put(root / "labelsTr" / "b.bmp", LABELS),
            PairingError,
            r"b\.png: is a second label map of one image, beside b\.bmp",
        ),
        (
            lambda root: put(root / "imagesTr" / "b_0001.tif", IMAGE),
            PairingError,
            r"is the same channel of the same image as b_0001\.png",
        ),
        (lambda root: (root / "imagesTr" / "b_0000.png").write_bytes(b""), UnreadableFile, r"b_0000\.png: is empty"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, change: Callable[[Path], Any], kind: type[UnmaskError], message: str
) -> None:
    change(write(tmp_path))
    with pytest.raises(kind, match=message):
        read_folder(tmp_path)


@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".mha", ".nrrd"])
def test_volumes_are_refused_with_the_way_to_convert_them(tmp_path: Path, ending: str) -> None:
    write(tmp_path)
    for folder, name in (("imagesTr", "a_0000"), ("labelsTr", "a"), ("imagesTr", "._a_0000")):
        (tmp_path / folder / f"{name}{ending}").write_bytes(b"\x1f\x8b")
    with pytest.raises(UnreadableFile) as caught:
        read_folder(tmp_path)
    assert f"a_0000{ending}: is one of 1 volume; unmask reads 2-D images and stacks of them as TIFF" in str(
        caught.value
    )
    assert f"tifffile.imwrite('a_0000.tif', SimpleITK.GetArrayFromImage(SimpleITK.ReadImage('a_0000{ending}')))" in str(
        caught.value
    )


def test_problems_can_be_collected(tmp_path: Path) -> None:
    write(tmp_path, names="abcd")
    (tmp_path / "labelsTr" / "b.png").unlink()
    (tmp_path / "imagesTr" / "c_0001.png").unlink()
    (tmp_path / "imagesTr" / "d_0000.png").write_bytes(b"none")
    problems: list[UnmaskError] = []
    assert read_folder(tmp_path, ReadOptions(report=problems.append)).names() == ["a"]
    assert [problem.file.name for problem in problems if problem.file] == ["b_0000.png", "c_0000.png", "d_0000.png"]


@given(st.data())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_told(
    tmp_path_factory: pytest.TempPathFactory, assert_clear: Callable[..., Any], data: st.DataObject
) -> None:
    root = write(tmp_path_factory.mktemp("nnunet"))
    file = data.draw(st.sampled_from([*sorted(root.rglob("*.png")), *[root / "dataset.json"] * 4]))
    content = bytearray(file.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    assert_clear(lambda: list(read_folder(root)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(
    JSON | st.fixed_dictionaries({"labels": JSON}) | st.fixed_dictionaries({"labels": st.dictionaries(st.text(), JSON)})
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, assert_clear: Callable[..., Any], content: object
) -> None:
    root = write(tmp_path_factory.getbasetemp() / "nnunet", content, names="a")
    assert_clear(lambda: list(read_folder(root)))


@pytest.mark.parametrize("ignore", ["plum", "Plum", "4"])
def test_a_class_to_ignore_may_never_occur(tmp_path: Path, ignore: str) -> None:
    labels = {"background": 0, "plum": 4, "pear": 2, "apple": 1, "ignore": 3}
    dataset = read_folder(write(tmp_path, {"labels": labels}), ReadOptions(ignore=ignore))
    assert dataset.class_names == ("apple", "pear")
    assert f" --ignore {ignore}: that never occurs. 3 is ignored." in dataset.decision
    assert "dropped" not in dataset.decision
    assert read_folder(tmp_path, ReadOptions(ignore="PEAR")).class_names == ("apple",)


@pytest.mark.parametrize("ignore", [None, "Pear"])
def test_ids_of_one_class_keep_its_name(tmp_path: Path, ignore: str | None) -> None:
    labels = {"background": 0, "apple": 1, **({"pear": 2} if ignore else {}), "ignore": 3}
    dataset = read_folder(write(tmp_path, {"labels": labels}), ReadOptions("objects", ignore=ignore))
    assert (dataset.kind, dataset.class_names) == ("objects", ("apple",))
    assert dataset.decision.endswith(" 2 is ignored. 3 is ignored." if ignore else " 3 is ignored.")
    np.testing.assert_array_equal(dataset.load("a").ignore, (2 if ignore else 3) <= LABELS)
