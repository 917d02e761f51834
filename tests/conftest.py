"""What many tests share: a small data set of discs, and a small run trained on it."""

import os

# The tensors of tests are small: threads would only wait for each other, for minutes on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import settings
from skimage.draw import disk

# The first call of a compiled function takes longer than any deadline.
settings.register_profile("unmask", deadline=None)
settings.load_profile("unmask")

SMALL = ["network.width=4", "network.depth=2", "schedule.tile=32", "schedule.batch=4", "schedule.validations=2"]


def discs(seed: int, size: tuple[int, int] = (72, 60)) -> tuple[np.ndarray, np.ndarray]:
    """A uint8 image of bright discs on a noisy ground, and its uint16 label image."""
    random = np.random.default_rng(seed)
    labels = np.zeros(size, np.uint16)
    for number in range(1, 9):
        rows, columns = disk(random.integers(4, np.array(size) - 4), random.integers(4, 9), shape=size)
        labels[rows, columns] = number
    image = 40 + 120 * (labels > 0) + random.normal(0, 15, size)
    return image.clip(0, 255).astype(np.uint8), labels


def write_discs(folder: Path, count: int = 6) -> Path:
    """A data set of discs: images/disc0.tif, masks/disc0.tif, ..."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for seed in range(count):
        image, labels = discs(seed)
        tifffile.imwrite(folder / "images" / f"disc{seed}.tif", image)
        tifffile.imwrite(folder / "masks" / f"disc{seed}.tif", labels)
    return folder


@pytest.fixture(scope="session")
def small() -> list[str]:
    """Settings that make a run small."""
    return list(SMALL)


@pytest.fixture(scope="session")
def make_discs() -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """Seed to an image of discs and its label image."""
    return discs


@pytest.fixture(scope="session")
def disc_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images of discs with their masks; not to be changed."""
    return write_discs(tmp_path_factory.mktemp("discs") / "data")


@pytest.fixture(scope="session")
def disc_run(disc_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run trained on the discs for 40 steps; not to be changed."""
    from unmask.training.run import train

    out = tmp_path_factory.mktemp("runs") / "discs"
    train(disc_folder, out, steps=40, settings=SMALL, accelerator="cpu")
    return out


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets."""
    folder = os.environ.get("UNMASK_DATA")
    if not folder:
        pytest.skip("UNMASK_DATA is not set: no real data here")
    return Path(folder)
