import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import points_in_poly

from unmask.data.shapes.annotations import Annotation, Rings, RunLengths, Shape, outlines_of, run_lengths


def box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], float)


def filled(shape: Shape, size: tuple[int, int]) -> np.ndarray:
    counts = run_lengths(shape, size)
    return np.zeros(size, bool) if counts is None else Annotation(size, (1,), (counts,)).label_layers().objects > 0


def test_coordinates_are_edges_of_pixels() -> None:
    expected = np.zeros((6, 8), bool)
    expected[1:4, 2:7] = True  # 3 rows, 5 columns
    np.testing.assert_array_equal(filled((box(2, 1, 7, 4),), (6, 8)), expected)


def test_parts_are_united_and_cut_at_the_image() -> None:
    mask = filled((box(0, 0, 2, 2), box(1, 1, 3, 3), box(6, 4, 100, 90)), (6, 8))
    assert mask.sum() == 4 + 4 - 1 + 2 * 2
    assert mask[4:, 6:].all()


def test_rings_have_holes_and_pieces() -> None:
    expected = np.zeros((6, 12), bool)
    expected[:5, :6] = expected[1:4, 8:11] = True
    expected[1:3, 1:4] = False
    expected[1, 2] = True
    outer, hole, island = box(0, 0, 6, 5), box(1, 1, 4, 3), box(2, 1, 3, 2)
    shape = Rings(((outer, hole, island), (box(8, 1, 11, 4),)))
    np.testing.assert_array_equal(filled(shape, (6, 12)), expected)
    np.testing.assert_array_equal(filled(Rings(((outer, hole, island, box(8, 1, 11, 4)),)), (6, 12)), expected)
    np.testing.assert_array_equal(filled(Rings(((outer, hole), (island,), (box(8, 1, 11, 4),))), (6, 12)), expected)
    assert [len(ring) for ring in outlines_of(shape)] == [4, 4, 4, 4]
    assert filled(Rings(((outer,), (hole,))), (6, 12)).sum() == 30  # pieces are united
    assert outlines_of(RunLengths((1, 1), [1])) == ()


def test_rings_are_cut_off_far_outside() -> None:
    shape = Rings(((box(-1e8, -1e8, 1e8, 3), box(2, 1, 1e8, 2)),))
    assert filled(shape, (5, 6)).astype(int).tolist() == [[1] * 6, [1, 1, 0, 0, 0, 0], [1] * 6, [0] * 6, [0] * 6]


@pytest.mark.parametrize(
    "shape",
    [
        (),
        Rings(()),
        Rings(((),)),
        Rings(((box(1, 1, 4, 4), box(1, 1, 4, 4)),)),
        Rings(((box(1, 1, 1.4, 4),),)),
        Rings(((box(-9, 1, -2, 5),),)),
        (np.empty((0, 2)),),
        (np.array([(1.0, 1.0), (5.0, 5.0)]),),
        (np.array([(1.0, 1.0), (5.0, 5.0), (3.0, 3.0)]),),  # on one line
        (np.array([(1.0, 1.0), (np.nan, 5.0), (3.0, 1.0)]),),
        (np.array([(1.0, 1.0), (np.inf, 5.0), (3.0, 1.0)]),),
        (box(-9, 1, -2, 5),),
        (box(1, 1e7, 5, 2e7),),
        (box(8, 0, 9, 6),),
        RunLengths((6, 8), [48]),
        RunLengths((6, 8), [48, 0]),
    ],
)
def test_shapes_without_a_pixel_are_none(shape: Shape) -> None:
    assert run_lengths(shape, (6, 8)) is None


def test_a_sound_part_is_enough() -> None:
    assert filled((np.array([(1.0, 1.0), (5.0, 5.0)]), box(0, 0, 2, 2)), (6, 8)).sum() == 4


def test_edges_far_outside_cost_nothing() -> None:
    start = time.perf_counter()
    mask = filled((np.array([(-1e12, 0.0), (1e12, 0.0), (1e12, 3.0), (-1e12, 3.0)]),), (6, 8))
    assert time.perf_counter() - start < 1
    assert mask[:3].all()
    assert not mask[3:].any()
    slope = filled((np.array([(0.0, 0.0), (1e9, 1e9), (0.0, 1e9)]),), (50, 50))  # all below the diagonal
    away = np.abs(np.subtract.outer(np.arange(50), np.arange(50))) > 1
    np.testing.assert_array_equal(slope[away], np.tri(50, dtype=bool)[away])


@given(st.lists(st.tuples(st.floats(-150, 150), st.floats(-150, 150)), min_size=3, max_size=7))
def test_pixels_are_those_whose_centre_is_inside(corners: list[tuple[float, float]]) -> None:
    """Slow and obvious, but for pixels with an edge near their centre: the rasteriser rounds to fifths of a pixel."""
    polygon, size = np.array(corners), (20, 30)
    rows, columns = np.mgrid[: size[0], : size[1]]
    centres = np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5
    mask = filled((polygon,), size).ravel()
    clear = np.array([edge_distance(centre, polygon) for centre in centres]) > 0.8
    np.testing.assert_array_equal(mask[clear], points_in_poly(centres, polygon)[clear])


