"""Matching is torchvision's; sampling keeps its counts."""

import math
import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchvision.models.detection._utils import Matcher
from torchvision.ops import box_iou

from unmask.nets import matching
from unmask.nets.matching import BETWEEN, NOTHING, balanced_sample, ignored_share, match, without_ignored


def boxes(count: int, seed: int, side: int = 40) -> Tensor:
    """Random boxes with whole coordinates, so that overlaps are often equal."""
    corners = torch.randint(0, side, (count, 2), generator=torch.Generator().manual_seed(seed))
    sides = torch.randint(1, 12, (count, 2), generator=torch.Generator().manual_seed(seed + 1))
    return torch.cat([corners, corners + sides], dim=1).float()


def torchvisions(truth: Tensor, regions: Tensor, low: float, high: float, rescue: bool) -> Tensor:
    """The same by torchvision, whose numbers for nothing and between are ours."""
    return Matcher(high, low, allow_low_quality_matches=rescue)(box_iou(truth, regions))


@given(st.integers(1, 6), st.integers(1, 80), st.integers(0, 1000), st.booleans(), st.integers(1, 100))
def test_equals_torchvisions(n: int, r: int, seed: int, rescue: bool, pairs: int) -> None:
    # Objects lie among the boxes, as they do among anchors: torchvision rescues every box for one that overlaps none.
    regions = boxes(r, seed)
    truth = regions[torch.arange(n) % r] + torch.tensor([0.0, 0.0, 2.0, 1.0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "PAIRS", pairs)
        found = match(truth, regions, 0.3, 0.7, rescue=rescue)
    assert torch.equal(found, torchvisions(truth, regions, 0.3, 0.7, rescue))


def test_by_hand() -> None:
    truth = torch.tensor([[0.0, 0, 10, 10], [20.0, 0, 30, 10]])
    regions = torch.tensor([[0.0, 0, 10, 8], [0.0, 0, 10, 5], [0.0, 0, 10, 2], [20.0, 0, 30, 4], [26.0, 0, 36, 10]])
    assert match(truth, regions, 0.3, 0.7, rescue=False).tolist() == [0, BETWEEN, NOTHING, BETWEEN, NOTHING]
    assert match(truth, regions, 0.3, 0.7, rescue=True).tolist() == [0, BETWEEN, NOTHING, 1, NOTHING]
    assert match(truth, regions, 0.5, 0.5, rescue=False).tolist() == [0, 0, NOTHING, NOTHING, NOTHING]


def test_ties_are_all_rescued_even_in_different_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "PAIRS", 1)
    regions = torch.tensor([[0.0, 0, 10, 4], [0.0, 0, 10, 3], [0.0, 6, 10, 10]])
    assert match(torch.tensor([[0.0, 0, 10, 10]]), regions, 0.3, 0.7, rescue=True).tolist() == [0, BETWEEN, 0]


def test_nothing_overlaps_nothing_is_rescued() -> None:
    """Where torchvision makes every box a positive of an object that none overlaps, none is one here."""
    truth, regions = torch.tensor([[90.0, 90, 95, 95]]), boxes(20, 0)
    assert torchvisions(truth, regions, 0.3, 0.7, True).eq(0).all()
    assert match(truth, regions, 0.3, 0.7, rescue=True).eq(NOTHING).all()


@pytest.mark.parametrize("rescue", [True, False])
def test_none_of_either(rescue: bool) -> None:
    assert match(torch.empty(0, 4), boxes(3, 0), 0.3, 0.7, rescue=rescue).tolist() == [NOTHING] * 3
    assert match(boxes(3, 0), torch.empty(0, 4), 0.3, 0.7, rescue=rescue).tolist() == []


@pytest.mark.parametrize(
    ("positives", "negatives", "expected"),
    [(100, 100, (8, 24)), (3, 100, (3, 29)), (100, 5, (8, 5)), (0, 0, (0, 0)), (0, 100, (0, 32))],
)
def test_sample_counts(positives: int, negatives: int, expected: tuple[int, int]) -> None:
    labels = torch.cat([torch.full((positives,), 3), torch.full((negatives,), 0), torch.full((50,), -1)])
    labels = labels[torch.randperm(len(labels))]
    chosen, rest = balanced_sample(labels, 32, 0.25)
    assert (len(chosen), len(rest)) == expected
    assert (labels[chosen] > 0).all()
    assert (labels[rest] == 0).all()
    assert len(torch.cat([chosen, rest]).unique()) == sum(expected)


def test_sample_is_uniform_and_drawn_from_the_global_generator() -> None:
    labels = torch.tensor([1, 0, 1, 0, 1, -1])
    torch.manual_seed(5)
    drawn = torch.stack([torch.cat(balanced_sample(labels, 2, 0.5)) for _ in range(900)])
    counts = torch.bincount(drawn.flatten(), minlength=6)
    assert counts[[0, 2, 4]].float().sub(300).abs().max() < 75  # five standard deviations
    assert counts[[1, 3]].float().sub(450).abs().max() < 75
    torch.manual_seed(5)
    assert torch.equal(torch.cat(balanced_sample(labels, 2, 0.5)), drawn[0])


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 1000), st.booleans())
def test_ignored_share_is_that_of_the_pixels_touched(h: int, w: int, seed: int, whole: bool) -> None:
    """Pixel by pixel, also of boxes that leave the image on any side."""
    generator = torch.Generator().manual_seed(seed)
    ignore = torch.rand(h, w, generator=generator) < 0.5
    some = torch.randint(-12, 30, (20, 4), generator=generator).double()
    some[:, 2:] = some[:, :2] + torch.randint(1, 25, (20, 2), generator=generator)
    if not whole:
        some += torch.rand(20, 4, generator=generator).double()
        some[:, 2:] = torch.maximum(some[:, 2:], some[:, :2] + 1e-3)
    expected = []
    for x0, y0, x1, y1 in some.tolist():
        rows, columns = (range(math.floor(a), math.ceil(b)) for a, b in ((y0, y1), (x0, x1)))
        seen = [bool(ignore[y, x]) for y in rows for x in columns if 0 <= y < h and 0 <= x < w]
        expected.append(sum(seen) / max(1, len(seen)))
    assert ignored_share(ignore, some).tolist() == pytest.approx(expected, abs=1e-6)


def test_negatives_that_are_mostly_ignored_are_neither() -> None:
    """A band is ignored; boxes of ten columns with four, five and six of them in it, none, and all that are there."""
    ignore = torch.zeros(20, 40, dtype=torch.bool)
    ignore[:, 20:] = True
    some = torch.tensor([[14.0, 0, 24, 10], [15, 0, 25, 10], [16, 0, 26, 10], [0, 0, 10, 10], [35, 0, 45, 20]])
    for label, expected in ((0, [0, 0, -1, 0, -1]), (3, [3] * 5), (-1, [-1] * 5)):
        assert without_ignored(torch.full((5,), label), some, ignore).tolist() == expected
    labels = torch.tensor([0, 1, 0, 1, 0])
    assert without_ignored(labels, some, None) is labels


def test_ignored_share_of_many_boxes_is_quick() -> None:
    """200,000 anchors of a large tile: well below the time of a training step."""
    ignore = torch.rand(1000, 1000) < 0.5
    many = torch.rand(200_000, 4) * 900
    many[:, 2:] = many[:, :2] + 30
    ignored_share(ignore, many)
    began = time.monotonic()
    ignored_share(ignore, many)
    assert time.monotonic() - began < 1
