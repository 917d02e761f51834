"""Mended copies: nothing that is sound is lost, and the original is never written to."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from unmask.check.doctor import check
from unmask.check.mend import Mended, mend
from unmask.data.folder import read_folder
from unmask.data.formats.omezarr_writer import write_omezarr
from unmask.data.options import ReadOptions

IMAGE = np.random.default_rng(0).integers(20, 200, (40, 30)).astype(np.uint8)
LABELS = np.zeros((40, 30), np.uint8)
LABELS[3:12, 4:14], LABELS[18:30, 16:28], LABELS[20:33, 2:12] = 1, 2, 3
NAMES = "abcd"


def put(file: Path, array: np.ndarray, **more: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".tif":
        tifffile.imwrite(file, array, photometric="minisblack", **more)
    else:
        Image.fromarray(array).save(file, **({"quality": 70} if file.suffix == ".jpg" else {}))


def content(folder: Path) -> dict[Path, bytes]:
    """Every file, also those that links lead to."""
    return {Path(root, name): Path(root, name).read_bytes() for root, _, names in os.walk(folder) for name in names}


def mended(root: Path, out: Path, options: ReadOptions | None = None) -> Mended:
    before = content(root.parent)
    done = mend(check(root, options), out, options)
    after = content(root.parent)
    assert {file: after[file] for file in before} == before
    return done


def pairs(root: Path, suffix: str, mask: np.ndarray = LABELS) -> Path:
    for number, name in enumerate(NAMES):
        put(root / "images" / f"{name}.png", IMAGE + number)
        put(root / "masks" / f"{name}{suffix}", mask)
    return root


@pytest.mark.parametrize("suffix", [".tif", ".png", ".bmp"])
@pytest.mark.parametrize("colours", [False, True])
def test_transposed_masks_of_every_kind(tmp_path: Path, suffix: str, colours: bool) -> None:
    mask = np.where(LABELS[..., None] == np.array([1, 2, 3]), np.uint8(255), np.uint8(0)) if colours else LABELS
    if colours and suffix == ".tif":
        pytest.skip("colours are written as PNG and BMP here")
    root = pairs(tmp_path / "data", suffix, mask)
    put(root / "masks" / f"b{suffix}", np.ascontiguousarray(mask.swapaxes(0, 1)))
    done = mended(root, tmp_path / "out")
    assert [change.what for change in done.changes] == ["rows and columns swapped"]
    found, clean = read_folder(tmp_path / "out"), read_folder(pairs(tmp_path / "clean", suffix, mask))
    for name in NAMES:
        np.testing.assert_array_equal(found.load(name).objects, clean.load(name).objects)
    assert found.class_names == clean.class_names


def test_lists_that_name_masks_stay_true_and_images_are_not_written_over(tmp_path: Path) -> None:
    """Smoothed masks a.jpg beside images a.png: a PNG made of the one must not take the place of the other."""
    root = tmp_path / "data"
    rows = ["image,mask"]
    for number, name in enumerate(NAMES):
        put(root / f"{name}.png", IMAGE + number)
        put(root / f"{name}.jpg", ((LABELS > 0) * 255).astype(np.uint8))
        rows.append(f"{name}.png,{name}.jpg")
    (root / "data.csv").write_text("\n".join(rows))
    assert "smoothed" in {one.code for one in check(root).findings}
    assert mended(root, tmp_path / "out").images == 4
    found = read_folder(tmp_path / "out").load("b")
    np.testing.assert_array_equal(found.image[..., 0], IMAGE + 1)
    np.testing.assert_array_equal(found.classes, LABELS > 0)


def test_a_folder_called_zarr_is_not_written_through(tmp_path: Path) -> None:
    root = tmp_path / "data"
    rows = ["image,mask"]
    for number, name in enumerate(NAMES):
        put(root / "data.zarr" / "images" / f"{name}.tif", IMAGE + number)
        put(root / "data.zarr" / "masks" / f"{name}.tif", LABELS.T if name == "b" else LABELS)
        rows.append(f"data.zarr/images/{name}.tif,data.zarr/masks/{name}.tif")
    (root / "data.csv").write_text("\n".join(rows))
    assert mended(root, tmp_path / "out").images == 3


def test_folders_that_are_links(tmp_path: Path) -> None:
    pairs(tmp_path / "disk", ".tif")
    put(tmp_path / "disk" / "masks" / "c.tif", LABELS.T)
    root = tmp_path / "data"
    root.mkdir()
    for part in ("images", "masks"):
        (root / part).symlink_to(tmp_path / "disk" / part)
    assert mended(root, tmp_path / "out").images == 4


def test_a_smoothed_page_does_not_cost_the_others(tmp_path: Path) -> None:
    root = tmp_path / "data"
    soft = ndimage.gaussian_filter((LABELS > 0) * 255.0, 1).astype(np.uint8)
    axes = {"metadata": {"axes": "ZYX"}}
    put(root / "train-volume.tif", np.stack([IMAGE, IMAGE + 1, IMAGE + 2]), **axes)
    put(root / "train-labels.tif", np.stack([LABELS, soft, LABELS]), **axes)
    done = mend_or_none(root, tmp_path / "out")
    assert done is None  # the stack is left out rather than thresholded, and it was all there is


def mend_or_none(root: Path, out: Path) -> Mended | None:
    from unmask.errors import DataError

    try:
        return mended(root, out)
    except DataError:
        return None


@pytest.mark.parametrize("kind", ["colours", "classes", "float ids"])
def test_what_is_not_plain_is_left_out(tmp_path: Path, kind: str) -> None:
    root = pairs(tmp_path / "data", ".tif")
    match kind:
        case "colours":
            rgb = np.where(LABELS[..., None] == np.array([1, 2, 3]), np.uint8(255), np.uint8(0))
            (root / "masks" / "b.tif").unlink()
            put(root / "masks" / "b.png", ndimage.gaussian_filter(rgb.astype(float), (1, 1, 0)).astype(np.uint8))
        case "classes":
            put(
                root / "masks" / "b.tif",
                ndimage.gaussian_filter(np.array([0, 64, 128, 255.0])[LABELS], 2).astype(np.uint8),
            )
        case "float ids":
            ids = LABELS.astype(np.float32)
            ids[0, 0] = 0.5
            put(root / "masks" / "b.tif", ids)
    done = mended(root, tmp_path / "out")
    assert done.images == 3
    assert any("left out" in change.what for change in done.changes)
    np.testing.assert_array_equal(read_folder(tmp_path / "out").load("a").objects, LABELS)


def test_values_that_are_not_finite(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for number, name in enumerate(NAMES):
        image = np.stack([IMAGE + number, IMAGE.T.reshape(IMAGE.shape)]).astype(np.float32)
        if name == "b":
            image[1, 5, 6] = np.nan
        sizes = {"resolution": (20_000, 40_000), "resolutionunit": "CENTIMETER"}
        put(root / "images" / f"{name}.tif", image, metadata={"axes": "CYX"}, **sizes)
        put(root / "masks" / f"{name}.tif", LABELS)
    done = mended(root, tmp_path / "out")
    assert [change.what for change in done.changes] == ["1 value replaced by the nearest finite one"]
    found = read_folder(tmp_path / "out").load("b")
    assert found.channels == 2
    assert found.pixel_size == pytest.approx((0.25, 0.5))
    expected = np.stack([IMAGE + 1, IMAGE.T.reshape(IMAGE.shape)], axis=2).astype(np.float32)
    away = np.ones(expected.shape, bool)
    away[5, 6, 1] = False
    np.testing.assert_array_equal(found.image[away], expected[away])
    assert found.image[5, 6, 1] in expected[4:7, 5:8, 1]


def coco(root: Path, objects: list[list[list[float]]], name: str) -> Path:
    put(root / "images" / "a.png", IMAGE)
    annotations = [
        {"id": n, "image_id": 1, "category_id": 1, "segmentation": parts} for n, parts in enumerate(objects, start=1)
    ]
    image = {"id": 1, "file_name": "a.png", "height": 40, "width": 30}
    listed = {"images": [image], "annotations": annotations, "categories": [{"id": 1, "name": name}]}
    (root / "instances.json").write_text(json.dumps(listed))
    return root


def square(x: float, y: float, side: float) -> list[float]:
    return [x, y, x + side, y, x + side, y + side, x, y + side]


def test_parts_of_one_outlined_object_stay_one(tmp_path: Path) -> None:
    root = coco(tmp_path / "data", [[square(1, 1, 6), square(20, 30, 6), square(12, 12, 1)]], "person")
    done = mended(root, tmp_path / "out")
    found = read_folder(tmp_path / "out")
    assert (done.changes, found.class_names) == ((), ("person",))
    objects = found.load("a").objects
    assert objects is not None
    assert (objects.max(), (objects > 0).sum()) == (1, 73)


def test_of_copies_the_annotated_one_stays(tmp_path: Path) -> None:
    root = pairs(tmp_path / "data", ".tif")
    put(root / "images" / "a0.png", IMAGE + 1)
    put(root / "masks" / "a0.tif", 0 * LABELS)
    done = mended(root, tmp_path / "out")
    assert [(change.file.name, change.what) for change in done.changes] == [
        ("a0.png", "left out: its pixels are those of b")
    ]


def test_binary_masks_stay_binary(tmp_path: Path) -> None:
    root = pairs(tmp_path / "data", ".png", ((LABELS > 0) * 255).astype(np.uint8))
    mended(root, tmp_path / "out")
    again = check(tmp_path / "out")
    assert again.dataset is not None
    assert again.dataset.kind == "binary"
    assert "ambiguous" not in {one.code for one in again.findings}


def test_objects_behind_what_is_ignored_are_not_broken(tmp_path: Path) -> None:
    mask = LABELS.copy()
    mask[25:27] = 99
    root = pairs(tmp_path / "data", ".tif", mask)
    options = ReadOptions("objects", ignore="99")
    assert not {one.code for one in check(root, options).findings} & {"pieces", "two-objects"}
    mended(root, tmp_path / "out", options)
    sample = read_folder(tmp_path / "out").load("a")
    assert sample.objects is not None
    assert sample.objects.max() == 3
    np.testing.assert_array_equal(sample.ignore, mask == 99)


def test_photographs_keep_their_channels(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for number, name in enumerate(NAMES):
        put(root / "images" / f"{name}.png", np.stack([IMAGE + number, IMAGE, 0 * IMAGE], axis=2))
        put(root / "masks" / f"{name}.tif", LABELS)
    assert "constant-channel" in {one.code for one in check(root).findings}
    mended(root, tmp_path / "out")
    assert read_folder(tmp_path / "out").channels == 3


def test_a_file_is_given(tmp_path: Path) -> None:
    """Only what it names is read; nothing beside it is linked or looked at."""
    root = coco(tmp_path / "data", [[square(1, 1, 6)], [square(1, 1, 0)]], "person")
    found = check(root / "instances.json")
    assert mend(found, tmp_path / "out").images == 1


def test_omezarr_images_are_linked_whole(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for number, name in enumerate(NAMES):
        write_omezarr(root / "images" / f"{name}.zarr", (IMAGE + number)[..., None], (0.5, 0.5))
        put(root / "masks" / f"{name}.tif", LABELS.T if name == "c" else LABELS)
    done = mended(root, tmp_path / "out")
    assert (done.images, len(done.changes)) == (4, 1)
    assert read_folder(tmp_path / "out").load("c").pixel_size == pytest.approx((0.5, 0.5))


def test_changes_are_listed(tmp_path: Path) -> None:
    root = pairs(tmp_path / "data", ".tif")
    (root / "masks" / "d.tif").unlink()
    done = mended(root, tmp_path / "out")
    with open(tmp_path / "out" / "changes.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["change"]) for row in rows] == [
        (str(root / "images" / "d.png"), "left out: it is an image without a mask")
    ]
    assert done.sentence == "3 images, 1 change listed in changes.csv"
