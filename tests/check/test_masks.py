import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from unmask.check.masks import mask_sights
from unmask.data.folder import read_folder
from unmask.data.shapes.annotations import LeftOut


def write_masks(folder: Path, masks: dict[str, np.ndarray]) -> Path:
    for part in ("images", "masks"):
        (folder / part).mkdir()
    for name, mask in masks.items():
        tifffile.imwrite(folder / "images" / f"{name}.tif", np.arange(mask.size, dtype=np.uint16).reshape(mask.shape))
        tifffile.imwrite(folder / "masks" / f"{name}.tif", mask)
    return folder


def squares(values: list[int]) -> np.ndarray:
    """One square a value, in a row."""
    mask = np.zeros((20, 10 * len(values)), np.uint8)
    for index, value in enumerate(values):
        mask[5:12, 10 * index + 1 : 10 * index + 8] = value
    return mask


def test_label_images_leave_nothing_to_say(disc_folder: Path) -> None:
    assert mask_sights(read_folder(disc_folder)) == []


def test_masks_of_0_and_255(tmp_path: Path) -> None:
    folder = write_masks(tmp_path, {"a": squares([255, 255]), "b": squares([255, 0])})
    sights = mask_sights(read_folder(folder))
    assert [(sight.code, sight.image, sight.file.name) for sight in sights] == [
        ("scaled", "a", "a.tif"),
        ("scaled", "b", "b.tif"),
    ]
    assert sights[0].file.parent.name == "masks"


def test_masks_of_0_and_1_are_as_they_should_be(tmp_path: Path) -> None:
    assert mask_sights(read_folder(write_masks(tmp_path, {"a": squares([1, 1])}))) == []


def test_values_that_may_be_classes_or_objects(tmp_path: Path) -> None:
    folder = write_masks(tmp_path, {"a": squares([1, 1, 2, 3]), "b": squares([1, 2, 3])})  # one value of six in pieces
    (sight,) = mask_sights(read_folder(folder))
    assert (sight.code, sight.file) == ("ambiguous", folder)
    assert "please check" in sight.detail


def via(folder: Path, outlines: dict[str, list[tuple[list[int], list[int]]]]) -> Path:
    """A VIA project of outlines (all x, all y) in images of 40 x 60 pixels."""
    project = {}
    for name, shapes in outlines.items():
        pixels = np.arange(2400).reshape(40, 60) % 251
        Image.fromarray(pixels.astype(np.uint8)).save(folder / name)
        regions = [
            {"shape_attributes": {"name": "polygon", "all_points_x": x, "all_points_y": y}, "region_attributes": {}}
            for x, y in shapes
        ]
        project[name] = {"filename": name, "regions": regions}
    (folder / "via_region_data.json").write_text(json.dumps(project))
    return folder


SOUND = ([5, 20, 20, 5], [5, 5, 20, 20])
ACROSS = ([50, 80, 80, 50], [5, 5, 20, 20])
OUTSIDE = ([70, 80, 80, 70], [5, 5, 20, 20])
FLAT = ([5, 20, 5], [5, 5, 5])


def test_outlines_that_leave_the_image_or_have_no_area(tmp_path: Path) -> None:
    folder = via(tmp_path, {"a.png": [SOUND, ACROSS, ACROSS], "b.png": [SOUND, OUTSIDE, FLAT], "c.png": [SOUND]})
    sights = {(sight.image, sight.code): sight for sight in mask_sights(read_folder(folder))}
    assert set(sights) == {("a", "outside"), ("b", "outside"), ("b", "degenerate")}
    assert sights["a", "outside"].amount == 2
    assert sights["a", "outside"].detail == "2 parts of shapes that leave the image of a.png"
    assert sights["b", "outside"].detail == "1 shape outside the image of b.png"
    assert sights["b", "degenerate"].file == folder / "via_region_data.json"


def test_what_is_no_outline_is_left_out(tmp_path: Path) -> None:
    folder = via(tmp_path, {"a.png": [SOUND]})
    file = folder / "via_region_data.json"
    project = json.loads(file.read_text())
    point = {"shape_attributes": {"name": "point", "cx": 5, "cy": 5}, "region_attributes": {}}
    project["a.png"]["regions"].append(point)
    file.write_text(json.dumps(project))
    (sight,) = mask_sights(read_folder(folder))
    assert (sight.code, sight.image, sight.amount) == ("left-out", "a", 1)


def test_an_image_that_is_not_there_is_of_the_whole_set(tmp_path: Path) -> None:
    folder = via(tmp_path, {"a.png": [SOUND]})
    dataset = replace(read_folder(folder), left_out=(LeftOut(("mark", "marks"), "image 7"),))
    (sight,) = mask_sights(dataset)
    assert (sight.image, sight.file, sight.detail) == ("", folder, "1 mark of image 7")


def test_shared_sets(shared_data: Path) -> None:
    found = {
        name: {sight.code for sight in mask_sights(read_folder(shared_data / name))} for name in ("isbi2012", "coco")
    }
    assert found == {"isbi2012": {"scaled"}, "coco": set()}
