"""The end of a run: thresholds are fitted to what is known of the validation images."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from unmask.data.dataset import Dataset
from unmask.data.masks.coding import Coding
from unmask.data.sample import Sample
from unmask.instances.decode import decode
from unmask.instances.detections import Detections
from unmask.instances.paint import paint
from unmask.model import Model
from unmask.nets import UNet
from unmask.predict.prediction import Prediction
from unmask.recipe import DataRecipe, MaskRCNNRecipe, Network, Recipe, UNetRecipe
from unmask.training.finish import finish
from unmask.training.temperature import tempered_map
from unmask.training.validate import Criterion, Validator

SIZE = (30, 60)
IGNORE = np.arange(60) * np.ones((30, 1)) >= 20
# Upper left corners of squares of 10 x 10 pixels, and how sure a network is of them: two that are drawn, and four that
# nobody has drawn. A threshold that lets the second in lets all the others in.
DRAWN = {(0, 5): 0.9, (18, 5): 0.55}
HIDDEN = {(0, 25): 0.65, (18, 25): 0.65, (0, 45): 0.65, (18, 45): 0.65}


class Known(Validator):
    """Its predictions are there already."""

    network: Network

    def __init__(self, criterion: Criterion, ignore: np.ndarray | None) -> None:
        kind = "classes" if criterion == "dice" else "objects"
        super().__init__(Dataset(Path(), (), 1, Coding(kind, (), "", ("cell",))), ["a"], criterion)
        drawn = np.zeros(SIZE, np.int32)
        for number, (y, x) in enumerate(DRAWN, start=1):
            drawn[y : y + 10, x : x + 10] = number
        image = np.zeros((*SIZE, 1), np.uint8)
        self.sample = Sample("a", image, (drawn > 0).astype(np.uint8), drawn, ignore=ignore)


class OfPixels(Known):
    """A U-Net's."""

    network = UNetRecipe()

    def predictions(self, model: Model) -> Iterator[Prediction]:
        """Of one image, by a network that gives these probabilities, tempered if it is."""
        front = np.full(SIZE, 0.05, np.float32)
        for (y, x), sure in (DRAWN | HIDDEN).items():
            front[y : y + 10, x : x + 10] = sure
        maps = tempered_map(np.stack([1 - front, front]), model.recipe.instances.temperature)
        yield Prediction(self.sample, decode(maps, model.recipe.instances), model.recipe, probabilities=maps)


class OfBoxes(Known):
    """Mask R-CNN's."""

    network = MaskRCNNRecipe()

    def predictions(self, model: Model) -> Iterator[Prediction]:
        """Of one image."""
        squares = sorted((DRAWN | HIDDEN).items(), key=lambda one: -one[1])
        boxes = np.array([[x, y, x + 10, y + 10] for (y, x), _ in squares], np.float32)
        scores = np.array([sure for _, sure in squares], np.float32)
        found = Detections(SIZE, boxes, np.ones(len(boxes), np.uint8), scores, None)
        yield Prediction(self.sample, paint(found, model.recipe.detections), model.recipe, detections=found)


@pytest.mark.parametrize(("reader", "criterion"), [(OfPixels, "ap"), (OfPixels, "dice"), (OfBoxes, "ap")])
def test_thresholds_are_those_of_what_is_known(reader: type[Known], criterion: Criterion, tmp_path: Path) -> None:
    """Low enough for both squares that are drawn. Where all is taken for known, one is better than all six."""
    data = DataRecipe(kind="classes" if criterion == "dice" else "objects", class_names=("cell",), class_values=(1,))
    start = Model(UNet(width=1, depth=1), Recipe(data=data, network=reader.network))
    found = {}
    for name, ignore in (("known", IGNORE), ("all", None)):
        _, scores = finish(start, reader(criterion, ignore), tmp_path / name)
        found[name] = scores.per_image["a"]["dice_cell"]
    assert found == {"known": 1, "all": pytest.approx(200 / 300)}
