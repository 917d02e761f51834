"""Masks as stored (masks.py) and what their values mean (coding.py)."""

import io
import os
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from unmask.data.masks.coding import Coding, interpret
from unmask.data.masks.deciding import decide
from unmask.data.masks.read import look_at, read_mask
from unmask.data.options import ReadOptions
from unmask.errors import MaskError


def disks(size: int, centres: list[tuple[int, int]], radius: int) -> np.ndarray:
    """A label image of disks."""
    y, x = np.mgrid[:size, :size]
    labels = np.zeros((size, size), np.uint16)
    for index, (row, column) in enumerate(centres, start=1):
        labels[(y - row) ** 2 + (x - column) ** 2 <= radius**2] = index
    return labels


LABELS = disks(64, [(12, 12), (12, 40), (40, 20), (45, 50), (28, 30), (56, 10)], 7)
FOREGROUND = (LABELS > 0).astype(np.uint8)
CLASSES = np.array([0, 1, 2, 1, 2, 1, 2], np.uint8)[LABELS]


def save(folder: Path, *masks: np.ndarray, suffix: str = "tif") -> list[Path]:
    paths = [folder / f"{index}.{suffix}" for index in range(len(masks))]
    for path, mask in zip(paths, masks, strict=True):
        if suffix == "tif":
            tifffile.imwrite(path, mask, photometric="minisblack")
        else:
            Image.fromarray(mask).save(path)
    return paths


def decided(paths: list[Path], kind: Literal["objects", "classes"] | None = None) -> Coding:
    return decide([one for facts in look_at(paths) for one in facts], ReadOptions(kind))


@pytest.mark.parametrize("value", [1, 255, 7])
def test_one_value_is_binary(tmp_path: Path, value: int) -> None:
    coding = decided(save(tmp_path, value * FOREGROUND, value * FOREGROUND.T, 0 * FOREGROUND))
    assert (coding.kind, coding.values, coding.class_names) == ("binary", (value,), ("object",))
    assert coding.decision == (
        f"3 masks hold only 0 and {value}: read as background and one class, each connected region one object "
        "(objects that touch count as one). If all of a mask is one object, say --objects."
    )


def test_ids_are_objects(tmp_path: Path) -> None:
    coding = decided(save(tmp_path, LABELS, 3 * LABELS[:30]))
    assert (coding.kind, coding.values, coding.class_names) == ("objects", (), ("object",))
    assert coding.decision == (
        "2 masks hold ids from 1 to 15, 9 of 9 objects in one connected piece: read as label images, one object an id. "
        "If they are classes, say --classes."
    )


def test_values_in_several_pieces_are_classes(tmp_path: Path) -> None:
    coding = decided(save(tmp_path, CLASSES, 10 * CLASSES.T))
    assert (coding.kind, coding.values) == ("classes", (1, 2, 10, 20))
    assert coding.class_names == ("class_1", "class_2", "class_3", "class_4")
    assert "read as classes, class_1 = 1, class_2 = 2, class_3 = 10, class_4 = 20. If they are ids" in coding.decision
    assert coding.decision.endswith("say --objects.")


def test_a_few_broken_objects_are_still_objects(tmp_path: Path) -> None:
    broken = LABELS.copy()
    broken[12, :] = 0  # cuts two of six in two
    coding = decided(save(tmp_path, broken, LABELS, LABELS))
    assert coding.kind == "objects"
    assert "16 of 18 objects in one connected piece: read as label images (most likely, but please check)" in (
        coding.decision
    )


def test_two_values_of_one_piece_are_likelier_objects_and_said_to_be_unsure(tmp_path: Path) -> None:
    coding = decided(save(tmp_path, np.where(LABELS < 3, LABELS, 0)))
    assert coding.kind == "objects"
    assert "(most likely, but please check)" in coding.decision


def test_many_values_are_objects_even_in_pieces(tmp_path: Path) -> None:
    columns = np.kron(np.arange(1, 41), np.ones(3, int)).astype(np.uint16)
    mask = np.tile(columns, (12, 1))
    mask[5:7] = 0  # every id in two pieces
    assert decided(save(tmp_path, mask)).kind == "objects"
    assert decided(save(tmp_path, mask[:, :30])).kind == "classes"


def test_kind_overrules(tmp_path: Path) -> None:
    assert decided(save(tmp_path, LABELS), "classes").values == (1, 2, 3, 4, 5, 6)
    coding = decided(save(tmp_path, 255 * FOREGROUND), "objects")
    assert (coding.kind, coding.decision) == (
        "objects",
        "Masks are read as label images, as asked: every value is one object.",
    )


