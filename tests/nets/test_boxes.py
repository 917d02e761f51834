"""Boxes: the coder, clipping and suppression against torchvision's, geometry against itself."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import batched_nms, box_iou, clip_boxes_to_image, nms, remove_small_boxes

from unmask.nets import boxes as module
from unmask.nets.boxes import clip, decode, encode, from_normalised, large_enough, nms_by_group, stretch, to_normalised

ONES = (1.0, 1.0, 1.0, 1.0)
HEAD = (10.0, 10.0, 5.0, 5.0)


@st.composite
def some_boxes(draw: st.DrawFn, least: float = 0.5, count: int | None = None) -> Tensor:
    """(n, 4) boxes with sides of at least `least`, partly outside any image."""
    n = draw(st.integers(0, 30)) if count is None else count
    corner = st.floats(-300, 1500, width=32)
    side = st.floats(least, 900, width=32)
    rows = [(draw(corner), draw(corner), draw(side), draw(side)) for _ in range(n)]
    return torch.tensor([(x, y, x + w, y + h) for x, y, w, h in rows], dtype=torch.float32).reshape(-1, 4)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Equally many boxes and anchors."""
    n = draw(st.integers(0, 20))
    return draw(some_boxes(count=n)), draw(some_boxes(count=n))


def test_coding_by_hand() -> None:
    """A 20 x 40 anchor around (20, 40): half its width right, a quarter of its height up, twice as wide."""
    anchor = torch.tensor([[10.0, 20.0, 30.0, 60.0]])
    box = torch.tensor([[10.0, 10.0, 50.0, 50.0]])
    deltas = torch.tensor([[0.5, -0.25, math.log(2), 0.0]])
    torch.testing.assert_close(encode(box, anchor, ONES), deltas)
    torch.testing.assert_close(decode(deltas, anchor, ONES), box)
    weighted = deltas * torch.tensor(HEAD)
    torch.testing.assert_close(encode(box, anchor, HEAD), weighted)
    torch.testing.assert_close(decode(weighted, anchor, HEAD), box)


def test_a_side_grows_at_most_62_5_times() -> None:
    """1000 / 16 = 62.5."""
    anchor = torch.tensor([[0.0, 0.0, 20.0, 40.0]])
    wide, high = decode(torch.tensor([[0.0, 0.0, 100.0, 0.0], [0.0, 0.0, 0.0, 100.0]]), anchor.repeat(2, 1), ONES)
    torch.testing.assert_close(wide, torch.tensor([10 - 625.0, 0.0, 10 + 625.0, 40.0]))
    torch.testing.assert_close(high, torch.tensor([0.0, 20 - 1250.0, 20.0, 20 + 1250.0]))
    assert torch.isfinite(decode(torch.full((1, 4), 1e6), anchor, HEAD)).all()


@given(pairs(), st.sampled_from([ONES, HEAD, (10.0, 7.0, 5.0, 3.0)]))
def test_encode_equals_torchvisions(pair: tuple[Tensor, Tensor], weights: tuple[float, float, float, float]) -> None:
    boxes, anchors = pair
    torch.testing.assert_close(encode(boxes, anchors, weights), BoxCoder(weights).encode_single(boxes, anchors))


@given(some_boxes(), st.integers(0, 2**31), st.sampled_from([ONES, HEAD, (10.0, 7.0, 5.0, 3.0)]))
def test_decode_equals_torchvisions(anchors: Tensor, seed: int, weights: tuple[float, float, float, float]) -> None:
    deltas = torch.randn(len(anchors), 4, generator=torch.Generator().manual_seed(seed)) * 4
    expected = BoxCoder(weights).decode_single(deltas, anchors)
    torch.testing.assert_close(decode(deltas, anchors, weights), expected)