def edge_distance(point: np.ndarray, polygon: np.ndarray) -> float:
    starts, ends = polygon, np.roll(polygon, -1, axis=0)
    along = ends - starts
    length = np.maximum((along**2).sum(1), 1e-12)
    share = (((point - starts) * along).sum(1) / length).clip(0, 1)
    return float(np.linalg.norm(starts + share[:, None] * along - point, axis=1).min())


def test_plain_and_compressed_run_lengths_are_the_same() -> None:
    # Columns of 3: the second and half of the third.
    plain = RunLengths((3, 4), [3, 5, 4])
    packed = run_lengths(plain, (3, 4))
    assert packed is not None
    assert run_lengths(RunLengths((3, 4), packed), (3, 4)) == packed
    np.testing.assert_array_equal(filled(plain, (3, 4)), [[0, 1, 1, 0], [0, 1, 1, 0], [0, 1, 0, 0]])


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (RunLengths((4, 3), [12]), r"^are of 4 x 3 pixels \(rows x columns\), the image has 3 x 4"),
        (RunLengths((3, 4), [5, 2]), r"^cover 7 pixels, the image has 3 x 4"),
        (RunLengths((3, 4), b"54"), r"^cover 9 pixels"),
        (RunLengths((3, 4), b"o"), r"^are damaged or cut off"),
    ],
)
def test_wrong_run_lengths_are_refused(shape: RunLengths, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run_lengths(shape, (3, 4))


def annotation(size: tuple[int, int], *objects: tuple[int, np.ndarray]) -> Annotation:
    counts = [run_lengths((polygon,), size) for _, polygon in objects]
    return Annotation(size, tuple(index for index, _ in objects), tuple(one for one in counts if one))


def test_smaller_objects_lie_over_larger_ones() -> None:
    found = annotation((3, 6), (2, box(1, 1, 3, 3)), (1, box(0, 0, 5, 3)), (3, box(4, 0, 6, 2))).label_layers()
    assert found.objects.tolist() == [
        [2, 2, 2, 2, 3, 3],
        [2, 1, 1, 2, 3, 3],
        [2, 1, 1, 2, 2, 0],
    ]
    assert found.classes.tolist() == [
        [1, 1, 1, 1, 3, 3],
        [1, 2, 2, 1, 3, 3],
        [1, 2, 2, 1, 1, 0],
    ]
    assert found.layers is not None
    assert found.layers.tolist() == [
        [[0, 0, 0, 0, 3, 3], [0, 1, 1, 0, 3, 3], [0, 1, 1, 0, 0, 0]],
        [[2, 2, 2, 2, 2, 0], [2, 2, 2, 2, 2, 0], [2, 2, 2, 2, 2, 0]],
    ]
    assert found.layer_classes.tolist() == [0, 2, 1, 3]
    assert (found.objects.dtype, found.layers.dtype, found.classes.dtype) == (np.int32, np.int32, np.uint8)


def test_an_object_annotated_twice_is_whole_in_two_layers() -> None:
    found = annotation((2, 2), (1, box(0, 0, 2, 1)), (1, box(0, 0, 2, 1))).label_layers()
    assert found.objects.tolist() == [[2, 2], [0, 0]]
    assert found.layers is not None
    assert found.layers[:, 0].tolist() == [[1, 1], [2, 2]]


def test_no_layers_where_nothing_overlaps() -> None:
    found = annotation((2, 4), (1, box(0, 0, 2, 2)), (2, box(2, 0, 4, 2))).label_layers()
    assert found.layers is None
    assert found.objects.tolist() == [[1, 1, 2, 2]] * 2
    empty = Annotation((2, 4)).label_layers()
    assert empty.layers is None
    assert not empty.objects.any()
    assert empty.layer_classes.tolist() == [0]


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=8
    )
)
def test_every_object_is_whole_in_one_layer(boxes: list[tuple[int, int, int, int]]) -> None:
    size = (16, 16)
    found = annotation(size, *((1, box(x, y, x + w, y + h)) for x, y, w, h in boxes)).label_layers()
    layers = found.objects[None] if found.layers is None else found.layers
    cover = np.zeros(size, int)
    for label, (x, y, w, h) in enumerate(boxes, start=1):
        expected = np.zeros(size, bool)
        expected[y : y + h, x : x + w] = True
        cover += expected
        assert [(layer == label).sum() for layer in layers if (layer == label).any()] == [w * h]
        np.testing.assert_array_equal((layers == label).any(axis=0), expected)
    assert (found.layers is None) == (cover.max() < 2)
    np.testing.assert_array_equal(found.objects > 0, cover > 0)
