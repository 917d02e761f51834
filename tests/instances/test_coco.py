"""COCO files: pycocotools reads them, their masks are the objects, their polygons nearly so."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from faster_coco_eval import mask as coco_masks
from pycocotools.coco import COCO
from skimage.draw import ellipse

from unmask.errors import MaskError, UnmaskError
from unmask.instances.coco import CocoFrame, check_size, coco_annotations, write_coco
from unmask.instances.objects import Objects

SIZE = (90, 70)


def read(file: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(file))


def blobs(seed: int, count: int) -> Objects:
    """Ellipses that cover one another; one in two pieces, one with a hole."""
    random = np.random.default_rng(seed)
    labels = np.zeros(SIZE, np.int32)
    for number in range(1, count + 1):
        labels[ellipse(*random.integers(0, SIZE), *random.integers(4, 14, 2), shape=SIZE)] = number
    labels[60:80, 40:60] = count + 1
    labels[66:72, 46:52] = 0
    numbers = np.unique(labels[labels > 0])
    labels = np.searchsorted(np.append(0, numbers), labels).astype(np.int32)
    n = len(numbers)
    return Objects(labels, random.integers(1, 3, n).astype(np.uint8), random.random(n).astype(np.float32))


def layered() -> Objects:
    """Two bars that cross, each whole in a layer."""
    layers = np.zeros((2, *SIZE), np.int32)
    layers[0, 40:50, 5:65], layers[1, 5:85, 30:40] = 1, 2
    labels = np.where(layers[0] > 0, layers[0], layers[1]).astype(np.int32)
    return Objects(labels, np.array([1, 1], np.uint8), np.array([0.9, 0.8], np.float32), layers=layers)


@pytest.fixture
def images() -> list[Objects]:
    return [blobs(0, 12), Objects(np.zeros(SIZE, np.int32), np.zeros(0, np.uint8), np.zeros(0, np.float32)), layered()]


def write(folder: Path, images: list[Objects]) -> tuple[COCO, COCO]:
    folder.mkdir(exist_ok=True)
    frames = [CocoFrame(f"image_{n:03}", "images.tif", *SIZE) for n, _ in enumerate(images, start=1)]
    write_coco(folder, frames, (coco_annotations(one) for one in images), ("cell", "dirt"), "a test")
    return read(folder / "coco.json"), read(folder / "coco_polygons.json")


def pixels(document: COCO, annotation: int) -> np.ndarray:
    """The mask that pycocotools takes an annotation for; its own `decode` warns with NumPy 2, so another decodes."""
    return coco_masks.decode(document.annToRLE(document.anns[annotation])).astype(bool)


def masks_of(objects: Objects) -> list[np.ndarray]:
    layers = objects.labels[None] if objects.layers is None else objects.layers
    return [(layers == label).any(axis=0) for label in range(1, len(objects) + 1)]


def test_pycocotools_reads_the_very_objects(images: list[Objects], tmp_path: Path) -> None:
    whole, drawn = write(tmp_path, images)
    assert [(one["id"], one["name"], one["file_name"]) for one in whole.dataset["images"]] == [
        (n, f"image_{n:03}", "images.tif") for n in (1, 2, 3)
    ]
    assert whole.dataset["categories"] == [{"id": 1, "name": "cell"}, {"id": 2, "name": "dirt"}]
    assert whole.dataset["info"] == drawn.dataset["info"] == {"description": "a test"}
    assert sorted(whole.anns) == sorted(drawn.anns) == list(range(1, 1 + sum(map(len, images))))
    for number, objects in enumerate(images, start=1):
        found = whole.loadAnns(whole.getAnnIds(number))
        assert len(found) == len(objects)
        for one, mask, label, score in zip(found, masks_of(objects), objects.classes, objects.scores, strict=True):
            assert np.array_equal(pixels(whole, one["id"]), mask)
            assert (one["category_id"], np.float32(one["score"]), one["iscrowd"]) == (label, score, 0)
            rows, columns = np.nonzero(mask)
            left, top = columns.min(), rows.min()
            assert one["bbox"] == [left, top, columns.max() + 1 - left, rows.max() + 1 - top]
            assert one["area"] == mask.sum()


def test_polygons_make_the_same_pixels_but_for_holes(images: list[Objects], tmp_path: Path) -> None:
    from scipy import ndimage

    whole, drawn = write(tmp_path, images)
    filled = 0
    for number in drawn.anns:
        mask, outline = pixels(whole, number), pixels(drawn, number)
        assert isinstance(drawn.anns[number]["segmentation"], list)
        assert drawn.anns[number]["area"] == mask.sum()
        assert np.array_equal(outline, ndimage.binary_fill_holes(mask))
        filled += int(outline.sum() > mask.sum())
    assert filled >= 1  # the hole is there


def test_annotations_are_results_too(images: list[Objects], tmp_path: Path) -> None:
    """They are taken as detections of the very images."""
    whole, _ = write(tmp_path, images)
    with contextlib.redirect_stdout(io.StringIO()):
        results = whole.loadRes(json.loads((tmp_path / "coco.json").read_text())["annotations"])
    assert len(results.anns) == sum(map(len, images))


def test_scores_are_short(images: list[Objects]) -> None:
    assert [one["score"] for one in coco_annotations(layered())] == [0.9, 0.8]


def test_no_image_at_all(tmp_path: Path) -> None:
    whole, drawn = write(tmp_path, [])
    assert whole.dataset["annotations"] == drawn.dataset["annotations"] == whole.dataset["images"] == []


def test_an_error_leaves_the_old_files(images: list[Objects], tmp_path: Path) -> None:
    write(tmp_path, images)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def broken():  # type: ignore[no-untyped-def]
        yield coco_annotations(images[0])
        raise UnmaskError("a record cannot be read")

    frames = [CocoFrame("a", "a.tif", *SIZE)] * 2
    with pytest.raises(UnmaskError, match="a record cannot be read"):
        write_coco(tmp_path, frames, broken(), ("cell",))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_images_too_large_for_coco() -> None:
    check_size((65_535, 65_537))  # 2 ** 32 - 1 pixels
    with pytest.raises(MaskError, match=r"an image of 65536 x 65536 pixels is too large for COCO's run lengths"):
        check_size((65_536, 65_536))
