import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from unmask.nets import UNet, derive_halo
from unmask.nets.operations import operations
from unmask.recipe import UNetRecipe


def test_the_papers_network_by_hand() -> None:
    """At width 16 every further pixel costs 92 kFLOP."""
    narrow = UNetRecipe(width=16, depth=4, padding="valid", norm="none")
    near, middle, far = (operations(narrow, 1, 2, 1020 + 16 * k, 1020 + 16 * k) for k in range(3))
    assert (near - 2 * middle + far) / (2 * 16**2) == 92_000


@pytest.mark.parametrize(("enlarge", "reduce"), [(1, 1), (2, 1), (1, 3)])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("width", "depth", "channels", "classes"), [(4, 1, 1, 2), (3, 3, 2, 5), (16, 4, 1, 2)])
def test_as_pytorch_counts(
    padding: str, width: int, depth: int, channels: int, classes: int, enlarge: int, reduce: int
) -> None:
    net = UNet(  # type: ignore[arg-type]
        channels, classes, width=width, depth=depth, padding=padding, enlarge=enlarge, reduce=reduce
    ).eval()
    halo = derive_halo(net)
    height, columns = halo.input_for(20), halo.input_for(70)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, channels, height, columns))
    network = UNetRecipe(  # type: ignore[arg-type]
        width=width, depth=depth, padding=padding, norm="none", enlarge=enlarge, reduce=reduce
    )
    assert operations(network, channels, classes, height, columns) == counter.get_total_flops()
