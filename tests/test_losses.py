"""Losses against numbers computed by hand."""

import math

import pytest
import torch

from unmask.losses import mask_rcnn_losses, soft_dice, unet_losses, weighted_cross_entropy
from unmask.nets import RCNNOutputs
from unmask.targets.targets import IGNORED


def logits_of(probabilities: list[list[float]]) -> torch.Tensor:
    """(1, c, 1, n) logits whose softmax is the given rows of class probabilities, one a pixel."""
    return torch.tensor(probabilities).T.log()[None, :, None, :]


def test_weighted_cross_entropy_by_hand() -> None:
    logits = logits_of([[0.5, 0.5], [0.2, 0.8]])
    target, weight = torch.tensor([[[0, 1]]]), torch.tensor([[[1.0, 3.0]]])
    expected = (1 * -math.log(0.5) + 3 * -math.log(0.8)) / 2
    assert float(weighted_cross_entropy(logits, target, weight)) == pytest.approx(expected, rel=1e-6)


def test_weighted_cross_entropy_is_unchanged_by_adding_to_all_logits() -> None:
    logits, target, weight = logits_of([[0.3, 0.7]]), torch.tensor([[[1]]]), torch.ones(1, 1, 1)
    assert torch.allclose(weighted_cross_entropy(logits + 50, target, weight), torch.tensor(-math.log(0.7)))


def test_soft_dice_by_hand() -> None:
    """P = .5 and .8 on truth 0 and 1: 1 - (2 * .8 + 1) / (.25 + .64 + 1 + 1)."""
    loss = soft_dice(logits_of([[0.5, 0.5], [0.2, 0.8]]), torch.tensor([[[0, 1]]]))
    assert float(loss) == pytest.approx(1 - 2.6 / 2.89, rel=1e-5)


def test_total_is_the_sum() -> None:
    logits, target, weight = logits_of([[0.5, 0.5]]), torch.tensor([[[1]]]), torch.ones(1, 1, 1)
    losses = unet_losses(logits, target, weight, dice=0.5)
    assert list(losses) == ["cross_entropy", "dice", "total"]
    assert float(losses["total"]) == pytest.approx(float(losses["cross_entropy"] + losses["dice"]))
    assert list(unet_losses(logits, target, weight, dice=0)) == ["cross_entropy", "total"]


def some_outputs() -> RCNNOutputs:
    """Of a step with three anchors, one positive, and two regions, one of an object."""
    return RCNNOutputs(
        objectness=torch.tensor([0.0, math.log(3), -math.log(4)]),
        objectness_target=torch.tensor([1.0, 0.0, 0.0]),
        anchor_deltas=torch.tensor([[0.1, 0.0, 1.0, 2.0]]),
        anchor_targets=torch.tensor([[0.0, 0.0, 0.0, 3.0]]),
        sampled_anchors=3,
        class_logits=torch.tensor([[0.25, 0.75], [0.5, 0.5]]).log(),
        class_target=torch.tensor([1, 0]),
        box_deltas=torch.tensor([[0.0, 0.0, 0.0, -1.0]]),
        box_targets=torch.zeros(1, 4),
        mask_logits=torch.tensor([[[0.0, math.log(3)]]]),
        mask_targets=torch.tensor([[[0.5, 1.0]]]),
    )


def test_mask_rcnn_losses_by_hand() -> None:
    """Smooth L1 with beta 1/9: 0.1 costs 0.1^2 * 9 / 2 = 0.045, 1 costs 1 - 1/18."""
    losses = {name: float(value) for name, value in mask_rcnn_losses(some_outputs()).items()}
    expected = {
        "objectness": -(math.log(0.5) + math.log(0.25) + math.log(0.8)) / 3,
        "proposal_box": (0.045 + 2 * (1 - 1 / 18)) / 3,
        "class": -(math.log(0.75) + math.log(0.5)) / 2,
        "box": (1 - 1 / 18) / 2,
        "mask": -(math.log(0.5) + math.log(0.75)) / 2,
    }
    assert losses == pytest.approx({**expected, "total": sum(expected.values())}, rel=1e-6)


def test_mask_rcnn_losses_of_nothing_are_zero_with_a_gradient() -> None:
    logits = torch.zeros(0, 28, 28, requires_grad=True)
    nothing = torch.zeros(0, 4)
    outputs = some_outputs()._replace(
        anchor_deltas=nothing,
        anchor_targets=nothing,
        box_deltas=nothing,
        box_targets=nothing,
        mask_logits=logits,
        mask_targets=torch.zeros(0, 28, 28),
    )
    losses = mask_rcnn_losses(outputs)
    assert [float(losses[name].detach()) for name in ("proposal_box", "box", "mask")] == [0, 0, 0]
    losses["total"].backward()
    assert logits.grad is not None


