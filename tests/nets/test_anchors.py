"""Anchors are torchvision's, number by number."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from unmask.nets.anchors import anchors

CPU = torch.device("cpu")


def pyramid(h: int, w: int) -> list[tuple[int, int]]:
    """The grids of P2 to P6 of a padded image: strides 4 to 32 by rounding up, then every second cell."""
    grids = [(-(-h // stride), -(-w // stride)) for stride in (4, 8, 16, 32)]
    return [*grids, ((grids[-1][0] - 1) // 2 + 1, (grids[-1][1] - 1) // 2 + 1)]


def torchvisions(
    grids: list[tuple[int, int]], padded: tuple[int, int], sizes: list[list[float]], ratios: list[float]
) -> list[torch.Tensor]:
    """The same from torchvision; it joins the levels."""
    generator = AnchorGenerator(sizes=tuple(map(tuple, sizes)), aspect_ratios=(tuple(ratios),) * len(sizes))
    maps = [torch.empty(1, 1, *grid) for grid in grids]
    joined = generator(ImageList(torch.empty(1, 1, *padded), [padded]), maps)[0]
    a = len(sizes[0]) * len(ratios)
    return list(joined.split([h * w * a for h, w in grids]))


def test_by_hand() -> None:
    """Two cells of stride 64; sides 32 * sqrt(2) = 45.25 and 32 / sqrt(2) = 22.63, halved and rounded: 23 and 11."""
    (level,) = anchors([(1, 2)], (64, 128), [[32.0]], [0.5, 1.0, 2.0], CPU)
    at_origin = [[-23.0, -11.0, 23.0, 11.0], [-16.0, -16.0, 16.0, 16.0], [-11.0, -23.0, 11.0, 23.0]]
    at_64 = [[x0 + 64, y0, x1 + 64, y1] for x0, y0, x1, y1 in at_origin]
    assert level.tolist() == at_origin + at_64


def test_order_is_y_x_ratio_size() -> None:
    (level,) = anchors([(2, 2)], (20, 60), [[4.0, 8.0]], [1.0, 4.0], CPU)
    cell = [[-2.0, -2.0, 2.0, 2.0], [-4.0, -4.0, 4.0, 4.0], [-1.0, -4.0, 1.0, 4.0], [-2.0, -8.0, 2.0, 8.0]]
    shifts = [(0, 0), (30, 0), (0, 10), (30, 10)]
    assert level.tolist() == [[a + x, b + y, c + x, d + y] for x, y in shifts for a, b, c, d in cell]


def test_800_pixels_have_stride_61_on_the_last_level() -> None:
    grids = pyramid(800, 1088)
    assert grids[-1] == (13, 17)
    last = anchors(grids, (800, 1088), [[32.0], [64.0], [128.0], [256.0], [512.0]], [1.0], CPU)[-1]
    centres = (last[:, :2] + last[:, 2:]) / 2
    assert centres[:, 1].unique().tolist() == [61 * y for y in range(13)]
    assert centres[:, 0].unique().tolist() == [64 * x for x in range(17)]


@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 3).flatmap(
        lambda a: st.lists(st.lists(st.floats(1, 600, width=32), min_size=a, max_size=a), min_size=5, max_size=5)
    ),
    st.lists(st.sampled_from([1 / 9, 1 / 3, 0.5, 0.7, 1.0, 2.0, 3.0, 9.0]), min_size=1, max_size=4),
)
def test_equals_torchvisions(down: int, across: int, sizes: list[list[float]], ratios: list[float]) -> None:
    padded = (32 * down, 32 * across)
    grids = pyramid(*padded)
    expected = torchvisions(grids, padded, sizes, ratios)
    found = anchors(grids, padded, sizes, ratios, CPU)
    assert len(found) == 5
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == torch.float32
        assert torch.equal(ours, theirs)


def test_sides_round_as_float32_does() -> None:
    """Where float32 and double disagree about a half: torchvision computes in float32."""
    sizes, ratios = [[float(side)] for side in range(1, 400, 2)], [1 / 9, 9.0, 1 / 49, 49.0]
    grids = [(1, 1)] * len(sizes)
    found = torch.cat(anchors(grids, (32, 32), sizes, ratios, CPU))
    assert torch.equal(found, torch.cat(torchvisions(grids, (32, 32), sizes, ratios)))
    double = torch.tensor([round(side[0] * ratio**-0.5 / 2) for side in sizes for ratio in ratios])
    assert not torch.equal(found[:, 2], double.float())


def test_made_where_told_whatever_the_default_device_and_type() -> None:
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        with torch.device("meta"):
            (level,) = anchors([(3, 4)], (96, 128), [[32.0]], [1.0], CPU)
    finally:
        torch.set_default_dtype(before)
    assert (level.device, level.dtype, level.shape) == (CPU, torch.float32, (12, 4))
    (shape,) = anchors([(3, 4)], (96, 128), [[32.0]], [1.0], torch.device("meta"))
    assert (shape.device.type, shape.shape) == ("meta", (12, 4))


def test_one_list_of_sizes_a_level() -> None:
    with pytest.raises(ValueError, match="shorter"):
        anchors([(1, 1), (1, 1)], (32, 32), [[32.0]], [1.0], CPU)
