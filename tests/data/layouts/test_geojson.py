"""GeoJSON as QuPath exports it: what becomes of features, and which image a file belongs to."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unmask.data.dataset import Dataset
from unmask.data.folder import read_folder, read_label_folder
from unmask.data.layouts.geojson import objects_of_geojson
from unmask.data.layouts.geojson_files import read_geojson
from unmask.data.options import ReadOptions
from unmask.errors import DataError, MaskError, PairingError, UnmaskError, UnreadableFile

SIZE = (40, 60)


def write_layout(folder: Path, samples: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Images beside GeoJSON files; an object is a rectangle for each run in a row: no outlines needed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (image, labels) in samples.items():
        tifffile.imwrite(folder / f"{name}.tif", image)
        rows = [runs_of(labels == label) for label in np.unique(labels[labels > 0])]
        features = [feature("MultiPolygon", [[square(*run)] for run in runs]) for runs in rows]
        (folder / f"{name}.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def runs_of(mask: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Left, top, right and bottom of each run of pixels in a row."""
    turns = np.diff(np.pad(mask.astype(int), ((0, 0), (1, 1))), axis=1)
    starts, ends = np.argwhere(turns == 1), np.argwhere(turns == -1)
    return [(int(x0), int(y), int(x1), int(y) + 1) for (y, x0), (_, x1) in zip(starts, ends, strict=True)]


def square(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]


def feature(kind: str, coordinates: Any, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": kind, "coordinates": coordinates},
        "properties": {"objectType": "annotation", **properties},
    }


def cell(x: float = 2, y: float = 3, name: str | None = None, kind: str = "annotation") -> dict[str, Any]:
    """A square of 4 x 4 pixels."""
    classification = {} if name is None else {"classification": {"name": name, "color": [1, 2, 3]}}
    return feature("Polygon", [square(x, y, x + 4, y + 4)], **{"objectType": kind, **classification})


def image(path: Path, size: tuple[int, int] = SIZE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 255, size, np.uint8))
    return path


def saved(root: Path, *features: Any, name: str = "a.geojson") -> Path:
    """A folder with the image a.tif and its file."""
    image(root / "a.tif")
    (root / name).write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return root


def objects_of(dataset: Dataset, name: str = "a") -> np.ndarray:
    objects = dataset.load(name).objects
    assert objects is not None
    return objects


@pytest.mark.parametrize("form", ["collection", "list", "feature", "collections"])
def test_forms_of_files(tmp_path: Path, form: str) -> None:
    collection = {"type": "FeatureCollection", "features": [cell()]}
    forms: dict[str, Any] = {"list": [cell()], "feature": cell(), "collections": [collection]}
    image(tmp_path / "a.tif")
    (tmp_path / "a.geojson").write_text(json.dumps(forms.get(form, collection)))
    dataset = read_folder(tmp_path)
    assert (dataset.names(), dataset.layout, dataset.kind, dataset.class_names) == (
        ["a"],
        "geojson",
        "objects",
        ("object",),
    )
    expected = np.zeros(SIZE, int)
    expected[3:7, 2:6] = 1
    np.testing.assert_array_equal(objects_of(dataset), expected)
    assert dataset.pairing == "1 image, each with its GeoJSON file, such as a.tif with a.geojson."
    assert read_folder(tmp_path, ReadOptions(layout="geojson")).names() == ["a"]
    assert read_folder(tmp_path / "a.geojson").names() == ["a"]
    assert read_label_folder(tmp_path).coding.class_names == ("object",)


def test_holes_pieces_and_heights(tmp_path: Path) -> None:
    holed = feature("Polygon", [[[*corner, 7.0] for corner in square(1, 1, 11, 11)], square(3, 3, 6, 5)])
    pieces = feature("MultiPolygon", [[square(20, 1, 24, 4), square(21, 2, 22, 3)], [square(30, 1, 32, 3)]])
    members = [{"type": "Polygon", "coordinates": [square(x, 20, x + 2, 22)]} for x in (1, 5)]
    mixed = feature("GeometryCollection", None)
    mixed["geometry"] = {
        "type": "GeometryCollection",
        "geometries": [*members, {"type": "Point", "coordinates": [1, 1]}],
    }
    objects = objects_of(read_folder(saved(tmp_path, holed, pieces, mixed)))
    assert np.bincount(objects.ravel())[1:].tolist() == [100 - 6, 12 - 1 + 4, 8]
    assert not objects[3:5, 3:6].any()
    assert (objects[2, 21], objects[20, 5]) == (0, 3)


