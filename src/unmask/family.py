"""Family: all that differs between the two networks, one small frozen value each.

Data, training loop, metrics, report and commands know this interface and not which network they serve. Prediction
differs more, maps of pixels here and boxes there, and lives in `unmask.predict`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from unmask.augment.copy_paste import copy_paste
from unmask.augment.pipeline import Batch
from unmask.data.sample import Sample
from unmask.losses import mask_rcnn_losses, unet_losses
from unmask.nets import Ensemble, Halo, MaskRCNN, Resize, UNet, derive_halo, load_weights, mask_rcnn, objects_in
from unmask.nets.tempering import tempered
from unmask.recipe import MaskRCNNRecipe, Recipe, UNetRecipe
from unmask.targets.targets import Targets, object_targets, unet_targets

__all__ = ["MASK_RCNN", "UNET", "Family", "backbone_stages", "family_of", "resize_of"]

# Of ImageNet's photographs, as torchvision's weights expect them; images of other channel counts get the means.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STAGES = 5  # of a ResNet: the first convolution and four layers
SMALLEST = 64  # pixels: two cells of the coarsest map


@dataclass(frozen=True)
class Family:
    """A kind of network.

    Attributes:
        name: as `--net` takes it.
        build: the untrained network of a recipe.
        start: fills it with the weights that training starts from; says in a sentence which.
        halo: what tiling needs to know of it; sizes of training tiles follow.
        probe: (network, image) to numbers that depend on every weight: the model file's test vector.
        seen: (rows, columns) of an image to those at which the network sees it.
        targets: what the loss compares with, for one sample.
        losses: (network, batch, recipe) to named scalars; `total` is minimised.
        stage: sets what of the network is trained at a progress of 0 to 1.
        slow: how the names of parameters begin whose learning rate is a share of the others', and that share.
        temper: (network, temperature) to a copy whose logits are divided by it; Mask R-CNN stays as it is.
    """

    name: Literal["unet", "mask-rcnn"]
    build: Callable[[Recipe], nn.Module]
    start: Callable[[nn.Module, Recipe], str]
    halo: Callable[[nn.Module], Halo]
    probe: Callable[[nn.Module, Tensor], Tensor]
    seen: Callable[[Recipe, tuple[int, int]], tuple[int, int]]
    targets: Callable[[Sample, Recipe], Targets]
    losses: Callable[[nn.Module, Batch, Recipe], dict[str, Tensor]]
    stage: Callable[[nn.Module, float, Recipe], None]
    slow: Callable[[Recipe], tuple[str, float]]
    temper: Callable[[nn.Module, float], nn.Module]


def family_of(recipe: Recipe) -> Family:
    """The family of a recipe's network."""
    match recipe.network:
        case UNetRecipe():
            return UNET
        case MaskRCNNRecipe():
            return MASK_RCNN


def resize_of(network: MaskRCNNRecipe) -> Resize:
    """How images are resized before the network."""
    return Resize(network.resize, scale=network.scale)


def backbone_stages(network: MaskRCNNRecipe, progress: float) -> int:
    """How many stages of the backbone are left as they are: all at first, then the finest only.

    Random heads would spoil trained features (staged unfreezing, as in ULMFiT, Howard and Ruder 2018).
    """
    if network.weights == "none":
        return 0
    return STAGES if progress < network.frozen_until else network.frozen_stages


def _unet(recipe: Recipe) -> UNetRecipe:
    assert isinstance(recipe.network, UNetRecipe), "the family was chosen by the network"
    return recipe.network


def _mask_rcnn(recipe: Recipe) -> MaskRCNNRecipe:
    assert isinstance(recipe.network, MaskRCNNRecipe), "the family was chosen by the network"
    return recipe.network


def _build_unet(recipe: Recipe) -> nn.Module:
    members = _unet(recipe).members
    return _build_member(recipe) if members == 1 else Ensemble([_build_member(recipe) for _ in range(members)])


