import numpy as np

from unmask.instances.blockwise import Piece
from unmask.instances.blockwise_growth import grow_window, number_objects
from unmask.instances.blockwise_seeds import join_seeds, seeds_of_block
from unmask.recipe import InstanceRecipe

VALUES = InstanceRecipe(seed_threshold=0.7, mask_threshold=0.5, min_size=4, reach=1)


def test_objects_are_sized_after_growth_and_over_blocks():
    """A seed of two pixels that grows to four, of which one lies in the next block."""
    front = np.array([[0.5, 0.9, 0.9, 0.5]], np.float32)
    labels, seeds = seeds_of_block(front[:, :3], VALUES, (0, 0), 4)
    lookups = join_seeds([seeds, seeds_of_block(front[:, 3:], VALUES, (0, 3), 4)[1]], (1, 2), VALUES)
    piece = Piece(labels, lookups.table(0), 0, 0)
    places = (slice(0, 1), slice(0, 3)), (slice(0, 1), slice(3, 4))
    grown = [grow_window([piece], front, VALUES, place, (0, place[1].start), 4) for place in places]
    assert [part.tolist() for part, _ in grown] == [[[1, 1, 1]], [[1]]]
    blocks = [block for _, block in grown]
    assert [block.areas.tolist() for block in blocks] == [[3], [1]]
    assert number_objects(blocks, VALUES).numbers.tolist() == [1, 1]
    assert number_objects(blocks, VALUES.model_copy(update={"min_size": 5})).numbers.tolist() == [0, 0]


def test_an_image_without_seeds():
    blocks = [seeds_of_block(np.zeros((2, 3), np.float32), VALUES, (0, 3 * i), 6) for i in range(2)]
    lookups = join_seeds([block for _, block in blocks], (1, 2), VALUES)
    assert lookups.table(1).tolist() == [0]
    piece = Piece(blocks[0][0], lookups.table(0), 0, 0)
    labels, grown = grow_window([piece], np.zeros((2, 3), np.float32), VALUES, (slice(0, 2), slice(0, 3)), (0, 0), 6)
    assert not labels.any()
    assert number_objects([grown], VALUES).numbers.size == 0
