"""A multi-page TIFF of images beside one of label images."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from unmask.data.folder import read_folder
from unmask.data.layouts.stacks import read_stacks
from unmask.data.options import ReadOptions
from unmask.errors import DataError, MaskError, PairingError, UnmaskError, UnreadableFile

IMAGE = np.arange(240, dtype=np.uint8).reshape(12, 20)
LABELS = np.zeros((12, 20), np.uint16)
LABELS[1:4, 1:5], LABELS[1:4, 6:9], LABELS[6:9, 2:5], LABELS[6:9, 8:12], LABELS[6:10, 14:18] = 1, 2, 3, 4, 5
IMAGES, MASKS = np.stack([IMAGE, IMAGE + 1, IMAGE + 2]), np.stack([LABELS, 0 * LABELS, LABELS])


def write_layout(folder: Path, samples: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Writes train-volume.tif and train-labels.tif; images become train-volume_001, ... whatever their names are."""
    folder.mkdir(parents=True, exist_ok=True)
    put(folder / "train-volume.tif", np.stack([image for image, _ in samples.values()]))
    put(folder / "train-labels.tif", np.stack([labels for _, labels in samples.values()]))


def put(path: Path, array: np.ndarray) -> None:
    axes = {"axes": "ZYX"[-array.ndim :]}
    tifffile.imwrite(path, array, photometric="minisblack", metadata=axes)


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("train-volume.tif", "train-labels.tif"),
        ("Volume.tif", "Labels.tiff"),
        ("image.tif", "label.tif"),
        ("images.tif", "masks.tif"),
        ("raw.tif", "seg.tif"),
        ("cells 2_raw.tif", "cells 2_seg.tif"),
        ("img_cells.tif", "gt_cells.tif"),
        ("stack.tif", "ground-truth.tif"),
        ("cells_raw.ome.tif", "cells_labels.ome.tif"),
    ],
)
def test_names_of_two_stacks(tmp_path: Path, images: str, masks: str) -> None:
    put(tmp_path / images, IMAGES)
    put(tmp_path / masks, MASKS)
    dataset = read_folder(tmp_path)
    name = images.split(".")[0]
    assert (dataset.layout, dataset.kind) == ("stacks", "objects")
    assert dataset.names() == [f"{name}_001", f"{name}_002", f"{name}_003"]
    assert dataset.pairing == f"3 images in 1 file, paired by name, such as {images} with {masks}."
    for sample, image, mask in zip(dataset, IMAGES, MASKS, strict=True):
        np.testing.assert_array_equal(sample.image[..., 0], image)
        np.testing.assert_array_equal(sample.objects, mask)


def test_several_stacks_say_their_splits(tmp_path: Path) -> None:
    for part, pages in (("train", 3), ("val", 2), ("test", 1)):
        put(tmp_path / f"{part}-volume.tif", IMAGES[:pages])
        put(tmp_path / f"{part}-labels.tif", MASKS[:pages])
    dataset = read_folder(tmp_path)
    assert {part: len(dataset.names(part)) for part in ("train", "val", "test")} == {"train": 3, "val": 2, "test": 1}
    assert dataset.names("test") == ["test-volume"]
    assert dataset.pairing.startswith("6 images in 3 files")


def test_several_stacks_that_say_no_split(tmp_path: Path) -> None:
    for part in ("a", "b"):
        put(tmp_path / f"{part}_raw.tif", IMAGES)
        put(tmp_path / f"{part}_seg.tif", MASKS)
    dataset = read_folder(tmp_path)
    assert (len(dataset), dict(dataset.splits)) == (6, {})


def test_stacks_without_labels_are_left_out(tmp_path: Path) -> None:
    write_layout(tmp_path, {"a": (IMAGE, LABELS), "b": (IMAGE, LABELS)})
    put(tmp_path / "test-volume.tif", IMAGES)
    put(tmp_path / "notes.tif", IMAGE)
    dataset = read_folder(tmp_path)
    assert dataset.names() == ["train-volume_001", "train-volume_002"]
    assert dataset.pairing.endswith(" Left out: notes.tif, test-volume.tif.")
    assert set(dataset.splits.values()) == {"train"}


@pytest.mark.parametrize(
    "names",
    [
        ("a.tif", "a_mask.tif"),
        ("volume.tif", "volume_mask.tif"),
        ("train-volume.tif", "test-labels.tif"),
        ("image.png", "label.png"),
        ("imageset.tif", "labelset.tif"),
    ],
)
def test_other_names_are_left_to_others(tmp_path: Path, names: tuple[str, str]) -> None:
    put(tmp_path / names[0], IMAGES)
    put(tmp_path / names[1], MASKS)
    assert read_stacks(tmp_path, ReadOptions()) is None


