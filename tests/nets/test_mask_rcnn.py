"""Mask R-CNN as a whole beside torchvision's: detections, losses, gradients."""

import copy
import sys
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN as TorchvisionMaskRCNN
from torchvision.models.detection import maskrcnn_resnet50_fpn
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler

from unmask.losses import mask_rcnn_losses
from unmask.nets import MaskRCNN, ObjectTargets, Resize, mask_rcnn, objects_in
from unmask.nets.roi_align import RegionFeatures

Pair = tuple[TorchvisionMaskRCNN, MaskRCNN]
RESIZE = Resize("shortest-edge", short=128, long=213)  # as torchvision's of conftest
LOSSES = {
    "objectness": "loss_objectness",
    "proposal_box": "loss_rpn_box_reg",
    "class": "loss_classifier",
    "box": "loss_box_reg",
    "mask": "loss_mask",
}


def full_masks(target: ObjectTargets) -> Tensor:
    """(n, h, w): the full frames that torchvision wants."""
    return (target.layers[target.layer] == target.keys[:, None, None]).to(torch.uint8)


def nothing(like: ObjectTargets) -> ObjectTargets:
    """Targets of an image without objects."""
    none = torch.empty(0, dtype=torch.int64)
    return ObjectTargets(torch.empty(0, 4), none, like.layers * 0, none, none)


def numbers(losses: dict[str, Tensor]) -> dict[str, float]:
    """Plain numbers."""
    return {name: float(value.detach()) for name, value in losses.items()}


def named(losses: dict[str, Tensor]) -> dict[str, float]:
    """Plain numbers of torchvision's losses under our names."""
    return {name: float(losses[other].detach()) for name, other in LOSSES.items()}


def first(labels: Tensor, count: int, positive_share: float) -> tuple[Tensor, Tensor]:
    """A sampler without chance: the first positives, the first negatives."""
    positives, negatives = (labels > 0).nonzero().flatten(), (labels == 0).nonzero().flatten()
    positives = positives[: int(count * positive_share)]
    return positives, negatives[: count - len(positives)]


def torchvisions_first(sampler: BalancedPositiveNegativeSampler, labels: list[Tensor]) -> tuple[list[Tensor], ...]:
    """The same as torchvision wants it: masks."""
    found: tuple[list[Tensor], list[Tensor]] = [], []
    for each in labels:
        drawn = first(each, sampler.batch_size_per_image, sampler.positive_fraction)
        for masks, index in zip(found, drawn, strict=True):
            masks.append(torch.zeros(len(each), dtype=torch.uint8).index_fill(0, index, 1))
    return found


