"""The feature pyramid is torchvision's, number by number."""

from collections import OrderedDict

import pytest
import torch
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from unmask.nets.fpn import FPN

WIDTHS = (8, 16, 24, 40)


def torchvisions() -> FeaturePyramidNetwork:
    """torchvision's, with biases that are not 0."""
    torch.manual_seed(0)
    net = FeaturePyramidNetwork(list(WIDTHS), 12, LastLevelMaxPool())
    for name, value in net.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(value)
    return net


@pytest.mark.parametrize(
    "sizes",
    [
        [(32, 48), (16, 24), (8, 12), (4, 6)],
        [(25, 19), (13, 10), (7, 5), (4, 3)],
        # Not halves of each other, and wider below than above: the nearest pixel is of any ratio.
        [(17, 9), (11, 9), (5, 7), (3, 2)],
        [(1, 1), (1, 1), (1, 1), (1, 1)],
    ],
)
def test_like_torchvision(sizes: list[tuple[int, int]]) -> None:
    """Same names, same weights, same maps."""
    reference, net = torchvisions(), FPN(WIDTHS, 12)
    net.load_state_dict(reference.state_dict())
    maps = [torch.randn(2, width, *size) for width, size in zip(WIDTHS, sizes, strict=True)]
    wanted = list(reference(OrderedDict((str(number), level) for number, level in enumerate(maps))).values())
    found = net(maps)
    assert len(found) == len(wanted) == 5
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


def test_initialised_like_torchvision() -> None:
    """The same seed gives the same weights; biases are 0."""
    torch.manual_seed(3)
    reference = FeaturePyramidNetwork(list(WIDTHS), 12).state_dict()
    spread = {name: value.abs().max() for name, value in reference.items()}
    for name, value in FPN(WIDTHS, 12).state_dict().items():
        # Uniform in the same bound: the largest of hundreds of values is close to it.
        assert value.abs().max() == pytest.approx(float(spread[name]), rel=0.1), name
        assert not (name.endswith("bias") and value.any())


def test_last_level_is_every_second_pixel() -> None:
    """P6 of a P5 with known values."""
    net = FPN((1,), 1)
    for value in net.parameters():
        torch.nn.init.zeros_(value)
    net.inner_blocks[0][0].weight.data.fill_(1)
    net.layer_blocks[0][0].weight.data[0, 0, 1, 1] = 2
    p5, p6 = net([torch.arange(15.0).reshape(1, 1, 3, 5)])
    assert p5[0, 0, 1].tolist() == [10, 12, 14, 16, 18]
    assert p6.tolist() == [[[[0, 4, 8], [20, 24, 28]]]]


def test_wrong_number_of_maps() -> None:
    """One map for each width."""
    with pytest.raises(ValueError, match=r"shorter|longer"):
        FPN(WIDTHS, 12)([torch.zeros(1, 8, 4, 4)])
