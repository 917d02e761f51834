"""The table from blocks is the table of the whole image."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from unmask.geometry.labels import relabel
from unmask.instances.blockwise_objects import ObjectSums, finish, merge_objects
from unmask.instances.blockwise_shapes import shape_windows, shapes_of_window
from unmask.instances.blockwise_table import columns_of
from unmask.instances.decode import class_sums, classes_and_scores, decode
from unmask.instances.objects import Objects
from unmask.instances.table import measure
from unmask.recipe import InstanceRecipe

TYPES = ["uint8", "uint16", "int16", "int32", "float32"]


def parts_of(labels, tops, lefts, image=None, maps=None):
    """Sums of every block of a final label image."""
    maps = np.zeros((2, *labels.shape), np.float32) if maps is None else maps
    rows, columns = pairwise([*tops, labels.shape[0]]), [*pairwise([*lefts, labels.shape[1]])]
    places = [(slice(*row), slice(*column)) for row in rows for column in columns]
    table = np.arange(labels.max() + 1, dtype=np.int32)
    parts = []
    for y, x in places:
        grey = None if image is None else image[y, x]
        final, sums = finish(labels[y, x], table, maps[:, y, x], grey, (y.start, x.start))
        np.testing.assert_array_equal(final, labels[y, x])
        parts.append(sums)
    return parts


def shapes_of(labels, sums, tops, lefts, pixel_size, largest=2048):
    windows = shape_windows(sums, tops, lefts, largest)
    return [shapes_of_window(labels[window.rows, window.columns], window.numbers, pixel_size) for window in windows]


def blobs(seed, size, dtype):
    """Objects of any shape and an image."""
    random = np.random.default_rng(seed)
    labels = relabel(ndimage.label(ndimage.gaussian_filter(random.standard_normal(size), 1.5) > 0.05)[0])
    image = (random.gamma(2, 20, (*size, 2)) - 10 * (np.dtype(dtype).kind != "u")).clip(-99, 255).astype(dtype)
    return labels, image


def objects_of(labels, pixel_size=None):
    count = int(labels.max())
    maps = np.zeros((2, *labels.shape), np.float32)
    classes, scores = classes_and_scores(class_sums(labels, maps)[1:], np.bincount(labels.ravel(), minlength=1)[1:])
    assert classes.size == count
    return Objects(labels, classes, scores, pixel_size)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("pixel_size", [None, (0.5, 0.5), (0.65, 0.25)])
def test_every_column_is_that_of_the_whole(dtype, pixel_size):
    labels, image = blobs(0, (90, 110), dtype)
    tops, lefts = [0, 32, 64], [0, 50, 51, 100]
    sums = merge_objects(parts_of(labels, tops, lefts, image))
    columns = columns_of(sums, shapes_of(labels, sums, tops, lefts, pixel_size), "a", ["cell"], pixel_size)
    whole = measure(objects_of(labels, pixel_size), image, "a", ["cell"])
    assert list(columns) == list(whole)
    assert len(sums) > 20
    for name, column in whole.items():
        assert columns[name].dtype == column.dtype, name
        of_order = name.startswith(("intensity_mean", "intensity_sum"))  # floats are added block by block
        if dtype == "float32" and of_order:
            np.testing.assert_allclose(columns[name], column, rtol=1e-12, err_msg=name)
        else:
            np.testing.assert_array_equal(columns[name], column, err_msg=name)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_without_pixels_only_perimeter_and_solidity_are_missing(seed, height, width, square):
    labels, image = blobs(seed, (height, width), "uint16")
    tops, lefts = [0, *({height // 3} - {0})], [0, *({width // 2} - {0})]
    pixel_size = (0.3, 0.3) if square else (0.3, 0.7)
    columns = columns_of(merge_objects(parts_of(labels, tops, lefts, image)), [], "a", ["cell"], pixel_size)
    for name, column in measure(objects_of(labels, pixel_size), image, "a", ["cell"]).items():
        if name in ("perimeter", "solidity", "perimeter_um"):
            assert np.isnan(columns[name]).all()
        else:
            np.testing.assert_array_equal(columns[name], column, err_msg=name)


def test_sums_are_the_same_however_the_image_was_cut():
    labels, image = blobs(3, (60, 70), "uint16")
    maps = np.random.default_rng(0).dirichlet([1, 1, 1], labels.shape).transpose(2, 0, 1).astype(np.float32)
    whole = merge_objects(parts_of(labels, [0], [0], image, maps))
    for tops, lefts in (([0, 7, 8, 40], [0, 33]), ([0, 59], list(range(0, 70, 9)))):
        parts = parts_of(labels, tops, lefts, image, maps)
        for merged in (merge_objects(parts[::-1]), merge_objects([merge_objects(parts[:3]), *parts[3:]])):
            for name, column in vars(whole).items():
                np.testing.assert_array_equal(getattr(merged, name), column, err_msg=name, strict=True)


def test_decoded_objects_have_the_table_of_the_whole(in_blocks):
    random = np.random.default_rng(4)
    logits = ndimage.gaussian_filter(random.standard_normal((3, 120, 130)), (0, 2, 2)) * 40
    maps = (np.exp(logits) / np.exp(logits).sum(axis=0)).astype(np.float32)
    image = random.integers(0, 60_000, (120, 130, 1)).astype(np.uint16)
    tops, lefts = [0, 48, 96], [0, 48, 96]
    labels, sums = in_blocks(maps, InstanceRecipe(), tops, lefts, image)
    columns = columns_of(sums, shapes_of(labels, sums, tops, lefts, None), "a", ["dead", "alive"], None)
    whole = measure(decode(maps, InstanceRecipe()), image, "a", ["dead", "alive"])
    assert {*whole["class"]} == {"dead", "alive"}
    for name, column in whole.items():
        np.testing.assert_array_equal(columns[name], column, err_msg=name)


def test_a_long_table_part_by_part():
    """A band of blocks at a time, with what lies in other bands of the objects that start in it."""
    labels, image = blobs(5, (80, 60), "uint8")
    tops, lefts = [0, 20, 40, 60], [0, 30]
    parts = parts_of(labels, tops, lefts, image)
    sums = merge_objects(parts)
    shapes = shapes_of(labels, sums, tops, lefts, None)
    whole = columns_of(sums, shapes, "a", ["cell"], None)
    firsts = np.array([np.argmax(labels.any(axis=1) & (labels == i).any(axis=1)) for i in range(1, labels.max() + 1)])
    rows = []
    for top in tops:
        chosen = 1 + np.flatnonzero((firsts >= top) & (firsts < top + 20))
        band = merge_objects([part.take(np.isin(part.numbers, chosen)) for part in parts])
        rows.append(columns_of(band, shapes, "a", ["cell"], None))
    for name, column in whole.items():
        np.testing.assert_array_equal(np.concatenate([part[name] for part in rows]), column, err_msg=name)


def test_windows_hold_their_objects_whole_and_leave_out_large_ones():
    labels, _ = blobs(6, (90, 110), "uint8")
    tops, lefts = [0, 40, 80], [0, 40, 80]
    sums = merge_objects(parts_of(labels, tops, lefts))
    sizes = sums.boxes[:, 2:] - sums.boxes[:, :2]
    largest = int(np.median(sizes.max(axis=1)))
    windows = shape_windows(sums, tops, lefts, largest)
    assert np.sort(np.concatenate([window.numbers for window in windows])).tolist() == (
        sums.numbers[(sizes <= largest).all(axis=1)].tolist()
    )
    assert len({window.block for window in windows}) == len(windows) > 4
    for window in windows:
        row, column = divmod(window.block, 3)
        inside = np.isin(labels, window.numbers)
        assert inside[window.rows, window.columns].sum() == inside.sum()
        assert tops[row] <= window.rows.start < tops[row] + 40 > window.rows.stop - largest - tops[row]
        assert (
            lefts[column] <= window.columns.start < lefts[column] + 40 > window.columns.stop - largest - lefts[column]
        )
    columns = columns_of(sums, shapes_of(labels, sums, tops, lefts, None, largest), "a", ["cell"], None)
    np.testing.assert_array_equal(np.isnan(columns["perimeter"]), (sizes > largest).any(axis=1))
    np.testing.assert_array_equal(np.isnan(columns["solidity"]), (sizes > largest).any(axis=1))


def sums_of_rectangle(top, left, height, width):
    """Of a filled rectangle, as blocks would have added them up: modulo 2 ** 64."""
    y, x = (range(top, top + height), range(left, left + width))
    first = [sum(y) * width, sum(x) * height]
    second = [width * sum(i * i for i in y), height * sum(i * i for i in x), sum(y) * sum(x)]
    moments = np.array([[i % 2**64 for i in (*first, *second)]], np.uint64).view(np.int64)
    box = np.array([[top, left, top + height, left + width]])
    none = np.zeros((1, 0), np.uint8)
    area = np.array([height * width])
    return ObjectSums(np.ones(1, np.int32), area, box, moments, np.zeros((1, 2), np.int64), none, none, none)


@pytest.mark.parametrize("place", [(0, 0, 100_000, 100_000), (99_000, 7, 1_000, 99_993), (50_000, 99_999, 1, 1)])
def test_axes_of_the_largest_objects_are_exact(place):
    """Sums of squares about the image's corner pass 2 ** 63 here and come back."""
    columns = columns_of(sums_of_rectangle(*place), [], "a", ["cell"], None)
    top, left, height, width = place
    axes = sorted(4 * np.sqrt((side**2 - 1) / 12) for side in (height, width))
    assert (columns["minor_axis"][0], columns["major_axis"][0]) == pytest.approx(axes, rel=1e-12)
    assert columns["centroid_y"][0] == pytest.approx(top + (height - 1) / 2)
    assert columns["centroid_x"][0] == pytest.approx(left + (width - 1) / 2)
    expected = np.pi / 2 if width > height else -np.pi / 4
    assert columns["orientation"][0] == pytest.approx(expected)


def test_objects_beyond_the_integers_have_no_axes():
    columns = columns_of(sums_of_rectangle(0, 0, 110_000, 110_000), [], "a", ["cell"], (1.0, 1.0))
    assert np.isnan([columns[name][0] for name in ("major_axis", "minor_axis", "orientation", "major_axis_um")]).all()
    assert columns["area"].tolist() == [110_000**2]


def test_an_image_without_objects_has_every_column_and_no_row():
    nothing = np.zeros((5, 6), np.int32)
    image = np.zeros((5, 6, 2), np.uint8)
    sums = merge_objects(parts_of(nothing, [0, 3], [0], image))
    assert shape_windows(sums, [0, 3], [0]) == []
    columns = columns_of(sums, [], "a", ["cell"], (1.0, 1.0))
    whole = measure(objects_of(nothing, (1.0, 1.0)), image, "a", ["cell"])
    assert list(columns) == list(whole)
    assert {len(column) for column in columns.values()} == {0}
