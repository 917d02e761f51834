"""An ensemble is the mean of its members' probabilities, and looks like one network to all that tiles and counts."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from unmask.errors import ModelError
from unmask.nets import Ensemble, UNet, derive_halo
from unmask.nets.operations import operations
from unmask.recipe import UNetRecipe


class Fixed(nn.Module):
    """Gives the same logits at every pixel."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = torch.tensor([float(one) for one in logits])[None, :, None, None]

    def forward(self, x: Tensor) -> Tensor:
        return self.logits.expand(x.shape[0], -1, *x.shape[2:])


def at_one_pixel(*members: nn.Module) -> list[float]:
    logits: list[float] = Ensemble(members)(torch.zeros(1, 1, 2, 3))[0, :, 1, 2].tolist()
    return logits


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(2, 6), st.sampled_from(["valid", "same"]))
def test_softmax_is_the_mean_of_softmaxes(seed: int, members: int, classes: int, padding: str) -> None:
    torch.manual_seed(seed)
    nets = [UNet(1, classes, width=3, depth=1, padding=padding).eval() for _ in range(members)]  # type: ignore[arg-type]
    image = 3 * torch.randn(2, 1, 24, 20)
    with torch.inference_mode():
        found = Ensemble(nets).eval()(image)
        expected = torch.stack([net(image).double().softmax(1) for net in nets]).mean(0)
    torch.testing.assert_close(found.softmax(1).double(), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.exp().sum(1), torch.ones_like(found[:, 0]), rtol=0, atol=1e-5)


def test_by_hand() -> None:
    """(1/4, 3/4) and (1/2, 1/2): the mean is (3/8, 5/8), that of the logits would be (.37, .63)."""
    found = at_one_pixel(Fixed(0, math.log(3)), Fixed(7, 7))
    assert [math.exp(one) for one in found] == pytest.approx([3 / 8, 5 / 8], abs=1e-6)


def test_certain_members_do_not_overflow() -> None:
    assert at_one_pixel(Fixed(0, 1000), Fixed(0, -1000)) == pytest.approx([math.log(1 / 2)] * 2, abs=1e-6)
    # Of probabilities that no float holds the logarithm is still right.
    assert at_one_pixel(Fixed(0, 1000), Fixed(0, 900)) == pytest.approx([-900 - math.log(2), 0], abs=1e-3)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("enlarge", "reduce"), [(1, 1), (2, 1), (1, 2)])
def test_halo_is_that_of_a_member(padding: str, enlarge: int, reduce: int) -> None:
    nets = [UNet(width=1, depth=2, padding=padding, enlarge=enlarge, reduce=reduce) for _ in range(3)]  # type: ignore[arg-type]
    assert derive_halo(Ensemble(nets)) == derive_halo(nets[0])


def test_halo_of_unlike_members_is_the_larger() -> None:
    nets = [UNet(width=1, depth=depth, padding="same") for depth in (1, 3, 2)]
    assert derive_halo(Ensemble(nets)) == derive_halo(nets[1])


def test_members_whose_outputs_differ_in_size_are_refused() -> None:
    with pytest.raises(ModelError, match="the members of this ensemble differ in size: it cannot be tiled"):
        derive_halo(Ensemble([UNet(width=1, depth=1), UNet(width=1, depth=2)]))


@pytest.mark.parametrize("members", [2, 3])
def test_operations_are_those_of_all(members: int) -> None:
    network = UNetRecipe(width=4, depth=2, norm="none", members=members)
    net = Ensemble([UNet(2, 3, width=4, depth=2, padding="same") for _ in range(members)]).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, 2, 20, 48))
    assert operations(network, 2, 3, 20, 48) == counter.get_total_flops()


def test_members_are_trained_through_it() -> None:
    """Of -log((p + q) / 2) a member's logit has the gradient of its share: -(p / (p + q)) (1 - p)."""
    logits = [torch.tensor([0.0, one], requires_grad=True) for one in (1.0, -2.0)]
    nets = [Fixed(0, 0), Fixed(0, 0)]
    for net, values in zip(nets, logits, strict=True):
        net.logits = values[None, :, None, None]
    (-Ensemble(nets)(torch.zeros(1, 1, 1, 1))[0, 1, 0, 0]).backward()
    p, q = (1 / (1 + math.exp(-one)) for one in (1.0, -2.0))
    grads = [values.grad[1].item() for values in logits if values.grad is not None]
    assert grads == pytest.approx([-p / (p + q) * (1 - p), -q / (p + q) * (1 - q)], abs=1e-6)
