"""Losses against numbers computed by hand."""

import math

import pytest
import torch

from unmask.losses import mask_rcnn_losses, soft_dice, unet_losses, weighted_cross_entropy
from unmask.nets import RCNNOutputs


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