@pytest.mark.parametrize(
    ("classification", "name"),
    [
        ({"name": "Tumor", "color": [200, 0, 0]}, "Tumor"),
        ({"name": "Tumor", "colorRGB": -3670016}, "Tumor"),
        ({"names": ["Tumor", "Positive"], "color": [200, 0, 0]}, "Tumor: Positive"),
        ({"name": "Positive", "parentClass": {"name": "Tumor", "colorRGB": 1}, "colorRGB": 2}, "Tumor: Positive"),
        ("Tumor", "Tumor"),
        (None, "object"),
        ({}, "object"),
        ({"name": None}, "object"),
    ],
)
def test_classes(tmp_path: Path, classification: Any, name: str) -> None:
    one = feature("Polygon", [square(1, 1, 5, 5)], classification=classification)
    dataset = read_folder(saved(tmp_path, one, cell(20, 20, "Zebra")))
    assert dataset.class_names == tuple(sorted([name, "Zebra"]))


def test_what_is_to_be_ignored(tmp_path: Path) -> None:
    features = [
        cell(),
        cell(10, 3, "Ignore*"),
        cell(20, 3, "Artefact*"),
        cell(30, 3, "Region*"),
        cell(2, 20, "background*"),
    ]
    dataset = read_folder(saved(tmp_path, *features))
    sample = dataset.load("a")
    expected = np.zeros(SIZE, bool)
    expected[3:7, 10:14] = expected[3:7, 20:24] = True
    np.testing.assert_array_equal(sample.ignore, expected)
    assert objects_of(dataset).max() == 1
    assert dataset.class_names == ("object",)
    assert dataset.decision == (
        "1 GeoJSON file holds 1 object of 1 class. If only their classes matter, say --classes. 2 regions are ignored. "
        "Left out: 2 regions that are no objects (first in a.tif)."
    )


def test_detections_and_the_annotations_around_them(tmp_path: Path) -> None:
    """The parent says where was looked; an annotation beside is an object that was missed."""
    parent = feature("Polygon", [square(1, 1, 30, 30)])
    nested = feature("Polygon", [square(35, 1, 59, 30)], childObjects=[cell(40, 5, kind="detection")])
    within = {
        **cell(10, 10, kind="cell"),
        "nucleusGeometry": {"type": "Polygon", "coordinates": [square(11, 11, 12, 12)]},
    }
    core = feature("Polygon", [square(0, 0, 60, 40)], objectType="tmaCore")
    dataset = read_folder(saved(tmp_path, parent, cell(kind="detection"), within, nested, cell(2, 34), core))
    assert np.bincount(objects_of(dataset).ravel())[1:].tolist() == [16] * 4
    assert "Nuclei within cells are not used." in dataset.decision
    assert dataset.decision.endswith(
        "Left out: 1 TMA core (first in a.tif), 2 annotations around detections (first in a.tif)."
    )


def test_types_of_older_files(tmp_path: Path) -> None:
    """QuPath 0.2 said the type of an object in its id."""
    old = {**cell(), "id": "PathDetectionObject"}
    del old["properties"]["objectType"]
    around = feature("Polygon", [square(0, 0, 30, 30)])
    around["id"] = around["properties"].pop("objectType") and "PathAnnotationObject"
    assert objects_of(read_folder(saved(tmp_path, around, old))).max() == 1


def test_lines_points_and_nothing_are_left_out(tmp_path: Path) -> None:
    features = [
        feature("Point", [1, 1]),
        feature("LineString", [[1, 1], [5, 5]]),
        feature("MultiPoint", [[1, 1]]),
        {**cell(), "geometry": None},
        feature("Polygon", []),
        feature("Polygon", [[[1, 1], [2, 2]]]),
        cell(),
    ]
    dataset = read_folder(saved(tmp_path, *features))
    assert objects_of(dataset).max() == 1
    assert dataset.decision.endswith(
        "Left out: 3 lines and points (first in a.tif), 1 object without an outline (first in a.tif), "
        "2 shapes without a pixel in the image (first in a.tif)."
    )
    (tmp_path / "lines").mkdir()
    with pytest.raises(MaskError, match=r"holds no object; left out: 1 line or point \(first in a\.tif\)\. Annotate"):
        read_folder(saved(tmp_path / "lines", feature("Point", [1, 1])))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            feature("Polygon", [[[1, 2], [3]]]),
            r"has a Polygon without sound coordinates, in its 2\. feature\. Export it",
        ),
        (feature("Polygon", [[[1, 2], [3, "x"]]]), "has a Polygon without sound coordinates"),
        (feature("Polygon", [[[1, 2], [3, None], [4, 4]]]), "has a Polygon without sound coordinates"),
        (feature("Polygon", [[[1, 2], [float("nan"), 3], [4, 4]]]), "has a Polygon without sound coordinates"),
        (feature("Polygon", [[[1, 2], [10**400, 3], [4, 4]]]), "has a Polygon without sound coordinates"),
        (feature("Polygon", [[[1, 2], [1e300, 3], [4, 4]]]), "has a Polygon without sound coordinates"),
        (feature("Polygon", [[[float("inf"), 2], [1, 3], [4, 4]]]), "has a Polygon without sound coordinates"),
        (feature("Polygon", 7), "has a Polygon without sound coordinates"),
        (feature("Polygon", "text"), "has a Polygon without sound coordinates"),
        (feature("MultiPolygon", [7]), "has a MultiPolygon without sound coordinates"),
        (feature("Circle", [1, 2]), r"has a geometry of the unknown type Circle, in its 2\. feature"),
        ({"type": "Polygon"}, r"holds something else where its 2\. feature should be"),
        (7, r"holds something else where its 2\. feature should be"),
        (feature("Polygon", [], classification={"name": 7}), r"has a class that is no name, in its 2\. feature"),
    ],
)
def test_wrong_features_are_refused(tmp_path: Path, wrong: Any, message: str) -> None:
    with pytest.raises(DataError, match=rf"a\.geojson: {message}"):
        read_folder(saved(tmp_path, cell(), wrong))


