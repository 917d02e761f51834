from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from unmask.check.fit import ORIENTATIONS, Fit, fit, fit_sights
from unmask.data.folder import read_folder
from unmask.data.sample import Sample


def made(seed: int = 0, size: tuple[int, int] = (240, 240)) -> Sample:
    """Bright blobs, and their label image."""
    random = np.random.default_rng(seed)
    labels = np.zeros(size, np.int32)
    rows, columns = np.indices(size)
    for label in range(1, 7):
        y, x = random.integers(8, np.array(size) - 8)
        labels[((rows - y) / random.uniform(3, 8)) ** 2 + ((columns - x) / random.uniform(3, 8)) ** 2 < 1] = label
    image = 40 + 90 * ndimage.gaussian_filter((labels > 0).astype(float), 0.8) + random.normal(0, 6, size)
    return Sample(
        "a", image.clip(0, 255).astype(np.uint8)[..., None], (labels > 0).astype(np.uint8), labels, file=Path("a")
    )


TURNS = {
    "upside down": lambda m: m[::-1],
    "mirrored left to right": lambda m: m[:, ::-1],
    "turned by 180 degrees": lambda m: np.rot90(m, 2),
    "with rows and columns swapped": lambda m: m.T,
    "turned by 90 degrees anticlockwise": lambda m: np.rot90(m, -1),  # it was turned clockwise, and wants back
    "turned by 90 degrees clockwise": lambda m: np.rot90(m, 1),
    "swapped along the other diagonal": lambda m: np.rot90(m, 2).T,
}


def test_every_orientation_is_tried() -> None:
    assert {"as it is", *TURNS} == set(ORIENTATIONS)


@pytest.mark.parametrize("words", TURNS)
def test_turned_masks_are_told_how_they_would_fit(words: str) -> None:
    sample = made()
    assert sample.objects is not None
    found = fit(replace(sample, objects=np.ascontiguousarray(TURNS[words](sample.objects))))
    assert found is not None
    assert [(one.code, one.detail) for one in fit_sights([found])] == [("turned", f"the mask would fit {words}")]


def test_masks_of_other_images_do_not_fit() -> None:
    samples = [made(seed, (300, 240)) for seed in range(12)]
    other = replace(samples[0], objects=samples[1].objects)
    found = [one for one in map(fit, [other, *samples[1:]]) if one]
    assert [(one.code, one.file) for one in fit_sights(found)] == [("unfit", Path("a"))]


def test_masks_that_fit() -> None:
    assert fit_sights([one for one in (fit(made(seed)) for seed in range(12)) if one]) == []
    assert fit_sights([]) == []
    assert fit(replace(made(), objects=np.zeros((240, 240), np.int32))) is None
    assert fit(Sample("a", np.zeros((5, 5, 1), np.uint8), objects=np.eye(5, dtype=np.int32))) is None


def test_sets_whose_images_differ_are_not_judged() -> None:
    scores = [2.0, 1.9, 0.4, 0.3, 0.01, 1.0, 0.2]
    found = [Fit(str(number), Path(), np.array([score]), 500) for number, score in enumerate(scores)]
    assert fit_sights(found) == []


@pytest.mark.parametrize("name", ["dsb2018", "ctc_fluo_n2dh_sim", "isbi2012", "balloon"])
def test_no_alarm_on_real_data(shared_data: Path, name: str) -> None:
    dataset = read_folder(shared_data / name)
    names = dataset.names()[::10]
    assert fit_sights([one for one in (fit(dataset.load(name)) for name in names) if one]) == []
