import pytest
import torch
from torch import nn

from unmask.nets import Ensemble, UNet
from unmask.nets.tempering import tempered


@pytest.mark.parametrize("scale", [{}, {"enlarge": 2}, {"reduce": 2}], ids=["plain", "enlarged", "reduced"])
@torch.inference_mode()
def test_logits_are_divided_and_the_network_given_is_not_changed(scale: dict[str, int]) -> None:
    torch.manual_seed(0)
    net = UNet(1, 3, width=4, depth=1, padding="same", **scale).eval()
    nn.init.normal_(net.head.bias)
    image = torch.rand(1, 1, 16, 16)
    before = net(image)
    torch.testing.assert_close(tempered(net, 2.5)(image), before / 2.5)
    torch.testing.assert_close(net(image), before)


@torch.inference_mode()
def test_networks_within_others_are_found() -> None:
    torch.manual_seed(0)
    members = [UNet(1, 2, width=2, depth=1, padding="same").eval() for _ in range(2)]
    image = torch.rand(1, 1, 8, 8)
    found = tempered(Ensemble(members), 0.5)(image)
    mean = sum((2 * net(image)).softmax(1) for net in members) / 2
    torch.testing.assert_close(found.softmax(1), mean)