@pytest.fixture
def trained(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """Copies in training mode, with samplers that draw the same."""
    monkeypatch.setattr(BalancedPositiveNegativeSampler, "__call__", torchvisions_first)
    theirs, ours = copy.deepcopy(pair)
    ours.sampler = first
    return theirs.train(), ours.train()


@pytest.fixture
def batch() -> Tensor:
    """Two images of 128 x 150, which torchvision does not resize."""
    return torch.rand(2, 3, 128, 150, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def small() -> MaskRCNN:
    """A network of the cheapest kind, in single precision and training mode."""
    torch.manual_seed(0)
    return mask_rcnn("resnet18", classes=5, width=16, box_width=32, proposals=50, train_proposals=50)


def test_detections_are_torchvisions(pair: Pair, images: list[Tensor]) -> None:
    """Two images of different sizes in one batch, resized, padded and back: the same objects in the same order."""
    theirs, ours = pair
    with torch.no_grad():
        expected = theirs(images)
    found = ours.detect_images(images, RESIZE, max_detections=40)
    for one, other in zip(found, expected, strict=True):
        assert len(one) == len(other["scores"]) == 40
        assert one.saturated
        assert torch.equal(one.classes, other["labels"])
        torch.testing.assert_close(one.scores, other["scores"], rtol=0, atol=1e-12)
        # torchvision scales boxes back by a factor in single precision.
        torch.testing.assert_close(one.boxes, other["boxes"], rtol=0, atol=1e-4)


def test_masks_of_detections_are_torchvisions(
    pair: Pair, images: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, ours = pair
    monkeypatch.setattr(theirs.transform, "postprocess", lambda result, *_: result)
    with torch.no_grad():
        expected = theirs(images)
    for one, other in zip(ours.detect_images(images, RESIZE, max_detections=40), expected, strict=True):
        assert one.mask_logits is not None
        assert 0.1 < float(other["masks"].mean()) < 0.9
        torch.testing.assert_close(one.mask_logits.sigmoid(), other["masks"][:, 0], rtol=0, atol=1e-10)


def test_single_precision_is_close(pair: Pair, images: list[Tensor]) -> None:
    theirs, ours = pair
    found = copy.deepcopy(ours).float().detect_images([image.float() for image in images], RESIZE, max_detections=40)
    with torch.no_grad():
        expected = theirs(images)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.scores, other["scores"].float(), rtol=0, atol=1e-4)
        torch.testing.assert_close(one.boxes, other["boxes"].float(), rtol=0, atol=1e-2)


def test_losses_and_gradients_are_torchvisions(trained: Pair, batch: Tensor, targets: list[ObjectTargets]) -> None:
    theirs, ours = trained
    labelled = [
        {"boxes": target.boxes.double(), "labels": target.classes, "masks": full_masks(target)} for target in targets
    ]
    expected = theirs(list(batch), labelled)
    sum(expected.values()).backward()
    losses = mask_rcnn_losses(ours(batch, targets))
    losses["total"].backward()
    assert list(losses) == [*LOSSES, "total"]
    # Mask targets are in single precision, as torchvision's are not.
    assert numbers(losses) == pytest.approx({**named(expected), "total": sum(named(expected).values())}, rel=1e-6)
    assert min(numbers(losses).values()) > 0.01
    slopes = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        scale = float(slopes[name].grad.abs().max())
        torch.testing.assert_close(parameter.grad, slopes[name].grad, rtol=0, atol=1e-5 * scale, msg=name)


def test_losses_beside_an_image_without_objects(trained: Pair, batch: Tensor, targets: list[ObjectTargets]) -> None:
    theirs, ours = trained
    some = [nothing(targets[0]), targets[1]]
    labelled = [
        {"boxes": target.boxes.double(), "labels": target.classes, "masks": full_masks(target)} for target in some
    ]
    expected, losses = named(theirs(list(batch), labelled)), mask_rcnn_losses(ours(batch, some))
    assert numbers(losses) == pytest.approx({**expected, "total": sum(expected.values())}, rel=1e-6)


def test_batch_without_any_object(trained: Pair, batch: Tensor, targets: list[ObjectTargets]) -> None:
    """Losses are finite; the mask head learns nothing, but is part of the graph."""
    net = trained[1]
    outputs = net(batch, [nothing(target) for target in targets])
    losses = mask_rcnn_losses(outputs)
    assert [numbers(losses)[name] for name in ("mask", "box", "proposal_box")] == [0, 0, 0]
    losses["total"].backward()
    for parameter in net.parameters():
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()
    assert all(parameter.grad.eq(0).all() for parameter in net.roi_heads.mask_head.parameters())
    assert float(net.rpn.head.cls_logits.weight.grad.abs().max()) > 0


def test_training_draws_what_it_says(small: MaskRCNN, batch: Tensor, targets: list[ObjectTargets]) -> None:
    outputs = small(batch.float(), targets)
    objects = int((outputs.class_target > 0).sum())
    assert outputs.sampled_anchors == len(outputs.objectness) == len(outputs.objectness_target) == 512
    assert outputs.class_logits.shape == (len(outputs.class_target), 5)
    assert outputs.box_deltas.shape == outputs.box_targets.shape == (objects, 4)
    assert outputs.mask_logits is not None
    assert outputs.mask_targets is not None
    assert outputs.mask_logits.shape == outputs.mask_targets.shape == (objects, 28, 28)
    assert 0.2 < float(outputs.mask_targets.mean()) <= 1


def test_training_is_reproducible(small: MaskRCNN, batch: Tensor, targets: list[ObjectTargets]) -> None:
    totals = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        totals.append(float(mask_rcnn_losses(small(batch.float(), targets))["total"].detach()))
    assert totals[0] == totals[1] != totals[2]


def test_training_in_half_precision(small: MaskRCNN, batch: Tensor, targets: list[ObjectTargets]) -> None:
    torch.manual_seed(0)
    exact = mask_rcnn_losses(small(batch.float(), targets))
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16):
        outputs = small(batch.float(), [targets[0], nothing(targets[1])])
        torch.manual_seed(0)
        losses = mask_rcnn_losses(small(batch.float(), targets))
    assert outputs.class_logits.dtype == torch.bfloat16
    assert {value.dtype for value in losses.values()} == {torch.float32}
    assert numbers(losses) == pytest.approx(numbers(exact), rel=0.3)
    losses["total"].backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in small.parameters())


