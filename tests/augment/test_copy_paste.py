"""Copy-paste: pixels, keys and classes of what is pasted, by hand."""

import torch

from unmask.augment.copy_paste import copy_paste

KINDS = 3  # two classes and the background


def tiles() -> tuple[torch.Tensor, torch.Tensor]:
    """Two tiles of grey 1 and 2; objects 1 and 2 of class 1 and 2 in each, at different places."""
    images = torch.stack([torch.full((1, 8, 8), 1.0), torch.full((1, 8, 8), 2.0)])
    layers = torch.zeros(2, 1, 8, 8, dtype=torch.int64)
    layers[0, 0, 0:4, 0:4], layers[0, 0, 4:8, 4:8] = 1 * KINDS + 1, 2 * KINDS + 2
    layers[1, 0, 2:6, 2:6], layers[1, 0, 0:2, 6:8] = 1 * KINDS + 1, 2 * KINDS + 2
    return images, layers


def test_nothing_is_pasted_at_a_share_of_0() -> None:
    images, layers = tiles()
    pasted = copy_paste(images, layers, KINDS, 0.0)
    assert pasted[0] is images
    assert pasted[1] is layers


def test_pasted_pixels_and_keys_agree() -> None:
    images, layers = tiles()
    seen = set()
    for seed in range(40):
        torch.manual_seed(seed)
        pasted, maps = copy_paste(images, layers, KINDS, 1.0)
        foreign = pasted[0, 0] == 2.0
        # What shows the other tile's grey is exactly what bears a pasted key: above the tile's own keys.
        assert torch.equal(foreign, maps[0, 0] > 2 * KINDS + 2)
        # Classes stay, and a whole object was copied or nothing of it.
        for key in maps[0, 0][foreign].unique().tolist():
            original = layers[1, 0] == key - 3 * KINDS
            assert original.any()
            assert torch.equal(original, maps[0, 0] == key)
        # Own objects keep what is not covered.
        assert torch.equal(maps[0, 0][~foreign], layers[0, 0][~foreign])
        seen.add(int(foreign.sum()))
    assert seen == {0, 4, 16, 20}  # each object alone, both, none


def test_a_single_tile_has_no_neighbour() -> None:
    images, layers = tiles()
    pasted, maps = copy_paste(images[:1], layers[:1], KINDS, 1.0)
    assert torch.equal(pasted, images[:1])
    assert torch.equal(maps, layers[:1])


def test_what_is_not_known_is_covered_and_never_pasted() -> None:
    """Of the one tile all but its objects, of the other a column: that column shows only where nothing is pasted."""
    images, layers = tiles()
    layers[1][layers[1] == 0] = -1
    layers[0, 0, :, 3:5] = -1
    seen = set()
    for seed in range(40):
        torch.manual_seed(seed)
        pasted, maps = copy_paste(images, layers, KINDS, 1.0)
        foreign = pasted[0, 0] == 2.0
        assert torch.equal(foreign, maps[0, 0] > 2 * KINDS + 2)
        assert torch.equal(maps[0, 0][~foreign], layers[0, 0][~foreign])
        seen.add((int(foreign.sum()), int((maps[0, 0] == -1).sum())))
    # The square of 4 x 4 covers 2 x 4 of the 16 unknown pixels, the other object none.
    assert seen == {(0, 16), (4, 16), (16, 8), (20, 8)}


def test_a_tile_of_which_nothing_is_known_takes_objects() -> None:
    images, layers = tiles()
    layers[0] = -1
    torch.manual_seed(1)
    pasted, maps = copy_paste(images, layers, KINDS, 1.0)
    assert set(maps[0].unique().tolist()) - {-1} == set(layers[1][(pasted[0] == 2.0)].unique().tolist()) != set()