@given(pairs(), st.sampled_from([ONES, HEAD]))
def test_decode_undoes_encode(pair: tuple[Tensor, Tensor], weights: tuple[float, float, float, float]) -> None:
    # In double precision, and within the 62.5 times that a side may grow.
    boxes, anchors = pair[0].double(), pair[1].double()
    sides, theirs = boxes[:, 2:] - boxes[:, :2], anchors[:, 2:] - anchors[:, :2]
    kept = (sides / theirs <= 62).all(1)
    again = decode(encode(boxes, anchors, weights), anchors, weights)
    torch.testing.assert_close(again[kept], boxes[kept], rtol=0, atol=1e-9)


@given(pairs(), st.floats(-1000, 1000), st.sampled_from([0.25, 0.5, 2.0, 4.0]))
def test_deltas_do_not_change_with_shift_and_scale(pair: tuple[Tensor, Tensor], shift: float, scale: float) -> None:
    boxes, anchors = pair[0].double(), pair[1].double()
    moved = encode(boxes * scale + shift, anchors * scale + shift, ONES)
    torch.testing.assert_close(moved, encode(boxes, anchors, ONES), rtol=1e-9, atol=1e-9)


def test_half_precision_deltas_lose_no_pixels() -> None:
    anchors = torch.tensor([[2001.0, 3003.0, 2403.0, 3109.0]])
    for half in (torch.float16, torch.bfloat16):
        deltas = torch.tensor([[0.7, -1.3, 0.4, -2.2]], dtype=half)
        found = decode(deltas, anchors, HEAD)
        assert found.dtype == torch.float32
        assert torch.equal(found, decode(deltas.float(), anchors, HEAD))


def test_coding_lets_gradients_through() -> None:
    deltas = torch.zeros(2, 4, requires_grad=True)
    anchors = torch.tensor([[0.0, 0.0, 8.0, 4.0], [2.0, 2.0, 6.0, 10.0]])
    decode(deltas, anchors, ONES)[:, 2].sum().backward()
    # d x1 / d dx = w; d x1 / d dw = w / 2.
    assert deltas.grad is not None
    assert deltas.grad.tolist() == [[8.0, 0.0, 4.0, 0.0], [4.0, 0.0, 2.0, 0.0]]


def test_a_batch_is_decoded_as_its_images_are() -> None:
    generator = torch.Generator().manual_seed(0)
    deltas = torch.randn(2, 5, 4, generator=generator)
    anchors = torch.tensor([0.0, 0.0, 9.0, 7.0]).repeat(2, 5, 1)
    together = decode(deltas, anchors, HEAD)
    assert together.shape == (2, 5, 4)
    for image in range(2):
        assert torch.equal(together[image], decode(deltas[image], anchors[image], HEAD))
    assert torch.equal(clip(together, (6, 8))[1], clip(together[1], (6, 8)))
    assert torch.equal(large_enough(together, 9)[1], large_enough(together[1], 9))


def test_clip_by_hand() -> None:
    boxes = torch.tensor([[-5.0, 3.0, 25.0, 14.0], [30.0, -9.0, 40.0, -1.0]])
    assert clip(boxes, (10, 20)).tolist() == [[0.0, 3.0, 20.0, 10.0], [20.0, 0.0, 20.0, 0.0]]


@given(some_boxes(least=0), st.integers(1, 900), st.integers(1, 900))
def test_clip_equals_torchvisions(boxes: Tensor, h: int, w: int) -> None:
    found = clip(boxes, (h, w))
    assert torch.equal(found, clip_boxes_to_image(boxes, (h, w)))
    assert torch.equal(clip(found, (h, w)), found)


@given(some_boxes(least=0), st.sampled_from([1e-3, 1e-2, 1.0, 100.0]))
def test_large_enough_equals_torchvisions(boxes: Tensor, side: float) -> None:
    assert torch.equal(large_enough(boxes, side).nonzero()[:, 0], remove_small_boxes(boxes, side))


