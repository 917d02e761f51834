"""The region proposal network beside torchvision's."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torchvision.models.detection import MaskRCNN as TorchvisionMaskRCNN
from torchvision.models.detection.image_list import ImageList

from unmask.nets import MaskRCNN, ObjectTargets
from unmask.nets.matching import match
from unmask.nets.regions import Regions
from unmask.nets.rpn import RPN, Level, propose, sample_anchors

Pair = tuple[TorchvisionMaskRCNN, MaskRCNN]
FRAME = (128, 160)
ONE = (1.0, 1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def maps() -> list[Tensor]:
    """A pyramid of two images in a frame of 128 x 160."""
    generator = torch.Generator().manual_seed(3)
    grids = [(32, 40), (16, 20), (8, 10), (4, 5), (2, 3)]
    return [torch.randn(2, 16, *grid, generator=generator, dtype=torch.float64) for grid in grids]


def first(labels: Tensor, count: int, positive_share: float) -> tuple[Tensor, Tensor]:
    """A sampler without chance: the first positives, the first negatives."""
    positives, negatives = (labels > 0).nonzero().flatten(), (labels == 0).nonzero().flatten()
    positives = positives[: int(count * positive_share)]
    return positives, negatives[: count - len(positives)]


def test_outputs_are_in_the_order_of_the_anchors(pair: Pair, maps: list[Tensor]) -> None:
    """Each anchor's objectness and deltas, read from the maps one by one."""
    rpn = pair[1].rpn
    level = rpn(maps, FRAME)[3]
    hidden = rpn.head.conv(maps[3])
    objectness, deltas = rpn.head.cls_logits(hidden), rpn.head.bbox_pred(hidden)
    shapes = objectness.shape[1]
    at = 0
    for y in range(4):
        for x in range(5):
            for shape in range(shapes):
                torch.testing.assert_close(level.objectness[:, at], objectness[:, shape, y, x])
                torch.testing.assert_close(level.deltas[:, at], deltas[:, 4 * shape : 4 * shape + 4, y, x])
                at += 1
    assert level.objectness.shape == (2, at)
    assert level.anchors.shape == (at, 4)


def test_proposals_are_torchvisions(pair: Pair, maps: list[Tensor]) -> None:
    theirs, ours = pair
    sizes = [(120, 131), (99, 160)]
    with torch.no_grad():
        expected, _ = theirs.rpn(ImageList(torch.empty(2, 3, *FRAME), sizes), dict(enumerate(maps)))
        found = propose(ours.rpn(maps, FRAME), sizes, 100)
    assert found.images.tolist() == [0] * len(expected[0]) + [1] * len(expected[1])
    assert len(found) > 100
    torch.testing.assert_close(found.boxes, torch.cat(expected), rtol=0, atol=1e-10)


def test_proposals_lead_no_gradient_back(pair: Pair, maps: list[Tensor]) -> None:
    assert not propose(pair[1].rpn(maps, FRAME), [FRAME] * 2, 100).boxes.requires_grad


def one_level(boxes: Tensor, scores: Tensor) -> Level:
    """A level that proposes its anchors as they are, the same for one image."""
    return Level(scores[None], torch.zeros(1, len(boxes), 4), boxes)


def test_proposals_by_hand() -> None:
    """Two levels: suppression is within a level, flat boxes are dropped, each level gives so many at most."""
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [50, 0, 60, 10], [20, 20, 30, 30], [70, 70, 80, 80]])
    scores = torch.tensor([2.0, 3.0, 9.0, 1.0, 0.0])
    levels = [one_level(boxes, scores), one_level(boxes[:1], scores[:1])]
    found = propose(levels, [(40, 40)], 4)
    # The third lies outside, the fifth is not among the four best, and the first two overlap by 0.9.
    assert found.boxes.tolist() == [[0, 0, 10, 9], [0, 0, 10, 10], [20, 20, 30, 30]]
    assert propose(levels, [(40, 40)], 1).boxes.tolist() == [[0, 0, 10, 10]]


def test_equal_scores_keep_the_order_of_levels() -> None:
    """As torchvision has it: in float32 the sigmoids of 30 and 40 are 1."""
    boxes = torch.tensor([[0.0, 0, 10, 10], [20.0, 0, 30, 10]])
    levels = [one_level(boxes[:1], torch.tensor([30.0])), one_level(boxes[1:], torch.tensor([40.0]))]
    assert propose(levels, [(40, 40)], 4).boxes.tolist() == boxes.tolist()


def test_no_proposals() -> None:
    outside = one_level(torch.tensor([[50.0, 50, 60, 60]]), torch.tensor([1.0]))
    assert len(propose([outside], [(40, 40)], 10)) == 0


def test_numbers_that_are_none_are_dropped() -> None:
    level = Level(torch.zeros(1, 2), torch.tensor([[[torch.nan, 0, 0, 0], [0, 0, 0, 0]]]), torch.ones(2, 4) * 8)
    level.anchors[:, 2:] += 8
    assert propose([level], [(40, 40)], 10).boxes.tolist() == [[8, 8, 16, 16]]


