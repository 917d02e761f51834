import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unmask.data.dataset import Dataset
from unmask.data.folder import read_folder, read_label_folder
from unmask.errors import DataError, MaskError


def region(name: str, attributes: dict[str, Any] | None = None, **shape: Any) -> dict[str, Any]:
    return {"shape_attributes": {"name": name, **shape}, "region_attributes": attributes or {}}


def rect(x: float = 1, y: float = 1, attributes: dict[str, Any] | None = None) -> dict[str, Any]:
    return region("rect", attributes, x=x, y=y, width=4, height=3)


def saved(root: Path, images: dict[str, Any], *, project: bool = False, size: tuple[int, int] = (40, 60)) -> Path:
    """Images of noise, and their regions as VIA exports them or saves them in a project."""
    for name in images:
        pixels = np.random.default_rng(0).integers(0, 255, (*size, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(root / name)
    listed = {f"{name}123": {"filename": name, "size": 123, "regions": regions} for name, regions in images.items()}
    content = {"_via_settings": {"ui": {}}, "_via_img_metadata": listed, "_via_attributes": {}} if project else listed
    (root / "via_region_data.json").write_text(json.dumps(content))
    return root


def layers_of(dataset: Dataset, name: str = "a") -> list[int]:
    """Pixels of each object."""
    sample = dataset.load(name)
    assert sample.objects is not None
    layers = sample.objects[None] if sample.layers is None else sample.layers
    return [int((layers == label).sum()) for label in range(1, 1 + int(layers.max()))]


@pytest.mark.parametrize("project", [False, True])
def test_versions_one_and_two(tmp_path: Path, project: bool) -> None:
    corners = region("polygon", all_points_x=[10, 20, 20, 10], all_points_y=[5, 5, 9, 9])
    regions = [rect(), corners] if project else {"0": rect(), "1": corners}
    dataset = read_folder(saved(tmp_path, {"a.png": regions, "b.png": []}, project=project))
    assert (dataset.names(), dataset.kind, dataset.class_names) == (["a", "b"], "objects", ("object",))
    assert dataset.class_values == (1,)
    assert layers_of(dataset) == [4 * 3, 10 * 4]
    assert layers_of(dataset, "b") == []
    assert dataset.load("a").objects is not None
    assert dataset.load("a").objects[5:9, 10:20].tolist() == [[2] * 10] * 4  # type: ignore[index]
    assert dataset.decision == "1 VIA file holds 2 objects of 1 class. If only their classes matter, say --classes."


def test_round_shapes(tmp_path: Path) -> None:
    regions = [
        region("circle", cx=15, cy=20, r=10.0),
        region("ellipse", cx=40, cy=20, rx=15, ry=5),
        region("ellipse", cx=40, cy=20, rx=15, ry=5, theta=np.pi / 2),
    ]
    dataset = read_folder(saved(tmp_path, {"a.png": regions}))
    np.testing.assert_allclose(layers_of(dataset), [np.pi * 100, np.pi * 75, np.pi * 75], rtol=0.02)
    layers = dataset.load("a").layers
    assert layers is not None
    for label, top, left, bottom, right in ((1, 10, 5, 30, 25), (2, 15, 25, 25, 55), (3, 5, 35, 35, 45)):
        rows, columns = np.nonzero((layers == label).any(axis=0))
        box = (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
        np.testing.assert_allclose(box, (top, left, bottom, right), atol=1)


def test_a_turned_ellipse_turns_as_on_the_screen(tmp_path: Path) -> None:
    dataset = read_folder(saved(tmp_path, {"a.png": [region("ellipse", cx=30, cy=20, rx=15, ry=2, theta=np.pi / 4)]}))
    objects = dataset.load("a").objects
    assert objects is not None
    assert objects[28, 38] == 1  # clockwise: the right end goes down
    assert objects[12, 38] == 0


def test_lines_and_points_are_left_out(tmp_path: Path) -> None:
    regions = [
        region("point", cx=3, cy=4),
        rect(),
        region("polyline", all_points_x=[1, 9, 9], all_points_y=[1, 1, 9]),
        region("polygon", all_points_x=[1, 9], all_points_y=[1, 1]),
    ]
    dataset = read_folder(saved(tmp_path, {"a.png": regions}))
    assert layers_of(dataset) == [12]
    assert dataset.decision.endswith(
        "Left out: 2 lines and points (first in a.png), 1 shape without a pixel in the image (first in a.png)."
    )


def test_one_attribute_with_few_values_is_the_class(tmp_path: Path) -> None:
    kinds = ["red", "blue ", "", "red"]
    regions = [rect(9 * index, 1, {"colour": kind}) for index, kind in enumerate(kinds)]
    dataset = read_folder(saved(tmp_path, {"a.png": regions}))
    assert dataset.class_names == ("blue", "object", "red")
    sample = dataset.load("a")
    assert sample.classes is not None
    assert [sample.classes[2, 9 * index + 2] for index in range(4)] == [3, 1, 2, 3]
    assert "The attribute colour is the class." in dataset.decision
    assert read_label_folder(tmp_path).coding.class_names == ("blue", "object", "red")


def test_checkboxes(tmp_path: Path) -> None:
    boxes = [{"red": True}, {"red": False, "blue": True}, {"red": True, "blue": True}]
    regions = [rect(9 * index, 1, {"colour": value}) for index, value in enumerate(boxes)]
    assert read_folder(saved(tmp_path, {"a.png": regions})).class_names == ("blue", "object", "red")


@pytest.mark.parametrize(
    ("attributes", "remark"),
    [
        ([{"name": f"cell {index}"} for index in range(9)], "The attribute name has 9 values: it is not taken for"),
        ([{"name": "cell", "sex": "f"}, {}], "Regions have the attributes name, sex: they are not taken for classes."),
    ],
)
def test_other_attributes_are_no_classes(tmp_path: Path, attributes: list[dict[str, Any]], remark: str) -> None:
    regions = [rect(5 * index, 1, one) for index, one in enumerate(attributes)]
    dataset = read_folder(saved(tmp_path, {"a.png": regions}))
    assert dataset.class_names == ("object",)
    assert remark in dataset.decision


def test_many_values_are_classes_where_each_is_there_twice(tmp_path: Path) -> None:
    regions = [rect(index % 10 * 5, index // 10 * 5, {"name": f"type {index % 10}"}) for index in range(20)]
    assert len(read_folder(saved(tmp_path, {"a.png": regions})).class_names) == 10


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (region("polygon", all_points_x=[1, 2, 3], all_points_y=[1, 2]), r"data\.json: has a polygon without sound co"),
        (region("circle", cx=1, cy=1), r"data\.json: has a circle without sound coordinates, in a\.png\. Export it"),
        (region("cube", x=1), r"data\.json: has a region of the unknown shape cube, in a\.png\. Export it again from"),
        ({}, r"data\.json: has a region of the unknown shape None, in a\.png"),
    ],
)
def test_wrong_regions_are_refused(tmp_path: Path, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_folder(saved(tmp_path, {"a.png": [rect(), wrong]}))


def test_no_region_at_all(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match=r": holds no object\. Annotate at least one"):
        read_folder(saved(tmp_path, {"a.png": {}}))


def test_real_balloons(shared_data: Path) -> None:
    dataset = read_folder(shared_data / "balloon")
    assert (len(dataset), dataset.channels, dataset.class_names) == (49, 3, ("object",))
    assert (len(dataset.names("train")), len(dataset.names("val"))) == (36, 13)
    assert dataset.decision.startswith("2 VIA files hold 195 objects of 1 class.")
    regions = json.loads((shared_data / "balloon" / "val" / "via_region_data.json").read_text())
    for image in regions.values():
        shapes = [one["shape_attributes"] for one in image["regions"].values()]
        corners = [np.stack([one["all_points_x"], one["all_points_y"]], axis=1) for one in shapes]
        sample = dataset.load(Path(image["filename"]).stem)
        measured = layers_of(dataset, sample.name)
        for polygon, area in zip(corners, measured, strict=True):
            polygon = polygon.clip(0, sample.size[::-1])
            x, y = polygon.T.astype(float)
            shoelace = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
            assert area == pytest.approx(shoelace, rel=0.01, abs=20)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (region("rect", x=1, y=1, width=10**400, height=3), "has a rect without sound coordinates, in a.png"),
        (region("circle", cx=1, cy=10**400, r=3), "has a circle without sound coordinates, in a.png"),
        (region("circle", cx=1e308, cy=1, r=1e308), "has a circle without sound coordinates, in a.png"),
        (
            region("polygon", all_points_x=[1, 1e308, -1e308], all_points_y=[1, 9, 3]),
            "has an outline in a.png that lies further off than any image is large",
        ),
        (region("rect", x=1e300, y=1, width=1e300, height=3), "has an outline in a.png that lies further off"),
    ],
)
def test_numbers_beyond_measure(tmp_path: Path, shape: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_folder(saved(tmp_path, {"a.png": [rect(), shape]}))
