import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco
from scipy import ndimage

from unmask.data.shapes.run_lengths import read_runs
from unmask.errors import MaskError
from unmask.geometry.labels import components
from unmask.geometry.rle import encode, polygons, run_lengths

# pycocotools' own decoder is written for NumPy 1.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14))
MARGINS = st.tuples(*[st.integers(0, 3)] * 4)
EIGHT = np.ones((3, 3), bool)


def framed(mask, margins):
    """The mask in its image, by pasting: above, below, left and right of it is background."""
    above, below, left, right = margins
    return np.pad(mask, ((above, below), (left, right)))


def decode(rle):
    """The full frame, by the package's other reader."""
    runs = read_runs(rle["counts"].encode())
    return np.repeat(np.arange(runs.size) % 2 == 1, runs).reshape(rle["size"][::-1]).T


def rasterised(outlines, size):
    """What COCO's own rasteriser makes of polygons."""
    return coco.decode(coco.merge(coco.frPyObjects(outlines, *size))).astype(bool)


@given(MASKS, MARGINS)
def test_a_crop_is_packed_as_pycocotools_packs_its_full_frame(mask, margins):
    full = framed(mask, margins)
    rle = encode(mask, margins[0], margins[2], full.shape)
    reference = coco.encode(np.asfortranarray(full.astype(np.uint8)))
    assert rle == {"size": list(full.shape), "counts": reference["counts"].decode()}
    np.testing.assert_array_equal(decode(rle), full)


@given(st.integers(0, 99), st.floats(0.001, 0.999))
def test_long_runs_and_many_of_them_come_back(seed, density):
    random = np.random.default_rng(seed)
    mask = random.random((random.integers(1, 300), random.integers(1, 300))) < density
    size = (mask.shape[0] + 5000, mask.shape[1] + 7)
    rle = encode(mask, 4000, 3, size)
    np.testing.assert_array_equal(decode(rle), coco.decode(rle).astype(bool))
    np.testing.assert_array_equal(decode(rle)[4000:-1000, 3:-4], mask)


def test_run_lengths_by_hand():
    mask = np.array([[1, 0], [1, 1]], bool)
    assert run_lengths(mask, 0, 0, (2, 2)) == [0, 2, 1, 1]
    assert run_lengths(mask, 0, 0, (2, 3)) == [0, 2, 1, 1, 2]
    assert run_lengths(mask, 1, 1, (4, 4)) == [5, 2, 3, 1, 5]
    assert run_lengths(np.ones((2, 2), bool), 0, 0, (2, 2)) == [0, 4]
    assert run_lengths(np.ones((2, 2), bool), 0, 1, (2, 3)) == [2, 4]  # one run over two columns
    assert run_lengths(np.zeros((0, 0), bool), 0, 0, (2, 3)) == [6]


def test_a_crop_of_a_huge_image_needs_no_full_frame():
    rle = encode(np.ones((3, 4), bool), 40_000, 50_000, (60_000, 60_000))
    assert coco.area(rle) == 12
    assert coco.toBbox(rle).tolist() == [50_000, 40_000, 4, 3]


def test_an_image_with_more_pixels_than_coco_counts_is_refused():
    with pytest.raises(MaskError, match=r"65536 x 65536 pixels is too large .* Save label images"):
        encode(np.ones((1, 1), bool), 0, 0, (65_536, 65_536))


@given(MASKS, MARGINS)
def test_coco_draws_polygons_as_the_mask_with_holes_filled(mask, margins):
    full = framed(mask, margins)
    outlines = polygons(mask, margins[0], margins[2])
    parts = components(full)
    assert len(outlines) == parts.max()
    filled = np.zeros(full.shape, bool)
    for number, outline in enumerate(outlines, start=1):
        part = ndimage.binary_fill_holes(parts == number, EIGHT)
        np.testing.assert_array_equal(rasterised([outline], full.shape), part)
        filled |= part
    if outlines:
        np.testing.assert_array_equal(rasterised(outlines, full.shape), filled)


@given(MASKS)
def test_polygons_have_corners_only_and_go_round_clockwise(mask):
    for outline in polygons(mask):
        points = np.array(outline).reshape(-1, 2)
        steps = np.diff(np.concatenate([points, points[:1]]), axis=0)
        assert len(points) >= 4
        assert ((steps == 0).sum(axis=1) == 1).all()  # along one axis each,
        assert ((steps[1:] == 0) != (steps[:-1] == 0)).all()  # by turns
        area = (points[:, 0] * np.roll(points[:, 1], -1) - points[:, 1] * np.roll(points[:, 0], -1)).sum() / 2
        assert area >= 1


def test_polygons_by_hand():
    assert polygons(np.ones((2, 3), bool), top=5, left=7) == [[7, 5, 10, 5, 10, 7, 7, 7]]
    corner = np.array([[1, 0], [1, 1]], bool)
    assert polygons(corner) == [[0, 0, 1, 0, 1, 1, 2, 1, 2, 2, 0, 2]]
    assert polygons(np.eye(2, dtype=bool)) == [[0, 0, 1, 0, 1, 1, 0, 1], [1, 1, 2, 1, 2, 2, 1, 2]]
    ring = np.ones((3, 3), bool)
    ring[1, 1] = False
    assert polygons(ring) == [[0, 0, 3, 0, 3, 3, 0, 3]]
    assert polygons(np.zeros((2, 2), bool)) == polygons(np.zeros((0, 0), bool)) == []
