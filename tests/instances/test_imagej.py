"""Sets of ROIs: as roifile reads them, and read back the very label images."""

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from roifile import ROI_TYPE, ImagejRoi, roiread
from skimage.draw import polygon2mask

from unmask.data.folder import read_folder
from unmask.data.formats.images import write_image
from unmask.data.layouts.imagej import objects_of_rois
from unmask.data.shapes.annotations import outlines_of
from unmask.errors import MaskError, UnmaskError
from unmask.instances.imagej import check_size, write_rois
from unmask.instances.objects import Objects

CLASSES = ("cell", "Tumor: Positive")


def saved(folder: Path, objects: Objects) -> list[ImagejRoi]:
    write_rois(folder / "a.zip", objects, CLASSES)
    found = roiread(folder / "a.zip")
    assert isinstance(found, list)
    return found


def masks_of(objects: Objects) -> list[np.ndarray]:
    layers = objects.labels[None] if objects.layers is None else objects.layers
    return [(layers == label).any(axis=0) for label in range(1, len(objects) + 1)]


def test_rois_are_as_imagej_has_them(tmp_path: Path, overlapping: Objects) -> None:
    bar, holed = saved(tmp_path, overlapping)
    assert (bar.name, bar.group, bar.roitype, bar.version) == ("1", 2, ROI_TYPE.TRACED, 228)
    assert (bar.left, bar.top, bar.right, bar.bottom) == (5, 10, 35, 20)
    assert bar.coordinates().tolist() == [[5, 10], [35, 10], [35, 20], [5, 20]]  # type: ignore[union-attr]
    assert bar.properties == {"class": "Tumor: Positive", "score": 0.1}
    assert (holed.name, holed.group, holed.roitype, holed.composite) == ("2", 1, ROI_TYPE.RECT, True)
    assert holed.properties == {"class": "cell", "score": 0.75}
    outer, hole = holed.coordinates(multi=True)
    assert outer.tolist() == [[15, 5], [25, 5], [25, 45], [15, 45], [15, 5]]
    assert hole.tolist() == [[17, 14], [20, 14], [20, 12], [17, 12], [17, 14]]
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == ["1.roi", "2.roi"]


def test_bytes_are_where_imagej_looks_for_them(tmp_path: Path, overlapping: Objects) -> None:
    """Offsets of its RoiDecoder, big-endian."""
    saved(tmp_path, overlapping)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        bar, holed = archive.read("1.roi"), archive.read("2.roi")
    traced, rectangle = 8, 1
    assert struct.unpack(">4shBxhhhhh", bar[:18]) == (b"Iout", 228, traced, 10, 5, 20, 35, 4)
    assert struct.unpack(">8h", bar[64:80]) == (0, 30, 30, 0, 0, 0, 10, 10)  # x of all corners, then y
    assert struct.unpack(">4shBxhhhh", holed[:16]) == (b"Iout", 228, rectangle, 5, 15, 45, 25)
    (size,) = struct.unpack(">i", holed[36:40])
    assert struct.unpack(f">{size}f", holed[64 : 64 + 4 * size])[:4] == (0, 15, 5, 1)
    for data, label, group in ((bar, "1", 2), (holed, "2", 1)):
        (second,) = struct.unpack(">i", data[60:64])
        at, length = struct.unpack(">ii", data[second + 16 : second + 24])
        assert data[at : at + 2 * length].decode("utf-16-be") == label
        assert data[second + 30] == group


@given(st.integers(0, 2**31))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_outlines_are_the_very_pixels(tmp_path: Path, make_blobs: Callable[[int], Objects], seed: int) -> None:
    """By roifile and scikit-image: the pixels within an odd number of outlines."""
    objects = make_blobs(seed)
    size = (objects.labels.shape[0], objects.labels.shape[1])
    for mask, roi in zip(masks_of(objects), saved(tmp_path, objects), strict=True):
        painted = np.zeros(size, bool)
        for ring in roi.coordinates(multi=True):
            painted ^= polygon2mask(size, np.array(ring)[:, ::-1] - 0.5 + 1e-3)
        np.testing.assert_array_equal(painted, mask)


@given(st.integers(0, 2**31))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_read_back_it_is_the_very_label_image(tmp_path: Path, make_blobs: Callable[[int], Objects], seed: int) -> None:
    objects = make_blobs(seed)
    if not len(objects):
        return
    write_image(tmp_path / "a.tif", np.zeros((*objects.labels.shape, 1), np.uint8))
    saved(tmp_path, objects)
    dataset = read_folder(tmp_path)
    sample = dataset.load("a")
    np.testing.assert_array_equal(sample.objects, objects.labels)
    names = ("", *dataset.class_names)
    assert sample.layers is None
    assert sample.classes is not None
    classes = np.append(0, objects.classes)[objects.labels]
    assert [names[k] for k in sample.classes.ravel()] == [("", *CLASSES)[k] for k in classes.ravel()]


def test_classes_keep_their_order(tmp_path: Path, overlapping: Objects) -> None:
    write_image(tmp_path / "a.tif", np.zeros((50, 40, 1), np.uint8))
    write_rois(tmp_path / "a.zip", overlapping, ("zebra", "ape"))
    dataset = read_folder(tmp_path)
    assert dataset.class_names == ("zebra", "ape")
    layers = dataset.load("a").layers
    assert layers is not None
    for label, mask in enumerate(masks_of(overlapping), start=1):
        np.testing.assert_array_equal((layers == label).any(axis=0), mask)


@pytest.mark.parametrize("left", [32_760, 60_530, 65_530, 99_990])
def test_far_from_the_corner_of_large_images(tmp_path: Path, left: int) -> None:
    """ImageJ's whole numbers end at 60,535; farther off they are floats."""
    labels = np.zeros((4, 100_000), np.int32)
    labels[1:3, left : left + 9] = 1
    labels[0, left + 2 : left + 9] = labels[2, left + 4] = 2
    objects = Objects(labels, np.ones(2, np.uint8), np.ones(2, np.float32))
    saved(tmp_path, objects)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        found = objects_of_rois([(name, archive.read(name)) for name in archive.namelist()], tmp_path / "a.zip")
    first, second = ([ring.tolist() for ring in outlines_of(one.shape)] for one in found.objects)
    assert [min(ring) for ring in first] == [[left, 1]]
    assert [min(ring) for ring in second] == [[left + 2, 0], [left + 4, 2]]


def test_the_same_objects_make_the_same_bytes(tmp_path: Path, make_blobs: Callable[[int], Objects]) -> None:
    saved(tmp_path, make_blobs(3))
    first = (tmp_path / "a.zip").read_bytes()
    saved(tmp_path, make_blobs(3))
    assert (tmp_path / "a.zip").read_bytes() == first


def test_no_object(tmp_path: Path) -> None:
    none = Objects(np.zeros((5, 6), np.int32), np.zeros(0, np.uint8), np.zeros(0, np.float32))
    assert saved(tmp_path, none) == []


def test_what_cannot_be_written(tmp_path: Path, overlapping: Objects) -> None:
    check_size((2**24, 3))
    with pytest.raises(
        MaskError, match=r"an image of 3 x 16777217 pixels is too large for ROIs, which end at 16,777,216"
    ):
        check_size((3, 2**24 + 1))
    (tmp_path / "file").write_text("")
    with pytest.raises(UnmaskError, match=r"a\.zip: cannot be written"):
        write_rois(tmp_path / "file" / "a.zip", overlapping, CLASSES)
