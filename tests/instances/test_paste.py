import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.models.detection.roi_heads import paste_masks_in_image

from unmask.instances.detections import Detections
from unmask.instances.paste import crops

CLOSE = 1e-5  # a probability this near the threshold may round to either side


def detections(boxes, masks, size):
    count = len(boxes)
    scores = np.linspace(1, 0.5, count, dtype=np.float32)
    return Detections(size, np.array(boxes, np.float32).reshape(-1, 4), np.ones(count, np.uint8), scores, masks)


def frame(crop, size):
    full = np.zeros(size, bool)
    full[crop.window] = crop.mask
    return full


def differing(boxes, masks, size, threshold):
    """Pixels other than torchvision's whose probability is not at the threshold; whether any pixel was pasted."""
    found = detections(boxes, masks, size)
    pasted = paste_masks_in_image(torch.from_numpy(masks)[:, None], torch.from_numpy(found.boxes), size)[:, 0].numpy()
    frames = np.stack([frame(crop, size) for crop in crops(found, threshold)])
    wrong = (frames != (pasted > threshold)) & (np.abs(pasted - threshold) > CLOSE)
    return int(wrong.sum()), bool(frames.any())


def random_boxes(random, low, high, scale, count=60):
    corner = random.uniform(low, high, (count, 2))
    return np.concatenate([corner, corner + random.exponential(scale, (count, 2)) + 0.02], axis=1).astype(np.float32)


@pytest.mark.parametrize("side", [1, 5, 14, 28])
@pytest.mark.parametrize(
    ("low", "scale"), [(0, 20), (-20, 25), (-300, 300), (0, 0.4)], ids=["inside", "across", "huge", "tiny"]
)
def test_pixels_are_those_of_torchvision(side, low, scale):
    random = np.random.default_rng(side)
    boxes = random_boxes(random, low, 90, scale)
    boxes = boxes[(boxes[:, 2:] > 0).all(axis=1)]  # beyond, torchvision reads indices from the other end
    masks = random.random((len(boxes), side, side), dtype=np.float32)
    for threshold in (0.5, 0.2):
        assert differing(boxes, masks, (97, 120), threshold) == (0, True)


@settings(max_examples=200)
@given(st.data())
def test_pixels_are_those_of_torchvision_wherever_the_box_lies(data):
    size = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    start = [data.draw(st.floats(-30, side, width=32)) for side in (size[1], size[0])]
    sides = [data.draw(st.sampled_from([0.0, 0.01, 1.0, 7.5, 33.0, 400.0])) for _ in range(2)]
    box = np.float32([[*start, start[0] + sides[0], start[1] + sides[1]]])
    masks = np.random.default_rng(data.draw(st.integers(0, 99))).random((1, 28, 28), dtype=np.float32)
    if (box[:, 2:] >= 0).all():
        assert differing(box, masks, size, 0.5)[0] == 0


def test_a_full_mask_is_its_box_half_a_point_of_the_mask_wider_where_zeros_begin():
    # A box of 28 pixels: the frame has 30 pixels and points, so that pixel i of 31 lies at 30 (i + 1/2) / 31 - 1/2.
    (crop,) = crops(detections([[10, 20, 38, 48]], np.ones((1, 28, 28), np.float32), (100, 100)), 0.5)
    assert (crop.top, crop.left, crop.mask.shape) == (19, 9, (31, 31))
    places = (np.arange(31) + 0.5) * 30 / 31 - 0.5
    inside = (places > 0.5) & (places < 28.5)
    np.testing.assert_array_equal(crop.mask, inside[:, None] & inside)


def test_crops_are_cut_at_the_edge_and_never_larger_than_their_boxes():
    boxes = [[-5, -5, 5, 5], [90, 40, 130, 60], [0, 0, 100, 80], [-40, 0, -20, 10], [200, 200, 210, 210]]
    found = list(crops(detections(boxes, np.ones((5, 28, 28), np.float32), (80, 100)), 0.5))
    assert [(crop.top, crop.left, *crop.mask.shape) for crop in found[:3]] == [
        (0, 0, 6, 6),
        (39, 88, 22, 12),
        (0, 0, 80, 100),
    ]
    assert all(crop.mask.any() for crop in found[:3])
    for crop in found[3:]:
        assert crop.mask.size == 0
        assert not frame(crop, (80, 100)).any()


def test_a_pixel_at_the_threshold_is_not_of_the_object():
    masks = np.full((1, 28, 28), 0.5, np.float32)
    for threshold, expected in ((0.5, False), (0.499, True)):
        (crop,) = crops(detections([[5, 5, 15, 15]], masks, (20, 20)), threshold)
        assert crop.mask.any() == expected


def test_without_masks_boxes_are_rounded_and_have_a_pixel_at_least():
    boxes = [[2.4, 3.6, 6.6, 9.4], [-3.0, -3.0, 2.0, 1.0], [19.8, 5.2, 20.0, 5.4], [4.6, 4.6, 4.9, 9.0]]
    found = list(crops(detections(boxes, None, (10, 20)), 0.5))
    assert [(crop.top, crop.left, *crop.mask.shape) for crop in found] == [
        (4, 2, 5, 5),
        (0, 0, 1, 2),
        (5, 19, 1, 1),
        (5, 4, 4, 1),
    ]
    assert all(crop.mask.all() for crop in found)


def test_no_detection_no_crop():
    assert not list(crops(detections([], np.zeros((0, 28, 28), np.float32), (10, 10)), 0.5))
    assert not list(crops(detections([], None, (10, 10)), 0.5))
