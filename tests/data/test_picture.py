"""Pictures: stretches by hand-computed numbers, outlines on the very borders, signs where they belong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unmask.data.picture import LEGEND, MARKS, compare, grey_stretch, overlay, thumbnail

YELLOW = (255, 0xE7, 0x4A)
TRUTH, PREDICTION, BOTH = ((0x33, 0xB6, 0xFF), (0xFF, 0x8A, 0x1F), (255, 255, 255))


def grey(height: int, width: int, value: int = 90) -> np.ndarray:
    """An RGB image, which is shown as it is."""
    return np.full((height, width, 3), value, np.uint8)


def where(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (picture == colour).all(axis=2)


# Stretch


def test_one_channel_is_stretched_between_percentiles() -> None:
    image = np.arange(100, 201, dtype=np.uint16).reshape(1, 101, 1)  # percentile p is 100 + p
    stretched = grey_stretch(image, 10, 60)
    assert stretched.dtype == np.uint8
    assert stretched[0, [0, 10, 35, 60, 100]].tolist() == [[0] * 3, [0] * 3, [128] * 3, [255] * 3, [255] * 3]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.float32])
def test_every_type_is_stretched_alike(dtype: type) -> None:
    image = np.arange(20).reshape(4, 5, 1)
    np.testing.assert_array_equal(grey_stretch(image.astype(dtype)), grey_stretch(image))


def test_rgb_of_8_bits_stays_as_it_is() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    stretched = grey_stretch(image)
    np.testing.assert_array_equal(stretched, image)
    assert not np.shares_memory(stretched, image)


def test_rgb_of_16_bits_is_stretched_together() -> None:
    image = np.array([[[0, 500, 1000]], [[1000, 1000, 0]]], np.uint16)
    assert grey_stretch(image, 0, 100).tolist() == [[[0, 128, 255]], [[255, 255, 0]]]


def test_two_channels_are_green_and_magenta() -> None:
    image = np.array([[[10, 0], [20, 0], [10, 7], [20, 7]]], np.uint16)
    assert grey_stretch(image, 0, 100).tolist() == [[[0, 0, 0], [0, 255, 0], [255, 0, 255], [255, 255, 255]]]


def test_of_many_channels_three_are_cyan_magenta_and_yellow() -> None:
    image = np.zeros((1, 5, 4), np.float32)
    image[0, range(1, 5), range(4)] = 1
    expected = [[[0, 0, 0], [0, 255, 255], [255, 0, 255], [255, 255, 0], [0, 0, 0]]]
    assert grey_stretch(image, 0, 100).tolist() == expected


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("value", [0, 255])
def test_a_constant_image_is_black(channels: int, value: int) -> None:
    assert grey_stretch(np.full((3, 4, channels), value, np.uint8)).tolist() == np.zeros((3, 4, 3)).tolist()


def test_a_few_bright_pixels_in_a_constant_image_are_seen() -> None:
    image = np.full((100, 100, 1), 7, np.uint16)
    image[3, 4] = 900
    stretched = grey_stretch(image)
    assert stretched[3, 4].tolist() == [255] * 3
    assert stretched.sum() == 3 * 255


def test_large_images_are_stretched_by_a_sample_of_their_pixels() -> None:
    image = np.broadcast_to(np.arange(3000, dtype=np.uint16)[None, :, None], (3000, 3000, 1))
    assert grey_stretch(image, 0, 50)[0, [0, 750, 1500, 2999], 0] == pytest.approx([0, 128, 255, 255], abs=1)


# Overlay


def test_an_outline_is_the_inner_border_of_its_object() -> None:
    labels = np.zeros((7, 8), np.int32)
    labels[1:6, 2:7] = 9
    picture = overlay(grey(7, 8), labels, colour="#ffe74a", scale=1)
    expected = labels > 0
    expected[2:5, 3:6] = False
    np.testing.assert_array_equal(where(picture, YELLOW), expected)
    np.testing.assert_array_equal(picture[~expected], grey(7, 8)[~expected])


def test_classes_keep_their_colours() -> None:
    """Class 2 comes first in the image, in two pieces; class 1 lies below; class 3 takes the first colour again."""
    labels = np.zeros((12, 12), np.int32)
    labels[1:3, 1:3] = labels[1:3, 8:10] = 2
    labels[5:7, 1:3] = 1
    labels[9:11, 1:3] = 3
    picture = overlay(grey(12, 12), labels, colours=("#ff0000", "#0000ff"), thickness=1, scale=1)
    assert np.array_equal(where(picture, (255, 0, 0)), (labels == 1) | (labels == 3))
    assert np.array_equal(where(picture, (0, 0, 255)), labels == 2)


def test_an_outline_is_as_thick_as_asked() -> None:
    labels = np.zeros((9, 9), np.int32)
    labels[1:8, 1:8] = 1
    picture = overlay(grey(9, 9), labels, colour="#ffe74a", scale=1, thickness=2)
    expected = labels > 0
    expected[3:6, 3:6] = False
    np.testing.assert_array_equal(where(picture, YELLOW), expected)


@pytest.mark.parametrize(("scale", "thickness"), [(2, 1), (3, 2), (4, 2)])
def test_an_enlarged_outline_with_its_rim_stays_in_the_border_pixels(scale: int, thickness: int) -> None:
    labels = np.zeros((7, 8), np.int32)
    labels[1:6, 2:7] = 1
    picture = overlay(grey(7, 8), labels, colour="#ffe74a", scale=scale)
    assert picture.shape == (7 * scale, 8 * scale, 3)
    inside = np.kron(labels, np.ones((scale, scale), int)) > 0
    line = np.zeros_like(inside)
    line[scale : 6 * scale, 2 * scale : 7 * scale] = True
    within = slice(scale + thickness, 6 * scale - thickness), slice(2 * scale + thickness, 7 * scale - thickness)
    line[within] = False
    np.testing.assert_array_equal(where(picture, YELLOW), line)
    dark = where(picture, (30, 30, 30))
    assert dark[scale + thickness, 3 * scale]
    assert (dark | line | where(picture, (90, 90, 90))).all()
    core = slice(2 * scale, 5 * scale), slice(3 * scale, 6 * scale)
    assert where(picture, (90, 90, 90))[core].all()
    assert where(picture, (90, 90, 90))[~inside].all()


@pytest.mark.parametrize(("shape", "scale"), [((10, 900), 4), ((200, 300), 4), ((256, 256), 3), ((512, 600), 2)])
def test_small_images_are_enlarged(shape: tuple[int, int], scale: int) -> None:
    picture = overlay(grey(*shape), np.zeros(shape, np.int32))
    assert picture.shape == (shape[0] * scale, shape[1] * scale, 3)
    np.testing.assert_array_equal(picture, 90)


def test_large_images_are_not_enlarged() -> None:
    assert overlay(grey(700, 710), np.zeros((700, 710), np.int32)).shape == (700, 710, 3)


def test_an_object_of_one_pixel_is_seen() -> None:
    labels = np.zeros((3, 3), np.int32)
    labels[1, 1] = 70_000
    assert where(overlay(grey(3, 3), labels, colour="#ffe74a", scale=1), YELLOW).tolist() == (labels > 0).tolist()
    enlarged = where(overlay(grey(3, 3), labels, colour="#ffe74a", scale=4), YELLOW)
    assert enlarged[4:8, 4:8].all()
    assert enlarged.sum() == 16


@given(hnp.arrays(np.int32, (9, 11), elements=st.integers(0, 6)), st.integers(1, 3))
def test_every_object_gets_an_outline(labels: np.ndarray, scale: int) -> None:
    labels[0] = 0  # an object that covers everything would have no border
    picture = overlay(grey(9, 11), labels, scale=scale)
    enlarged = labels.repeat(scale, axis=0).repeat(scale, axis=1)
    drawn = (picture != 90).any(axis=2) & (picture != 30).any(axis=2)
    assert set(np.unique(enlarged[drawn])) == set(np.unique(labels)) - {0}


def test_touching_objects_have_different_colours() -> None:
    labels = np.zeros((8, 8), np.int32)
    labels[1:4, 1:4], labels[1:4, 4:7], labels[4:7, 1:4], labels[4:7, 4:7] = 50, 3, 8, 21
    picture = overlay(grey(8, 8), labels, scale=1)
    colours = {tuple(picture[y, x]) for y in (1, 6) for x in (1, 6)}
    assert len(colours) == 4
    for y, x in ((1, 1), (1, 6), (6, 1), (6, 6)):
        one = labels == labels[y, x]
        assert where(picture, tuple(picture[y, x]))[one].sum() == 8  # its whole border, no other colour
        assert not where(picture, tuple(picture[y, x]))[~one].any()


def test_a_row_of_many_objects_never_repeats_a_neighbour() -> None:
    labels = np.repeat(np.arange(1, 31, dtype=np.int32), 2)[None].repeat(2, axis=0)
    picture = overlay(grey(2, 60), labels, scale=1)
    colours = picture[0, ::2]
    assert (colours[1:] != colours[:-1]).any(axis=1).all()


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"labels of \(3, 4\) pixels do not fit an image of \(4, 3\)"):
        overlay(grey(4, 3), np.zeros((3, 4), np.int32))
    with pytest.raises(ValueError, match=r"labels of \(3, 4\) pixels do not fit"):
        compare(grey(4, 3), np.zeros((4, 3), np.int32), np.zeros((3, 4), np.int32), {})


# Comparison


def test_compare_colours_truth_prediction_and_agreement() -> None:
    truth, prediction = np.zeros((6, 9), np.int32), np.zeros((6, 9), np.int32)
    truth[1:5, 1:5], prediction[1:5, 3:8] = 4, 1
    picture = compare(grey(6, 9), truth, prediction, {}, scale=1)
    border = {1: (1, 5, 1, 5), 2: (1, 5, 3, 8)}
    lines = []
    for top, bottom, left, right in border.values():
        line = np.zeros((6, 9), bool)
        line[top:bottom, left:right] = True
        line[top + 1 : bottom - 1, left + 1 : right - 1] = False
        lines.append(line)
    np.testing.assert_array_equal(where(picture, TRUTH), lines[0] & ~lines[1])
    np.testing.assert_array_equal(where(picture, PREDICTION), lines[1] & ~lines[0])
    np.testing.assert_array_equal(where(picture, BOTH), lines[0] & lines[1])


def test_a_perfect_prediction_is_white() -> None:
    labels = np.zeros((20, 20), np.int32)
    labels[4:12, 4:12] = 3
    picture = compare(grey(20, 20), labels, labels, {})
    assert where(picture, BOTH).any()
    assert not where(picture, TRUTH).any()
    assert not where(picture, PREDICTION).any()


@pytest.mark.parametrize("kind", MARKS)
@pytest.mark.parametrize("scale", [1, 3])
def test_signs_lie_around_their_place_on_a_dark_rim(kind: str, scale: int) -> None:
    empty = np.zeros((60, 80), np.int32)
    picture = compare(grey(60, 80), empty, empty, {kind: [(30, 50)]}, scale=scale)
    colour = tuple(int(MARKS[kind].colour[i : i + 2], 16) for i in (1, 3, 5))
    ys, xs = np.nonzero(where(picture, colour))
    assert abs((ys.min() + ys.max()) / 2 - (30 * scale + scale // 2)) <= 1
    assert abs((xs.min() + xs.max()) / 2 - (50 * scale + scale // 2)) <= 1
    assert 15 <= np.ptp(ys) + 1 <= 24
    assert where(picture, (0, 0, 0)).sum() > 40


def test_signs_differ_in_shape() -> None:
    empty = np.zeros((30, 30), np.int32)
    shapes = {
        where(compare(grey(30, 30), empty, empty, {kind: [(15, 15)]}, scale=1), (90, 90, 90)).tobytes()
        for kind in MARKS
    }
    assert len(shapes) == 4


def test_signs_at_the_edge_are_cut_off() -> None:
    empty = np.zeros((10, 10), np.int32)
    assert compare(grey(10, 10), empty, empty, {"merges": [(0, 9), (9, 0)]}, scale=1).shape == (10, 10, 3)


def test_unknown_marks_are_refused() -> None:
    empty = np.zeros((4, 4), np.int32)
    with pytest.raises(ValueError, match="marks are misses, extras, merges, splits, not merge"):
        compare(grey(4, 4), empty, empty, {"merge": [(1, 1)]})


def test_the_legend_names_every_colour_and_sign_once() -> None:
    assert [entry.name for entry in LEGEND] == [
        "truth",
        "prediction",
        "truth and prediction agree",
        "missed",
        "not in the truth",
        "several predicted as one",
        "one predicted as several",
    ]
    assert len({(entry.colour, entry.symbol) for entry in LEGEND}) == len(LEGEND)


# Thumbnails


@pytest.mark.parametrize(
    ("size", "expected"),
    [((100, 200), (32, 64)), ((200, 100), (64, 32)), ((10, 20), (10, 20)), ((1, 1000), (1, 64)), ((64, 64), (64, 64))],
)
def test_a_thumbnail_fits_into_its_square(size: tuple[int, int], expected: tuple[int, int]) -> None:
    small = thumbnail(grey(*size), 64)
    assert small.shape == (*expected, 3)
    assert small.dtype == np.uint8
    np.testing.assert_array_equal(small, 90)