def test_a_few_steps_learn_one_image(small: MaskRCNN, batch: Tensor, targets: list[ObjectTargets]) -> None:
    """The whole of it can be trained: the loss of what it has seen falls."""
    torch.manual_seed(0)
    optimiser = torch.optim.SGD(small.parameters(), lr=0.02, momentum=0.9)
    totals = []
    for _ in range(8):
        loss = mask_rcnn_losses(small(batch[:1].float(), targets[:1]))["total"]
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(small.parameters(), 1.0)
        optimiser.step()
        totals.append(float(loss.detach()))
    assert totals[-1] < 0.75 * totals[0]


def test_without_masks(batch: Tensor, targets: list[ObjectTargets]) -> None:
    """Faster R-CNN."""
    net = mask_rcnn("resnet18", classes=5, width=16, box_width=32, masks=False)
    outputs = net(batch.float(), targets)
    assert outputs.mask_logits is outputs.mask_targets is None
    assert list(mask_rcnn_losses(outputs)) == ["objectness", "proposal_box", "class", "box", "total"]
    assert net.eval().detect(batch[:, :, :, :128].float(), [(128, 128)] * 2)[0].mask_logits is None


def test_state_dict_is_torchvisions() -> None:
    """Names, shapes and number of parameters, but for the counters of trained batch norms."""
    expected = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None).state_dict()
    with torch.device("meta"):
        found = mask_rcnn(classes=91)
    shapes = {key: value.shape for key, value in found.state_dict().items()}
    assert shapes == {key: v.shape for key, v in expected.items() if not key.endswith("num_batches_tracked")}
    assert sum(parameter.numel() for parameter in found.parameters()) == 44_401_393


def test_built_on_meta_then_filled(pair: Pair, images: list[Tensor], small: MaskRCNN) -> None:
    """Nothing but the state dict is needed."""
    with torch.device("meta"):
        net = mask_rcnn("resnet18", classes=5, width=16, box_width=32, proposals=50)
    net.load_state_dict(small.state_dict(), assign=True)
    image = images[0][None].float()
    assert torch.equal(net.eval().probe(image), small.eval().probe(image))


@pytest.mark.parametrize("masks", [True, False])
def test_probe_depends_on_every_weight(masks: bool) -> None:
    """No parameter without a slope."""
    torch.manual_seed(0)
    net = mask_rcnn("resnet18", classes=3, norm="batch", width=8, box_width=16, masks=masks).eval()
    image = torch.rand(1, 3, 70, 90)
    with_gradient = MaskRCNN.probe.__wrapped__  # type: ignore[attr-defined]
    numbers = with_gradient(net, image)
    numbers.square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert float(parameter.grad.abs().max()) > 0, name
    if masks:  # all four positions of the 2x2 kernel
        assert float(net.roi_heads.mask_predictor.conv5_mask.weight.grad.abs().amax(dim=(0, 1)).min()) > 0
    assert torch.equal(net.probe(image), net.probe(image))
    torch.testing.assert_close(net.probe(image), numbers.detach())


def test_images_of_a_batch_do_not_meet(pair: Pair, batch: Tensor) -> None:
    net, frame = pair[1], batch[:, :, :, :128]
    together = net.detect(frame, [(128, 128), (100, 90)])
    for image, size in enumerate([(128, 128), (100, 90)]):
        (alone,) = net.detect(frame[image : image + 1], [size])
        torch.testing.assert_close(alone.boxes, together[image].boxes, rtol=0, atol=1e-9)
        assert (alone.boxes <= torch.tensor([*size[::-1], *size[::-1]])).all()


