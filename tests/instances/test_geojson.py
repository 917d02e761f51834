"""GeoJSON of objects: as QuPath writes it, and read back the very label images."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skimage.draw import polygon2mask

from unmask.data.folder import read_folder
from unmask.data.formats.images import write_image
from unmask.errors import UnmaskError
from unmask.instances.geojson import write_geojson
from unmask.instances.objects import Objects

CLASSES = ("cell", "Tumor: Positive")


def saved(folder: Path, objects: Objects) -> Any:
    write_geojson(folder / "a.geojson", objects, CLASSES)
    return json.loads((folder / "a.geojson").read_text())


def masks_of(objects: Objects) -> list[np.ndarray]:
    layers = objects.labels[None] if objects.layers is None else objects.layers
    return [(layers == label).any(axis=0) for label in range(1, len(objects) + 1)]


def test_features_are_as_qupath_has_them(tmp_path: Path, overlapping: Objects) -> None:
    content = saved(tmp_path, overlapping)
    assert content["type"] == "FeatureCollection"
    bar, holed = content["features"]
    assert bar == {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [[[5, 10], [35, 10], [35, 20], [5, 20], [5, 10]]]},
        "properties": {
            "objectType": "detection",
            "name": "1",
            "classification": {"name": "Tumor: Positive", "color": [86, 180, 233]},
            "measurements": {"score": 0.1, "area": 300},
        },
    }
    assert [len(ring) for ring in holed["geometry"]["coordinates"]] == [5, 5]
    assert holed["properties"]["measurements"] == {"score": 0.75, "area": 394}
    assert holed["properties"]["classification"]["name"] == "cell"


def test_an_object_a_line(tmp_path: Path, overlapping: Objects) -> None:
    saved(tmp_path, overlapping)
    lines = (tmp_path / "a.geojson").read_text().splitlines()
    assert len(lines) == 2 + 2
    assert all(line.startswith('{"type": "Feature"') for line in lines[1:3])


@given(st.integers(0, 2**31))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_rings_are_the_very_pixels(tmp_path: Path, make_blobs: Callable[[int], Objects], seed: int) -> None:
    """By scikit-image: outer rings less holes."""
    objects = make_blobs(seed)
    size = (objects.labels.shape[0], objects.labels.shape[1])
    features = saved(tmp_path, objects)["features"]
    for mask, feature in zip(masks_of(objects), features, strict=True):
        geometry = feature["geometry"]
        several = geometry["type"] == "MultiPolygon"
        painted = np.zeros(size, bool)
        for polygon in geometry["coordinates"] if several else [geometry["coordinates"]]:
            for ring in polygon:
                assert ring[0] == ring[-1]
                painted ^= polygon2mask(size, np.array(ring)[:-1, ::-1] - 0.5 + 1e-3)
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


def test_overlapping_objects_come_back_whole(tmp_path: Path, overlapping: Objects) -> None:
    write_image(tmp_path / "a.tif", np.zeros((50, 40, 1), np.uint8))
    saved(tmp_path, overlapping)
    layers = read_folder(tmp_path).load("a").layers
    assert layers is not None
    for label, mask in enumerate(masks_of(overlapping), start=1):
        np.testing.assert_array_equal((layers == label).any(axis=0), mask)


def test_no_object(tmp_path: Path) -> None:
    none = Objects(np.zeros((5, 6), np.int32), np.zeros(0, np.uint8), np.zeros(0, np.float32))
    assert saved(tmp_path, none) == {"type": "FeatureCollection", "features": []}


def test_what_cannot_be_written(tmp_path: Path, overlapping: Objects) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnmaskError, match=r"a\.geojson: cannot be written"):
        write_geojson(tmp_path / "file" / "a.geojson", overlapping, CLASSES)