def test_other_planes_are_refused(tmp_path: Path) -> None:
    deep, first = cell(), cell(20, 20)
    deep["geometry"]["plane"] = {"c": -1, "z": 3, "t": 0}
    first["geometry"]["plane"] = {"c": -1, "z": 0, "t": 0}
    assert objects_of(read_folder(saved(tmp_path, first))).max() == 1
    with pytest.raises(
        DataError, match=r"another plane than the first \(z = 3 in its 1\. feature\)\. Export each plane"
    ):
        read_folder(saved(tmp_path, deep))


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b'{"type": "FeatureCollection", "feat', UnreadableFile, r"a\.geojson: is not JSON, or cut off"),
        (b"", UnreadableFile, "is not JSON, or cut off"),
        (b"\xff\xfe\x00[", UnreadableFile, "is not JSON, or cut off"),
        (b"[" * 100_000, UnreadableFile, "is not JSON, or cut off"),
        (
            b'{"images": []}',
            DataError,
            "is JSON, but holds no Feature and no FeatureCollection. Export it again from QuP",
        ),
        (b"[]", MaskError, "holds no object"),
        (b'{"type": "FeatureCollection"}', MaskError, "holds no object"),
        (b'{"type": "FeatureCollection", "features": 7}', MaskError, "holds no object"),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, content: bytes, error: type[UnmaskError], message: str) -> None:
    image(tmp_path / "a.tif")
    (tmp_path / "a.geojson").write_bytes(content)
    with pytest.raises(error, match=message):
        read_folder(tmp_path)


