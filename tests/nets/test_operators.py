"""torchvision's operators by other names: each argument arrives where it belongs; numbers by hand."""

import pytest
import torch
from torchvision.models import get_model_weights
from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights, MaskRCNN_ResNet50_FPN_Weights

from unmask.nets import weights
from unmask.nets.backbone import RESNETS
from unmask.nets.operators import box_iou, nms, roi_align


def test_box_iou() -> None:
    """Two squares of 4 pixels that share one; a box and itself; two apart."""
    first = torch.tensor([[0.0, 0, 2, 2], [5, 5, 6, 7]])
    second = torch.tensor([[1.0, 1, 3, 3], [5, 5, 6, 7], [0, 0, 2, 1]])
    torch.testing.assert_close(box_iou(first, second), torch.tensor([[1 / 7, 0, 1 / 2], [0, 1, 0]]))


@pytest.mark.parametrize(("threshold", "kept"), [(0.4, [2, 1]), (0.6, [2, 0, 1])])
def test_nms(threshold: float, kept: list[int]) -> None:
    """The first overlaps the last, which is better, by a half."""
    boxes = torch.tensor([[0.0, 0, 2, 1], [8, 8, 9, 9], [0, 0, 2, 2]])
    assert nms(boxes, torch.tensor([0.8, 0.1, 0.9]), threshold).tolist() == kept


def ramp() -> torch.Tensor:
    """(2, 1, 16, 16): the column's number, and 100 more in the second image."""
    column = torch.arange(16.0).expand(1, 16, 16)
    return torch.stack([column, column + 100])


@pytest.mark.parametrize("points", [-1, 2])
def test_roi_align(points: int) -> None:
    """Pixels stand at whole numbers: cells of 4 columns from 4 on have their middles at 6 and 10."""
    cells = roi_align(ramp(), torch.tensor([[1.0, 4, 4, 12, 12]]), 2, points=points)
    # Of 4 points a cell, at 4.5 to 7.5, as of 2, at 5 and 7, the mean is the middle.
    assert cells.tolist() == [[[[106, 110], [106, 110]]]]


def test_roi_align_points() -> None:
    """A peak at column 5: 2 points at 5 and 7 hit it; of 4 at 4.5 to 7.5 two are half a pixel off."""
    maps = (ramp()[:1] == 5).float()
    boxes = [torch.tensor([[4.0, 4, 8, 8]])]
    assert roi_align(maps, boxes, 1, points=2).item() == 1 / 2
    assert roi_align(maps, boxes, 1).item() == 1 / 4


def test_roi_align_of_smaller_maps() -> None:
    """Boxes of an image, on maps at a half of its size; image by image, and with the image's number."""
    boxes = torch.tensor([[8.0, 8, 24, 24]])
    expected = [[[[106, 110], [106, 110]]]]
    assert roi_align(ramp(), [boxes[:0], boxes], 2, 0.5, 2).tolist() == expected
    assert roi_align(ramp(), torch.cat([torch.ones(1, 1), boxes], dim=1), 2, 0.5, 2).tolist() == expected


def test_published_addresses() -> None:
    """They are written out, not asked of torchvision, which would have to be imported."""
    theirs = {name: get_model_weights(name).IMAGENET1K_V1.url for name in RESNETS}
    assert theirs == weights.PUBLISHED
    assert MaskRCNN_ResNet50_FPN_Weights.COCO_V1.url == weights.COCO
    assert (weights.COCO, FasterRCNN_ResNet50_FPN_Weights.COCO_V1.url) == weights.WITHOUT_EPS