def test_regions_are_never_cut_from_p6(
    pair: Pair, batch: Tensor, targets: list[ObjectTargets], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only images of more than 900 pixels have regions so large that it would show."""
    given: list[int] = []

    class Counting(RegionFeatures):
        def __init__(self, maps: list[Tensor]) -> None:
            given.append(len(maps))
            super().__init__(maps)

    monkeypatch.setattr(sys.modules["unmask.nets.mask_rcnn"], "RegionFeatures", Counting)
    net = copy.deepcopy(pair[1])
    net.detect(batch[:1, :, :, :128], [(128, 128)])
    net.train()(batch, targets)
    assert given == [4, 4]


def test_limits_can_be_changed(pair: Pair, batch: Tensor) -> None:
    net = copy.deepcopy(pair[1])
    net.proposals = 3
    assert 0 < len(net.detect(batch[:1, :, :, :128], [(128, 128)], score_threshold=0.0)[0]) <= 3 * 4


def test_detection_needs_no_gradient(small: MaskRCNN, images: list[Tensor]) -> None:
    found = small.eval().detect_images([images[0].float()], Resize("native"), score_threshold=0.0)[0]
    assert found.mask_logits is not None
    assert not any(part.requires_grad for part in (found.boxes, found.scores, found.mask_logits))


def test_other_channels() -> None:
    net = mask_rcnn("resnet18", channels=2, classes=2, width=8, box_width=16, mean=(0.5, 0.25), std=(1.0, 2.0))
    images = torch.ones(1, 2, 4, 4)
    assert net.normalise(images)[0, :, 0, 0].tolist() == [0.5, 0.375]
    with pytest.raises(ValueError, match="wants images of 2 channels, not 1"):
        net.normalise(images[:, :1])


def test_wrong_use(small: MaskRCNN, batch: Tensor, targets: list[ObjectTargets]) -> None:
    with pytest.raises(ValueError, match="2 images want 2 targets, not 1"):
        small(batch.float(), targets[:1])
    flat = ObjectTargets(
        torch.tensor([[3.0, 3, 3, 9]]), torch.tensor([1]), targets[0].layers, torch.tensor([1]), torch.tensor([0])
    )
    with pytest.raises(ValueError, match="image 1 of the batch has a box without area"):
        small(batch.float(), [targets[0], flat])
    with pytest.raises(RuntimeError, match="use detect"):
        small.eval()(batch.float(), targets)


def test_nothing_is_learned_from_what_is_not_known(trained: Pair, batch: Tensor, targets: list[ObjectTargets]) -> None:
    """An image of which nothing is known adds nothing to one that is known, and alone gives losses of 0."""
    net, square = trained[1], batch[..., :128]
    known = objects_in(targets[1].layers[..., :128], 4)
    unknown = objects_in(torch.full((1, 128, 128), -1), 4)
    both, alone = net(square, [unknown, known]), net(square[1:], [known])
    for name in ("objectness", "class_logits", "mask_logits", "class_target", "box_targets"):
        torch.testing.assert_close(getattr(both, name), getattr(alone, name), rtol=0, atol=1e-9)
    assert len(both.objectness) == 64
    assert both.mask_known is not None
    assert both.mask_known.all()
    assert alone.mask_known is None

    losses = mask_rcnn_losses(net(square, [unknown, unknown]))
    assert set(numbers(losses).values()) == {0}
    losses["total"].backward()
    assert all(parameter.grad is None or parameter.grad.eq(0).all() for parameter in net.parameters())


def test_mask_points_that_are_not_known_get_no_gradient(
    trained: Pair, batch: Tensor, targets: list[ObjectTargets]
) -> None:
    """The mask head's gradient is 0 at the points on ignored pixels, and the loss that of the others."""
    net = trained[1]
    ignore = torch.zeros(targets[0].layers.shape[1:], dtype=torch.bool)
    ignore[:, 75:] = True
    some = [replace(target, ignore=ignore) for target in targets]
    outputs = net(batch, some)
    assert outputs.mask_known is not None
    assert outputs.mask_logits is not None
    assert 0.1 < float(outputs.mask_known.float().mean()) < 0.9
    outputs.mask_logits.retain_grad()
    mask_rcnn_losses(outputs)["mask"].backward()
    slopes = outputs.mask_logits.grad
    assert slopes is not None
    assert slopes[~outputs.mask_known].eq(0).all()
    assert slopes[outputs.mask_known].ne(0).all()


def test_ignoring_nothing_changes_nothing(small: MaskRCNN, batch: Tensor, targets: list[ObjectTargets]) -> None:
    """Bit for bit: losses with an empty mask and without one."""
    blank = torch.zeros(targets[0].layers.shape[1:], dtype=torch.bool)
    found = []
    for some in (targets, [replace(target, ignore=blank) for target in targets]):
        torch.manual_seed(0)
        found.append(numbers(mask_rcnn_losses(small(batch.float(), some))))
    assert found[0] == found[1]
