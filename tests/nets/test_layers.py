"""Objects of a tile: boxes, classes and masks from layers of keys, by hand and beside scikit-image."""

import numpy as np
import torch
from skimage.measure import regionprops

from unmask.nets.layers import objects_in


def test_boxes_classes_and_masks_by_hand() -> None:
    layers = torch.zeros(2, 10, 12, dtype=torch.int64)
    layers[0, 1:4, 2:7] = 5 * 3 + 2  # object 5 of class 2: rows 1-3, columns 2-6
    layers[1, 2:8, 3:5] = 7 * 3 + 1  # another, over it
    layers[1, 9, 11] = 8 * 3 + 1  # a sliver of one pixel
    found = objects_in(layers, 2)
    assert found.boxes.tolist() == [[2, 1, 7, 4], [3, 2, 5, 8]]
    assert found.boxes.dtype == torch.float32
    assert found.classes.tolist() == [2, 1]
    assert found.layer.tolist() == [0, 1]
    masks = [layers[layer] == key for layer, key in zip(found.layer, found.keys, strict=True)]
    assert [int(mask.sum()) for mask in masks] == [15, 12]


def test_no_object() -> None:
    found = objects_in(torch.zeros(1, 8, 8, dtype=torch.int64), 1)
    assert found.boxes.shape == (0, 4)
    assert found.classes.shape == found.keys.shape == found.layer.shape == (0,)


def test_boxes_beside_scikit_image() -> None:
    random = np.random.default_rng(0)
    labels = np.kron(random.integers(0, 30, (12, 9)), np.ones((5, 6), int))
    found = objects_in(torch.from_numpy(labels * 2 + (labels > 0))[None], 1)
    expected = {one.label: one.bbox for one in regionprops(labels)}
    assert {int(key) // 2: tuple(box.int().tolist()) for key, box in zip(found.keys, found.boxes, strict=True)} == {
        label: (left, top, right, bottom) for label, (top, left, bottom, right) in expected.items()
    }


def test_what_is_not_known_is_no_object() -> None:
    layers = torch.zeros(2, 10, 12, dtype=torch.int64)
    layers[0, 1:4, 2:7] = 5 * 3 + 2
    layers[1, 2:8, 3:5] = 7 * 3 + 1
    known = objects_in(layers, 2)
    assert known.ignore is None
    layers[0, :, 8:] = -1
    found = objects_in(layers, 2)
    assert found.ignore is not None
    assert torch.equal(found.ignore, layers[0] == -1)
    assert torch.equal(found.boxes, known.boxes)
    assert torch.equal(found.classes, known.classes)
