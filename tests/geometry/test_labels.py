import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage import measure

from unmask.geometry.labels import areas, bounding_boxes, components, outlines, relabel

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24)
MASKS = hnp.arrays(np.bool_, SHAPES)
LABELS = hnp.arrays(np.int32, SHAPES, elements=st.integers(0, 4))


def in_raster_order(labels):
    """Whether ids are 1..n and first met in that order, by the plainest reading."""
    met = list(dict.fromkeys(labels.ravel()[labels.ravel() != 0].tolist()))
    return met == list(range(1, len(met) + 1))


@settings(deadline=None)  # the first call compiles
@given(MASKS, st.sampled_from([1, 2]))
def test_components_are_those_of_skimage_in_raster_order(mask, connectivity):
    found = components(mask, connectivity)
    assert found.dtype == np.int32
    assert in_raster_order(found)
    np.testing.assert_array_equal(found, relabel(measure.label(mask, connectivity=connectivity)))


@pytest.mark.parametrize("density", [0.4, 0.55, 0.6, 0.7])
@pytest.mark.parametrize("connectivity", [1, 2])
def test_components_are_numbered_in_raster_order_where_many_runs_merge(density, connectivity):
    mask = np.random.default_rng(3).random((300, 400)) < density
    assert in_raster_order(components(mask, connectivity))
    assert in_raster_order(components(mask.T, connectivity))


def test_components_of_a_mask_by_hand():
    mask = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 0]], bool)
    np.testing.assert_array_equal(components(mask), [[0, 0, 1], [2, 0, 1], [0, 3, 0]])
    np.testing.assert_array_equal(components(mask, 2), [[0, 0, 1], [1, 0, 1], [0, 1, 0]])


@settings(deadline=None)  # the first call compiles
@given(LABELS)
def test_relabel_keeps_objects_and_numbers_them_in_raster_order(labels):
    renumbered = relabel(labels)
    assert renumbered.dtype == np.int32
    assert in_raster_order(renumbered)
    np.testing.assert_array_equal(renumbered == 0, labels == 0)
    pairs = {*zip(labels.ravel().tolist(), renumbered.ravel().tolist(), strict=True)}
    assert len(pairs) == len({old for old, _ in pairs}) == len({new for _, new in pairs})
    np.testing.assert_array_equal(relabel(renumbered), renumbered)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.uint32, np.int64, np.uint64])
def test_relabel_reads_every_integer_type_up_to_its_largest_id(kind):
    largest = np.iinfo(kind).max
    labels = np.array([[0, largest, 3], [3, largest, 0]], kind)
    np.testing.assert_array_equal(relabel(labels), [[0, 1, 2], [2, 1, 0]])


def test_relabel_takes_negative_ids_for_ids():
    np.testing.assert_array_equal(relabel(np.array([[-7, 0], [2, -7]])), [[1, 0], [2, 1]])
    np.testing.assert_array_equal(relabel(np.array([[-7, 3]])), [[1, 2]])


@settings(deadline=None)  # the first call compiles
@given(LABELS, st.integers(1, 4))
def test_outlines_are_the_pixels_within_thickness_steps_of_another_id(labels, thickness):
    expected = np.zeros(labels.shape, bool)
    for label in np.unique(labels[labels != 0]):
        steps = np.pad(labels == label, 30, mode="edge")  # the edge is repeated, so it is no border
        inside = ndimage.distance_transform_cdt(steps, "taxicab")[30:-30, 30:-30]
        expected |= (inside <= thickness) & (labels == label) & (not (labels == label).all())
    np.testing.assert_array_equal(outlines(labels, thickness), expected)


def test_outlines_leave_out_the_edge_of_the_image_and_keep_both_sides_of_a_contact():
    labels = np.array([[1, 1, 1, 2, 2], [1, 1, 1, 2, 2], [0, 0, 1, 2, 2]])
    np.testing.assert_array_equal(outlines(labels), np.array([[0, 0, 1, 1, 0], [1, 1, 1, 1, 0], [0, 0, 1, 1, 0]], bool))
    assert not outlines(np.ones((3, 3), int)).any()


@settings(deadline=None)  # the first call compiles
@given(LABELS)
def test_boxes_and_areas_are_those_of_region_properties(labels):
    boxes, pixels = bounding_boxes(labels), areas(labels)
    assert boxes.shape == (labels.max(), 4)
    assert pixels.shape == (labels.max(),)
    present = [region.label - 1 for region in measure.regionprops(labels)]
    for region in measure.regionprops(labels):
        assert tuple(boxes[region.label - 1]) == region.bbox
        assert pixels[region.label - 1] == region.area
    absent = np.setdiff1d(np.arange(labels.max()), present)
    assert not boxes[absent].any()
    assert not pixels[absent].any()


def test_an_image_without_objects_has_no_boxes_and_no_areas():
    nothing = np.zeros((2, 3), np.int32)
    assert bounding_boxes(nothing).shape == (0, 4)
    assert areas(nothing).shape == (0,)
    assert not components(nothing > 0).any()
    assert not outlines(nothing).any()
