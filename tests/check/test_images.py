from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from unmask.check.images import divisor, image_sights
from unmask.data.folder import read_folder
from unmask.data.formats.header import Header
from unmask.data.sample import Sample

FILE = Path("a.tif")


def header(image: np.ndarray, colour: bool = False) -> Header:
    return Header(FILE, 1, image.shape[:2], image.shape[2], colour, False, image.dtype, None)


def codes(image: np.ndarray, objects: np.ndarray | None = None, colour: bool = False) -> dict[str, str]:
    sample = Sample("a", image, objects=objects, file=FILE)
    return {sight.code: sight.detail for sight in image_sights(sample, header(image, colour))}


def fluorescence(bright: int, dtype: str = "uint8") -> tuple[np.ndarray, np.ndarray]:
    """Two objects on a darker ground; of their 800 pixels, `bright` are 255."""
    grey = np.random.default_rng(0).integers(10, 30, (100, 100))
    objects = np.zeros((100, 100), np.int32)
    objects[10:30, 10:30], objects[60:80, 60:80] = 1, 2
    grey[objects > 0] += 60
    grey.ravel()[np.flatnonzero(objects)[:bright]] = 255
    return grey[..., None].astype(dtype), objects


def test_constant_image_and_nothing_else() -> None:
    assert codes(np.full((8, 9, 1), 17, np.uint8)) == {"constant": "every pixel is 17"}
    assert codes(np.full((8, 9, 2), [3, 4], np.uint16)) == {"constant": "every pixel is 3 and 4"}


def test_one_constant_channel_of_three() -> None:
    image, objects = fluorescence(0)
    image = np.concatenate([image, np.full_like(image, 5), image // 2], axis=2)
    assert codes(image, objects) == {"constant-channel": "channel 2 is 5 everywhere"}
    assert codes(image[..., [0, 2]], objects) == {}


@pytest.mark.parametrize(("bright", "found"), [(70, False), (90, True)])
def test_saturated_from_a_tenth_of_the_objects_pixels(bright: int, found: bool) -> None:
    image, objects = fluorescence(bright)
    assert codes(image, objects) == ({"saturated": "11% of the objects' pixels are 255"} if found else {})


@pytest.mark.parametrize(
    ("highest", "dtype", "found"),
    [(4095, "uint16", True), (65_535, "uint16", True), (3000, "uint16", False), (1.5, "float32", True)],
)
def test_saturated_at_the_limit_of_a_camera_or_type(highest: float, dtype: str, found: bool) -> None:
    image, objects = fluorescence(0, dtype="float32")
    image = image / 100 if dtype == "float32" else image
    image[10:15, 10:30] = highest  # 100 pixels of 800, flat
    assert ("saturated" in codes(image.astype(dtype), objects)) is found


def test_a_white_ground_is_not_saturated() -> None:
    random = np.random.default_rng(1)
    objects = np.zeros((80, 80), np.int32)
    objects[20:50, 20:50] = 1
    image = np.where(objects > 0, random.integers(60, 120, objects.shape), 255)[..., None].astype(np.uint8)
    assert codes(image, objects) == {}
    assert codes(image) == {}  # not known to be background, but bright with dark on it
    assert codes(np.repeat(image, 3, axis=2), objects, colour=True) == {}


def test_colours_are_saturated_only_where_they_are_white() -> None:
    image, objects = fluorescence(200)
    red = np.concatenate([image, image // 3, image // 4], axis=2)
    assert codes(red, objects, colour=True) == {}
    assert "saturated" in codes(np.repeat(image, 3, axis=2), objects, colour=True)
    assert codes(red, objects) == {"saturated": "25% of the objects' pixels are 255 in channel 1"}
    green_only = np.concatenate([image * 0, image, image * 0], axis=2)
    assert set(codes(green_only, objects, colour=True)) == {"saturated", "constant-channel"}


def test_without_annotation_bright_spots_on_dark_count() -> None:
    image, _ = fluorescence(400)
    assert codes(image) == {"saturated": "4% of the pixels are 255"}
    assert codes(fluorescence(100)[0]) == {}


def test_drawings_and_masks_are_not_saturated() -> None:
    objects = np.zeros((60, 60), np.int32)
    objects[10:40, 10:40] = 1
    assert codes((objects * 255)[..., None].astype(np.uint8), objects) == {}


@pytest.mark.parametrize(
    ("values", "dtype", "step"),
    [
        ([0, 3, 255], "uint16", 1),
        ([0, 257 * 7, 65_535], "uint16", 257),
        ([0, 256 * 7, 65_280], "uint16", 256),
        ([0, 3, 256], "uint16", None),
        ([0, 3, 255], "int16", 1),
        ([-1, 3, 255], "int16", None),
        ([0, 0, 0], "uint16", None),
        ([0, 3, 255], "uint8", None),
    ],
)
def test_divisor(values: list[int], dtype: str, step: int | None) -> None:
    assert divisor(np.array(values, dtype).reshape(1, 3, 1)) == step


def test_real_saturation_is_found_and_white_photographs_are_not(
    shared_data: Path, nuclei: Callable[[Sequence[str]], list[Sample]]
) -> None:
    flat, sound = nuclei(["2ab91a44", "648636ee"])  # looked at: several nuclei are flat; a few are, of 86
    assert [sight.code for sight in image_sights(flat, header(flat.image))] == ["saturated"]
    assert image_sights(sound, header(sound.image)) == []
    white = read_folder(shared_data / "coco").load("000000008690")  # a tenth of it is, and 0.3 % of its objects
    assert image_sights(white, header(white.image, colour=True)) == []
