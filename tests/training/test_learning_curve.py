"""The learning curve: means, errors and sentences, by hand."""

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from unmask.errors import UnreadableFile
from unmask.training.curve_files import read_curve, write_curve
from unmask.training.learning_curve import Curve, Point


def point(images: int, *scores: float, repeat: int = 1) -> Point:
    named = {f"image{place}": score for place, score in enumerate(scores)}
    return Point(images, repeat, f"images-{images}", repeat - 1, 100, named, {})


def rising(*means: float) -> Curve:
    """2, 4, 8, ... images; two validation images .1 apart."""
    points = [point(2 ** (power + 1), mean - 0.05, mean + 0.05) for power, mean in enumerate(means)]
    return Curve("AP", tuple(points))


def test_a_level_is_the_mean_over_images_and_its_standard_error() -> None:
    (level,) = Curve("AP", (point(2, 0.5, 0.7, 0.9),)).levels
    assert (level.images, level.score) == (2, pytest.approx(0.7))
    assert level.error == pytest.approx(0.2 / math.sqrt(3))
    assert level.at_half is None


def test_repeats_are_averaged_image_by_image_first() -> None:
    """Two trainings, .6 and .8 on one image and .2 and .4 on the other: .7 and .3, half of .4 / sqrt 2 apart."""
    curve = Curve("AP", (point(2, 0.6, 0.2), point(2, 0.8, 0.4, repeat=2)))
    (level,) = curve.levels
    assert level.score == pytest.approx(0.5)
    assert level.repeats == pytest.approx((0.4, 0.6))
    assert level.error == pytest.approx(math.sqrt(0.08) / math.sqrt(2))


def test_a_difference_is_paired_over_images() -> None:
    """Images differ much, and the rise of each little: the rise is known better than either level."""
    curve = Curve("AP", (point(2, 0.1, 0.5, 0.9), point(4, 0.2, 0.6, 1.0)))
    (step,) = curve.steps
    assert (step.fewer, step.more, step.validated) == (2, 4, 3)
    assert step.gain == pytest.approx(0.1)
    assert step.error == pytest.approx(0, abs=1e-12)
    assert min(level.error or 0 for level in curve.levels) > 0.2


def test_images_that_a_training_says_nothing_of_are_no_part_of_the_difference() -> None:
    before, after = point(2, 0.4, 0.8), replace(point(4, 0.5), scores={"image1": 0.9, "image9": 0.1})
    (step,) = Curve("AP", (before, after)).steps
    assert (step.validated, step.gain, step.error) == (1, pytest.approx(0.1), None)


def test_words_of_a_curve_that_still_rises() -> None:
    first, expected, seeds = rising(0.40, 0.55, 0.65, 0.72, 0.77).words
    assert first.startswith("From 16 to 32 images the score rose by 0.050 ± 0.000 (AP; over 2 validation images).")
    assert expected.startswith("Twice as many, 64, would be worth about 0.0")
    assert "another seed would move it: --repeats 3" in seeds


def test_words_of_a_curve_that_is_flat() -> None:
    assert (
        rising(0.790, 0.798, 0.800, 0.800, 0.801)
        .words[1]
        .startswith("In this training time more of the same images will hardly help: twice as many, 64, ")
    )


def test_words_of_a_curve_that_falls() -> None:
    curve = rising(0.5, 0.7, 0.8, 0.7)
    assert curve.words[0].startswith("From 8 to 16 images the score fell by 0.100")
    assert curve.words[1].startswith("So nothing is said of twice as many: either that was chance")
    assert curve.forecast is None


def test_a_fall_within_the_error_is_a_plateau() -> None:
    few = (point(2, 0.4, 0.6), point(4, 0.5, 0.7), point(8, 0.6, 0.8))
    curve = Curve("AP", (*few, point(16, 0.62, 0.76)))  # -.01 ± .03
    assert curve.steps[-1].gain == pytest.approx(-0.01)
    assert curve.forecast is not None


def test_words_of_too_few_points() -> None:
    assert "cannot be said from 2 points; 4 are needed" in rising(0.5, 0.6).words[1]


def test_the_luck_of_trainings_widens_what_is_expected() -> None:
    means = (0.40, 0.55, 0.65, 0.72)
    once = [point(2 ** (power + 1), mean, mean) for power, mean in enumerate(means)]
    again = [point(2 ** (power + 1), mean - 0.06, mean + 0.06, repeat=2) for power, mean in enumerate(means)]
    apart = [point(2 ** (power + 1), mean - 0.06, mean - 0.06) for power, mean in enumerate(means)]
    lucky = [point(2 ** (power + 1), mean + 0.06, mean + 0.06, repeat=2) for power, mean in enumerate(means)]
    same, spread = Curve("AP", tuple(once + again)).forecast, Curve("AP", tuple(apart + lucky)).forecast
    assert same is not None
    assert spread is not None
    assert spread.gain == pytest.approx(same.gain)
    assert spread.high - spread.low > 2 * (same.high - same.low)


def test_written_and_read_again(tmp_path: Path) -> None:
    half = replace(point(4, 0.5, 0.7), at_half={"image0": 0.8, "image1": 0.9})
    curve = Curve("AP", (point(2, 0.3, 0.4), half))
    write_curve(tmp_path, curve)
    assert read_curve(tmp_path) == curve
    rows = list(csv.DictReader((tmp_path / "curve.csv").read_text().splitlines()))
    assert [row["images"] for row in rows] == ["2", "4"]
    assert rows[1]["score"] == "0.6"
    assert (rows[0]["ap_0.50"], rows[1]["ap_0.50"]) == ("", "0.85")
    content = json.loads((tmp_path / "curve.json").read_text())
    assert content["steps"][0]["gain"] == pytest.approx(0.25)
    assert content["words"] == curve.words


@pytest.mark.parametrize("text", ["", "{}", '{"repeats": 2}', '{"criterion": "AP", "points": [{"images": 2}]}'])
def test_an_unfinished_curve_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "curve.json").write_text(text)
    with pytest.raises(UnreadableFile, match=r"not a learning curve that is finished\. Finish it: unmask train"):
        read_curve(tmp_path)
