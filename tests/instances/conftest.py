"""What tests of writers share: objects of every awkward shape."""

from collections.abc import Callable

import numpy as np
import pytest

from unmask.geometry.labels import relabel
from unmask.instances.objects import Objects


def blobs(seed: int) -> Objects:
    """Objects with holes, in several pieces, of one pixel, at the edges and touching by corners, of two classes."""
    random = np.random.default_rng(seed)
    size = random.integers(1, 30, 2)
    labels = random.integers(1, random.integers(2, 5), size) * (random.random(size) < random.uniform(0.2, 1))
    labels[: size[0] // 2, : size[1] // 2] = random.integers(0, 2)
    labels = relabel(labels)
    n = int(labels.max())
    return Objects(labels, random.integers(1, 3, n).astype(np.uint8), random.random(n).astype(np.float32))


@pytest.fixture(scope="session")
def make_blobs() -> Callable[[int], Objects]:
    """Seed to objects; there may be none."""
    return blobs


@pytest.fixture(scope="session")
def overlapping() -> Objects:
    """A bar, and another across it with a hole in what both cover, each whole in a layer."""
    layers = np.zeros((2, 50, 40), np.int32)
    layers[0, 10:20, 5:35], layers[1, 5:45, 15:25] = 1, 2
    layers[1, 12:14, 17:20] = 0
    labels = np.where(layers[0] > 0, layers[0], layers[1]).astype(np.int32)
    return Objects(labels, np.array([2, 1], np.uint8), np.array([0.1, 0.75], np.float32), layers=layers)
