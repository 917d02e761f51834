"""Anchor coverage is that of a search through all of torchvision's anchors; the choice follows the objects."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from unmask.errors import DataError
from unmask.recipe import MaskRCNNRecipe
from unmask.training.anchoring import (
    RATIOS,
    SMALLEST,
    TORCHVISION,
    AnchorPlan,
    Coverage,
    _best_ladder,
    _best_overlaps,
    _truth,
    choose_anchors,
    coverage,
)


def all_anchors(height: int, width: int, sizes: tuple[tuple[float, ...], ...]) -> np.ndarray:
    """(n, 4): torchvision's for a padded image, on maps as large as convolutions and pooling leave them."""
    level = torch.zeros(1, 1, height // 4, width // 4)
    maps = [level]
    for _ in range(3):
        level = torch.nn.functional.avg_pool2d(level, 2)
        maps.append(level)
    maps.append(torch.nn.functional.max_pool2d(level, 1, 2))
    make = AnchorGenerator(sizes, (RATIOS,) * 5)
    (found,) = make(ImageList(torch.zeros(1, 3, height, width), [(height, width)]), maps)
    return found.double().numpy()


def slow_best(box: np.ndarray, anchors: np.ndarray) -> float:
    best = 0.0
    for x0, y0, x1, y1 in anchors:
        w, h = min(box[2], x1) - max(box[0], x0), min(box[3], y1) - max(box[1], y0)
        if w > 0 and h > 0:
            union = (box[2] - box[0]) * (box[3] - box[1]) + (x1 - x0) * (y1 - y0) - w * h
            best = max(best, w * h / union)
    return best


@settings(max_examples=25)
@given(st.data())
def test_best_overlaps_are_those_with_all_anchors(data: st.DataObject) -> None:
    """Grids with an odd P6 (stride below 64) and boxes over the image's edge included."""
    height, width = (data.draw(st.integers(1, 130)) for _ in range(2))
    scale = data.draw(st.sampled_from([0.5, 1.0, 2.0]))
    smallest = data.draw(st.sampled_from([4.0, 11.0, 32.0]))
    ladder = tuple((smallest * 2**level, smallest * 1.4 * 2**level) for level in range(5))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    corners = random.uniform(-5, [width, height], (5, 2))
    boxes = np.concatenate([corners, corners + random.uniform(0.5, 90, (5, 2))], axis=1).astype(np.float32)
    found = _best_overlaps(_truth([boxes], [(height, width)]), scale, ladder, RATIOS)

    inner = max(1, round(height * scale)), max(1, round(width * scale))
    anchors = all_anchors(*(-(-side // 32) * 32 for side in inner), ladder)
    stretch = np.array([inner[1] / width, inner[0] / height] * 2)
    expected = [slow_best(box * stretch, anchors) for box in boxes.astype(np.float64)]
    assert found == pytest.approx(expected, abs=1e-9)


def test_stride_of_an_odd_last_level() -> None:
    """800 pixels have 13 points on P6, 61 pixels apart: the box lies on the last of them."""
    side, middle = 512, 12 * 61
    box = np.array([[middle - side / 2, middle - side / 2, middle + side / 2, middle + side / 2]], np.float32)
    assert _best_overlaps(_truth([box], [(800, 800)]), 1.0, TORCHVISION, RATIOS) == pytest.approx([1.0])


def test_coverage_by_hand() -> None:
    """Squares of 8 on P2, whose points are 4 apart.

    A square at a point has IoU 1; off by 1 pixel each way 49/79 = .62; by 2, midway between points, 36/92 = .39.
    """
    sizes = ((8.0,), (400.0,), (400.0,), (400.0,), (400.0,))
    square = np.array([[12, 12, 20, 20]], np.float32)
    expected = {0: Coverage(1, 1), 1: Coverage(1, 0), 2: Coverage(0, 0)}
    for shift, share in expected.items():
        assert coverage([square + np.float32(shift)], [(64, 64)], 1, sizes, (1.0,)) == share
    boxes = [square, np.concatenate([square + np.float32(1), square + np.float32(2)]), square[:0]]
    assert coverage(boxes, [(64, 64)] * 3, 1, sizes, (1.0,)) == Coverage(2 / 3, 1 / 3)


def test_enlarged_boxes_want_enlarged_anchors() -> None:
    square = np.array([[8, 8, 16, 16]], np.float32)
    sizes = ((16.0,), (400.0,), (400.0,), (400.0,), (400.0,))
    assert coverage([square], [(32, 32)], 2, sizes, (1.0,)) == Coverage(1, 1)
    assert coverage([square], [(32, 32)], 1, sizes, (1.0,)) == Coverage(0, 0)


def objects(low: float, high: float, tall: float = 1.3, image: int = 1000, count: int = 300) -> np.ndarray:
    """Boxes (n, 4) anywhere in an image; sides evenly spread in their logarithm, elongated up to `tall`."""
    random = np.random.default_rng(0)
    side = np.exp(random.uniform(np.log(low), np.log(high), count))
    shape = np.exp(random.uniform(-np.log(tall) / 2, np.log(tall) / 2, count))
    half = np.stack([side * shape, side / shape], axis=1) / 2
    middle = random.uniform(half, image - half)
    return np.concatenate([middle - half, middle + half], axis=1).astype(np.float32)


def choice(boxes: np.ndarray, image: int = 1000) -> AnchorPlan:
    plan = choose_anchors([boxes], [(image, image)])
    MaskRCNNRecipe(scale=plan.scale, anchor_sizes=plan.anchor_sizes)  # refuses what no network can be built from
    assert plan.coverage == coverage([boxes], [(image, image)], plan.scale, plan.anchor_sizes)
    return plan


def test_middling_objects_stay_as_they_are() -> None:
    plan = choice(objects(40, 56))
    assert plan.scale == 1
    assert {len(level) for level in plan.anchor_sizes} == {1}
    assert all(big == (2 * small[0],) for small, big in zip(plan.anchor_sizes, plan.anchor_sizes[1:], strict=False))
    assert plan.coverage.at_50 >= 0.95
    assert plan.scale_reason == "the true boxes have anchors at the images' own size"


def test_of_sizes_that_do_the_nearest_are_taken() -> None:
    boxes = objects(30, 100, tall=2.5)
    ladders = [tuple((smallest * 2**level,) for level in range(5)) for smallest in SMALLEST]
    reached = [coverage([boxes], [(1000, 1000)], 1, ladder) for ladder in ladders]
    found = _best_ladder(_truth([boxes], [(1000, 1000)]), 1, 1, RATIOS).coverage
    assert found.at_70 == max(share.at_70 for share in reached if share.at_50 >= 0.95)
    assert found.at_50 < max(share.at_50 for share in reached)


def test_two_sizes_where_one_comes_near_too_few() -> None:
    """IoU .5 is not enough: anchors count as objects from .7 on."""
    boxes = objects(30, 100, tall=2.5)
    single = _best_ladder(_truth([boxes], [(1000, 1000)]), 1, 1, RATIOS).coverage
    assert single.at_50 >= 0.95
    assert single.at_70 < 0.6
    plan = choice(boxes)
    assert {len(level) for level in plan.anchor_sizes} == {2}
    assert plan.coverage.at_70 > single.at_70


def test_two_sizes_a_level_before_a_larger_scale() -> None:
    boxes = objects(8, 40)
    plan = choice(boxes)
    assert plan.scale == 1
    for smallest in SMALLEST:
        single = tuple((smallest * 2**level,) for level in range(5))
        assert coverage([boxes], [(1000, 1000)], 1, single).at_50 < 0.95
    assert {len(level) for level in plan.anchor_sizes} == {2}
    assert plan.anchor_sizes[0][1] / plan.anchor_sizes[0][0] == pytest.approx(2**0.5, abs=0.01)


def test_small_objects_are_enlarged() -> None:
    plan = choice(objects(4, 9))
    assert plan.scale in (2, 4)
    assert plan.coverage.at_50 >= 0.95
    assert plan.scale_reason.startswith("a smaller scale would give ")


def test_huge_objects_are_shrunk_as_far_as_the_mask_head_allows() -> None:
    plan = choice(objects(140, 250, image=1500), image=1500)
    assert plan.scale == 0.5
    assert plan.scale_reason.endswith("pixels, and 64 are all that the mask head reads")
    assert choice(objects(300, 500, image=1500), image=1500).scale == 0.25
    assert choice(objects(120, 250, image=1500), image=1500).scale == 1


def test_objects_larger_than_a_training_tile_are_shrunk() -> None:
    plan = choice(objects(50, 800, image=2000), image=2000)
    assert plan.scale == 0.5
    assert plan.scale_reason.startswith("1 of 20 objects is larger than ")
    assert plan.coverage.at_50 >= 0.95
    assert choice(objects(20, 240), image=1000).scale == 1


def test_the_reason_says_what_is_reached() -> None:
    boxes = objects(30, 60)
    plan = choice(boxes)
    usual = coverage([boxes], [(1000, 1000)], plan.scale, TORCHVISION)
    shares = [plan.coverage.at_50, plan.coverage.at_70, usual.at_50, usual.at_70]
    reached, near, usual_50, usual_70 = (f"{100 * share:.3g} %" for share in shares)
    assert plan.reason == (
        f"{reached} of the true boxes have an anchor of IoU 0.5, {near} of IoU 0.7 "
        f"(with torchvision's sizes, 32 to 512: {usual_50} and {usual_70})"
    )


def test_objects_that_no_anchor_fits() -> None:
    """Ten times as long as wide: the cheapest of the plans that do about as well as any, and the reason says so."""
    boxes = objects(30, 60, tall=1) * np.float32([1, 0.1, 1, 0.1])
    plan = choice(boxes)
    assert plan.coverage.at_50 < 0.95
    assert plan.reason.startswith("nothing tried reaches 95 %: ")
    assert plan.scale == 1


def test_four_times_the_pixels_are_not_spent_on_one_box_in_a_hundred() -> None:
    """Every sixth object is too thin for any anchor; scale 2 would reach all others."""
    boxes = objects(8, 30)
    boxes[::6, 2] = boxes[::6, 0] + 0.1 * (boxes[::6, 2] - boxes[::6, 0])
    plan = choice(boxes)
    larger = coverage([boxes], [(1000, 1000)], 2, tuple((16.0 * 2**level,) for level in range(5)))
    assert plan.scale == 1
    assert plan.coverage.at_50 < larger.at_50 < plan.coverage.at_50 + 0.02
    assert plan.scale_reason.startswith("a larger scale would give ")


def test_many_boxes_are_thinned_evenly() -> None:
    boxes = [objects(25, 40, count=9000), objects(50, 90, count=3000)]
    thin = _truth(boxes, [(1000, 1000), (800, 800)]).thinned(5000)
    assert len(thin.boxes) == 5000
    assert (thin.sizes[:, 0] == 1000).mean() == pytest.approx(0.75, abs=0.001)
    assert len(np.unique(thin.boxes, axis=0)) == 5000
    assert choose_anchors(boxes, [(1000, 1000), (800, 800)]) == choose_anchors(boxes, [(1000, 1000), (800, 800)])


def test_nothing_to_choose_for() -> None:
    with pytest.raises(DataError, match=r"there is no object to choose anchors for\. Annotate at least one object"):
        choose_anchors([np.zeros((0, 4), np.float32)], [(10, 10)])
