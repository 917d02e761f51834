import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.geometry.labels import relabel
from unmask.instances.detections import Detections
from unmask.instances.paint import paint
from unmask.instances.paste import crops
from unmask.recipe import DetectionRecipe

SIZE = (30, 40)


def boxes_of(*boxes, size=SIZE):
    """Detections without masks, falling scores from 0.9: each object is its box."""
    scores = np.linspace(0.9, 0.6, len(boxes)).astype(np.float32)
    classes = np.arange(1, len(boxes) + 1, dtype=np.uint8)
    return Detections(size, np.array(boxes, np.float32).reshape(-1, 4), classes, scores, None)


def random_detections(seed, masks=True):
    random = np.random.default_rng(seed)
    count = int(random.integers(0, 25))
    start = random.uniform(-4, 34, (count, 2))
    boxes = np.concatenate([start, start + random.uniform(0.5, 16, (count, 2))], axis=1).clip(0, [40, 30, 40, 30])
    scores = np.sort(random.random(count, dtype=np.float32))[::-1].copy()
    shapes = random.random((count, 7, 7), dtype=np.float32).clip(0.3) if masks else None
    return Detections(SIZE, boxes.astype(np.float32), random.integers(1, 4, count, dtype=np.uint8), scores, shapes)


def recipes():
    return st.builds(
        DetectionRecipe,
        score_threshold=st.sampled_from([0.0, 0.3]),
        mask_threshold=st.sampled_from([0.4, 0.6]),
        covered=st.sampled_from([0.0, 0.3, 0.7, 1.0]),
        min_size=st.sampled_from([1, 4, 20]),
    )


def whole_masks(found, recipe):
    """Position and full-frame mask of every detection that counts: the (n, h, w) that `paint` never makes."""
    for i, crop in enumerate(crops(found, recipe.mask_threshold)):
        full = np.zeros(found.size, bool)
        full[crop.window] = crop.mask
        if found.scores[i] >= np.float32(recipe.score_threshold) and full.sum() >= recipe.min_size:
            yield i, full


def painted_slowly(found, recipe):
    """Frame by frame: (position, visible mask) of each object."""
    taken, objects = np.zeros(found.size, bool), []
    for i, full in whole_masks(found, recipe):
        visible = full & ~taken
        if visible.any() and (full & taken).sum() <= recipe.covered * full.sum():
            objects.append((i, visible))
            taken |= full
    return sorted(objects, key=lambda item: item[1].argmax())


def layered_slowly(found, recipe):
    layers, objects = [np.zeros(found.size, bool)], []
    for i, full in whole_masks(found, recipe):
        fitting = [k for k, layer in enumerate(layers) if not (layer & full).any()]
        if not fitting:
            fitting = [len(layers)]
            layers.append(np.zeros(found.size, bool))
        layers[fitting[0]] |= full
        objects.append((i, full, fitting[0]))
    return sorted(objects, key=lambda item: item[1].argmax()), len(layers)


@given(st.integers(0, 10_000), recipes(), st.booleans())
def test_objects_are_those_of_full_frames(seed, recipe, masks):
    found = random_detections(seed, masks)
    objects = paint(found, recipe, (0.5, 0.25))
    expected = np.zeros(SIZE, np.int32)
    slow = painted_slowly(found, recipe)
    for label, (_, visible) in enumerate(slow, start=1):
        expected[visible] = label
    np.testing.assert_array_equal(objects.labels, expected)
    np.testing.assert_array_equal(objects.labels, relabel(objects.labels))
    assert objects.labels.dtype == np.int32
    np.testing.assert_array_equal(objects.classes, found.classes[[i for i, _ in slow]])
    np.testing.assert_array_equal(objects.scores, found.scores[[i for i, _ in slow]])
    assert (objects.classes.dtype, objects.scores.dtype) == (np.uint8, np.float32)
    assert (objects.pixel_size, objects.layers) == ((0.5, 0.25), None)


@given(st.integers(0, 10_000), recipes(), st.booleans())
def test_overlapping_objects_stay_whole_in_layers(seed, recipe, masks):
    found = random_detections(seed, masks)
    objects = paint(found, recipe, overlaps=True)
    slow, count = layered_slowly(found, recipe)
    layers, labels = np.zeros((count, *SIZE), np.int32), np.zeros(SIZE, np.int32)
    for label, (_, full, layer) in enumerate(slow, start=1):
        layers[layer][full] = label
    for i, full, _ in sorted(slow, key=lambda item: -item[0]):  # the best last, over the others
        labels[full] = [other for other, _, _ in slow].index(i) + 1
    np.testing.assert_array_equal(objects.layers, layers)
    np.testing.assert_array_equal(objects.labels, labels)
    np.testing.assert_array_equal(objects.classes, found.classes[[i for i, _, _ in slow]])
    np.testing.assert_array_equal(objects.scores, found.scores[[i for i, _, _ in slow]])
    for label, top, left, mask in objects.crops():
        whole = slow[label - 1][1]
        np.testing.assert_array_equal(whole[top : top + mask.shape[0], left : left + mask.shape[1]], mask)
        assert mask.sum() == whole.sum()