def test_two_folders_come_before_stacks_beside_them(tmp_path: Path) -> None:
    write_layout(tmp_path, {"a": (IMAGE, LABELS), "b": (IMAGE, LABELS)})
    for part, array in (("Images", IMAGE), ("masks", LABELS)):
        (tmp_path / part).mkdir()
        put(tmp_path / part / "c.tif", array)
    assert read_folder(tmp_path).names() == ["c"]


def test_single_images_are_no_stacks(tmp_path: Path) -> None:
    put(tmp_path / "image.tif", IMAGE)
    put(tmp_path / "mask.tif", LABELS)
    assert read_stacks(tmp_path, ReadOptions()) is None


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (
            lambda root: put(root / "train-labels.tif", MASKS[:2]),
            PairingError,
            r"train-labels\.tif: has 2 pages, its image train-volume\.tif has 3\. Give both the same pages",
        ),
        (
            lambda root: put(root / "train-labels.tif", LABELS),
            PairingError,
            r"train-labels\.tif: has 1 page, its image train-volume\.tif has 3",
        ),
        (
            lambda root: put(root / "train-labels.tif", MASKS[:, :-1]),
            PairingError,
            r"train-labels\.tif: is 11 x 20 pixels .*, its image 12 x 20",
        ),
        (
            lambda root: put(root / "train-masks.tif", MASKS),
            PairingError,
            r"train-masks\.tif: could be meant as well as train-labels\.tif\. Keep the right one",
        ),
        (
            lambda root: put(root / "test-labels.tif", MASKS),
            PairingError,
            r"test-labels\.tif: holds labels without images\. Put its images beside it",
        ),
        (
            lambda root: put(root / "train-labels.tif", 0 * MASKS),
            MaskError,
            r"holds only empty masks \(all 0\)",
        ),
        (
            lambda root: (root / "train-volume.tif").write_bytes(b"II*\0"),
            UnreadableFile,
            r"train-volume\.tif: is damaged or truncated",
        ),
        (
            lambda root: (root / "train-labels.tif").write_bytes((root / "train-labels.tif").read_bytes()[:-400]),
            UnreadableFile,
            r"train-labels\.tif: is (damaged or )?truncated",
        ),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, change: Callable[[Path], Any], kind: type[UnmaskError], message: str
) -> None:
    put(tmp_path / "train-volume.tif", IMAGES)
    put(tmp_path / "train-labels.tif", MASKS)
    change(tmp_path)
    with pytest.raises(kind, match=message):
        read_folder(tmp_path)


def test_stacks_with_different_channels(tmp_path: Path) -> None:
    put(tmp_path / "a_raw.tif", IMAGES)
    tifffile.imwrite(tmp_path / "b_raw.tif", np.stack([IMAGES, IMAGES], axis=1), imagej=True, metadata={"axes": "ZCYX"})
    for part in ("a", "b"):
        put(tmp_path / f"{part}_seg.tif", MASKS)
    with pytest.raises(DataError, match=r"b_raw\.tif: has 2 channels, but a_raw\.tif has 1"):
        read_folder(tmp_path)


@given(st.data())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_told(
    tmp_path_factory: pytest.TempPathFactory, assert_clear: Callable[..., Any], data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("stacks")
    write_layout(root, {"a": (IMAGE, LABELS), "b": (IMAGE, LABELS)})
    file = data.draw(st.sampled_from(sorted(root.iterdir())))
    content = bytearray(file.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    assert_clear(lambda: list(read_folder(root)))


def test_real_data_as_the_challenge_had_them(shared_data: Path, tmp_path: Path) -> None:
    plain = read_folder(shared_data / "isbi2012")
    names = plain.names()[:3]
    for part, folder in (("volume", "images"), ("labels", "masks")):
        files = [next((shared_data / "isbi2012" / folder).glob(f"{name}.*")) for name in names]
        put(tmp_path / f"train-{part}.tif", np.stack([np.asarray(Image.open(file)) for file in files]))
    put(tmp_path / "test-volume.tif", IMAGES)
    dataset = read_folder(tmp_path)
    assert (dataset.kind, dataset.class_values, dataset.layout) == ("binary", (255,), "stacks")
    for name, sample in zip(names, dataset, strict=True):
        np.testing.assert_array_equal(sample.image, plain.load(name).image)
        np.testing.assert_array_equal(sample.objects, plain.load(name).objects)


def test_a_file_that_names_classes(tmp_path: Path) -> None:
    put(tmp_path / "train-volume.tif", IMAGES)
    put(tmp_path / "train-labels.tif", np.minimum(MASKS, 2))
    (tmp_path / "classes.txt").write_text("background\npear\napple\n")
    assert read_folder(tmp_path).class_names == ("pear", "apple")
