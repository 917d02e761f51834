from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unmask.check.finding import Sight
from unmask.check.whole import Row, look, set_sights
from unmask.data.formats.header import Header
from unmask.data.sample import Sample
from unmask.data.shapes.annotations import layered
from unmask.geometry.labels import relabel


def row(name: str, raw: np.ndarray | None = None, image: np.ndarray | None = None, suffix: str = ".tif") -> Row:
    """Of an image whose label image, or class map, is `raw`."""
    raw = np.eye(6, dtype=np.uint16) if raw is None else raw
    if image is None:
        image = np.random.default_rng(ord(name[-1])).integers(0, 250, (*raw.shape, 1), np.uint8)
    file = Path(name + suffix)
    sample = Sample(name, image, raw.clip(0, 5).astype(np.uint8), relabel(raw), file=file)
    return look(sample, Header(file, 1, raw.shape, 1, False, False, image.dtype, None), raw)


def found(rows: list[Row], code: str, class_names: tuple[str, ...] = ("object",)) -> list[Sight]:
    sights = set_sights(rows, class_names)
    assert {sight.code for sight in sights} <= {code}
    return sights


def test_a_row_holds_what_is_in_the_image() -> None:
    raw = np.zeros((20, 30), np.uint16)
    raw[2:6, 2:6], raw[10:12, 10:12] = 7, 300
    one = row("a", raw, np.arange(600, dtype=np.uint16).reshape(20, 30, 1))
    assert (one.size, one.dtype, one.channels, one.low, one.high, one.divisor) == ((20, 30), "uint16", 1, 0, 599, None)
    assert one.counts == (580, 0, 0, 0, 0, 20)
    assert one.objects == 2
    assert one.diameters == pytest.approx([np.sqrt(16 * 4 / np.pi), np.sqrt(4 * 4 / np.pi)])
    assert one.ids == (7, 300)
    assert one.fingerprint.name == "a"
    assert one.alignment is None  # too small an image


def test_ids_are_those_of_objects_and_pixels_those_that_are_known() -> None:
    raw = np.zeros((8, 8), np.uint16)
    raw[1:3, 1:3], raw[5:, 5:] = 4, 255
    ignore = raw == 255
    objects = relabel(np.where(ignore, 0, raw))
    sample = Sample(
        "a", np.arange(64, dtype=np.uint8).reshape(8, 8, 1), (objects > 0).astype(np.uint8), objects, ignore=ignore
    )
    one = look(sample, Header(Path("a.tif"), 1, (8, 8), 1, False, False, np.dtype("uint8"), None), raw)
    assert one.ids == (4, 4)
    assert one.counts == (51, 4)
    assert one.file == Path("a.tif")


def test_objects_of_all_layers_count() -> None:
    place = (slice(0, 6), slice(0, 6))
    parts = [(np.ones((6, 6), bool), place), (np.eye(6, dtype=bool), place)]
    labels = layered(parts, (1, 1), (6, 6))
    sample = Sample("a", np.arange(36, dtype=np.uint8).reshape(6, 6, 1), objects=labels.objects, layers=labels.layers)
    one = look(sample, Header(Path("a"), 1, (6, 6), 1, False, False, np.dtype("uint8"), None), None)
    assert one.objects == 2
    assert sorted(one.diameters) == pytest.approx([np.sqrt(6 * 4 / np.pi), np.sqrt(36 * 4 / np.pi)])
    assert one.ids is None
    assert one.counts == ()


def test_ids_that_go_on_from_file_to_file() -> None:
    def labelled(*ids: int) -> np.ndarray:
        raw = np.zeros((6, 6), np.uint16)
        raw[0, : len(ids)] = ids
        return raw

    going_on = [row("a", labelled(1, 2)), row("b", labelled()), row("c", labelled(3, 5)), row("d", labelled(6))]
    sights = found(going_on, "continued")
    assert [(sight.image, sight.detail) for sight in sights] == [
        ("a", "ids 1 to 2"),
        ("c", "ids 3 to 5"),
        ("d", "ids 6 to 6"),
    ]
    assert found([row("a", labelled(1, 2)), row("b", labelled(2, 3))], "continued") == []
    assert found([row("a", labelled(3, 4)), row("b", labelled(1, 2))], "continued") == []
    assert found([row("a", labelled(1, 2))], "continued") == []


def classes(**pixels: int) -> np.ndarray:
    """A class map of 100 x 100 pixels with so many of classes 1, 2, ..."""
    flat = np.zeros(10_000, np.uint8)
    start = 0
    for label, count in enumerate(pixels.values(), start=1):
        flat[start : start + count] = label
        start += count
    return flat.reshape(100, 100)


NAMES = ("cell", "nucleus", "debris")


def counted(name: str, **pixels: int) -> Row:
    """A row of classes that says nothing of ids."""
    return replace(row(name, classes(**pixels)), ids=None, alignment=None)


