import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage.draw import disk

from unmask.check.duplicates import Fingerprint, duplicate_sights, fingerprint
from unmask.data.folder import read_folder
from unmask.data.sample import Sample


def cells(seed: int, size: tuple[int, int] = (200, 240)) -> np.ndarray:
    """A uint8 image (h, w) of cells with some texture on a noisy ground."""
    random = np.random.default_rng(seed)
    image = np.full(size, 20.0)
    for _ in range(25):
        place = disk(random.integers(0, np.array(size)), random.integers(6, 14), shape=size)
        image[place] = random.uniform(60, 160)
    image *= 1 + 0.3 * ndimage.gaussian_filter(random.normal(0, 3, size), 2)
    return (image + random.normal(0, 4, size)).clip(0, 255).astype(np.uint8)


def printed(image: np.ndarray, name: str = "a") -> Fingerprint:
    return fingerprint(Sample(name, image if image.ndim == 3 else image[..., None], file=Path(f"{name}.png")))


def codes(*images: np.ndarray, splits: dict[str, str] | None = None) -> dict[str, tuple[str, str]]:
    """Name to code and detail; images are called a, b, c, ..."""
    prints = [printed(image, "abcdefgh"[index]) for index, image in enumerate(images)]
    return {sight.image: (sight.code, sight.detail) for sight in duplicate_sights(prints, splits or {})}


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    stored = io.BytesIO()
    Image.fromarray(image).save(stored, "JPEG", quality=quality)
    return np.asarray(Image.open(stored))


def scaled(image: np.ndarray, factor: float) -> np.ndarray:
    size = round(image.shape[1] * factor), round(image.shape[0] * factor)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


COPIES = {
    "darker": lambda image: (0.4 * image + 10).astype(np.uint8),
    "16 bit": lambda image: image.astype(np.uint16) * 16 + 100,
    "jpeg": lambda image: jpeg(image, 50),
    "half": lambda image: scaled(image, 0.5),
    "larger": lambda image: scaled(image, 1.7),
    "colour": lambda image: np.stack([image, image, image], axis=2),
    "noisy": lambda image: (image + np.random.default_rng(9).normal(0, 4, image.shape)).clip(0, 255).astype(np.uint8),
}


def test_different_images_are_not_the_same() -> None:
    assert codes(*(cells(seed) for seed in range(8))) == {}


def test_equal_images_name_each_other() -> None:
    assert codes(cells(0), cells(1), cells(0)) == {
        "a": ("duplicate", "equal to c"),
        "c": ("duplicate", "equal to a"),
    }


@pytest.mark.parametrize("how", COPIES)
def test_nearly_equal_images(how: str) -> None:
    found = codes(cells(0), cells(1), COPIES[how](cells(0)))
    assert found == {"a": ("duplicate", "nearly equal to c"), "c": ("duplicate", "nearly equal to a")}


def test_an_equal_copy_is_named_before_a_near_one() -> None:
    found = codes(COPIES["darker"](cells(0)), cells(0), cells(0))
    assert found["b"] == ("duplicate", "equal to c")
    assert found["a"] == ("duplicate", "nearly equal to b")


def test_a_copy_in_another_split_leaks() -> None:
    splits = {"a": "train", "b": "test", "c": "train", "d": "train", "e": "train", "f": "val"}
    found = codes(cells(0), COPIES["darker"](cells(0)), cells(0), cells(1), cells(1), cells(2), splits=splits)
    assert found == {
        "a": ("leak", "in train, nearly equal to b in test"),
        "b": ("leak", "in test, nearly equal to a in train"),
        "c": ("leak", "in train, nearly equal to b in test"),
        "d": ("duplicate", "equal to e"),
        "e": ("duplicate", "equal to d"),
    }


def test_images_in_no_split_cannot_leak() -> None:
    assert codes(cells(0), cells(0), splits={"a": "train"}) == {
        "a": ("duplicate", "equal to b"),
        "b": ("duplicate", "equal to a"),
    }


def test_dark_fields_are_not_the_same() -> None:
    """Uneven light and noise of a camera, and nothing else."""
    light = 20 + 8 * np.hypot(*np.mgrid[-1:1:128j, -1:1:128j])
    dark = [np.random.default_rng(seed).normal(light, 2).astype(np.uint8) for seed in range(6)]
    assert codes(*dark) == {}


def test_constant_images_are_not_called_copies() -> None:
    assert codes(np.zeros((50, 50), np.uint8), np.zeros((50, 50), np.uint8)) == {}


def test_one_moved_cell_makes_another_frame() -> None:
    first, second = cells(0), cells(0)
    second[60:110, 100:150] = cells(3)[60:110, 100:150]
    assert codes(first, second) == {}


def test_many_more_images_than_are_compared_at_a_time() -> None:
    prints = [printed(cells(seed, (64, 64)), str(seed)) for seed in range(20)]
    many = [
        Fingerprint(f"{k}-{one.name}", one.file, one.size, f"{k}{one.exact}", one.detail)
        for k in range(15)
        for one in prints
    ]
    sights = duplicate_sights(many, {})
    assert len(sights) == 300
    assert {sight.detail.rsplit("-")[-1] == sight.image.rsplit("-")[-1] for sight in sights} == {True}


def test_real_copies_and_real_neighbours(shared_data: Path, nuclei: Callable[[Sequence[str]], list[Sample]]) -> None:
    """The eight images in the original layout are also in dsb2018; frames and sections are no copies."""
    samples = [sample for name in ("dsb2018_original_layout", "isbi2012") for sample in read_folder(shared_data / name)]
    lapse = read_folder(shared_data / "ctc_fluo_n2dh_sim")
    samples += [lapse.load(name) for name in lapse.names()[:12]]
    again = nuclei([sample.name[:16] for sample in samples[:8]])
    sights = duplicate_sights([fingerprint(sample) for sample in samples + again], {})
    assert {sight.image for sight in sights} == {sample.name for sample in samples[:8] + again}
