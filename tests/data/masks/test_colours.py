"""Masks in colours as stored (colours.py, masks.py), and the trace of smoothing in them (smoothing.py)."""

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from unmask.data.masks.colours import colour_of, spelled
from unmask.data.masks.read import check_sound, in_colours, look_at, read_mask
from unmask.data.masks.smoothing import colours_between
from unmask.errors import MaskError, UnmaskError

PALETTE = np.array([(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (192, 192, 128), (64, 0, 128)], np.uint8)


def blobs(seed: int, size: int = 96, count: int = 20) -> np.ndarray:
    """Random discs, numbered."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    labels = np.zeros((size, size), np.uint8)
    for index in range(1, count + 1):
        row, column, radius = random.integers(0, size), random.integers(0, size), random.integers(4, 12)
        labels[(y - row) ** 2 + (x - column) ** 2 <= radius**2] = index
    return labels


LABELS = blobs(0)
CLASSES = np.where(LABELS > 0, 1 + (LABELS - 1) % 5, 0)
COLOURS = PALETTE[CLASSES]
NUMBERS = np.array([0, 0xFF0000, 0x00FF00, 0x0000FF, 0xC0C080, 0x400080])[CLASSES]


def put(path: Path, image: np.ndarray) -> Path:
    if path.suffix == ".tif":
        tifffile.imwrite(path, image, photometric="minisblack" if image.ndim == 2 else "rgb")
    else:
        Image.fromarray(image).save(path)
    return path


def refuse(error: UnmaskError) -> None:
    raise error


def test_colours_are_written_as_html_has_them() -> None:
    assert spelled(0xFF0080, colours=True) == "#ff0080"
    assert spelled(255, colours=True) == "#0000ff"
    assert spelled(255, colours=False) == "255"
    assert colour_of("#FF0080") == 0xFF0080
    assert [colour_of(text) for text in ("ff0080", "#ff008", "#ff008g", "#ff00800")] == [None] * 4


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
def test_a_colour_is_a_number(tmp_path: Path, suffix: str) -> None:
    path = put(tmp_path / f"a.{suffix}", COLOURS)
    np.testing.assert_array_equal(read_mask(path, colours=True)[0], NUMBERS)
    (facts,) = look_at([path])[0]
    assert facts.colours
    assert facts.values.tolist() == sorted({*NUMBERS.ravel().tolist()} - {0})
    assert facts.several.all()
    assert facts.background
    assert facts.between == ()


def test_what_is_transparent_is_black(tmp_path: Path) -> None:
    """As drawn on a layer of its own: white, or any colour, under alpha 0."""
    alpha = (255 * (CLASSES > 0)).astype(np.uint8)
    white = np.where(CLASSES[..., None] > 0, COLOURS, 255).astype(np.uint8)
    path = put(tmp_path / "a.png", np.dstack([white, alpha]))
    np.testing.assert_array_equal(read_mask(path, colours=True)[0], NUMBERS)
    path = put(tmp_path / "b.png", np.dstack([np.full((*CLASSES.shape, 3), 255, np.uint8), alpha]))
    (facts,) = look_at([path])[0]
    assert not facts.colours
    assert facts.values.tolist() == [255]
    for constant in (0, 255):  # says nothing
        path = put(tmp_path / "c.png", np.dstack([COLOURS, np.full(CLASSES.shape, constant, np.uint8)]))
        np.testing.assert_array_equal(read_mask(path, colours=True)[0], NUMBERS)


def test_grey_in_colour_files_is_grey(tmp_path: Path) -> None:
    path = put(tmp_path / "a.png", np.dstack([7 * CLASSES.astype(np.uint8)] * 3))
    (facts,) = look_at([path])[0]
    assert not facts.colours
    assert facts.values.tolist() == [7, 14, 21, 28, 35]


def test_grey_and_indexed_masks_among_colours(tmp_path: Path) -> None:
    """An empty mask saved as grey, a white one, and one with a palette mean the same as in RGB."""
    paths = [
        put(tmp_path / "a.png", COLOURS),
        put(tmp_path / "b.png", (255 * (CLASSES > 0)).astype(np.uint8)),
        tmp_path / "c.png",
    ]
    indexed = Image.fromarray(CLASSES.astype(np.uint8)).convert("P")
    indexed.putpalette(PALETTE.ravel().tolist())
    indexed.save(paths[2])
    facts = in_colours([one for seen in look_at(paths) for one in seen], refuse)
    found = {one.file.name: one.values.tolist() for one in facts}
    assert found["b.png"] == [0xFFFFFF]
    assert found["a.png"] == found["c.png"]
    assert all(one.colours for one in facts)


def test_colours_among_label_images_are_reported(tmp_path: Path) -> None:
    paths = [put(tmp_path / "a.tif", 1000 + LABELS.astype(np.uint16)), put(tmp_path / "b.png", COLOURS)]
    reported: list[UnmaskError] = []
    facts = in_colours([one for seen in look_at(paths) for one in seen], reported.append)
    assert [one.file.name for one in facts] == ["a.tif"]
    (error,) = reported
    assert error.code == "mask-type"
    assert "b.png: is a mask in colours, and a.tif holds numbers. Save all masks the same way." in str(error)


@pytest.mark.parametrize(("shape", "axes", "dtype"), [((2, 4, 4), "CYX", np.uint8), ((4, 4, 3), "YXS", np.uint16)])
def test_other_channels_are_no_colours(tmp_path: Path, shape: tuple[int, ...], axes: str, dtype: type) -> None:
    image = np.zeros(shape, dtype)
    image[0, 0, 0] = 1
    photometric = "rgb" if axes == "YXS" else "minisblack"
    tifffile.imwrite(tmp_path / "a.tif", image, photometric=photometric, metadata={"axes": axes})
    with pytest.raises(MaskError, match=r"a\.tif: is a mask with . different channels") as caught:
        look_at([tmp_path / "a.tif"])
    assert caught.value.code == "mask-type"


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def resized(image: np.ndarray, factor: float) -> np.ndarray:
    side = int(len(image) * factor)
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))


DAMAGES = {
    **{f"jpeg{quality}": lambda image, quality=quality: jpeg(image, quality) for quality in (30, 75, 95, 100)},
    **{f"resized{factor}": lambda image, factor=factor: resized(image, factor) for factor in (0.5, 0.9, 1.7, 3)},
    "blurred": lambda image: ndimage.gaussian_filter(image.astype(float), (0.7, 0.7, 0)).astype(np.uint8),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kinds", [2, 6])
def test_smoothed_colours_are_found(tmp_path: Path, damage: str, kinds: int) -> None:
    damaged = DAMAGES[damage](PALETTE[CLASSES % kinds])
    facts = [one for seen in look_at([put(tmp_path / "a.png", damaged)]) for one in seen]
    reported: list[UnmaskError] = []
    assert check_sound(facts, reported.append) == []
    (error,) = reported
    assert error.code == "smoothed"
    assert "a.png: is a mask with" in str(error)
    assert "in-between colours along its borders (" in str(error)
    assert "pixels, such as #" in str(error)
    assert str(error).endswith("Export it again as PNG or TIFF, without smoothing, and at the image's own size.")


def test_sound_colours_are_believed() -> None:
    """Also many, similar and thin ones: classes of roads and poles, ids written into colours, objects as lines."""
    random = np.random.default_rng(0)
    lines = np.ones((90, 90), int)
    lines[:, 45:] = 2
    lines[4::9] = np.arange(3, 13)[:, None]
    rows = np.zeros((90, 90), int)
    rows[2::5, 3:87] = np.arange(1, 19)[:, None]
    codes = random.integers(0, 2**24, 40)
    for sound in (NUMBERS, codes[LABELS], LABELS.astype(int), LABELS.astype(int) << 16, codes[lines], codes[rows]):
        assert colours_between(sound.astype(np.int32), lossy=False)[1] == 0
