"""Mask targets beside RoIAlign of full frames."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.ops import roi_align

from unmask.nets import ObjectTargets, objects_in
from unmask.nets.mask_targets import known_points, mask_targets
from unmask.nets.regions import Regions


def slow(target: ObjectTargets, boxes: Tensor, matched: Tensor, side: int) -> Tensor:
    """As torchvision computes them."""
    masks = (target.layers[target.layer] == target.keys[:, None, None])[:, None].float()
    rois = torch.cat([matched[:, None].float(), boxes], dim=1)
    return roi_align(masks, rois, side)[:, 0]


def scene(h: int, w: int, count: int, seed: int) -> ObjectTargets:
    """Rectangles, some at the edge and one perhaps as large as the image, in two layers."""
    generator = torch.Generator().manual_seed(seed)
    layers = torch.zeros(2, h, w, dtype=torch.int64)
    for number in range(count):
        y, x = (torch.rand(2, generator=generator) * torch.tensor([h, w])).long().tolist()
        down, across = (torch.rand(2, generator=generator).pow(2) * torch.tensor([h, w]) * 1.5 + 2).long().tolist()
        layers[number % 2, y : y + down, x : x + across] = 2 * (number + 1) + 1
    return objects_in(layers, 1)


@settings(max_examples=40)
@given(st.integers(2, 90), st.integers(2, 90), st.integers(1, 12), st.integers(0, 1000))
def test_equals_full_frames(h: int, w: int, count: int, seed: int) -> None:
    """Also for regions that share only a part of their object, none of it, or leave the image."""
    targets = [scene(h, w, count, seed), scene(h, w, count, seed + 1)]
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 2, (30,), generator=generator)
    images = images[[len(targets[image]) > 0 for image in images.tolist()]]
    matched = torch.tensor(
        [int(torch.randint(len(targets[image]), (1,), generator=generator)) for image in images.tolist()]
    ).long()
    near = torch.empty(len(images), 4)
    for at, (image, one) in enumerate(zip(images.tolist(), matched.tolist(), strict=True)):
        near[at] = targets[image].boxes[one]
    boxes = near + torch.randn(len(images), 4, generator=generator) * 6
    boxes[:, 2:] = torch.maximum(boxes[:, 2:], boxes[:, :2] + 0.1)
    found = mask_targets(targets, Regions(boxes, images), matched, 28)
    assert found.shape == (len(images), 28, 28)
    for image in range(2):
        of = images == image
        if of.any():
            torch.testing.assert_close(found[of], slow(targets[image], boxes[of], matched[of], 28), rtol=0, atol=1e-4)


def test_by_hand() -> None:
    """An object of 4 x 4 pixels in a region of 4 x 8: the left half is full, the right half empty."""
    layers = torch.zeros(1, 20, 20, dtype=torch.int64)
    layers[0, 8:12, 6:10] = 3
    target = objects_in(layers, 1)
    region = Regions(torch.tensor([[6.0, 8.0, 14.0, 12.0]]), torch.tensor([0]))
    (found,) = mask_targets([target], region, torch.tensor([0]), 4).tolist()
    # RoIAlign of 2017 takes pixel i to lie at i, not at i + 1/2. The second cell's points lie at 8.5, between two
    # pixels of the object, and at 9.5, between its last and the background.
    assert found[0] == [1.0, 0.75, 0.0, 0.0]
    # One point a cell from top to bottom, the last at 11.5.
    assert [row[0] for row in found] == [1.0, 1.0, 1.0, 0.5]


def test_no_regions() -> None:
    empty = Regions(torch.empty(0, 4), torch.empty(0, dtype=torch.int64))
    assert mask_targets([scene(9, 9, 2, 0)], empty, torch.empty(0, dtype=torch.int64), 28).shape == (0, 28, 28)


def test_memory_follows_the_objects_not_the_image() -> None:
    """200 objects of 8 pixels in 4,000 x 4,000: as full frames they would take 13 GB."""
    layers = torch.zeros(1, 4000, 4000, dtype=torch.int64)
    for number in range(200):
        layers[0, 20 * number : 20 * number + 8, 10:18] = 2 * number + 3
    target = objects_in(layers, 1)
    found = mask_targets([target], Regions(target.boxes, torch.zeros(200, dtype=torch.int64)), torch.arange(200), 28)
    assert (found[:, :20, :20] > 0.999).all()


def test_known_points_by_hand() -> None:
    """A region of 28 x 28 pixels, a point each: pixels of which more than half of the point's square is ignored."""
    layers = torch.zeros(1, 40, 40, dtype=torch.int64)
    layers[0, 4:32, 4:32] = 3
    layers[0, :, 20:] = -1
    targets = [objects_in(layers, 1), objects_in(layers.clamp(min=0), 1)]
    regions = Regions(torch.tensor([[4.0, 4, 32, 32], [4.0, 4, 32, 32]]), torch.tensor([0, 1]))
    known = known_points(targets, regions, 28)
    assert known is not None
    # RoIAlign of 2017 takes pixel i to lie at i: the point of columns 19 to 20 is half ignored, and counts.
    assert known[0].sum(dim=1).eq(16).all()
    assert known[0, :, :16].all()
    assert known[1].all()
    assert known_points(targets[1:], Regions(regions.boxes[:1], torch.tensor([0])), 28) is None


def test_known_points_of_no_regions() -> None:
    target = objects_in(torch.full((1, 9, 9), -1), 1)
    known = known_points([target], Regions(torch.empty(0, 4), torch.empty(0, dtype=torch.int64)), 28)
    assert known is not None
    assert known.shape == (0, 28, 28)
