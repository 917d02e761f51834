"""Halo, stride and valid sizes come out of the layers; nothing is typed in."""

import pytest
import torch
from torch import nn

from unmask.errors import ModelError
from unmask.nets import UNet, derive_halo


def test_the_papers_network() -> None:
    found = derive_halo(UNet(width=1))
    assert (found.halo, found.stride, found.input_for(388)) == (92, 16, 572)
    assert found.output(572) == 388
    assert found.valid(572)
    assert not found.valid(570)


@pytest.mark.parametrize(("enlarge", "reduce"), [(1, 1), (2, 1), (4, 1), (1, 2), (1, 3)])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_sizes_are_those_of_the_network(depth: int, enlarge: int, reduce: int) -> None:
    """Every length near the smallest: the network runs at the valid ones, giving the length foretold."""
    net = UNet(width=1, depth=depth, enlarge=enlarge, reduce=reduce).eval()
    found = derive_halo(net)
    with torch.no_grad():
        for length in range(found.smallest, found.smallest + 2 * found.stride + 1, found.stride):
            assert found.valid(length)
            assert net(torch.zeros(1, 1, length, length)).shape[-1] == found.output(length)
    with pytest.raises(RuntimeError), torch.no_grad():
        net(torch.zeros(1, 1, found.smallest - found.stride, found.smallest - found.stride))


def test_a_scaled_network_by_hand() -> None:
    """The paper's 92 parts of a pixel are 46 pixels enlarged twice, and 184 reduced by two."""
    twice, half = derive_halo(UNet(width=1, enlarge=2)), derive_halo(UNet(width=1, reduce=2))
    assert (twice.halo, twice.stride, twice.front) == (46, 8, 1)
    assert (half.halo, half.stride, half.front) == (184, 32, 4)
    assert derive_halo(UNet(width=1, enlarge=4)).front is None  # 2 of 4 parts: between pixels


def test_a_network_whose_pixels_lie_between_those_of_the_image_is_refused() -> None:
    with pytest.raises(ModelError, match="between"):
        derive_halo(UNet(width=1, depth=2, enlarge=8))


@pytest.mark.parametrize(("enlarge", "reduce"), [(1, 1), (2, 1), (4, 1), (1, 2), (1, 3)])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_radius_of_the_padded_network_is_what_a_changed_pixel_reaches(depth: int, enlarge: int, reduce: int) -> None:
    """Oracle: change one pixel, see how far the output changes; positive weights, so that nothing cancels."""
    torch.manual_seed(depth)
    net = UNet(width=1, depth=depth, padding="same", enlarge=enlarge, reduce=reduce).double().eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.abs_().add_(0.01)
    found = derive_halo(net)
    side = 2 * (found.halo // found.stride + 2) * found.stride
    reached = 0
    for position in range(side // 2, side // 2 + found.stride):
        image = torch.ones(1, 1, side, found.stride, dtype=torch.float64)
        changed = image.clone()
        changed[0, 0, position] += 1
        with torch.no_grad():
            rows = (net(image) != net(changed)).any(dim=3)[0, 0].nonzero()[:, 0]
        reached = max(reached, position - int(rows.min()), int(rows.max()) - position)
    assert reached == found.halo if enlarge == 1 else found.halo - 1 <= reached <= found.halo  # parts of a pixel


def test_input_for_is_the_smallest_that_suffices() -> None:
    found = derive_halo(UNet(width=1, depth=3))
    for wanted in range(1, 200):
        length = found.input_for(wanted)
        assert found.valid(length)
        assert found.output(length) >= wanted
        smaller = length - found.stride
        assert not found.valid(smaller) or found.output(smaller) < wanted


def test_layers_that_look_at_the_tile_are_refused() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.InstanceNorm2d(4))
    with pytest.raises(ModelError, match=r"InstanceNorm2d looks at a whole tile.*Use batch norm or none"):
        derive_halo(net)


def test_unknown_operations_are_refused() -> None:
    class Wide(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.cumsum(dim=2)

    with pytest.raises(ModelError, match="cumsum is an operation whose reach is not known"):
        derive_halo(Wide())
