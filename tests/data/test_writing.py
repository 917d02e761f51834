from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unmask.data.folder import read_folder
from unmask.data.options import ReadOptions
from unmask.data.sample import Sample
from unmask.data.writing import IGNORED, write_dataset
from unmask.errors import MaskError, UnmaskError

OBJECTS = np.zeros((20, 30), np.int32)
OBJECTS[2:6, 3:9], OBJECTS[10:18, 1:5], OBJECTS[10:15, 20:29] = 1, 2, 3
ONE = np.array([0, 1, 1, 1], np.uint8)
TWO = np.array([0, 1, 2, 1], np.uint8)


def sample(name: str = "a", class_of: np.ndarray = ONE, ignore: bool = False) -> Sample:
    image = np.random.default_rng(0).integers(0, 4000, (20, 30, 1)).astype(np.uint16)
    nothing = np.zeros(OBJECTS.shape, bool)
    nothing[:, 12:18] = True
    return Sample(name, image, class_of[OBJECTS], OBJECTS, (0.5, 0.25), ignore=nothing if ignore else None)


def same(found: Sample, given: Sample) -> None:
    np.testing.assert_array_equal(found.image, given.image)
    np.testing.assert_array_equal(found.classes, given.classes)
    np.testing.assert_array_equal(found.objects > 0, given.objects > 0)  # type: ignore[operator]
    assert found.pixel_size == pytest.approx(given.pixel_size)


def test_label_images_come_back(tmp_path: Path) -> None:
    given = [sample("a"), sample("b")]
    assert write_dataset(tmp_path / "out", given, ["cell"], "objects", {"a": "train", "b": "test"}) == 2
    found = read_folder(tmp_path / "out")
    assert (found.names(), found.kind, found.splits) == (["a", "b"], "objects", {"a": "train", "b": "test"})
    same(found.load("b"), given[1])
    np.testing.assert_array_equal(found.load("b").objects, OBJECTS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_overlaps_classes_and_ignored_regions_come_back_from_coco(tmp_path: Path) -> None:
    other = np.zeros_like(OBJECTS)
    other[4:12, 2:4] = 4
    layers = np.stack([OBJECTS, other])
    class_of = np.array([0, 1, 2, 1, 2], np.uint8)
    shown = np.where(other > 0, other, OBJECTS)
    ignore = np.zeros(OBJECTS.shape, bool)
    ignore[:, 12:18] = True
    given = replace(
        sample(), objects=shown, classes=class_of[shown], layers=layers, layer_classes=class_of, ignore=ignore
    )
    write_dataset(tmp_path / "out", [given], ["pear", "apple"], "coco")
    found = read_folder(tmp_path / "out")
    assert (found.layout, found.class_names) == ("coco", ("pear", "apple"))
    again = found.load("a")
    np.testing.assert_array_equal(again.ignore, ignore)
    assert again.layers is not None
    assert again.layer_classes is not None
    pixels = {
        tuple(map(tuple, np.argwhere((part == label).any(axis=0)))): kind
        for part, classes in ((again.layers, again.layer_classes), (layers, class_of))
        for label, kind in enumerate(classes)
        if label
    }
    assert len(pixels) == 4  # the same four sets of pixels both times


def test_a_label_image_cannot_hold_what_is_ignored(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match=r"overlap, or regions to ignore\. Write it in the form coco"):
        write_dataset(tmp_path / "out", [sample(ignore=True)], ["cell"], "objects")
    assert not any(tmp_path.iterdir())


def test_class_maps_are_named(tmp_path: Path) -> None:
    write_dataset(tmp_path / "out", [sample(class_of=TWO, ignore=True)], ["pear", "apple"], "classes")
    lines = (tmp_path / "out" / "classes.csv").read_text().splitlines()
    assert lines == ["value,name", "0,background", "1,pear", "2,apple", f"{IGNORED},ignore"]


def test_class_maps_come_back(tmp_path: Path) -> None:
    given = sample(class_of=TWO, ignore=True)
    write_dataset(tmp_path / "out", [given], ["pear", "apple"], "classes")
    found = read_folder(tmp_path / "out", ReadOptions("classes"))
    assert found.class_names == ("pear", "apple")
    same(found.load("a"), given)
    np.testing.assert_array_equal(found.load("a").ignore, given.ignore)


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(UnmaskError, match=r"is in use\. Give the name of a new folder"):
        write_dataset(tmp_path, [sample()], ["cell"], "objects")
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_nothing_is_left_of_what_failed(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MaskError, match="has no annotation to write"):
        write_dataset(tmp_path / "empty", [sample(), replace(sample("b"), objects=None)], ["cell"], "objects")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


@pytest.mark.parametrize("names", [["unknown", "ignore"], ["Background", "background"], ["void", "cell"]])
def test_classes_called_as_what_is_none_come_back(tmp_path: Path, names: list[str]) -> None:
    given = sample(class_of=TWO, ignore=True)
    write_dataset(tmp_path / "out", [given], names, "classes")
    found = read_folder(tmp_path / "out")
    assert found.class_names == tuple(names)
    assert given.ignore is not None
    again = found.load("a")
    np.testing.assert_array_equal(again.ignore, given.ignore)
    np.testing.assert_array_equal(again.classes, np.where(given.ignore, 0, given.classes))
