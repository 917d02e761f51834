"""Networks by name and from torchvision's weights."""

import pytest
import torch
from torch import Tensor

from unmask.errors import ModelError
from unmask.nets import load_torchvision, mask_rcnn

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    """Of a network whose sizes are nobody's defaults."""
    torch.manual_seed(0)
    net = mask_rcnn("resnet18", channels=4, classes=7, width=8, box_width=24, mean=(0.0,) * 4, std=(1.0,) * 4)
    return net.state_dict()


def rgb(state: State) -> State:
    """For images of three channels, as torchvision's are."""
    return {**state, "backbone.body.conv1.weight": state["backbone.body.conv1.weight"][:, :3]}


def test_sizes_are_read_from_the_weights(state: State) -> None:
    net = load_torchvision(rgb(state))
    assert not net.training
    assert (net.classes, net.backbone.body.name) == (7, "resnet18")
    assert all(torch.equal(value, rgb(state)[key]) for key, value in net.state_dict().items())
    assert not any(value.is_meta for value in net.state_dict().values())


@pytest.mark.parametrize("name", ["resnet34", "resnet50", "resnet101"])
def test_depth_is_read_from_the_weights(name: str) -> None:
    with torch.device("meta"):
        net = mask_rcnn(name, classes=2, width=4, box_width=4)
    assert load_torchvision(net.state_dict()).backbone.body.name == name


def test_without_masks(state: State) -> None:
    net = load_torchvision({key: value for key, value in rgb(state).items() if ".mask_" not in key})
    assert net.roi_heads.mask_head is None


def test_epsilon_of_frozen_norms(state: State) -> None:
    """The COCO weights of torchvision were trained with 0."""
    assert load_torchvision(rgb(state)).backbone.body.bn1.eps == 0
    assert load_torchvision(rgb(state), frozen_eps=1e-5).backbone.body.bn1.eps == 1e-5


def test_counters_of_trained_norms_are_dropped(state: State) -> None:
    net = load_torchvision({**rgb(state), "backbone.body.bn1.num_batches_tracked": torch.tensor(9)})
    assert set(net.state_dict()) == set(rgb(state))


@pytest.mark.parametrize(
    "key", ["rpn.head.cls_logits.weight", "backbone.fpn.layer_blocks.2.0.bias", "roi_heads.mask_head.3.0.bias"]
)
def test_first_missing_weight_is_named(state: State, key: str) -> None:
    with pytest.raises(ModelError, match=f"the weights lack {key}. Give the state dict of torchvision"):
        load_torchvision({name: value for name, value in rgb(state).items() if name != key})


def test_weights_of_something_else(state: State) -> None:
    with pytest.raises(ModelError, match="layers of 0, 0, 0, 0 blocks, which no known ResNet has"):
        load_torchvision({"fc.weight": torch.zeros(3, 3)})
    with pytest.raises(ModelError, match=r"no place for roi_heads.keypoint_head.0.weight"):
        load_torchvision({**rgb(state), "roi_heads.keypoint_head.0.weight": torch.zeros(1)})
    wrong = {**rgb(state), "rpn.head.cls_logits.weight": torch.zeros(9, 8, 1, 1)}
    with pytest.raises(ModelError, match=r"cls_logits.weight has the shape \(9, 8, 1, 1\), where .* \(3, 8, 1, 1\)"):
        load_torchvision(wrong)


def test_means_are_one_a_channel() -> None:
    with pytest.raises(ModelError, match="2 channels want 2 means and deviations, not 3 and 3"):
        mask_rcnn("resnet18", channels=2, classes=2)
