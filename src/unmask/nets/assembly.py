"""Mask R-CNN put together: by the name of its backbone, or as a state dict of torchvision has it."""

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from unmask.errors import ModelError
from unmask.nets.backbone import Backbone, Norm
from unmask.nets.mask_rcnn import MaskRCNN
from unmask.nets.weights import current_names

__all__ = ["load_torchvision", "mask_rcnn"]

# Blocks of layer1 to layer4; the deeper kinds have three convolutions a block.
BLOCKS: dict[tuple[int, ...], str] = {
    (2, 2, 2, 2, False): "resnet18",
    (3, 4, 6, 3, False): "resnet34",
    (3, 4, 6, 3, True): "resnet50",
    (3, 4, 23, 3, True): "resnet101",
}


def mask_rcnn(
    backbone: str = "resnet50",
    *,
    channels: int = 3,
    classes: int,
    norm: Norm = "frozen",
    frozen_eps: float = 1e-5,
    width: int = 256,
    box_width: int = 1024,
    masks: bool = True,
    anchor_sizes: Sequence[Sequence[float]] = ((32.0,), (64.0,), (128.0,), (256.0,), (512.0,)),
    anchor_ratios: Sequence[float] = (0.5, 1.0, 2.0),
    mean: Sequence[float] = (0.485, 0.456, 0.406),
    std: Sequence[float] = (0.229, 0.224, 0.225),
    anchors_sampled: int = 256,
    regions: int = 512,
    proposals: int = 1000,
    train_proposals: int = 2000,
) -> MaskRCNN:
    """An untrained Mask R-CNN; the defaults are torchvision's `maskrcnn_resnet50_fpn`.

    Args:
        backbone: resnet18, resnet34, resnet50 or resnet101.
        channels: channels of the image.
        classes: classes, with the background.
        norm: of the backbone: "frozen" keeps the constants of its weights, "batch" trains them.
        frozen_eps: what frozen norms add to the variance.
        width: as in `MaskRCNN`, like all that follow.
        box_width: of the box head.
        masks: False for Faster R-CNN.
        anchor_sizes: pixels.
        anchor_ratios: height over width.
        mean: one a channel.
        std: one a channel.
        anchors_sampled: an image.
        regions: an image.
        proposals: an image.
        train_proposals: an image.

    Raises:
        ModelError: an unknown backbone, or means that are not one a channel.
    """
    if not len(mean) == len(std) == channels:
        raise ModelError(f"{channels} channels want {channels} means and deviations, not {len(mean)} and {len(std)}")
    return MaskRCNN(
        Backbone(backbone, channels=channels, width=width, norm=norm, frozen_eps=frozen_eps),
        classes=classes,
        width=width,
        box_width=box_width,
        masks=masks,
        anchor_sizes=anchor_sizes,
        anchor_ratios=anchor_ratios,
        mean=mean,
        std=std,
        anchors_sampled=anchors_sampled,
        regions=regions,
        proposals=proposals,
        train_proposals=train_proposals,
    )


def load_torchvision(state: Mapping[str, Tensor], *, frozen_eps: float = 0.0) -> MaskRCNN:
    """Mask R-CNN or Faster R-CNN with the weights of one of torchvision's, of any number of classes and any ResNet.

    Args:
        state: state dict of `maskrcnn_resnet50_fpn`, `fasterrcnn_resnet50_fpn` or a network built alike, with frozen
            norms and torchvision's anchors.
        frozen_eps: what frozen norms add to the variance: 0 for torchvision's COCO_V1 weights, 1e-5 for those of a
            network that was trained otherwise.

    Returns:
        In evaluation mode, on the device of the weights, which are not copied.

    Raises:
        ModelError: weights that are missing, that fit no such network, or that it has no place for.
    """
    state = current_names(state)
    with torch.device("meta"):
        net = mask_rcnn(
            _resnet(state),
            channels=_shape(state, "backbone.body.conv1.weight")[1],
            classes=_shape(state, "roi_heads.box_predictor.cls_score.weight")[0],
            frozen_eps=frozen_eps,
            width=_shape(state, "rpn.head.cls_logits.weight")[1],
            box_width=_shape(state, "roi_heads.box_head.fc7.weight")[0],
            masks=any(key.startswith("roi_heads.mask_") for key in state),
        )
    _check(net, state)
    net.load_state_dict(dict(state), assign=True)
    return net.eval()


def _resnet(state: Mapping[str, Tensor]) -> str:
    counts = tuple(
        len({match[1] for key in state if (match := re.match(rf"backbone\.body\.layer{number}\.(\d+)\.", key))})
        for number in range(1, 5)
    )
    name = BLOCKS.get((*counts, "backbone.body.layer1.0.conv3.weight" in state))
    if name is None:
        raise ModelError(
            f"the weights hold layers of {', '.join(map(str, counts))} blocks, which no known ResNet has",
            remedy="give the state dict of torchvision's maskrcnn_resnet50_fpn or of a network built alike",
        )
    return name


def _shape(state: Mapping[str, Tensor], key: str) -> tuple[int, ...]:
    if key not in state:
        raise _missing(key)
    return tuple(state[key].shape)


def _missing(key: str) -> ModelError:
    return ModelError(
        f"the weights lack {key}", remedy="give the state dict of torchvision's maskrcnn_resnet50_fpn or built alike"
    )


def _check(net: MaskRCNN, state: Mapping[str, Tensor]) -> None:
    wanted = net.state_dict()
    for key, value in wanted.items():
        if _shape(state, key) != tuple(value.shape):
            raise ModelError(f"{key} has the shape {_shape(state, key)}, where the network has {tuple(value.shape)}")
    for key in state:
        # Counters of trained batch norms: frozen ones have none, and drop them when they load.
        if key not in wanted and not key.endswith("num_batches_tracked"):
            raise ModelError(f"the network has no place for {key}")
