"""The heads and the sampling of regions beside torchvision's."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torchvision.models.detection import MaskRCNN as TorchvisionMaskRCNN
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor

from unmask.nets import MaskRCNN, ObjectTargets, objects_in, roi_heads
from unmask.nets.regions import Regions
from unmask.nets.roi_align import RegionFeatures
from unmask.nets.roi_heads import MaskPredictor, RoIHeads, sample_regions

Pair = tuple[TorchvisionMaskRCNN, MaskRCNN]
FRAME = (128, 160)


@pytest.fixture(scope="module")
def maps() -> list[Tensor]:
    """P2 to P5 of two images in a frame of 128 x 160."""
    generator = torch.Generator().manual_seed(3)
    grids = [(32, 40), (16, 20), (8, 10), (4, 5)]
    return [torch.randn(2, 16, *grid, generator=generator, dtype=torch.float64) for grid in grids]


@pytest.fixture(scope="module")
def regions() -> Regions:
    """Seventy regions of two images."""
    generator = torch.Generator().manual_seed(4)
    start = torch.rand(70, 2, generator=generator, dtype=torch.float64) * 100
    side = torch.rand(70, 2, generator=generator, dtype=torch.float64) * 60 + 1
    return Regions(torch.cat([start, start + side], dim=1), torch.arange(70) // 40)


def lists(regions: Regions) -> list[Tensor]:
    """Boxes image by image, as torchvision has them."""
    return [regions.boxes[regions.images == image] for image in range(2)]


def test_classes_and_boxes_are_torchvisions(pair: Pair, maps: list[Tensor], regions: Regions) -> None:
    theirs, ours = pair[0].roi_heads, pair[1].roi_heads
    with torch.no_grad():
        cells = theirs.box_roi_pool({str(at): part for at, part in enumerate(maps)}, lists(regions), [FRAME] * 2)
        logits, deltas = theirs.box_predictor(theirs.box_head(cells))
        found = ours.classify(RegionFeatures(maps), regions)
    torch.testing.assert_close(found[0], logits, rtol=0, atol=1e-10)
    torch.testing.assert_close(found[1].flatten(1), deltas, rtol=0, atol=1e-10)


def test_masks_are_torchvisions(pair: Pair, maps: list[Tensor], regions: Regions) -> None:
    """The class's channel of all that torchvision computes."""
    theirs, ours = pair[0].roi_heads, pair[1].roi_heads
    classes = torch.arange(70) % 5
    with torch.no_grad():
        cells = theirs.mask_roi_pool({str(at): part for at, part in enumerate(maps)}, lists(regions), [FRAME] * 2)
        logits = theirs.mask_predictor(theirs.mask_head(cells))[torch.arange(70), classes]
        found = ours.masks(RegionFeatures(maps), regions, classes)
    assert found is not None
    torch.testing.assert_close(found, logits, rtol=0, atol=1e-10)


