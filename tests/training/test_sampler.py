"""Training tiles: a function of seed and step, mirrored outside the image, images dropped from memory when full."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from unmask.targets.targets import LARGEST_KEY, Targets
from unmask.training.sampler import Prepared, PreparedImages, TileSampler, resized


def prepared(height: int, width: int, first: int = 0) -> Prepared:
    """An image whose values are its pixels' positions, `first` + y * width + x."""
    values = first + np.arange(height * width, dtype=np.float32).reshape(height, width)
    classes = np.zeros((height, width), np.uint8)
    classes[2:4, 3:6] = 1
    return Prepared(values[..., None], Targets(classes[None], values.copy()))


def sampler(images: dict[str, Prepared], memory: int = 10**9, **options: int) -> TileSampler:
    values = {"tile": 8, "source": 12, "batch": 5, "seed": 0, "rank": 0, **options}
    return TileSampler(PreparedImages(images.__getitem__, memory), tuple(images), **values)


def test_function_of_seed_step_and_rank() -> None:
    images = {"a": prepared(30, 40), "b": prepared(25, 20, 5000)}
    straight, jumping = sampler(images), sampler(images)
    batches = [straight.batch(step) for step in range(6)]
    again = jumping.batch(4)
    assert torch.equal(again.images, batches[4].images)
    assert again.names == batches[4].names
    assert not torch.equal(batches[3].images, batches[4].images)
    assert not torch.equal(sampler(images, seed=1).batch(4).images, again.images)
    assert not torch.equal(sampler(images, rank=1).batch(4).images, again.images)


def test_image_target_and_weight_are_cut_alike() -> None:
    batch = sampler({"a": prepared(30, 40)}).batch(0)
    assert batch.images.shape == (5, 1, 12, 12)
    assert torch.equal(batch.images, batch.weights)
    y, x = batch.images // 40, batch.images % 40
    assert torch.equal(batch.targets == 1, (y >= 2) & (y < 4) & (x >= 3) & (x < 6))


def test_windows_are_mirrored_outside() -> None:
    """A source larger than the image: NumPy's reflection around the image's centre."""
    batch = sampler({"a": prepared(6, 5)}, tile=8, source=16).batch(0)
    image = np.arange(30, dtype=np.float32).reshape(6, 5)
    expected = np.pad(image, ((5, 5), (6, 5)), mode="reflect")
    assert np.array_equal(batch.images[0, 0].numpy(), expected)


def test_tiles_stay_inside_where_they_fit() -> None:
    batch = sampler({"a": prepared(30, 40)}, batch=200, tile=8, source=8).batch(0)
    y, x = batch.images[:, 0] // 40, batch.images[:, 0] % 40
    assert bool((y[:, 1:] - y[:, :-1] == 1).all())
    assert bool((x[:, :, 1:] - x[:, :, :-1] == 1).all())
    assert {int(y.min()), int(x.min())} == {0}
    assert (int(y.max()), int(x.max())) == (29, 39)


def test_half_of_the_tiles_hold_an_object() -> None:
    image = prepared(400, 400)
    batch = sampler({"a": image}, batch=300, tile=8, source=8).batch(0)
    share = float((batch.targets.amax(dim=(1, 2, 3)) > 0).float().mean())
    assert 0.4 < share < 0.6


def test_memory_is_bounded() -> None:
    made: list[str] = []
    images = {name: prepared(30, 40) for name in "abcdef"}

    def prepare(name: str) -> Prepared:
        made.append(name)
        return images[name]

    size = images["a"].nbytes
    cache = PreparedImages(prepare, 3 * size)
    for name in "abcabc":
        assert cache[name] is images[name]
    assert made == ["a", "b", "c"]
    for name in "dab":  # d drops a, the least recently used; a drops b, b drops c
        cache[name]
    assert made == ["a", "b", "c", "d", "a", "b"]


def test_mirror_images_of_objects_are_objects_of_their_own() -> None:
    """An object near the edge and its image in the mirror must not become one object with a box around both."""
    keys = np.zeros((1, 20, 20), np.int32)
    keys[0, 2:5, 2:5] = 3
    image = np.zeros((20, 20, 1), np.float32)
    batch = sampler({"a": Prepared(image, Targets(keys, None, copies=4))}, tile=20, source=40, batch=1).batch(0)
    assert batch.weights is None
    found = batch.targets[0, 0].numpy()
    pieces, count = ndimage.label(found)
    assert count == 4  # rows and columns before the image are mirrored: itself, above, left, both
    assert len({int(found[pieces == piece].max()) for piece in range(1, 5)}) == 4
    assert all(len(np.unique(found[pieces == piece])) == 1 for piece in range(1, 5))
    assert set(np.unique(found[found > 0]) % 4) == {3}


