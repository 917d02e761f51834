"""Figures of single images are what validation computes of the same predictions."""

from pathlib import Path

import pytest

from unmask.data.folder import read_folder
from unmask.model import Model
from unmask.training.figures import by_image, image_scores_of
from unmask.training.validate import Criterion, Validator, v_rand_filled


@pytest.mark.parametrize("criterion", ["ap", "dice"])
def test_the_mean_is_what_the_validator_says(criterion: Criterion, disc_run: Path, disc_folder: Path) -> None:
    validator = Validator(read_folder(disc_folder), list(image_scores_of(disc_run)), criterion)
    found = by_image(image_scores_of(disc_run), criterion)
    assert validator(Model.load(disc_run))["score"] == pytest.approx(sum(found.values()) / len(found))


def test_v_rand_is_that_of_the_predictions(disc_run: Path, disc_folder: Path) -> None:
    validator = Validator(read_folder(disc_folder), list(image_scores_of(disc_run)), "v_rand")
    expected = {
        one.sample.name: pytest.approx(v_rand_filled(one.sample.objects, one.labels))
        for one in validator.predictions(Model.load(disc_run))
        if one.sample.objects is not None
    }
    assert by_image(image_scores_of(disc_run), "v_rand") == expected
    assert len(expected) == 1


def test_images_without_the_figure_are_left_out() -> None:
    rows = {"a": {"v_rand": 0.5, "dice_x": 0.2, "dice_y": 0.4}, "b": {"truth_objects": 0.0}}
    assert by_image(rows, "v_rand") == {"a": 0.5}
    assert by_image(rows, "dice") == {"a": pytest.approx(0.3)}
    assert by_image(rows, "ap") == {}
