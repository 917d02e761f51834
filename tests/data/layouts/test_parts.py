"""One mask a file, as the Data Science Bowl 2018 has it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from unmask.data.dataset import Dataset
from unmask.data.folder import read_folder, read_label_folder
from unmask.data.layouts.parts import read_parts
from unmask.data.options import ReadOptions
from unmask.errors import DataError, MaskError, PairingError, UnmaskError, UnreadableFile

IMAGE = np.arange(240, dtype=np.uint8).reshape(12, 20)
LABELS = np.zeros((12, 20), np.uint16)
LABELS[1:4, 1:5], LABELS[1:4, 6:9], LABELS[6:10, 14:18] = 1, 2, 3


def write_layout(folder: Path, samples: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Writes ID/images/ID.png and ID/masks/*.png, one an object."""
    for name, (image, labels) in samples.items():
        put(folder / name / "images" / f"{name}.png", image)
        (folder / name / "masks").mkdir()
        for label in np.unique(labels[labels > 0]):
            put(folder / name / "masks" / f"{label:04d}.png", 255 * (labels == label).astype(np.uint8))


def put(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def objects_of(dataset: Dataset, name: str) -> np.ndarray:
    found = dataset.load(name).objects
    assert found is not None
    return found


def masks_of(image: str, masks: str) -> Callable[[Path], None]:
    """Writes images a and b, with three objects and with one, below paths with the name of the image in them."""

    def write(root: Path) -> None:
        for name, labels in (("a", LABELS), ("b", np.where(LABELS == 2, LABELS, 0))):
            put(root / image.format(name), IMAGE)
            for label in np.unique(labels[labels > 0]):
                put(root / masks.format(name, label), 255 * (labels == label).astype(np.uint8))

    return write


@pytest.mark.parametrize(
    ("image", "masks"),
    [
        ("{0}/images/{0}.png", "{0}/masks/{1}.png"),
        ("{0}/Image/picture.png", "{0}/Mask/{0}_{1}.png"),
        ("stage1_train/{0}/images/{0}.png", "stage1_train/{0}/masks/{1}.png"),
        ("{0}/picture.png", "{0}/masks/{1}.png"),
        ("images/{0}.png", "masks/{0}/{1}.png"),
        ("sub/images/{0}.png", "sub/masks/{0}/{1}.png"),
    ],
)
def test_ways_in_which_masks_lie(tmp_path: Path, image: str, masks: str) -> None:
    masks_of(image, masks)(tmp_path)
    dataset = read_folder(tmp_path)
    assert (dataset.layout, dataset.names(), dataset.kind, dataset.channels) == ("parts", ["a", "b"], "objects", 1)
    np.testing.assert_array_equal(objects_of(dataset, "a"), LABELS)
    np.testing.assert_array_equal(objects_of(dataset, "b"), LABELS == 2)
    np.testing.assert_array_equal(dataset.load("a").classes, LABELS > 0)
    assert dataset.load("a").layers is None
    where = masks.format("a", 1).rsplit("/", 1)[0]
    assert dataset.pairing == f"2 images, one object a mask file, such as {image.format('a')} with 3 masks in {where}."
    assert dataset.decision == "4 masks of 2 images, one object in each; if only classes matter, say --classes."


def test_objects_that_overlap_are_whole_in_layers(tmp_path: Path) -> None:
    large, small = np.zeros((12, 20), np.uint8), np.zeros((12, 20), np.uint8)
    large[2:9, 2:12], small[6:8, 8:16] = 255, 255
    put(tmp_path / "a" / "images" / "a.png", IMAGE)
    put(tmp_path / "a" / "masks" / "x.png", large)
    put(tmp_path / "a" / "masks" / "y.png", small)
    sample = read_folder(tmp_path).load("a")
    assert sample.layers is not None
    np.testing.assert_array_equal((sample.layers == 1).any(axis=0), large > 0)
    np.testing.assert_array_equal((sample.layers == 2).any(axis=0), small > 0)
    np.testing.assert_array_equal(
        sample.objects, np.where(small > 0, 2, np.where(large > 0, 1, 0))
    )  # the smaller shows


def test_an_empty_folder_is_an_image_without_objects(tmp_path: Path) -> None:
    write_layout(tmp_path, {"a": (IMAGE, LABELS), "b": (IMAGE, 0 * LABELS)})
    dataset = read_folder(tmp_path)
    assert objects_of(dataset, "b").max() == 0
    assert dataset.decision.endswith(" 1 image has none.")


def test_hidden_and_other_files_are_ignored(tmp_path: Path) -> None:
    write_layout(tmp_path, {"a": (IMAGE, LABELS)})
    for place in (".", "a", "a/images", "a/masks"):
        for name in (".DS_Store", "._0001.png", "notes.txt", "solution.csv"):
            (tmp_path / place / name).write_bytes(b"x")
    (tmp_path / "__MACOSX").mkdir()
    np.testing.assert_array_equal(objects_of(read_folder(tmp_path), "a"), LABELS)


def test_folders_say_the_split_and_images_without_masks_are_left_out(tmp_path: Path) -> None:
    write_layout(tmp_path / "stage1_train", {"a": (IMAGE, LABELS), "b": (IMAGE, LABELS)})
    put(tmp_path / "stage2_final" / "c" / "images" / "c.png", IMAGE)
    dataset = read_folder(tmp_path)
    assert (dataset.names(), dict(dataset.splits)) == (["a", "b"], {"a": "train", "b": "train"})
    assert dataset.pairing.endswith(" Left out, since there are no masks: stage2_final (1 image).")
    write_layout(tmp_path / "stage1_test", {"b": (IMAGE, LABELS)})
    dataset = read_folder(tmp_path)
    assert dict(dataset.splits) == {"a": "train", "stage1_train_b": "train", "stage1_test_b": "test"}


def test_what_the_user_says(tmp_path: Path) -> None:
    write_layout(tmp_path, {"a": (IMAGE, LABELS)})
    dataset = read_folder(tmp_path, ReadOptions("classes"))
    assert (dataset.kind, dataset.class_values, dataset.class_names) == ("classes", (1,), ("object",))
    assert "read as classes, as asked" in dataset.decision
    sample = read_folder(tmp_path, ReadOptions(ignore="outside")).load("a")
    assert sample.ignore is not None
    assert sample.ignore[11, 0]
    assert not sample.ignore[2, 5]  # within three pixels of an object
    with pytest.raises(
        DataError, match=r"--ignore 255: masks of one object each have no values\. Say --ignore outside"
    ):
        read_folder(tmp_path, ReadOptions(ignore="255"))


def test_masks_with_numbers_are_taken_for_objects_only_if_asked(tmp_path: Path) -> None:
    masks_of("images/{0}.png", "masks/{0}_{1}.png")(tmp_path)
    with pytest.raises(PairingError):
        read_folder(tmp_path)
    dataset = read_folder(tmp_path, ReadOptions(layout="parts"))
    np.testing.assert_array_equal(objects_of(dataset, "a"), LABELS)
    put(tmp_path / "masks" / "other_1.png", IMAGE)
    with pytest.raises(PairingError, match=r"other_1\.png: is a mask without an image\. Give it the name of its image"):
        read_folder(tmp_path, ReadOptions(layout="parts"))


def beside_pairs(root: Path) -> None:
    masks_of("images/{0}.png", "masks/{0}.png")(root)
    masks_of("more/{0}/images/{0}.png", "more/{0}/masks/{1}.png")(root)


def one_pair_each(root: Path) -> None:
    for name in ("train", "val"):
        put(root / name / "images" / "x.png", IMAGE)
        put(root / name / "masks" / "x.png", LABELS.astype(np.uint8))
        put(root / name / "masks" / "y.png", LABELS.astype(np.uint8))


@pytest.mark.parametrize(
    "write",
    [
        masks_of("images/{0}.png", "masks/{0}.png"),
        masks_of("{0}/images/{0}.png", "{0}/masks/{0}.png"),  # one label image a folder
        masks_of("images/{0}/x.png", "masks/{0}/{1}.png"),
        one_pair_each,
        beside_pairs,
    ],
)
def test_other_layouts_are_left_to_others(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path)
    assert read_parts(tmp_path, ReadOptions()) is None


def test_one_object_an_image_is_read_if_asked(tmp_path: Path) -> None:
    masks_of("{0}/images/{0}.png", "{0}/masks/{0}.png")(tmp_path)
    dataset = read_folder(tmp_path, ReadOptions(layout="parts"))
    np.testing.assert_array_equal(objects_of(dataset, "b"), LABELS == 2)


def broken(root: Path, case: str) -> None:
    """Puts one thing wrong into a sound folder."""
    match case:
        case "no masks":
            for mask in (root / "b" / "masks").iterdir():
                mask.unlink()
            (root / "b" / "masks").rmdir()
        case "no image":
            (root / "b" / "images" / "b.png").unlink()
        case "two images":
            put(root / "b" / "images" / "c.png", IMAGE)
        case "damaged image":
            (root / "b" / "images" / "b.png").write_bytes(b"\x89PNG")
        case "colour":
            put(root / "b" / "images" / "b.png", np.dstack([IMAGE, IMAGE, IMAGE.T.reshape(IMAGE.shape)]))
        case "size":
            put(root / "b" / "masks" / "0001.png", 255 * (LABELS == 1).T.astype(np.uint8))
        case "empty mask":
            put(root / "b" / "masks" / "0001.png", 0 * IMAGE)
        case "damaged mask":
            (root / "b" / "masks" / "0001.png").write_bytes(b"")
        case "no mask at all":
            for mask in [*(root / "a" / "masks").iterdir(), *(root / "b" / "masks").iterdir()]:
                mask.unlink()


@pytest.mark.parametrize(
    ("case", "kind", "message"),
    [
        (
            "no masks",
            PairingError,
            r"b: holds an image without a folder of masks\. Draw its masks, make an empty folder",
        ),
        (
            "no image",
            PairingError,
            r"b: holds 0 images and 3 masks; other folders one image\. Give each image a folder",
        ),
        ("two images", PairingError, r"b: holds 2 images and 3 masks; other folders one image\. Give each"),
        ("damaged image", UnreadableFile, r"b\.png: is damaged or truncated"),
        ("colour", DataError, r"b\.png: has 3 channels, but a\.png has 1\. Make them all grey"),
        ("size", PairingError, r"0001\.png: is 20 x 12 pixels .*rows and columns are swapped\. Transpose the mask"),
        (
            "empty mask",
            MaskError,
            r"0001\.png: is the mask of an object, and holds only 0\. Remove it; an image without",
        ),
        ("damaged mask", UnreadableFile, r"0001\.png: is empty \(0 bytes\)\. Copy"),
        ("no mask at all", MaskError, r"holds no mask of an object\. Draw at least one"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, case: str, kind: type[UnmaskError], message: str) -> None:
    write_layout(tmp_path, {"a": (IMAGE, LABELS), "b": (IMAGE, LABELS)})
    broken(tmp_path, case)
    with pytest.raises(kind, match=message):
        [read_folder(tmp_path, ReadOptions(layout="parts")).load(name) for name in ("a", "b")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda root: (root / "masks" / "b").rename(root / "masks" / "c"),
            r"b\.png: is an image without masks\. Draw ",
        ),
        (lambda root: (root / "images" / "b.png").unlink(), r"masks/b: holds masks without an image\. Put b into "),
    ],
)
def test_folders_of_masks_without_an_image(tmp_path: Path, change: Callable[[Path], Any], message: str) -> None:
    masks_of("images/{0}.png", "masks/{0}/{1}.png")(tmp_path)
    change(tmp_path)
    with pytest.raises(PairingError, match=message):
        read_folder(tmp_path)


def test_problems_can_be_collected(tmp_path: Path) -> None:
    write_layout(tmp_path, dict.fromkeys("abc", (IMAGE, LABELS)))
    (tmp_path / "b" / "images" / "b.png").unlink()
    (tmp_path / "c" / "images" / "c.png").write_bytes(b"none")
    problems: list[UnmaskError] = []
    dataset = read_folder(tmp_path, ReadOptions(report=problems.append))
    assert dataset.names() == ["a"]
    assert [type(problem) for problem in problems] == [PairingError, UnreadableFile]


def test_labels_to_compare_with(tmp_path: Path) -> None:
    write_layout(tmp_path, {"a": (IMAGE, LABELS)})
    np.testing.assert_array_equal(read_label_folder(tmp_path).load("a").objects, LABELS)


@given(st.data())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_told(
    tmp_path_factory: pytest.TempPathFactory, assert_clear: Callable[..., Any], data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("parts")
    write_layout(root, {"a": (IMAGE, LABELS), "b": (IMAGE, LABELS)})
    file = data.draw(st.sampled_from(sorted(root.rglob("*.png"))))
    content = bytearray(file.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    assert_clear(lambda: list(read_folder(root)))


def test_many_masks_are_found_quickly(tmp_path: Path) -> None:
    write_layout(tmp_path, {"0": (IMAGE, LABELS)})
    for folder in range(1, 100):
        put(tmp_path / str(folder) / "images" / f"{folder}.png", IMAGE)
        (tmp_path / str(folder) / "masks").mkdir()
        for mask in range(40):
            (tmp_path / str(folder) / "masks" / f"{mask}.png").hardlink_to(tmp_path / "0" / "masks" / "0001.png")
    start = time.process_time()
    dataset = read_folder(tmp_path)
    assert time.process_time() - start < 1  # 4,000 masks; those of the Data Science Bowl are seven times as many
    assert len(dataset.entry("7").masks) == 40


def test_real_data(shared_data: Path) -> None:
    dataset = read_folder(shared_data / "dsb2018_original_layout")
    assert (len(dataset), dataset.channels, dataset.kind, dict(dataset.splits)) == (8, 1, "objects", {})
    for name in dataset.names():
        folder = shared_data / "dsb2018_original_layout" / "stage1_train" / name
        files = sorted((folder / "masks").glob("*.png"))
        sample = dataset.load(name)
        pixels = sum((np.asarray(Image.open(file)) > 0).astype(int) for file in files)
        assert len(files) == (sample.objects if sample.layers is None else sample.layers).max()
        np.testing.assert_array_equal(sample.objects > 0, pixels > 0)
        assert (sample.layers is None) == (np.max(pixels) == 1)
        np.testing.assert_array_equal(
            sample.image[..., 0], np.asarray(Image.open(folder / "images" / f"{name}.png"))[..., 0]
        )


def test_one_mask_in_every_folder_needs_to_be_asked_for(tmp_path: Path) -> None:
    for name in ("s1", "s2"):
        put(tmp_path / name / "images" / "a.png", IMAGE)
        put(tmp_path / name / "masks" / "m.png", (255 * (LABELS == 1)).astype(np.uint8))
    with pytest.raises(PairingError, match=r"\(there: s1/, s2/\)\. If each mask is one object, say --layout parts"):
        read_folder(tmp_path)
    assert read_folder(tmp_path, ReadOptions(layout="parts")).names() == ["s1", "s2"]