def test_mask_predictor_has_torchvisions_gradients() -> None:
    torch.manual_seed(0)
    theirs, ours = MaskRCNNPredictor(6, 6, 4).double(), MaskPredictor(6, 4).double()
    ours.load_state_dict(theirs.state_dict())
    cells, classes = torch.randn(5, 6, 3, 4, dtype=torch.float64), torch.tensor([0, 3, 1, 1, 2])
    weight = torch.randn(5, 6, 8, dtype=torch.float64)
    (theirs(cells)[torch.arange(5), classes] * weight).sum().backward()
    (ours(cells, classes) * weight).sum().backward()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_parts_change_nothing(
    pair: Pair, maps: list[Tensor], regions: Regions, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads, features, classes = pair[1].roi_heads, RegionFeatures(maps), torch.arange(70) % 5
    whole = [part.detach() for part in (*heads.classify(features, regions), heads.masks(features, regions, classes))]
    monkeypatch.setattr(roi_heads, "BOXES_AT_ONCE", 11)
    monkeypatch.setattr(roi_heads, "MASKS_AT_ONCE", 11)
    with torch.no_grad():
        parts = [*heads.classify(features, regions), heads.masks(features, regions, classes)]
    for one, other in zip(parts, whole, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("gradient", [True, False])
def test_no_regions(pair: Pair, maps: list[Tensor], regions: Regions, gradient: bool) -> None:
    heads, features, none = pair[1].roi_heads, RegionFeatures(maps), regions.take(torch.empty(0, dtype=torch.int64))
    with torch.set_grad_enabled(gradient):
        logits, deltas = heads.classify(features, none)
        masks = heads.masks(features, none, none.images)
    assert masks is not None
    assert (logits.shape, deltas.shape, masks.shape) == ((0, 5), (0, 5, 4), (0, 28, 28))
    assert masks.requires_grad == gradient


def test_without_masks(maps: list[Tensor], regions: Regions) -> None:
    heads = RoIHeads(16, 5, box_width=8, masks=False).double()
    assert heads.masks(RegionFeatures(maps), regions, regions.images) is None
    assert not [key for key in heads.state_dict() if "mask" in key]


def test_initialisation_is_torchvisions() -> None:
    """Deviation of every weight, and biases of 0 where torchvision has them."""
    torch.manual_seed(0)
    theirs = {"mask_head": MaskRCNNHeads(64, (64,) * 4, 1), "mask_predictor": MaskRCNNPredictor(64, 64, 91)}
    ours = RoIHeads(64, 91)
    for name, module in theirs.items():
        expected, found = module.state_dict(), ours.get_submodule(name).state_dict()
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert float(found[key].std()) == pytest.approx(float(value.std()), rel=0.15), key


def proposals(targets: list[ObjectTargets]) -> Regions:
    """Boxes on and beside the objects, and anywhere."""
    generator = torch.Generator().manual_seed(5)
    near = torch.cat([target.boxes for target in targets]).repeat(8, 1)
    images = torch.cat([torch.full((len(target),), image) for image, target in enumerate(targets)]).repeat(8)
    moved = near + torch.randn(len(near), 4, generator=generator) * 8
    moved[:, 2:] = torch.maximum(moved[:, 2:], moved[:, :2] + 1)
    order = images.argsort(stable=True)
    return Regions(moved[order].double(), images[order])


def every(labels: Tensor, count: int, positive_share: float) -> tuple[Tensor, Tensor]:
    """A sampler that takes all."""
    assert (count, positive_share) == (32, 0.25)
    return (labels > 0).nonzero().flatten(), (labels == 0).nonzero().flatten()


def test_samples_are_torchvisions(pair: Pair, targets: list[ObjectTargets]) -> None:
    theirs, boxes = pair[0].roi_heads, proposals(targets)
    truth = [target.boxes.double() for target in targets]
    joined = theirs.add_gt_proposals(lists(boxes), truth)
    matched, labels = theirs.assign_targets_to_proposals(joined, truth, [target.classes for target in targets])
    found = sample_regions(boxes, targets, 32, every)
    order = [torch.cat([(part > 0).nonzero().flatten(), (part == 0).nonzero().flatten()]) for part in labels]

    def ordered(parts: list[Tensor]) -> Tensor:
        return torch.cat([part[index] for part, index in zip(parts, order, strict=True)])

    assert torch.equal(found.regions.boxes, ordered(joined))
    assert found.regions.images.tolist() == [0] * len(order[0]) + [1] * len(order[1])
    assert torch.equal(found.classes, ordered(labels))
    objects = found.classes > 0
    assert torch.equal(found.matched[objects], ordered(matched)[objects])
    assert 20 < int(objects.sum()) < len(objects) - 20
    deltas = theirs.box_coder.encode([box[at] for box, at in zip(truth, matched, strict=True)], joined)
    torch.testing.assert_close(found.deltas, ordered(list(deltas))[objects], rtol=0, atol=1e-10)


def test_objects_own_boxes_are_regions(targets: list[ObjectTargets]) -> None:
    """Without any proposal there is something to learn from."""
    none = Regions(torch.empty(0, 4), torch.empty(0, dtype=torch.int64))
    found = sample_regions(none, targets, 32, every)
    assert torch.equal(found.regions.boxes, torch.cat([target.boxes for target in targets]))
    assert torch.equal(found.classes, torch.cat([target.classes for target in targets]))
    assert found.deltas.eq(0).all()


def test_image_without_objects_gives_background(targets: list[ObjectTargets]) -> None:
    empty = torch.empty(0, dtype=torch.int64)
    none = ObjectTargets(torch.empty(0, 4), empty, targets[0].layers * 0, empty, empty)
    boxes = proposals(targets)
    found = sample_regions(boxes, [none, targets[1]], 32, every)
    assert found.classes[found.regions.images == 0].eq(0).all()
    assert int((found.regions.images == 0).sum()) == int((boxes.images == 0).sum())
    assert torch.isfinite(found.deltas).all()


def test_regions_of_hidden_objects_are_not_drawn(targets: list[ObjectTargets]) -> None:
    """Those of background of which more than half is ignored; those of objects stay, wherever they lie."""
    ignore = torch.zeros(128, 150, dtype=torch.bool)
    ignore[:, 70:] = True
    boxes = Regions(
        torch.tensor(
            [
                [60.0, 0, 80, 20],  # half
                [61.0, 0, 81, 20],  # more than half
                [100.0, 0, 120, 20],
                [0.0, 0, 20, 20],
                [89.0, 49, 111, 71],  # an object's
            ]
        ),
        torch.zeros(5, dtype=torch.int64),
    )
    layers = torch.zeros(1, 128, 150, dtype=torch.int64)
    layers[0, 50:70, 90:110] = 7
    target = replace(objects_in(layers, 4), ignore=ignore)
    found = sample_regions(boxes, [target], 32, every)
    assert found.regions.boxes[found.classes > 0].tolist() == [[89, 49, 111, 71], [90, 50, 110, 70]]
    assert found.regions.boxes[found.classes == 0].tolist() == [[60, 0, 80, 20], [0, 0, 20, 20]]
    known = sample_regions(boxes, [replace(target, ignore=None)], 32, every)
    assert len(known.classes) == 6
