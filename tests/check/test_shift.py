from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.draw import disk

from unmask.check.shift import REACH, Alignment, align, peak, set_shift, shift_sights
from unmask.data.sample import Sample


def picture(seed: int, *, contrast: float = 80, size: tuple[int, int] = (160, 140)) -> Sample:
    """Discs that are brighter than their ground, or darker where `contrast` is negative."""
    random = np.random.default_rng(seed)
    objects = np.zeros(size, np.int32)
    for label in range(1, 9):
        objects[disk(random.integers(10, np.array(size) - 10), random.integers(6, 11), shape=size)] = label
    image = 100 + contrast * (objects > 0) + random.normal(0, 8, size)
    return Sample(str(seed), image.clip(0, 255).astype(np.uint8)[..., None], objects=objects, file=Path(f"{seed}.png"))


def moved(sample: Sample, rows: int, columns: int) -> Sample:
    assert sample.objects is not None
    return replace(sample, objects=np.roll(sample.objects, (rows, columns), (0, 1)))


def aligned(*samples: Sample) -> list[Alignment]:
    return [one for sample in samples if (one := align(sample))]


@settings(max_examples=25)
@given(st.integers(-12, 12), st.integers(-12, 12), st.sampled_from([80, -80]))
def test_both_scores_peak_at_the_shift(rows: int, columns: int, contrast: float) -> None:
    (found,) = aligned(moved(picture(1, contrast=contrast), rows, columns))
    for scores in (found.edges, found.slopes):
        place = peak(scores)
        assert place is not None
        assert place == pytest.approx((rows, columns), abs=0.6)


def test_scores_are_correlations_at_every_shift() -> None:
    """Against the sum written out, for a single border pixel row and a single edge."""
    image, objects = np.zeros((80, 90, 1), np.float32), np.zeros((80, 90), np.int32)
    image[40:, :] = 1
    objects[43:, :] = 1
    (found,) = aligned(Sample("a", image, objects=objects))
    best = np.unravel_index(found.edges.argmax(), found.edges.shape)
    assert best[0] - REACH == 3
    assert found.edges.shape == found.slopes.shape == (2 * REACH + 1, 2 * REACH + 1)
    assert found.edges.mean() == pytest.approx(0, abs=1e-4)
    assert found.edges.std() == pytest.approx(1, abs=1e-3)


def test_a_shifted_set() -> None:
    found = aligned(*(moved(picture(seed), 3, -5) for seed in range(6)))
    assert set_shift(found) == pytest.approx((3, -5), abs=0.3)
    sights = shift_sights(found)
    assert [sight.image for sight in sights] == [str(seed) for seed in range(6)]
    assert {sight.code for sight in sights} == {"shifted"}
    assert {sight.detail for sight in sights} == {"3 rows too low and 5 columns too far to the left"}


def test_a_sound_set_and_one_shifted_by_one_pixel() -> None:
    assert shift_sights(aligned(*(picture(seed) for seed in range(6)))) == []
    assert shift_sights(aligned(*(moved(picture(seed), 1, -1) for seed in range(6)))) == []


def test_one_image_of_many() -> None:
    found = aligned(*(picture(seed) for seed in range(7)), moved(picture(7), 0, 2))
    (sight,) = shift_sights(found)
    assert (sight.image, sight.detail) == ("7", "2 columns too far to the right")


def test_images_that_say_nothing_by_themselves_are_judged_as_a_set() -> None:
    """Discs of either contrast in one image: `slopes` finds no common one, `edges` adds up over the set."""

    def mixed(seed: int) -> Sample:
        sample = picture(seed, contrast=0)
        assert sample.objects is not None
        sign = np.where(sample.objects % 2, 25, -25) * (sample.objects > 0)
        image = (sample.image[..., 0] + sign).astype(np.uint8)[..., None]
        return moved(replace(sample, image=image), 4, 0)

    found = aligned(*(mixed(seed) for seed in range(12)))
    assert set_shift(found) == pytest.approx((4, 0), abs=0.5)
    assert len(shift_sights(found)) >= 10


def test_masks_that_have_nothing_to_do_with_their_images() -> None:
    noise = [replace(picture(seed), image=picture(100 + seed, contrast=0).image) for seed in range(8)]
    assert shift_sights(aligned(*noise)) == []


def test_images_that_cannot_be_judged() -> None:
    sample = picture(0)
    assert sample.objects is not None
    assert align(replace(sample, objects=None)) is None
    assert align(replace(sample, objects=np.zeros_like(sample.objects))) is None
    assert align(replace(sample, objects=np.ones_like(sample.objects))) is None
    assert align(replace(sample, image=np.full_like(sample.image, 7))) is None
    assert align(picture(0, size=(63, 200))) is None
    assert shift_sights([]) == []


def test_large_images_are_looked_at_where_their_objects_are() -> None:
    objects = np.zeros((1500, 1300), np.int32)
    image = np.random.default_rng(0).normal(100, 5, objects.shape).astype(np.float32)
    for label, (row, column) in enumerate([(1200, 1000), (1280, 1090), (1390, 1210)], start=1):
        image[disk((row, column), 30)] += 50
        objects[disk((row + 4, column), 30)] = label
    (sight,) = shift_sights(aligned(Sample("a", image[..., None], objects=objects)))
    assert sight.detail == "4 rows too low"


@pytest.mark.parametrize("shift", [(2, 0), (0, 3), (5, 5), (-10, 10)])
def test_real_masks_moved(
    shared_data: Path, nuclei: Callable[[Sequence[str]], list[Sample]], shift: tuple[int, int]
) -> None:
    names = sorted(file.stem for file in (shared_data / "dsb2018" / "images").iterdir())
    samples = nuclei(names[::40])
    assert shift_sights(aligned(*samples)) == []
    found = set_shift(aligned(*(moved(sample, *shift) for sample in samples)))
    assert found == pytest.approx(shift, abs=0.5)
    assert len(shift_sights(aligned(*(moved(sample, *shift) for sample in samples)))) >= 0.8 * len(samples)
