"""Losses against numbers computed by hand."""

import math

import pytest
import torch

from unmask.losses import soft_dice, unet_losses, weighted_cross_entropy


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