def test_samples_are_torchvisions(pair: Pair, maps: list[Tensor], targets: list[ObjectTargets]) -> None:
    """Labels and regression targets of all anchors, and the outputs that belong to them."""
    theirs, ours = pair
    levels = ours.rpn(maps, FRAME)
    drawn: list[tuple[Tensor, Tensor]] = []

    def every(labels: Tensor, count: int, positive_share: float) -> tuple[Tensor, Tensor]:
        assert (count, positive_share) == (64, 0.5)
        drawn.append(((labels > 0).nonzero().flatten(), (labels == 0).nonzero().flatten()))
        return drawn[-1]

    sampled = sample_anchors(levels, targets, 64, every)
    anchors = [torch.cat([level.anchors for level in levels])] * 2
    labels, boxes = theirs.rpn.assign_targets_to_anchors(anchors, [{"boxes": target.boxes} for target in targets])
    for image, (positive, negative) in enumerate(drawn):
        assert torch.equal(positive, (labels[image] == 1).nonzero().flatten())
        assert torch.equal(negative, (labels[image] == 0).nonzero().flatten())
    deltas = theirs.rpn.box_coder.encode([box.double() for box in boxes], anchors)
    expected = torch.cat([part[positive] for part, (positive, _) in zip(deltas, drawn, strict=True)])
    torch.testing.assert_close(sampled.targets, expected, rtol=0, atol=1e-10)

    objectness = torch.cat([level.objectness for level in levels], dim=1)
    own = [objectness[image, positive] for image, (positive, _) in enumerate(drawn)]
    own += [objectness[image, negative] for image, (_, negative) in enumerate(drawn)]
    assert torch.equal(sampled.objectness, torch.cat(own))
    assert int(sampled.objectness_target.sum()) == len(sampled.deltas) == len(expected)
    assert sampled.objectness_target[: len(expected)].eq(1).all()


def test_image_without_objects_gives_negatives(pair: Pair, maps: list[Tensor], targets: list[ObjectTargets]) -> None:
    none = ObjectTargets(
        torch.empty(0, 4),
        torch.empty(0, dtype=torch.int64),
        targets[0].layers * 0,
        torch.empty(0, dtype=torch.int64),
        torch.empty(0, dtype=torch.int64),
    )
    sampled = sample_anchors(pair[1].rpn(maps, FRAME), [none, none], 64, first)
    assert sampled.objectness_target.tolist() == [0.0] * 128
    assert sampled.deltas.shape == sampled.targets.shape == (0, 4)


def test_initialisation_is_torchvisions() -> None:
    torch.manual_seed(0)
    head = RPN(64, ((32.0,),) * 5, (0.5, 1.0, 2.0)).head
    for layer in (head.conv[0][0], head.cls_logits, head.bbox_pred):
        assert float(layer.weight.detach().std()) == pytest.approx(0.01, rel=0.1)
        assert layer.bias.detach().eq(0).all()
    assert head.bbox_pred.out_channels == 12


def test_regions_of_a_batch_do_not_meet() -> None:
    """The same box in two images: both stay."""
    level = Level(torch.zeros(2, 1), torch.zeros(2, 1, 4), torch.tensor([[0.0, 0, 10, 10]]))
    found = propose([level], [(40, 40), (40, 5)], 10)
    assert isinstance(found, Regions)
    assert found.boxes.tolist() == [[0, 0, 10, 10], [0, 0, 5, 10]]
    assert found.images.tolist() == [0, 1]


def hidden_corner(target: ObjectTargets) -> ObjectTargets:
    """The same objects; nothing is known of the lower right of the image where none of them is."""
    ignore = torch.zeros(target.layers.shape[1:], dtype=torch.bool)
    ignore[40:, 60:] = True
    return replace(target, ignore=ignore & (target.layers == 0).all(dim=0))


def test_anchors_of_hidden_objects_get_no_gradient(
    pair: Pair, maps: list[Tensor], targets: list[ObjectTargets]
) -> None:
    """All anchors are drawn: those of background that lie in the ignored part, and none else, learn nothing."""

    def every(labels: Tensor, count: int, positive_share: float) -> tuple[Tensor, Tensor]:
        return (labels > 0).nonzero().flatten(), (labels == 0).nonzero().flatten()

    slopes, drawn = [], []
    for some in (targets, [hidden_corner(targets[0]), targets[1]]):
        plain = pair[1].rpn(maps, FRAME)
        levels = [replace(level, objectness=level.objectness.detach().requires_grad_()) for level in plain]
        sampled = sample_anchors(levels, some, 64, every)
        sampled.objectness.sum().backward()
        slopes.append(torch.cat([level.objectness.grad for level in levels if level.objectness.grad is not None], 1))
        drawn.append(sampled)
    boxes = torch.cat([level.anchors for level in plain])
    ignore = hidden_corner(targets[0]).ignore
    assert ignore is not None
    mostly = torch.tensor(
        [
            float((part := ignore[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)]).sum()) > 0.5 * part.numel()
            for x0, y0, x1, y1 in boxes.long().tolist()
        ]
    )
    positive = match(targets[0].boxes, boxes, 0.3, 0.7, rescue=True) >= 0
    assert 200 < int(mostly.sum()) < len(boxes) - 200
    assert torch.equal(slopes[1][0], slopes[0][0].masked_fill(mostly & ~positive, 0))
    assert torch.equal(slopes[1][1], slopes[0][1])  # the other image
    assert int((slopes[0][0] * (mostly & ~positive)).sum()) > 100
    assert torch.equal(drawn[1].targets, drawn[0].targets)
