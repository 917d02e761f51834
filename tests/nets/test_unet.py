"""The paper's network: sizes, parameters, initialisation."""

import pytest
import torch

from unmask.nets import UNet


def test_parameters_are_the_papers() -> None:
    assert sum(p.numel() for p in UNet().parameters()) == 31_030_658


def test_has_23_convolutional_layers() -> None:
    kinds = (torch.nn.Conv2d, torch.nn.ConvTranspose2d)
    assert sum(isinstance(module, kinds) for module in UNet().modules()) == 23


def test_every_level_has_the_papers_size() -> None:
    net = UNet(width=1).eval()
    sizes: list[int] = []
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.MaxPool2d | torch.nn.ConvTranspose2d):
            module.register_forward_hook(lambda _m, _i, output: sizes.append(output.shape[-1]))
    with torch.no_grad():
        net(torch.zeros(1, 1, 572, 572))
    down = [570, 568, 284, 282, 280, 140, 138, 136, 68, 66, 64, 32, 30, 28]
    up = [56, 54, 52, 104, 102, 100, 200, 198, 196, 392, 390, 388]
    assert sizes == [*down, *up, 388]


def test_he_initialisation() -> None:
    torch.manual_seed(0)
    net = UNet()
    convolution = net.down[2][0]  # 128 channels in, 3 x 3
    assert float(convolution.weight.detach().std()) == pytest.approx((2 / (9 * 128)) ** 0.5, rel=0.02)
    assert float(net.up[0].weight.detach().std()) == pytest.approx((2 / 1024) ** 0.5, rel=0.02)
    assert float(convolution.bias.detach().abs().max()) == 0


def test_activations_keep_their_scale() -> None:
    """He initialisation's purpose: the deviation of the output is neither lost nor exploded over 23 layers."""
    torch.manual_seed(0)
    net = UNet(width=16).eval()
    with torch.no_grad():
        output = net(torch.randn(1, 1, 188, 188))
    assert 0.1 < float(output.std()) < 10


def test_skip_is_the_centre_crop() -> None:
    """With everything but the topmost skip's centre tap silenced, the output is the input's centre."""
    net = UNet(width=1, depth=1, classes=1).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        for block, channel in ((net.down[0], 0), (net.merge[0], 0)):
            block[0].weight[0, channel, 1, 1] = 1
            block[2].weight[0, 0, 1, 1] = 1
        net.head.weight.fill_(1)
        image = torch.rand(1, 1, 20, 24)
        output = net(image)
    assert torch.equal(output, image[:, :, 8:-8, 8:-8])


def test_dropout_is_at_the_end_of_the_contracting_path() -> None:
    net = UNet(width=2, depth=2, dropout=1 - 1e-9)
    shapes: list[torch.Size] = []
    net.dropout.register_forward_hook(lambda _m, _i, output: shapes.append(output.shape))
    net(torch.zeros(1, 1, 60, 60))
    assert shapes == [torch.Size([1, 8, 8, 8])]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("norm", ["batch", "none"])
def test_options(padding: str, norm: str) -> None:
    net = UNet(3, 5, width=4, depth=2, norm=norm, padding=padding)  # type: ignore[arg-type]
    output = net(torch.zeros(2, 3, 60, 44))
    assert output.shape == ((2, 5, 60, 44) if padding == "same" else (2, 5, 20, 4))
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules()) == (norm == "batch")
