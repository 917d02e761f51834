"""From class scores to detections beside torchvision's."""

import pytest
import torch
from torch import Tensor
from torchvision.models.detection import MaskRCNN as TorchvisionMaskRCNN

from unmask.nets import MaskRCNN
from unmask.nets.regions import Regions
from unmask.nets.selection import by_image, select

Pair = tuple[TorchvisionMaskRCNN, MaskRCNN]


def test_equals_torchvisions(pair: Pair) -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.rand(120, 2, generator=generator, dtype=torch.float64) * 60
    side = torch.rand(120, 2, generator=generator, dtype=torch.float64) * 60 + 1
    regions = Regions(torch.cat([start, start + side], dim=1), torch.arange(120) // 50)
    logits = torch.randn(120, 5, generator=generator, dtype=torch.float64) * 2
    deltas = torch.randn(120, 5, 4, generator=generator, dtype=torch.float64)
    sizes = [(100, 90), (70, 80), (50, 50)]
    boxes = [regions.boxes[regions.images == image] for image in range(3)]
    expected = pair[0].roi_heads.postprocess_detections(logits, deltas.flatten(1), boxes, sizes)
    found = select(logits, deltas, regions, sizes, score_threshold=0.05, nms=0.5, max_detections=40)
    parts = by_image(found, None)
    assert [len(part) for part in parts] == [len(part) for part in expected[1]]
    assert [part.saturated for part in parts] == [True, True, False]
    for part, one, scores, labels in zip(parts, *expected, strict=True):
        torch.testing.assert_close(part.boxes, one, rtol=0, atol=1e-10)
        assert torch.equal(part.classes, labels)
        torch.testing.assert_close(part.scores, scores, rtol=0, atol=1e-12)


def choose(
    probabilities: list[list[float]], boxes: list[list[float]], images: list[int], limit: int = 10, count: int = 1
) -> tuple[list[list[float]], list[int], list[bool]]:
    """Boxes, classes and saturation for class probabilities, with deltas of 0."""
    found = select(
        torch.tensor(probabilities).log(),
        torch.zeros(len(boxes), len(probabilities[0]), 4),
        Regions(torch.tensor(boxes), torch.tensor(images)),
        [(40, 40)] * count,
        score_threshold=0.05,
        nms=0.5,
        max_detections=limit,
    )
    return found.regions.boxes.tolist(), found.classes.tolist(), found.saturated


def test_by_hand() -> None:
    """Two classes of one region, a better region of one class, one too poor, one beyond the edge."""
    probabilities = [[0.1, 0.5, 0.4], [0.2, 0.8, 0.0], [0.96, 0.02, 0.02], [0.1, 0.9, 0.0]]
    boxes = [[0.0, 0, 10, 10], [0.0, 0, 10, 9], [20.0, 20, 30, 30], [40.0, 0, 50, 10]]
    found, classes, saturated = choose(probabilities, boxes, [0, 0, 0, 0])
    assert found == [[0, 0, 10, 9], [0, 0, 10, 10]]
    assert classes == [1, 2]
    assert saturated == [False]


@pytest.mark.parametrize(("limit", "saturated"), [(1, [True, False]), (2, [False, False]), (3, [False, False])])
def test_limit_is_an_images_and_says_so(limit: int, saturated: list[bool]) -> None:
    """The worse object of image 0 scores more than the only one of image 1, and does not take its place."""
    boxes = [[0.0, 0, 10, 10], [20.0, 0, 30, 10], [0.0, 0, 10, 10]]
    found, _, told = choose([[0.1, 0.9], [0.2, 0.8], [0.7, 0.3]], boxes, [0, 0, 1], limit, count=2)
    assert told == saturated
    assert found == [boxes[0], *([boxes[1]] if limit > 1 else []), boxes[2]]


def test_nothing_found() -> None:
    found = select(
        torch.tensor([[9.0, 0.0]]),
        torch.zeros(1, 2, 4),
        Regions(torch.tensor([[0.0, 0, 5, 5]]), torch.tensor([0])),
        [(40, 40)],
        score_threshold=0.05,
        nms=0.5,
        max_detections=1,
    )
    (one,) = by_image(found, torch.empty(0, 28, 28))
    assert (len(one), one.saturated, one.boxes.shape) == (0, False, (0, 4))


def test_by_image_keeps_masks_with_their_boxes() -> None:
    boxes = [[0.0, 0, 10, 10], [20.0, 0, 30, 10], [0.0, 20, 10, 30]]
    found = select(
        torch.tensor([[0.1, 0.9], [0.2, 0.8], [0.7, 0.3]]).log(),
        torch.zeros(3, 2, 4),
        Regions(torch.tensor(boxes), torch.tensor([2, 0, 2])),
        [(40, 40)] * 3,
        score_threshold=0.05,
        nms=0.5,
        max_detections=5,
    )
    masks = torch.arange(3.0)[:, None, None].expand(3, 28, 28)
    parts = by_image(found, masks)
    assert [part.boxes.tolist() for part in parts] == [[boxes[1]], [], [boxes[0], boxes[2]]]
    logits: list[Tensor | None] = [part.mask_logits for part in parts]
    assert [[] if part is None else part[:, 0, 0].tolist() for part in logits] == [[0.0], [], [1.0, 2.0]]
