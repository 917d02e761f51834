import pickle

import numpy as np

from unmask.instances.blockwise_seeds import join_seeds, seeds_of_block
from unmask.recipe import InstanceRecipe

FRONT = np.array([[9, 0, 9, 0, 0], [9, 0, 0, 0, 9], [0, 0, 0, 0, 9], [9, 9, 0, 0, 0]], np.float32) / 10
VALUES = InstanceRecipe(seed_threshold=0.7, mask_threshold=0.5, min_size=4, reach=1)


def test_a_block_by_hand():
    labels, block = seeds_of_block(FRONT, VALUES, (10, 20), 1000)
    assert labels.tolist() == [[1, 0, 2, 0, 0], [1, 0, 0, 0, 3], [0, 0, 0, 0, 3], [4, 4, 0, 0, 0]]
    assert block.areas.tolist() == [2, 1, 2, 2]
    assert block.firsts.tolist() == [10_020, 10_022, 11_024, 13_020]
    assert block.faces.right.tolist() == [0, 3, 3, 0]


def test_flecks_within_a_block_are_not_handed_on_and_those_at_its_sides_are():
    front = np.zeros((100, 100), np.float32)
    front[5:95:2, 5:95:2] = 1
    front[0, 50] = 1
    labels, block = seeds_of_block(front, VALUES, (0, 0), 100)
    assert block.areas.tolist() == [1]
    assert np.argwhere(labels).tolist() == [[0, 50]]
    assert len(pickle.dumps(block)) < 3000


def test_seeds_are_sized_as_a_whole_and_numbered_by_first_pixel():
    left = seeds_of_block(FRONT[:, :3], VALUES, (0, 0), 5)[1]
    right = seeds_of_block(FRONT[:, 3:], VALUES, (0, 3), 5)[1]
    lookups = join_seeds([left, right], (1, 2), VALUES)
    assert lookups.table(0).tolist() == [0, 1, 0, 3]
    assert lookups.table(1).tolist() == [0, 2]