def test_masks_without_background_are_remarked_upon(tmp_path: Path) -> None:
    assert decided(save(tmp_path, 1 + FOREGROUND)).decision.endswith("No pixel is 0, which unmask takes as background.")
    assert "No pixel" not in decided(save(tmp_path, FOREGROUND)).decision


def test_empty_masks_hold_no_objects(tmp_path: Path) -> None:
    coding = decided(save(tmp_path, 0 * LABELS))
    assert (coding.kind, coding.decision) == ("objects", "1 mask holds only 0: there are no objects.")


def test_too_many_classes_are_refused(tmp_path: Path) -> None:
    (path,) = save(tmp_path, np.arange(1, 301, dtype=np.uint16).reshape(20, 15).repeat(2, 0).repeat(2, 1))
    with pytest.raises(
        MaskError, match=r"0\.tif: holds 300 values, all masks together 300, .* If they are ids .*--objects"
    ):
        decided([path], "classes")


def jpeg(mask: np.ndarray, quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def resized(mask: np.ndarray, factor: float) -> np.ndarray:
    side = int(64 * factor)
    return np.asarray(Image.fromarray(mask).resize((side, side), Image.Resampling.BILINEAR))


@pytest.mark.parametrize(
    "damaged",
    [
        *(jpeg(255 * FOREGROUND, quality) for quality in (30, 75, 95)),
        *(resized(255 * FOREGROUND, factor) for factor in (0.5, 0.9, 1.7, 2, 3)),
        *(ndimage.gaussian_filter(255.0 * FOREGROUND, sigma).astype(np.uint8) for sigma in (0.5, 1, 3)),
        resized(80 * CLASSES, 0.7),
    ],
    ids=[f"jpeg{q}" for q in (30, 75, 95)]
    + [f"resized{f}" for f in (0.5, 0.9, 1.7, 2, 3)]
    + ["b.5", "b1", "b3", "classes"],
)
def test_smoothed_masks_are_refused(tmp_path: Path, damaged: np.ndarray) -> None:
    paths = save(tmp_path, 255 * FOREGROUND, damaged, damaged, suffix="png")
    message = (
        r"1\.png: is a mask with \d+ in-between values along its borders \([\d,]+ pixels, such as \d+ and \d+ between "
        r"0 and \d+\), the trace of JPEG, smoothing or resizing\. Export it again without "
        r"smoothing, or, if it is foreground and background, threshold it half way: python -c \"import skimage"
    )
    with pytest.raises(MaskError, match=message):
        decided(paths)
    with pytest.raises(MaskError, match="in-between"):
        decided(paths, "classes")


def test_a_good_jpeg_is_still_no_mask(tmp_path: Path) -> None:
    Image.fromarray(255 * FOREGROUND).save(tmp_path / "a.jpg", quality=100)
    with pytest.raises(MaskError, match=r"a\.jpg: is a mask with \d in-between values?"):
        decided([tmp_path / "a.jpg"])


@pytest.mark.parametrize("count", [1, 3])
def test_the_remedy_mends_all(tmp_path: Path, count: int) -> None:
    for name in "abc"[:count]:
        Image.fromarray(255 * FOREGROUND).save(tmp_path / f"{name}.jpg", quality=60)
    with pytest.raises(MaskError, match="and remove the JPEG") as caught:
        decided(sorted(tmp_path.iterdir()))
    exec(str(caught.value.remedy).split('python -c "')[1].split('"')[0], {})
    for name in "abc"[:count]:
        mended = read_mask(tmp_path / f"{name}.png")[0]
        assert set(np.unique(mended)) == {0, 255}
        assert ((mended > 0) != (FOREGROUND > 0)).mean() < 0.005


def test_thin_objects_are_not_taken_for_smoothing(tmp_path: Path) -> None:
    lines = np.zeros((40, 40), np.uint8)
    lines[2::4, 3:37] = np.arange(1, 11)[:, None]
    assert decided(save(tmp_path, lines)).kind == "objects"


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (
            FOREGROUND.astype(np.float32) * 0.5,
            r"0\.tif: is a float mask \(0 to 0\.5\); a mask holds whole numbers\. Convert it, .*\(m > 0\.25\)",
        ),
        (LABELS.astype(np.float32), r"0\.tif: is a float mask \(0 to 6\); .* m\.astype\('uint16'\)"),
        (LABELS.astype(np.int16) - 1, r"0\.tif: is a mask with negative values \(lowest -1\)\. Save it with 0 as"),
    ],
)
def test_masks_of_other_numbers_are_refused(tmp_path: Path, mask: np.ndarray, message: str) -> None:
    with pytest.raises(MaskError, match=message):
        look_at(save(tmp_path, mask))