def _build_member(recipe: Recipe) -> nn.Module:
    network = _unet(recipe)
    return UNet(
        recipe.data.channels,
        1 + len(recipe.data.class_names),
        width=network.width,
        depth=network.depth,
        norm=network.norm,
        dropout=network.dropout,
        padding=network.padding,
        enlarge=network.enlarge,
        reduce=network.reduce,
    )


def _unet_step(net: nn.Module, batch: Batch, recipe: Recipe) -> dict[str, Tensor]:
    assert batch.weights is not None, "the U-Net's targets have weights"
    return unet_losses(net(batch.images), batch.targets[:, 0], batch.weights, dice=recipe.loss.dice)


UNET = Family(
    name="unet",
    build=_build_unet,
    start=lambda net, recipe: "",
    halo=derive_halo,
    probe=lambda net, image: net(image),
    seen=lambda recipe, size: size,
    targets=lambda sample, recipe: unet_targets(sample, recipe.targets, separate=recipe.data.kind != "classes"),
    losses=_unet_step,
    stage=lambda net, progress, recipe: None,
    slow=lambda recipe: ("", 1.0),
    temper=tempered,
)


def _build_mask_rcnn(recipe: Recipe) -> MaskRCNN:
    network, channels = _mask_rcnn(recipe), recipe.data.channels
    colour = channels == len(IMAGENET_MEAN)
    return mask_rcnn(
        network.backbone,
        channels=channels,
        classes=1 + len(recipe.data.class_names),
        norm=network.norm,
        width=network.width,
        box_width=network.box_width,
        masks=network.masks,
        anchor_sizes=network.anchor_sizes,
        anchor_ratios=network.anchor_ratios,
        mean=IMAGENET_MEAN if colour else (sum(IMAGENET_MEAN) / 3,) * channels,
        std=IMAGENET_STD if colour else (sum(IMAGENET_STD) / 3,) * channels,
        anchors_sampled=network.anchors_sampled,
        regions=network.regions,
        proposals=network.proposals,
        train_proposals=2 * network.proposals,  # as torchvision's 1000 and 2000
    )


def _mask_rcnn_step(net: nn.Module, batch: Batch, recipe: Recipe) -> dict[str, Tensor]:
    classes = len(recipe.data.class_names)
    images, layers = copy_paste(batch.images, batch.targets, 1 + classes, _mask_rcnn(recipe).copy_paste)
    return mask_rcnn_losses(net(images, [objects_in(one, classes) for one in layers]))


def _mask_rcnn_stage(net: nn.Module, progress: float, recipe: Recipe) -> None:
    assert isinstance(net, MaskRCNN), "the family was chosen by the network"
    net.backbone.body.fixed_stages = backbone_stages(_mask_rcnn(recipe), progress)


def _start_mask_rcnn(net: nn.Module, recipe: Recipe) -> str:
    return load_weights(net, _mask_rcnn(recipe).weights, recipe.data.channels)


def _probe_mask_rcnn(net: nn.Module, image: Tensor) -> Tensor:
    assert isinstance(net, MaskRCNN), "the family was chosen by the network"
    return net.probe(image)


MASK_RCNN = Family(
    name="mask-rcnn",
    build=_build_mask_rcnn,
    start=_start_mask_rcnn,
    # Sizes are padded to 32; its windows overlap by the largest object instead of a halo.
    halo=lambda net: Halo(halo=0, stride=32, remainder=0, smallest=SMALLEST, padded=True),
    probe=_probe_mask_rcnn,
    seen=lambda recipe, size: resize_of(_mask_rcnn(recipe)).size(*size),
    targets=lambda sample, recipe: object_targets(sample, len(recipe.data.class_names)),
    losses=_mask_rcnn_step,
    stage=_mask_rcnn_stage,
    slow=lambda recipe: (
        ("backbone.body.", _mask_rcnn(recipe).backbone_rate) if _mask_rcnn(recipe).weights != "none" else ("", 1.0)
    ),
    temper=lambda net, temperature: net,
)
