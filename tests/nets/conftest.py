"""torchvision's Mask R-CNN, small and random but finding something, and ours with the same weights.

Both in double precision: what differs is then a mistake and not rounding, and no equal scores change places.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet18
from torchvision.models.detection import MaskRCNN as TorchvisionMaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops.misc import FrozenBatchNorm2d

from unmask.nets import MaskRCNN, ObjectTargets, mask_rcnn, objects_in

WIDTH, CLASSES, PROPOSALS, DETECTIONS = 16, 5, 100, 40
SHORT, LONG = 128, 213  # of the resized images
SIZES = ((16.0, 24.0), (32.0, 48.0), (64.0, 96.0), (128.0, 192.0), (256.0, 384.0))
RATIOS = (0.5, 1.0, 2.0)
# Deviations of the outputs of a random network: confident enough to find objects, and boxes that move but do not fly.
SPREAD = {
    "rpn.head.cls_logits": 3.0,
    "rpn.head.bbox_pred": 0.3,
    "roi_heads.box_predictor.cls_score": 2.0,
    "roi_heads.box_predictor.bbox_pred": 1.0,
    "roi_heads.mask_predictor.mask_fcn_logits": 2.0,
}


@contextmanager
def scaling(net: nn.Module) -> Iterator[None]:
    """While it lasts, the outputs of the layers named in `SPREAD` spread so, and their weights are scaled for it."""

    def scale(wanted: float, layer: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        factor = wanted / float(output.std())
        for parameter in layer.parameters():
            parameter.mul_(factor)
        return output * factor

    hooks = [net.get_submodule(name).register_forward_hook(partial(scale, value)) for name, value in SPREAD.items()]
    yield
    for hook in hooks:
        hook.remove()


def torchvisions(images: list[Tensor]) -> TorchvisionMaskRCNN:
    """The network of torchvision, its outputs scaled on some images; in evaluation mode."""
    body = resnet18(norm_layer=FrozenBatchNorm2d)
    layers = {f"layer{number}": str(number - 1) for number in range(1, 5)}
    net = TorchvisionMaskRCNN(
        BackboneWithFPN(body, layers, [64, 128, 256, 512], WIDTH),
        min_size=SHORT,
        max_size=LONG,
        rpn_anchor_generator=AnchorGenerator(SIZES, (RATIOS,) * len(SIZES)),
        rpn_pre_nms_top_n_train=PROPOSALS,
        rpn_pre_nms_top_n_test=PROPOSALS,
        rpn_post_nms_top_n_train=PROPOSALS,
        rpn_post_nms_top_n_test=PROPOSALS,
        rpn_batch_size_per_image=64,
        box_batch_size_per_image=32,
        box_detections_per_img=DETECTIONS,
        box_head=TwoMLPHead(WIDTH * 7 * 7, 2 * WIDTH),
        box_predictor=FastRCNNPredictor(2 * WIDTH, CLASSES),
        mask_head=MaskRCNNHeads(WIDTH, (WIDTH,) * 4, 1),
        mask_predictor=MaskRCNNPredictor(WIDTH, WIDTH, CLASSES),
    )
    net = net.double().eval()
    with torch.no_grad(), scaling(net):
        net(images)
    return net


def alike(net: TorchvisionMaskRCNN) -> MaskRCNN:
    """Ours with the weights of `torchvisions`."""
    ours = mask_rcnn(
        "resnet18",
        classes=CLASSES,
        width=WIDTH,
        box_width=2 * WIDTH,
        anchor_sizes=SIZES,
        anchor_ratios=RATIOS,
        anchors_sampled=64,
        regions=32,
        proposals=PROPOSALS,
        train_proposals=PROPOSALS,
    )
    ours.double().load_state_dict(net.state_dict())
    return ours.eval()


@pytest.fixture(scope="session")
def images() -> list[Tensor]:
    """Two images of different sizes, smooth enough that neighbouring boxes differ."""
    generator = torch.Generator().manual_seed(0)
    coarse = [torch.rand(1, 3, h, w, generator=generator) for h, w in ((13, 15), (11, 19))]
    enlarge = partial(nn.functional.interpolate, scale_factor=8.0, mode="bilinear", align_corners=False)
    return [enlarge(grid)[0].double() for grid in coarse]


@pytest.fixture(scope="session")
def pair(images: list[Tensor]) -> tuple[TorchvisionMaskRCNN, MaskRCNN]:
    """Both networks with the same weights, in evaluation mode; not to be changed."""
    torch.manual_seed(0)
    net = torchvisions(images)
    return net, alike(net)


def full_masks(target: ObjectTargets) -> Tensor:
    """(n, h, w) bool: the full frames that are never made elsewhere."""
    return target.layers[target.layer] == target.keys[:, None, None]


@pytest.fixture(scope="session")
def targets() -> list[ObjectTargets]:
    """Objects of two images of 128 x 150 pixels: rectangles in two layers, and ellipses with pixels at the edge."""
    return [scene(1), scene(2)]


def scene(seed: int) -> ObjectTargets:
    """Six objects in two layers of 128 x 150 pixels."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.arange(128)[:, None], torch.arange(150)
    layers = torch.zeros(2, 128, 150, dtype=torch.int64)
    for number in range(6):
        cy, cx, ry, rx = (torch.rand(4, generator=generator) * torch.tensor([128, 150, 30, 40]) + 6).tolist()
        inside = ((y - cy) / ry).abs() ** 3 + ((x - cx) / rx).abs() ** 3 < 1
        layers[number % 2][inside] = (number + 1) * CLASSES + 1 + number % (CLASSES - 1)
    return objects_in(layers, CLASSES - 1)