def test_the_remedy_for_a_float_label_image_keeps_the_labels(tmp_path: Path) -> None:
    (path,) = save(tmp_path, LABELS.astype(np.float32))
    with pytest.raises(MaskError) as caught:
        read_mask(path)
    exec(str(caught.value.remedy).split('python -c "')[1].rstrip('"'), {})
    np.testing.assert_array_equal(read_mask(path)[0], LABELS)


def test_colour_masks_are_refused_but_grey_ones_in_colour_files_are_not(tmp_path: Path) -> None:
    grey = np.dstack([LABELS.astype(np.uint8)] * 3)
    colour = grey * np.array([1, 2, 3], np.uint8)
    good, bad = save(tmp_path, grey, colour, suffix="png")
    np.testing.assert_array_equal(read_mask(good)[0], LABELS)
    with pytest.raises(MaskError, match=r"1\.png: is a mask with 3 different channels; .* Save it as a label"):
        read_mask(bad)


def test_a_palette_mask_is_its_indices(tmp_path: Path) -> None:
    image = Image.fromarray(CLASSES).convert("P")
    image.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png")[0], CLASSES)


def test_binary_regions_become_objects() -> None:
    mask = np.array([[0, 9, 0, 9], [0, 9, 0, 0], [9, 0, 0, 9]])  # corners do not connect
    found = interpret(mask, Coding("binary", (9,), ""), Path("a.tif"))
    classes, objects = found.classes, found.objects
    assert classes.tolist() == [[0, 1, 0, 1], [0, 1, 0, 0], [1, 0, 0, 1]]
    assert objects.tolist() == [[0, 1, 0, 2], [0, 1, 0, 0], [3, 0, 0, 4]]
    assert (classes.dtype, objects.dtype) == (np.uint8, np.int32)


def test_regions_of_classes_become_objects_of_one_class_each() -> None:
    mask = np.array([[8, 8, 3], [0, 3, 3], [3, 0, 8]])
    found = interpret(mask, Coding("classes", (3, 8), ""), Path("a.tif"))
    classes, objects = found.classes, found.objects
    assert classes.tolist() == [[2, 2, 1], [0, 1, 1], [1, 0, 2]]
    assert objects.tolist() == [[1, 1, 2], [0, 2, 2], [3, 0, 4]]


def test_an_id_in_two_pieces_stays_one_object() -> None:
    mask = np.array([[0, 70_000, 0, 5], [0, 0, 0, 5], [70_000, 0, 2, 5]])
    found = interpret(mask, Coding("objects", (), ""), Path("a.tif"))
    classes, objects = found.classes, found.objects
    assert classes.tolist() == [[0, 1, 0, 1], [0, 0, 0, 1], [1, 0, 1, 1]]
    assert objects.tolist() == [[0, 1, 0, 2], [0, 0, 0, 2], [1, 0, 3, 2]]


def test_a_mask_changed_since_it_was_looked_at_is_refused() -> None:
    with pytest.raises(MaskError, match=r"a\.tif: holds the value 4, which no mask had .* Start again"):
        interpret(np.array([[0, 1, 4]]), Coding("binary", (1,), ""), Path("a.tif"))


@pytest.mark.skipif("UNMASK_DATA" not in os.environ, reason="UNMASK_DATA is not set: no real masks")
@pytest.mark.parametrize(
    ("folder", "kind", "values"),
    [
        ("dsb2018_other/masks", "objects", ()),
        ("ctc_fluo_n2dh_sim/01_GT/SEG", "objects", ()),
        ("isbi2012/masks", "binary", (255,)),
        ("vnc/membranes", "binary", (1,)),
        ("vnc/classes", "classes", (32, 64, 96, 128, 159, 191, 223, 255)),
    ],
)
def test_real_masks_are_read_as_what_they_are(folder: str, kind: str, values: tuple[int, ...]) -> None:
    coding = decided(sorted((Path(os.environ["UNMASK_DATA"]) / folder).iterdir()))
    assert (coding.kind, coding.values) == (kind, values)
    assert "please check" not in coding.decision
