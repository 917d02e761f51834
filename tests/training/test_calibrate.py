"""Probabilities are calibrated at the end of training: what NumPy says of them is what the network then gives."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from unmask.data.folder import read_folder
from unmask.metrics.calibration import Calibration, calibration, pooled
from unmask.model import Model
from unmask.nets import Ensemble, UNet
from unmask.predict.prediction import Prediction
from unmask.recipe import MaskRCNNRecipe, Recipe, UNetRecipe
from unmask.training.calibrate import calibrate
from unmask.training.setup import new_setup
from unmask.training.temperature import tempered_map
from unmask.training.validate import Validator


@pytest.fixture(scope="module")
def model(disc_run: Path) -> Model:
    """Of the run on discs."""
    return Model.load(disc_run)


@pytest.fixture(scope="module")
def predicted(model: Model, disc_run: Path, disc_folder: Path) -> list[Prediction]:
    """The run's validation images, by its model."""
    names = json.loads((disc_run / "split.json").read_text())["val"]
    return list(Validator(read_folder(disc_folder), names, "ap").predictions(model))


def of(predictions: list[Prediction], temperature: float = 1.0) -> Calibration:
    """Of probabilities that are tempered (again)."""
    parts = []
    for one in predictions:
        assert one.probabilities is not None
        assert one.sample.classes is not None
        parts.append(calibration(tempered_map(one.probabilities, temperature), one.sample.classes))
    return pooled(parts)


def test_the_models_probabilities_are_those_that_were_promised(
    model: Model, predicted: list[Prediction], disc_run: Path
) -> None:
    found = json.loads((disc_run / "validation" / "calibration.json").read_text())
    temperature = model.recipe.instances.temperature
    assert temperature == found["temperature"] != 1
    assert found["images"] == len(predicted)
    for side, values in (("after", of(predicted)), ("before", of(predicted, 1 / temperature))):
        assert found[side]["pixels"] == values.pixels
        assert found[side]["nll"] == pytest.approx(values.nll, rel=1e-4)
        assert found[side]["brier"] == pytest.approx(values.brier, rel=1e-4)
        # A pixel at the edge of a bin may fall on either side of it.
        assert found[side]["foreground"]["ece"] == pytest.approx(values.foreground.ece, abs=1e-3)
    assert found["after"]["nll"] < found["before"]["nll"]
    assert re.fullmatch(
        r"fitted on \d validation images?: the network was (less sure|surer) than it was right; calibration error "
        r"0\.\d{3} before, 0\.\d{3} after",
        model.recipe.reasons["instances.temperature"],
    )


def test_a_run_that_is_repeated_from_its_recipe_does_not_start_tempered(disc_folder: Path, disc_run: Path) -> None:
    setup = new_setup(disc_folder, recipe=disc_run, accelerator="cpu")
    assert setup.recipe.instances.temperature == 1
    assert new_setup(disc_folder, recipe=disc_run, steps=3).recipe.instances.temperature == 1


def test_kept_probabilities_become_those_of_the_model(
    predicted: list[Prediction], disc_folder: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network = UNetRecipe(width=4, depth=1, norm="none", padding="same")
    start = Model(UNet(width=4, depth=1, padding="same").eval(), Recipe(network=network))
    validator = Validator(read_folder(disc_folder), [one.sample.name for one in predicted], "ap")
    kept = list(validator.predictions(start))
    tempered = calibrate(start, kept, tmp_path, unseen=True)
    assert tempered.recipe.instances.temperature != 1
    for one, again in zip(kept, validator.predictions(tempered), strict=True):
        assert one.probabilities is not None
        assert again.probabilities is not None
        np.testing.assert_allclose(one.probabilities, again.probabilities, atol=1e-5)


@pytest.mark.parametrize("said", [1.0, 3.0])
def test_images_that_were_trained_on_calibrate_nothing(
    predicted: list[Prediction], said: float, tmp_path: Path
) -> None:
    net = UNet(width=1, depth=1)
    recipe = Recipe()
    start = Model(
        net, recipe.model_copy(update={"instances": recipe.instances.model_copy(update={"temperature": said})})
    )
    kept = list(predicted)
    found = calibrate(start, kept, tmp_path, unseen=False)
    assert found.net is net
    assert kept == predicted
    assert found.recipe.instances.temperature == 1
    assert "trained on" in found.recipe.reasons["instances.temperature"]
    assert not list(tmp_path.iterdir())


def test_without_a_known_pixel_probabilities_stay(predicted: list[Prediction], tmp_path: Path) -> None:
    hidden = [replace(one, sample=replace(one.sample, ignore=np.ones(one.sample.size, bool))) for one in predicted]
    found = calibrate(Model(UNet(width=1, depth=1), Recipe()), hidden, tmp_path, unseen=True)
    assert found.recipe.instances.temperature == 1
    assert found.recipe.reasons["instances.temperature"] == "nothing is known of the validation images"
    assert not list(tmp_path.iterdir())


def test_ensembles_and_mask_rcnn_are_left_as_they_are(predicted: list[Prediction], tmp_path: Path) -> None:
    ensemble = Model(Ensemble([UNet(width=1, depth=1)] * 2), Recipe(network=UNetRecipe(members=2)))
    found = calibrate(ensemble, list(predicted), tmp_path, unseen=True)
    assert found.net is ensemble.net
    assert found.recipe.instances == ensemble.recipe.instances
    boxes = Model(torch.nn.Identity(), Recipe(network=MaskRCNNRecipe()))
    assert calibrate(boxes, [], tmp_path, unseen=True) is boxes
    assert not list(tmp_path.iterdir())
