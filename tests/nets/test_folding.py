"""Folded norms change nothing but rounding."""

import pytest
import torch
from torch import nn
from torchvision.ops.misc import FrozenBatchNorm2d

from unmask.nets.backbone import Norm, ResNetBody
from unmask.nets.folding import folded


@pytest.mark.parametrize("norm", ["frozen", "batch"])
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_maps_are_those_of_the_network(name: str, norm: Norm) -> None:
    torch.manual_seed(0)
    body = ResNetBody(name, 2, norm).double().eval()
    for module in body.modules():
        if isinstance(module, FrozenBatchNorm2d | nn.BatchNorm2d):
            for key, value in module.state_dict().items():
                if key != "num_batches_tracked":
                    value.copy_(torch.rand_like(value) * 0.5 + 0.5)
    state = {key: value.clone() for key, value in body.state_dict().items()}
    images = torch.randn(2, 2, 70, 93, dtype=torch.float64)
    with torch.no_grad():
        for ours, plain in zip(folded(body, images), body(images), strict=True):
            torch.testing.assert_close(ours, plain)
            assert float(plain.std()) > 1e-3
    assert all(torch.equal(value, state[key]) for key, value in body.state_dict().items())
