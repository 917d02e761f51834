"""Every layout: the same images and objects, laid out in its way, are read as the same samples."""

import json
import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from unmask.data.folder import read_folder, read_images, read_label_folder
from unmask.data.formats.omezarr_writer import write_omezarr
from unmask.data.layouts.layouts import LAYOUTS
from unmask.data.options import ReadOptions
from unmask.errors import DataError, PairingError
from unmask.geometry.labels import relabel

HERE = Path(__file__).parent
Samples = dict[str, tuple[np.ndarray, np.ndarray]]
WRITTEN_BY = {
    "table": "test_table.py",
    "nnunet": "test_nnunet.py",
    "ctc": "test_ctc.py",
    "parts": "test_parts.py",
    "voc": "test_voc.py",
    "yolo": "test_yolo.py",
    "stacks": "test_stacks.py",
    "labelme": "test_labelme.py",
    "geojson": "test_geojson.py",
    "rois": "test_imagej.py",
}


def made() -> Samples:
    """Three images of bright rectangles that do not touch, as their label images say."""
    random = np.random.default_rng(5)
    samples = {}
    for number, name in enumerate(("cell1", "cell2", "cell10")):
        labels = np.zeros((40, 50), np.uint16)
        for label in range(1, 5 + number):
            row, column = divmod(label - 1, 4)
            top, left = 2 + 18 * row + int(random.integers(4)), 2 + 12 * column
            labels[top : top + int(random.integers(5, 13)), left : left + int(random.integers(4, 10))] = label
        noise = random.integers(0, 60, labels.shape)
        samples[name] = ((100 * (labels > 0) + noise).astype(np.uint8), labels)
    return samples


def write_pairs(folder: Path, samples: Samples) -> None:
    for part, index in (("images", 0), ("masks", 1)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        for name, sample in samples.items():
            tifffile.imwrite(folder / part / f"{name}.tif", sample[index])


def write_zarr(folder: Path, samples: Samples) -> None:
    for name, (image, labels) in samples.items():
        write_omezarr(folder / f"{name}.ome.zarr", image[..., None], None, {"cells": labels.astype(np.int32)})


def write_coco(folder: Path, samples: Samples) -> None:
    """Every object as plain run lengths."""
    images, annotations = [], []
    for number, (name, (image, labels)) in enumerate(samples.items()):
        folder.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / f"{name}.tif", image)
        images.append({"id": number, "file_name": f"{name}.tif", "height": 40, "width": 50})
        for label in np.unique(labels[labels > 0]):
            flat = np.concatenate([[False], (labels == label).ravel(order="F"), [False]])
            ends = np.flatnonzero(np.diff(flat.astype(int)))
            counts = np.diff(np.concatenate([[0], ends, [labels.size]])).tolist()
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": number,
                    "category_id": 1,
                    "segmentation": {"size": [40, 50], "counts": counts},
                }
            )
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "object"}]}
    (folder / "instances.json").write_text(json.dumps(content))


def write_via(folder: Path, samples: Samples) -> None:
    """Every object is a rectangle."""
    content = {}
    for name, (image, labels) in samples.items():
        folder.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / f"{name}.tif", image)
        regions = []
        for label in np.unique(labels[labels > 0]):
            rows, columns = np.nonzero(labels == label)
            x, y = int(columns.min()), int(rows.min())
            width, height = int(columns.max()) + 1 - x, int(rows.max()) + 1 - y
            shape = {"name": "rect", "x": x, "y": y, "width": width, "height": height}
            regions.append({"shape_attributes": shape, "region_attributes": {}})
        content[name] = {"filename": f"{name}.tif", "size": 1, "regions": regions}
    (folder / "via_region_data.json").write_text(json.dumps(content))


def writer(layout: str) -> Callable[[Path, Samples], None]:
    own = {"pairs": write_pairs, "omezarr": write_zarr, "coco": write_coco, "via": write_via}
    return own[layout] if layout in own else runpy.run_path(str(HERE / WRITTEN_BY[layout]))["write_layout"]


@pytest.mark.parametrize("layout", [layout.name for layout in LAYOUTS])
def test_every_layout_gives_the_samples_of_the_plain_pair(layout: str, tmp_path: Path) -> None:
    samples = made()
    write_pairs(tmp_path / "plain", samples)
    writer(layout)(tmp_path / "other", samples)
    plain, other = read_folder(tmp_path / "plain"), read_folder(tmp_path / "other")
    assert (other.layout, len(other), other.channels) == (layout, 3, 1)
    truth = read_label_folder(tmp_path / "other")
    for name, given in zip(other.names(), plain.names(), strict=True):
        found, expected = other.load(name), plain.load(given)
        np.testing.assert_array_equal(found.image, expected.image)
        np.testing.assert_array_equal(found.classes, expected.classes)
        assert found.objects is not None
        np.testing.assert_array_equal(relabel(found.objects), expected.objects)
        assert (found.layers, found.ignore) == (None, None)
        np.testing.assert_array_equal(truth.load(name).objects, found.objects)
    if layout not in ("ctc", "stacks"):  # whose files have no names of their own
        assert other.names() == plain.names()


@pytest.mark.parametrize("layout", [layout.name for layout in LAYOUTS])
def test_a_layout_that_is_asked_for_and_not_there(layout: str, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    with pytest.raises((PairingError, DataError), match=rf"is not laid out as {layout}|{layout}"):
        read_folder(tmp_path, ReadOptions(layout=layout))


@pytest.mark.parametrize("layout", [layout.name for layout in LAYOUTS])
def test_images_of_every_layout_can_be_predicted(layout: str, tmp_path: Path) -> None:
    writer(layout)(tmp_path, made())
    images = read_images([tmp_path])
    assert (len(images), images.channels, images.coding) == (3, 1, None)
    expected = read_folder(tmp_path)
    assert images.names() == expected.names()
    for name in images.names():
        np.testing.assert_array_equal(images.load(name).image, expected.load(name).image)


def test_an_unknown_layout(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no layout zip\. Choose from table, nnunet, ctc, "):
        read_folder(tmp_path, ReadOptions(layout="zip"))