def test_classes_with_few_pixels() -> None:
    rows = [counted(f"{i}", cell=6000, nucleus=600, debris=50) for i in range(4)]
    (sight,) = found(rows, "imbalance", NAMES)
    assert sight.detail == "debris: 0.83% of the pixels of cell, in 4 images of 4"
    assert found([counted(f"{i}", cell=6000, nucleus=600, debris=61) for i in range(4)], "imbalance", NAMES) == []


def test_classes_in_few_images() -> None:
    most = [counted(f"{i}", cell=500, nucleus=400) for i in range(10)]
    both = [counted("x", cell=500, nucleus=400, debris=900), counted("y", cell=500, nucleus=400, debris=800)]
    (sight,) = found(most + both, "imbalance", NAMES)
    assert (sight.image, sight.detail) == ("x", "debris: 28.33% of the pixels of cell, in 2 images of 12")
    assert found([*most, *both, replace(both[0], name="z")], "imbalance", NAMES) == []
    assert found([most[0], *both], "imbalance", NAMES) == []  # two of three images are not few


def test_one_class_or_none_cannot_be_out_of_balance() -> None:
    assert found([counted(f"{i}", cell=1) for i in range(12)], "imbalance", ("cell",)) == []
    assert found([replace(counted("a", cell=1), counts=())], "imbalance", NAMES) == []


def test_a_class_that_is_never_there() -> None:
    (sight,) = found([counted(f"{i}", cell=500, nucleus=400) for i in range(5)], "imbalance", NAMES)
    assert (sight.image, sight.detail) == ("", "debris: 0.00% of the pixels of cell, in 0 images of 5")


def test_pixel_sizes() -> None:
    plain = [replace(row(name), pixel_size=(0.5, 0.5), ids=None) for name in "abc"]
    close = replace(row("d"), pixel_size=(0.52, 0.5), ids=None)
    unknown = replace(row("e"), pixel_size=None, ids=None)
    assert found([*plain, close, unknown], "pixel-size") == []
    other = replace(row("f"), pixel_size=(0.5, 0.25), ids=None)
    (sight,) = found([*plain, other], "pixel-size")
    assert (sight.image, sight.detail) == ("f", "0.5 x 0.25 micrometres, most have 0.5 x 0.5 micrometres")
    assert found([*plain, replace(other, file=Path("f.JPG"))], "pixel-size") == []


def deep(name: str, factor: int, highest: int) -> Row:
    image = (np.arange(64).reshape(8, 8, 1) * highest // 63 * factor).astype(np.uint16)
    return replace(row(name, np.zeros((8, 8), np.uint16), image), ids=None)


def test_8_bit_data_in_16_bit_files() -> None:
    sights = found([deep("a", 1, 255), deep("b", 1, 63)], "narrow")
    assert [(sight.image, sight.detail) for sight in sights] == [
        ("a", "uint16 with only values of 0 to 255"),
        ("b", "uint16 with only values of 0 to 255"),
    ]
    assert {sight.detail for sight in found([deep("a", 257, 255)], "narrow")} == {"uint16 with only multiples of 257"}


def test_a_dark_image_among_deep_ones_is_not_narrow() -> None:
    assert found([deep("a", 1, 255), deep("b", 1, 256)], "narrow") == []
    assert found([deep("a", 1, 255), deep("b", 257, 255)], "narrow") == []
    assert found([row("a"), row("b")], "narrow") == []


def test_shifted_masks_are_passed_on() -> None:
    rows = []
    for seed in range(4):
        objects = np.zeros((100, 100), np.int32)
        objects[20 + seed : 40, 30:60], objects[60:90, 20 : 40 + seed] = 1, 2
        noise = np.random.default_rng(seed).integers(0, 20, objects.shape)
        image = (noise + 100 * (np.roll(objects, -5, axis=0) > 0)).astype(np.uint8)[..., None]
        sample = Sample(str(seed), image, objects=objects, file=Path(f"{seed}.tif"))
        rows.append(look(sample, Header(Path("a"), 1, sample.size, 1, False, False, image.dtype, None), None))
    assert [sight.detail for sight in found(rows, "shifted")] == ["5 rows too low"] * 4


@pytest.mark.parametrize("largest", [3e38, 1e-38])
def test_floats_of_any_size(largest: float) -> None:
    objects = np.zeros((80, 80), np.int32)
    objects[20:50, 20:50] = 1
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (80, 80, 1))
    sample = Sample("a", (signs * largest).astype(np.float32), objects=objects)
    one = look(sample, Header(Path("a"), 1, (80, 80), 1, False, False, np.dtype("float32"), None), None)
    assert np.isfinite(one.fingerprint.detail).all()
    assert one.alignment is not None
    assert np.isfinite(one.alignment.edges).all()
