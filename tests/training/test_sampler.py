"""Training tiles: a function of seed and step, mirrored outside the image, images dropped from memory when full."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from unmask.targets.targets import Targets
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