def test_json_of_other_kinds_is_left_to_others(tmp_path: Path) -> None:
    image(tmp_path / "a.tif")
    (tmp_path / "a.json").write_text('{"some": 1}')
    assert read_geojson(tmp_path, ReadOptions()) is None
    (tmp_path / "a.json").write_text(json.dumps([cell()]))
    (tmp_path / "settings.json").write_text('{"some": 1}')
    assert read_folder(tmp_path).names() == ["a"]
    assert read_folder(tmp_path / "a.json").names() == ["a"]


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("a.geojson", "a.tif"),
        ("a.tif.geojson", "a.tif"),
        ("a.ome.geojson", "a.ome.tif"),
        ("a.ome.tif.geojson", "a.ome.tif"),
        ("annotations/a.geojson", "images/a.tif"),
        ("annotations/a.json", "Images/a.png"),
        ("geojson/a.geojson", "a.tif"),
        ("a.geojson", "images/a.tif"),
        ("train/a.geojson", "train/a.tif"),
        ("train/geojson/a.geojson", "train/images/a.tif"),
        ("geojson/train/a.geojson", "images/train/a.tif"),
    ],
)
def test_images_are_found(tmp_path: Path, file: str, place: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(json.dumps([cell()]))
    if place.endswith("png"):
        from PIL import Image

        (tmp_path / place).parent.mkdir()
        Image.fromarray(np.arange(2400).reshape(SIZE).astype(np.uint8)).save(tmp_path / place)
    else:
        image(tmp_path / place)
    (entry,) = read_folder(tmp_path).entries
    assert (entry.name, entry.image, entry.listed) == ("a", tmp_path / place, tmp_path / file)
    assert read_folder(tmp_path / file).entries[0].image == tmp_path / place


def test_folders_say_the_split(tmp_path: Path) -> None:
    for part, name in (("train", "a"), ("train", "b"), ("val", "c")):
        image(tmp_path / part / "images" / f"{name}.tif")
        (tmp_path / part / "geojson").mkdir(exist_ok=True)
        (tmp_path / part / "geojson" / f"{name}.geojson").write_text(json.dumps([cell()]))
    assert read_folder(tmp_path).splits == {"a": "train", "b": "train", "c": "val"}


def test_partners_that_are_not_there(tmp_path: Path) -> None:
    saved(tmp_path, cell())
    image(tmp_path / "b.tif")
    image(tmp_path / "c.tif")
    with pytest.raises(
        PairingError, match=r"b\.tif: is an image without a file of outlines \(and 1 more\)\. Annotate it"
    ):
        read_folder(tmp_path)
    (tmp_path / "d.geojson").write_text("[]")
    problems: list[UnmaskError] = []
    dataset = read_folder(tmp_path, ReadOptions(report=problems.append))
    assert dataset.names() == ["a"]
    assert [problem.file.name for problem in problems if problem.file] == ["d.geojson", "b.tif", "c.tif"]
    assert "has no image of its name. Put d.tif beside it or into images/, or take the file away" in str(problems[0])


def test_one_problem_leaves_the_others(tmp_path: Path) -> None:
    saved(tmp_path, cell())
    for name, text in (("b", "{"), ("c", json.dumps([feature("Circle", [])]))):
        image(tmp_path / f"{name}.tif")
        (tmp_path / f"{name}.geojson").write_text(text)
    problems: list[UnmaskError] = []
    assert read_folder(tmp_path, ReadOptions(report=problems.append)).names() == ["a"]
    assert [type(problem) for problem in problems] == [UnreadableFile, DataError]
    (tmp_path / "a.tif").unlink()
    with pytest.raises(PairingError, match="holds no image with a sound GeoJSON file"):
        read_folder(tmp_path, ReadOptions(report=problems.append))


def test_two_that_fit(tmp_path: Path) -> None:
    saved(tmp_path, cell())
    (tmp_path / "a.tif.geojson").write_text(json.dumps([cell()]))
    with pytest.raises(PairingError, match=r"a\.tif\.geojson: is a second file for a\.tif, beside a\.geojson"):
        read_folder(tmp_path)
    (tmp_path / "a.tif.geojson").unlink()
    image(tmp_path / "a.tiff")
    with pytest.raises(
        PairingError, match=r"may belong to .*a\.tif or to a\.tiff\. Give it the whole name of its image, s"
    ):
        read_folder(tmp_path)


def test_stacks_are_refused(tmp_path: Path) -> None:
    saved(tmp_path, cell())
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, *SIZE), np.uint8), imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(PairingError, match=r"a\.tif: holds 3 images; an annotated file holds one"):
        read_folder(tmp_path)


def test_the_very_label_images(tmp_path: Path) -> None:
    labels = np.random.default_rng(1).integers(0, 5, SIZE).astype(np.uint16)
    write_layout(tmp_path, {"a": (labels.astype(np.uint8) * 50, labels), "b": (labels.astype(np.uint8), labels[::-1])})
    dataset = read_folder(tmp_path)
    np.testing.assert_array_equal(objects_of(dataset), labels)
    np.testing.assert_array_equal(objects_of(dataset, "b"), labels[::-1])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.integers(0, 2**31))
def test_damage_is_said_or_harmless(tmp_path: Path, assert_clear: Callable[..., Any], seed: int) -> None:
    saved(
        tmp_path, cell(), cell(10, 10, "Tumor"), feature("MultiPolygon", [[square(1, 20, 5, 25), square(2, 21, 3, 22)]])
    )
    random = np.random.default_rng(seed)
    text = bytearray((tmp_path / "a.geojson").read_bytes())
    for _ in range(random.integers(1, 4)):
        place = random.integers(len(text))
        if random.random() < 0.5:
            text[place] = random.choice(np.frombuffer(b'0123456789e+-.,"[]{}:nul \xff', np.uint8))
        else:
            del text[place : place + random.integers(1, 9)]
    (tmp_path / "a.geojson").write_bytes(bytes(text))
    assert_clear(lambda: [sample.objects for sample in read_folder(tmp_path)])


def test_thousands_of_detections_are_read_in_no_time(tmp_path: Path) -> None:
    """Each compared with each other would take 10 s."""
    many = [cell(x % 90, x // 90, kind="detection") for x in range(8_000)]
    around = feature("Polygon", [square(0, 0, 100, 100)])
    start = time.process_time()
    read = objects_of_geojson({"type": "FeatureCollection", "features": [around, *many]}, tmp_path / "a.geojson")
    assert (len(read.objects), len(read.left_out)) == (8_000, 1)
    assert time.process_time() - start < 3