def test_large_enough_wants_both_sides() -> None:
    boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 1.9], [0.0, 0.0, 1.9, 2.0]])
    assert large_enough(boxes, 2).tolist() == [True, False, False]


def test_normalised_by_hand() -> None:
    boxes = torch.tensor([[0.0, 0.0, 20.0, 10.0], [5.0, 5.0, 15.0, 10.0]])
    parts = to_normalised(boxes, (10, 20))
    assert parts.tolist() == [[0.0, 0.0, 1.0, 1.0], [0.25, 0.5, 0.75, 1.0]]
    assert from_normalised(parts, (10, 20)).tolist() == boxes.tolist()
    assert stretch(boxes, 2, 3).tolist() == [[0.0, 0.0, 40.0, 30.0], [10.0, 15.0, 30.0, 30.0]]


@given(some_boxes(least=0), st.integers(1, 5000), st.integers(1, 5000))
def test_from_normalised_undoes_to_normalised(boxes: Tensor, h: int, w: int) -> None:
    torch.testing.assert_close(from_normalised(to_normalised(boxes, (h, w)), (h, w)), boxes)


def greedy(boxes: Tensor, scores: Tensor, groups: Tensor, threshold: float) -> list[int]:
    """The rule itself: best first, equal scores in order, dropped when a better one of its group overlaps too much."""
    overlap = box_iou(boxes, boxes).tolist()
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: -float(scores[i])):
        if not any(groups[i] == groups[k] and overlap[k][i] > threshold for k in kept):
            kept.append(i)
    return kept


@st.composite
def crowds(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor]:
    """Small whole-pixel boxes, many equal or of no area, with few scores and few groups: ties everywhere."""
    n = draw(st.integers(0, 25))
    corner, side, score = st.integers(-3, 5), st.integers(0, 6), st.integers(0, 4)
    group = st.sampled_from([-2, 0, 1, 90])
    rows = [tuple(draw(part) for part in (corner, corner, side, side, score, group)) for _ in range(n)]
    boxes = torch.tensor([(x, y, x + w, y + h) for x, y, w, h, _, _ in rows], dtype=torch.float32).reshape(-1, 4)
    scores = torch.tensor([row[4] / 4 for row in rows], dtype=torch.float32)
    return boxes, scores, torch.tensor([row[5] for row in rows], dtype=torch.int64)


@given(crowds(), st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]))
def test_suppression_follows_the_rule(crowd: tuple[Tensor, Tensor, Tensor], threshold: float) -> None:
    found = nms_by_group(*crowd, threshold)
    assert found.dtype == torch.int64
    assert found.tolist() == greedy(*crowd, threshold)