def test_mask_rcnn_losses_without_masks() -> None:
    losses = mask_rcnn_losses(some_outputs()._replace(mask_logits=None, mask_targets=None))
    assert list(losses) == ["objectness", "proposal_box", "class", "box", "total"]


def test_mask_rcnn_losses_of_half_precision_are_in_float32() -> None:
    """The first two decimals of bfloat16 are right, and no more is lost on the way."""
    whole = some_outputs()
    half = whole._replace(
        objectness=whole.objectness.bfloat16(),
        anchor_deltas=whole.anchor_deltas.bfloat16(),
        class_logits=whole.class_logits.bfloat16(),
        box_deltas=whole.box_deltas.bfloat16(),
        mask_logits=None if whole.mask_logits is None else whole.mask_logits.bfloat16(),
    )
    exact = mask_rcnn_losses(whole)
    for name, value in mask_rcnn_losses(half).items():
        assert value.dtype == torch.float32
        assert float(value) == pytest.approx(float(exact[name]), rel=1e-2)


def ignored_right(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits of three classes, targets and weights of two tiles whose columns from the eighth on are ignored."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(2, 3, 9, 14, generator=generator)
    target = torch.randint(0, 3, (2, 9, 14), generator=generator)
    target[:, :, 8:] = IGNORED
    return logits, target, torch.rand(2, 9, 14, generator=generator) + 0.1


LOSS_OF = {
    "cross entropy": weighted_cross_entropy,
    "dice": lambda logits, target, weight: soft_dice(logits, target),
    "both": lambda logits, target, weight: unet_losses(logits, target, weight, dice=0.7)["total"],
}


@pytest.mark.parametrize("name", LOSS_OF)
def test_ignored_pixels_are_as_if_cut_off(name: str) -> None:
    """Their gradient is 0 to the last bit; value and gradients of the rest are those of the cropped tile."""
    logits, target, weight = ignored_right(0)
    whole = logits.clone().requires_grad_()
    loss = LOSS_OF[name](whole, target, weight)
    loss.backward()
    assert whole.grad is not None
    assert whole.grad[..., 8:].eq(0).all()

    part = logits[..., :8].clone().requires_grad_()
    cropped = LOSS_OF[name](part, target[..., :8], weight[..., :8])
    cropped.backward()
    assert part.grad is not None
    torch.testing.assert_close(loss, cropped)
    torch.testing.assert_close(whole.grad[..., :8], part.grad)
    assert float(part.grad.abs().max()) > 1e-3


@pytest.mark.parametrize("name", LOSS_OF)
def test_where_nothing_is_known_nothing_is_learned(name: str) -> None:
    logits, target, weight = ignored_right(1)
    logits.requires_grad_()
    loss = LOSS_OF[name](logits, torch.full_like(target, IGNORED), weight)
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert logits.grad.eq(0).all()


def test_where_all_is_known_the_mean_is_the_very_same() -> None:
    """Bit for bit, gradients too: a run without anything to ignore repeats one of before there was such a thing."""
    logits, target, weight = ignored_right(2)
    target = target.clamp(min=0)
    ours, plain = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss = weighted_cross_entropy(ours, target, weight)
    mean = (torch.nn.functional.cross_entropy(plain, target, reduction="none") * weight).mean()
    assert torch.equal(loss, mean)
    loss.backward()
    mean.backward()
    assert ours.grad is not None
    assert plain.grad is not None
    assert torch.equal(ours.grad, plain.grad)


def test_mask_points_that_are_not_known_do_not_count() -> None:
    logits = torch.tensor([[[0.0, math.log(3)], [5.0, 5.0]]], requires_grad=True)
    known = torch.tensor([[[True, True], [False, False]]])
    truth = torch.tensor([[[0.5, 1.0], [0.0, 0.0]]])
    outputs = some_outputs()._replace(mask_logits=logits, mask_targets=truth, mask_known=known)
    losses = mask_rcnn_losses(outputs)
    assert float(losses["mask"].detach()) == pytest.approx(-(math.log(0.5) + math.log(0.75)) / 2, rel=1e-6)
    losses["total"].backward()
    assert logits.grad is not None
    assert logits.grad[~known].eq(0).all()
    assert logits.grad[known].tolist() == pytest.approx([0, (0.75 - 1) / 2], abs=1e-6)
    unknown = mask_rcnn_losses(outputs._replace(mask_known=torch.zeros_like(known)))
    assert float(unknown["mask"].detach()) == 0