def test_resized() -> None:
    """Enlarged by 2: labels in blocks, grey values between their neighbours, means kept."""
    image = np.random.default_rng(0).random((6, 5, 2), np.float32)
    keys = np.arange(30, dtype=np.int32).reshape(1, 6, 5)
    found = resized(Prepared(image, Targets(keys, None, 7)), (12, 10))
    assert found.image.shape == (12, 10, 2)
    assert np.array_equal(found.targets.maps[0], np.kron(keys[0], np.ones((2, 2), np.int32)))
    assert found.targets.copies == 7
    assert found.image.mean() == pytest.approx(image.mean(), abs=0.02)
    same = resized(found, (12, 10))
    assert same is found


def test_mirror_images_far_away_are_told_apart_too() -> None:
    """An image of a quarter of its tile: six mirror images along each axis, and no key in two places."""
    keys = np.zeros((1, 16, 16), np.int32)
    keys[0, 2:5, 2:5], keys[0, 9:12, 9:12] = 3, 5
    image = np.zeros((16, 16, 1), np.float32)
    batch = sampler({"a": Prepared(image, Targets(keys, None, copies=6))}, tile=64, source=80, batch=1).batch(0)
    found = batch.targets[0, 0].numpy()
    _, pieces = ndimage.label(found > 0)
    assert len(np.unique(found)) - 1 == pieces > 50


def partly_known(share: slice) -> Prepared:
    """An image of 60 x 80 pixels that is known in these columns only."""
    keys = np.full((1, 60, 80), -1, np.int32)
    keys[0, :, share] = 0
    keys[0, 30:33, share.start : share.start + 2] = 3
    return Prepared(np.zeros((60, 80, 1), np.float32), Targets(keys, None, 4))


def test_every_tile_holds_something_known() -> None:
    """Four columns are known of eighty: of places drawn anywhere, most tiles would hold none of them."""
    batch = sampler({"a": partly_known(slice(50, 54))}, batch=200, tile=8, source=8).batch(0)
    known = (batch.targets >= 0).flatten(1).sum(dim=1)
    assert int(known.min()) > 0


def test_known_pixels_are_all_drawn_and_no_others() -> None:
    """A tile of one pixel shows which were: all known ones about as often."""
    random = np.random.default_rng(0)
    values = np.arange(48, dtype=np.float32).reshape(6, 8)
    ignore = random.random((6, 8)) < 0.7
    maps = np.where(ignore, -1, 0).astype(np.int16)[None]
    image = Prepared(values[..., None], Targets(maps, values.copy()))
    batch = sampler({"a": image}, batch=2000, tile=1, source=1).batch(0)
    drawn, counts = np.unique(batch.images.numpy().astype(int), return_counts=True)
    assert drawn.tolist() == np.flatnonzero(~ignore).tolist()
    assert counts.min() > 0.6 * counts.mean()


def test_an_image_of_which_nothing_is_known_stops_nothing() -> None:
    batch = sampler({"a": Prepared(np.zeros((9, 9, 1), np.float32), Targets(np.full((1, 9, 9), -1), None))}).batch(0)
    assert bool((batch.targets == -1).all())


def test_mirror_images_carry_what_is_not_known() -> None:
    """Around an image of a quarter of its tile: as NumPy's reflection has it, also far out where keys have run out."""
    keys = np.zeros((1, 16, 16), np.int32)
    keys[0, 2:5, 2:5], keys[0, 7:, 12:] = 3, -1
    image = Prepared(np.zeros((16, 16, 1), np.float32), Targets(keys, None, copies=LARGEST_KEY // 9))
    batch = sampler({"a": image}, tile=64, source=80, batch=1).batch(0)
    before, after = 40 - 8, 80 - 16 - (40 - 8)
    expected = np.pad(keys[0] == -1, (before, after), mode="reflect")
    found = batch.targets[0, 0].numpy()
    assert np.array_equal(found == -1, expected)
    assert found.min() == -1
    assert 0 < np.unique(found[found > 0]).size < 25  # no keys for all


def test_tiles_of_known_and_partly_known_images_go_together() -> None:
    """Their maps are of different types."""
    plain = Prepared(
        np.zeros((9, 9, 1), np.float32), Targets(np.ones((1, 9, 9), np.uint8), np.ones((9, 9), np.float32))
    )
    other = Prepared(plain.image, Targets(np.full((1, 9, 9), -1, np.int16), plain.targets.weight))
    batch = sampler({"a": plain, "b": other}, batch=20).batch(0)
    assert batch.names.count("a") in range(1, 20)
    for name, target in zip(batch.names, batch.targets, strict=True):
        assert bool((target == (1 if name == "a" else -1)).all())


def test_what_is_not_known_is_resized_too() -> None:
    maps = np.where(np.random.default_rng(0).random((1, 6, 5)) < 0.5, -1, 7).astype(np.int16)
    found = resized(Prepared(np.zeros((6, 5, 1), np.float32), Targets(maps, None)), (12, 10)).targets.maps
    assert np.array_equal(found[0], np.kron(maps[0], np.ones((2, 2), np.int16)))