def random_crowd(n: int, groups: int, reach: float) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes of 20 to 120 pixels, half of them near copies of the others, with distinct scores."""
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(n, 2, generator=generator) * reach
    boxes = torch.cat([corners, corners + 20 + 100 * torch.rand(n, 2, generator=generator)], dim=1)
    half = n // 2
    boxes[half:] = boxes[: n - half] + 3 * torch.randn(n - half, 4, generator=generator)
    scores = torch.randperm(n, generator=generator) / max(n, 1)
    return boxes, scores, torch.randint(groups, (n,), generator=generator)


@pytest.mark.parametrize("n", [0, 1, 900, 3000])
@pytest.mark.parametrize("threshold", [0.5, 0.7])
def test_suppression_equals_torchvisions(n: int, threshold: float) -> None:
    """Below and above the 1,000 boxes at which torchvision changes its way."""
    crowd = random_crowd(n, 5, 300)
    found = nms_by_group(*crowd, threshold)
    assert torch.equal(found, batched_nms(*crowd, threshold))
    assert n < 900 or len(found) < 0.95 * n


def apart(boxes: Tensor, scores: Tensor, groups: Tensor, threshold: float) -> Tensor:
    """What a GPU computes, on the CPU."""
    return nms(module._apart(boxes, groups), scores.double(), threshold)


# No IoU of small whole-pixel boxes is 0.4567, so float32 and double agree on which are above.
@given(crowds(), st.just(0.4567))
def test_one_suppression_of_all_equals_one_a_group(crowd: tuple[Tensor, Tensor, Tensor], threshold: float) -> None:
    assert torch.equal(apart(*crowd, threshold), nms_by_group(*crowd, threshold))


def test_equal_boxes_of_two_groups_are_both_kept_left_of_the_image_too() -> None:
    boxes = torch.tensor([[-10.0, -10.0, -1.0, -1.0]]).repeat(3, 1)
    crowd = boxes, torch.tensor([0.5, 0.9, 0.7]), torch.tensor([0, 1, 1])
    assert apart(*crowd, 0.5).tolist() == nms_by_group(*crowd, 0.5).tolist() == [1, 0]


def test_one_suppression_of_all_is_exact_for_many_groups_of_a_large_image() -> None:
    """Where torchvision's float32 offsets are not: 20,000 pixels and 1,000 groups leave them steps of two pixels."""
    boxes, scores, groups = random_crowd(900, 8, 300)
    small_and_far = boxes / 10
    small_and_far[0] += 20_000
    crowd = small_and_far, scores, groups + 990
    found = nms_by_group(*crowd, 0.5)
    assert torch.equal(apart(*crowd, 0.5), found)
    assert not torch.equal(batched_nms(*crowd, 0.5), found)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_suppression_on_a_gpu_equals_the_cpus() -> None:
    crowd = random_crowd(3000, 5, 300)
    found = nms_by_group(*(part.cuda() for part in crowd), 0.5)
    assert found.is_cuda
    assert torch.equal(found.cpu(), nms_by_group(*crowd, 0.5))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_suppression_takes_other_types(dtype: torch.dtype) -> None:
    boxes, scores, groups = random_crowd(60, 2, 100)
    exact = boxes.round(), (scores * 64).round() / 64, groups
    for taken in ((exact[0], exact[1].to(dtype)), (exact[0].to(torch.float64), exact[1].to(dtype))):
        assert torch.equal(nms_by_group(*taken, groups, 0.4567), nms_by_group(*exact, 0.4567))


def test_nothing_in_nothing_out() -> None:
    none = torch.zeros(0, 4)
    for found in (
        encode(none, none, ONES),
        decode(none, none, ONES),
        clip(none, (3, 4)),
        stretch(none, 2, 3),
        to_normalised(none, (3, 4)),
        from_normalised(none, (3, 4)),
    ):
        assert found.shape == (0, 4)
        assert found.dtype == torch.float32
    assert large_enough(none, 1).shape == (0,)
    groups = torch.zeros(0, dtype=torch.int64)
    for kept in (nms_by_group(none, none[:, 0], groups, 0.5), apart(none, none[:, 0], groups, 0.5)):
        assert kept.shape == (0,)
        assert kept.dtype == torch.int64


def test_results_stay_with_the_boxes_whatever_the_default_device() -> None:
    boxes, scores, groups = random_crowd(6, 2, 50)
    half = boxes.to(torch.float16)
    with torch.device("meta"):
        results = [encode(boxes, boxes, ONES), decode(boxes, boxes, ONES), clip(boxes, (3, 4)), large_enough(boxes, 1)]
        results += [to_normalised(boxes, (3, 4)), from_normalised(boxes, (3, 4))]
        kept = nms_by_group(boxes, scores, groups, 0.5)
        halves = [encode(half, half, ONES), clip(half, (3, 4)), to_normalised(half, (3, 4)), stretch(half, 2, 3)]
    assert {result.device.type for result in [*results, kept, *halves]} == {"cpu"}
    assert {result.dtype for result in halves} == {torch.float16}
    on_meta = boxes.to("meta")
    assert decode(on_meta, on_meta, HEAD).device.type == clip(on_meta, (3, 4)).device.type == "meta"
