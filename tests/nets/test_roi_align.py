"""RoIAlign beside torchvision's, values and gradients."""

from collections import OrderedDict

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops.poolers import LevelMapper

from unmask.nets.regions import Regions
from unmask.nets.roi_align import RegionFeatures, by_operator, levels_of

SIZE = (128, 192)


def pyramid(dtype: torch.dtype = torch.float64, channels: int = 3) -> list[Tensor]:
    """P2 to P5 of two images of `SIZE`."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, channels, SIZE[0] >> level, SIZE[1] >> level) for level in range(2, 6)]
    return [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]


def regions(count: int, seed: int, dtype: torch.dtype = torch.float64) -> Regions:
    """Of all sizes, some less than a pixel, some far outside the image."""
    generator = torch.Generator().manual_seed(seed)
    start = torch.rand(count, 2, generator=generator, dtype=dtype) * 300 - 60
    side = torch.rand(count, 2, generator=generator, dtype=dtype).pow(3) * 900
    return Regions(torch.cat([start, start + side], dim=1), torch.randint(0, 2, (count,), generator=generator))


def torchvisions(maps: list[Tensor], found: Regions, side: int) -> Tensor:
    """The same; torchvision wants regions image by image."""
    order = found.images.argsort(stable=True)
    boxes = [found.boxes[found.images == image] for image in range(2)]
    align = MultiScaleRoIAlign(["0", "1", "2", "3"], side, 2)
    cells = align(OrderedDict((str(level), features) for level, features in enumerate(maps)), boxes, [SIZE, SIZE])
    result: Tensor = cells[order.argsort()]
    return result


@given(st.integers(0, 40), st.integers(0, 1000), st.integers(1, 9))
def test_equals_torchvisions(count: int, seed: int, side: int) -> None:
    maps, found = pyramid(), regions(count, seed)
    expected = torchvisions(maps, found, side)
    for cells in (RegionFeatures(maps).cut(found, side), by_operator(maps, found, side)):
        assert cells.shape == (count, 3, side, side)
        torch.testing.assert_close(cells, expected, rtol=0, atol=1e-12)


def test_gradient_is_torchvisions() -> None:
    found, maps = regions(60, 1), pyramid()
    slopes = []
    for way in (torchvisions, lambda maps, found, side: RegionFeatures(maps).cut(found, side), by_operator):
        leaves = [features.clone().requires_grad_() for features in maps]
        weight = torch.randn(60, 3, 7, 7, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        (way(leaves, found, 7) * weight).sum().backward()
        slopes.append([leaf.grad for leaf in leaves])
    assert all(float(slope.abs().max()) > 0.1 for slope in slopes[0] if slope is not None)
    torch.testing.assert_close(slopes[1], slopes[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(slopes[2], slopes[0], rtol=0, atol=1e-12)


def test_gradient_by_differences() -> None:
    maps = [features[:, :, :4, :4].contiguous().requires_grad_() for features in pyramid(channels=1)]
    found = Regions(torch.tensor([[1.0, 2, 13, 12], [-4.0, 3, 120, 160]]).double(), torch.tensor([0, 1]))
    assert torch.autograd.gradcheck(lambda *leaves: RegionFeatures(leaves).cut(found, 2), maps)


def test_float32_is_as_exact_as_the_operator() -> None:
    maps, found = pyramid(torch.float32), regions(200, 3, torch.float32)
    exact = torchvisions([features.double() for features in maps], Regions(found.boxes.double(), found.images), 7)
    ours = (RegionFeatures(maps).cut(found, 7) - exact).abs().max()
    theirs = (torchvisions(maps, found, 7) - exact).abs().max()
    assert ours <= 1.5 * theirs


def test_half_precision_is_computed_in_float32() -> None:
    maps = [features.bfloat16() for features in pyramid(torch.float32)]
    found = regions(50, 4, torch.float32)
    cells = RegionFeatures(maps).cut(found, 7)
    assert cells.dtype == torch.float32
    torch.testing.assert_close(cells, torchvisions([m.float() for m in maps], found, 7), rtol=0, atol=1e-4)


def test_cells_are_in_channels_last() -> None:
    """What the mask head's convolutions want."""
    cells = RegionFeatures(pyramid()).cut(regions(5, 0), 14)
    assert cells.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("side", "level"), [(0.0, 0), (10.0, 0), (111.9, 0), (112.0, 1), (223.9, 1), (224.0, 2), (447.0, 2), (1e4, 3)]
)
def test_levels(side: float, level: int) -> None:
    assert levels_of(torch.tensor([[5.0, 7, 5 + side, 7 + side]]), 4).tolist() == [level]


def test_levels_near_their_bounds_are_torchvisions() -> None:
    """A few roundings to either side of 112, 224 and 448."""
    sides = torch.cat([side * (1 + torch.arange(-40, 41) * 2.0**-23) for side in (112, 224, 448)])
    boxes = torch.stack([sides * 0, sides * 0, sides, sides], dim=1)
    expected = LevelMapper(2, 5)([boxes])
    assert torch.equal(levels_of(boxes, 4), expected)
    assert expected.unique().tolist() == [0, 1, 2, 3]


def test_level_depends_on_the_area_only() -> None:
    assert levels_of(torch.tensor([[0.0, 0, 448, 112]]), 4).tolist() == [2]
