"""The ResNets are torchvision's, map by map; fixed stages stay as they are."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.ops.misc import FrozenBatchNorm2d

from unmask.errors import ModelError
from unmask.nets.backbone import Backbone, ResNetBody

LAYERS = {f"layer{number}": f"c{number + 1}" for number in range(1, 5)}
STEPS = (("conv1.", "bn1."), ("layer1.",), ("layer2.",), ("layer3.",), ("layer4.",))


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def trained(net: nn.Module) -> nn.Module:
    """Norms with other constants than 1 and 0, as after training."""
    for name, value in net.state_dict().items():
        if name.endswith(("running_var", "bn1.weight", "bn2.weight", "bn3.weight", "downsample.1.weight")):
            value.uniform_(0.5, 1.0)
        elif name.endswith(("running_mean", "bias")):
            value.normal_(0, 0.1)
    return net


def torchvisions(name: str, norm_layer: Callable[..., nn.Module] = nn.BatchNorm2d) -> nn.Module:
    """A ResNet of torchvision with random weights, in evaluation mode."""
    return trained(get_model(name, weights=None, norm_layer=norm_layer)).eval()


def without_classifier(net: nn.Module) -> dict[str, Tensor]:
    """Its weights, those that a backbone has."""
    return {name: value for name, value in net.state_dict().items() if not name.startswith("fc.")}


@pytest.mark.parametrize(
    ("name", "norm"),
    [
        ("resnet18", "batch"),
        ("resnet34", "frozen"),
        ("resnet50", "batch"),
        ("resnet50", "frozen"),
        ("resnet101", "frozen"),
    ],
)
def test_like_torchvision(name: str, norm: str) -> None:
    """C2 to C5 of an image whose sides no stride divides."""
    reference = torchvisions(name, FrozenBatchNorm2d if norm == "frozen" else nn.BatchNorm2d)
    with torch.device("meta"):
        body = ResNetBody(name, norm=norm).eval()
    body.load_state_dict(without_classifier(reference), assign=True)
    image = torch.randn(2, 3, 45, 67)
    with torch.no_grad():
        wanted, found = IntermediateLayerGetter(reference, LAYERS)(image), body(image)
    assert tuple(level.shape[1] for level in found) == body.widths
    assert [tuple(level.shape[2:]) for level in found] == [(12, 17), (6, 9), (3, 5), (2, 3)]
    for ours, theirs in zip(found, wanted.values(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


def test_initialised_like_torchvision() -> None:
    """The same seed gives the same weights."""
    torch.manual_seed(5)
    wanted = without_classifier(get_model("resnet18", weights=None))
    torch.manual_seed(5)
    found = ResNetBody("resnet18", norm="batch").state_dict()
    assert list(found) == list(wanted)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_channels(channels: int) -> None:
    """Every channel of the image is looked at, and the first convolution keeps its spread."""
    body = ResNetBody("resnet18", channels).eval()
    assert body.conv1.weight.shape == (64, channels, 7, 7)
    # He's for 64 * 7 * 7 outgoing connections.
    assert float(body.conv1.weight.detach().std()) == pytest.approx((2 / (64 * 49)) ** 0.5, rel=0.05)
    image = torch.randn(1, channels, 32, 32, requires_grad=True)
    body(image)[0].sum().backward()
    assert image.grad is not None
    assert (image.grad.abs().sum(dim=(0, 2, 3)) > 0).all()


def test_frozen_eps() -> None:
    """(x - mean) / sqrt(variance + eps), by hand: with eps 3 and variance 1 half of what eps 0 gives."""
    maps = []
    for eps in (0.0, 3.0):
        body = ResNetBody("resnet18", frozen_eps=eps)
        assert all(module.eps == eps for module in body.modules() if isinstance(module, FrozenBatchNorm2d))
        maps.append(body.bn1(torch.full((1, 64, 1, 1), 8.0))[0, 0, 0, 0].item())
    assert maps == [8.0, 4.0]


def test_frozen_norms_are_no_parameters() -> None:
    """Nothing of a frozen norm is trained, and it is a constant in training as well."""
    body = trained(ResNetBody("resnet18"))
    assert {name.split(".")[-2] for name, _ in body.named_parameters()} == {"conv1", "conv2", "0"}
    image = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(body.train()(image), body.eval()(image), rtol=0, atol=0)


@pytest.mark.parametrize("norm", ["batch", "frozen"])
def test_fixed_stages(norm: str) -> None:
    """Of fixed stages no gradient, no statistic and no output changes; of the others all do."""
    body, image = trained(ResNetBody("resnet18", norm=norm)), torch.randn(2, 3, 32, 32)
    before = {name: value.clone() for name, value in body.state_dict().items()}
    with torch.no_grad():
        calm = body.eval()(image)
    for fixed in range(6):
        body.load_state_dict(before)
        body.zero_grad()
        body.fixed_stages = fixed
        maps = body.train()(image)
        if fixed < 5:
            maps[-1].square().mean().backward()
        still = tuple(prefix for stage in STEPS[:fixed] for prefix in stage)
        for name, value in body.named_parameters():
            assert (value.grad is None) == name.startswith(still), (fixed, name)
        for name, value in body.state_dict().items():
            moves = name.endswith(("mean", "var", "tracked")) and norm == "batch" and not name.startswith(still)
            assert torch.equal(value, before[name]) != moves, (fixed, name)
        for number, (ours, theirs) in enumerate(zip(maps, calm, strict=True)):
            assert torch.equal(ours, theirs) == (norm == "frozen" or number + 2 <= fixed), (fixed, number)


def test_fixed_stages_change_between_steps() -> None:
    """Whatever the order of setting them and of train() and eval()."""

    def training(body: ResNetBody) -> list[bool]:
        norms = (body.bn1, body.layer1[0].bn1, body.layer2[0].bn1, body.layer3[0].bn1, body.layer4[0].bn1)
        return [norm.training for norm in norms]

    body = ResNetBody("resnet18", norm="batch")
    assert training(body) == [True] * 5
    body.fixed_stages = 5
    assert training(body) == [False] * 5
    assert not any(level.requires_grad for level in body(torch.randn(2, 3, 32, 32)))
    body.fixed_stages = 2
    assert training(body) == [False, False, True, True, True]
    body.eval()
    assert training(body) == [False] * 5
    body.fixed_stages = 1
    assert training(body) == [False] * 5
    body.train()
    assert training(body) == [False, True, True, True, True]
    nn.Sequential(body).eval().train()
    assert training(body) == [False, True, True, True, True]
    body(torch.randn(2, 3, 32, 32))[0].sum().backward()
    assert body.conv1.weight.grad is None
    assert body.layer1[0].conv1.weight.grad is not None


def test_no_gradient_stays_off() -> None:
    """A pass without gradient is one without, whatever is fixed."""
    body = ResNetBody("resnet18").eval()
    with torch.no_grad():
        assert not any(level.requires_grad for level in body(torch.randn(1, 3, 32, 32)))


def test_backbone_is_the_pyramid_on_the_body() -> None:
    """Five maps of one width, those of the pyramid on the body; names are torchvision's detector's."""
    net = Backbone("resnet18", channels=1, width=16).eval()
    image = torch.randn(1, 1, 70, 33)
    maps = net(image)
    assert [tuple(level.shape) for level in maps] == [
        (1, 16, 18, 9), (1, 16, 9, 5), (1, 16, 5, 3), (1, 16, 3, 2), (1, 16, 2, 1)
    ]  # fmt: skip
    for ours, theirs in zip(maps, net.fpn(net.body(image)), strict=True):
        assert torch.equal(ours, theirs)
    names = net.state_dict()
    assert {"body.conv1.weight", "body.layer4.1.bn2.running_var", "fpn.inner_blocks.3.0.bias"} < set(names)


def test_built_without_memory() -> None:
    """Every tensor of it is in the state dict, so that one fills a network that was built on meta."""
    for norm in ("frozen", "batch"):
        real = trained(Backbone("resnet18", channels=2, width=8, norm=norm)).eval()
        with torch.device("meta"):
            net = Backbone("resnet18", channels=2, width=8, norm=norm).eval()
        net.load_state_dict(real.state_dict(), assign=True)
        image = torch.randn(1, 2, 32, 32)
        for ours, theirs in zip(net(image), real(image), strict=True):
            assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "resnet19"}, r"no backbone is called 'resnet19'. Use resnet18, resnet34, resnet50, resnet101"),
        ({"name": "resnet18", "norm": "group"}, r"'group' is no norm of a backbone. Use frozen or batch"),
        ({"name": "resnet18", "channels": 0}, r"an image of 0 channels"),
    ],
)
def test_wrong(wrong: dict[str, object], message: str) -> None:
    """Messages say what there is."""
    with pytest.raises(ModelError, match=message):
        Backbone(**wrong)


@pytest.mark.parametrize("count", [-1, 6])
def test_wrong_fixed_stages(count: int) -> None:
    """There are five."""
    body = ResNetBody("resnet18")
    with pytest.raises(ValueError, match=f"5 stages: {count} of them"):
        body.fixed_stages = count