def test_the_better_object_takes_the_pixels_and_numbers_follow_the_raster():
    found = boxes_of([10, 10, 20, 20], [16, 5, 26, 15])  # the second loses 4 x 5 of 100 pixels, and lies higher
    objects = paint(found, DetectionRecipe())
    assert objects.classes.tolist() == [2, 1]
    np.testing.assert_array_equal(objects.scores, found.scores[::-1])
    assert np.bincount(objects.labels.ravel())[1:].tolist() == [80, 100]
    assert (objects.labels[5, 16], objects.labels[10, 16], objects.labels[10, 20]) == (1, 2, 1)


@pytest.mark.parametrize(("covered", "count"), [(0.49, 1), (0.5, 2), (0.51, 2)])
def test_an_object_covered_by_more_than_the_share_is_dropped(covered, count):
    found = boxes_of([0, 0, 10, 10], [5, 0, 15, 10])
    assert len(paint(found, DetectionRecipe(covered=covered))) == count


def test_an_object_is_judged_by_its_own_mask_and_by_kept_objects_only():
    # The second is dropped, and takes nothing from the third; the fourth vanishes whatever may be covered.
    found = boxes_of([0, 0, 10, 10], [0, 0, 12, 10], [10, 0, 20, 10], [2, 2, 8, 8])
    assert paint(found, DetectionRecipe(covered=0.5)).classes.tolist() == [1, 3]
    assert paint(found, DetectionRecipe(covered=1)).classes.tolist() == [1, 2, 3]
    assert len(paint(found, DetectionRecipe(covered=0), overlaps=True)) == 4


def test_a_better_object_may_cut_another_in_two():
    objects = paint(boxes_of([10, 0, 14, 30], [0, 10, 40, 14]), DetectionRecipe())
    assert objects.labels[12].tolist() == [2] * 10 + [1] * 4 + [2] * 26


def test_small_and_uncertain_detections_are_none():
    found = boxes_of([0, 0, 3, 3], [10, 0, 12, 4], [20, 0, 30, 10])
    assert paint(found, DetectionRecipe(min_size=9)).classes.tolist() == [1, 3]
    assert paint(found, DetectionRecipe(score_threshold=0.7)).classes.tolist() == [1, 2]
    assert paint(found, DetectionRecipe(score_threshold=0.7, min_size=9), overlaps=True).classes.tolist() == [1]


def test_the_smallest_size_is_of_the_whole_mask():
    found = boxes_of([0, 0, 10, 10], [5, 0, 15, 10])  # half of the second is left
    assert len(paint(found, DetectionRecipe(min_size=60))) == 2


def test_layers_hold_what_labels_cannot_show():
    # The last three share no pixel with each other, and fit beneath the first, or under the second, together.
    found = boxes_of([0, 0, 20, 20], [0, 0, 20, 20], [5, 5, 8, 8], [10, 10, 12, 12], [30, 0, 40, 10])
    objects = paint(found, DetectionRecipe(), overlaps=True)
    assert objects.layers.shape == (3, *SIZE)
    # Of the two that begin at the first pixel the better is the first.
    assert objects.classes.tolist() == [1, 2, 5, 3, 4]
    assert [sorted(set(layer.ravel()) - {0}) for layer in objects.layers] == [[1, 3], [2], [4, 5]]
    assert sorted(set(objects.labels.ravel())) == [0, 1, 3]
    assert [(label, top, left, mask.sum()) for label, top, left, mask in objects.crops()] == [
        (1, 0, 0, 400),
        (2, 0, 0, 400),
        (3, 0, 30, 100),
        (4, 5, 5, 9),
        (5, 10, 10, 4),
    ]


def test_nothing_found_is_no_object():
    for overlaps in (False, True):
        objects = paint(boxes_of(), DetectionRecipe(), overlaps=overlaps)
        assert (len(objects), objects.labels.max(), len(objects.classes)) == (0, 0, 0)
        assert list(objects.crops()) == []
    assert objects.layers.shape == (1, *SIZE)


def test_crops_of_a_label_image():
    objects = paint(boxes_of([10, 10, 20, 20], [16, 5, 26, 15]), DetectionRecipe())
    (first, second) = objects.crops()
    assert (first[:3], second[:3]) == ((1, 5, 16), (2, 10, 10))
    assert (first[3].shape, first[3].sum(), second[3].sum()) == ((10, 10), 80, 100)
    assert not first[3][5:, :4].any()
