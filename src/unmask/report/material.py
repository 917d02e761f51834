"""Material: the images, truth and predictions behind a sheet of scores, read one image at a time."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unmask.arrays import ClassMap, LabelImage, RawImage
from unmask.data.dataset import Dataset
from unmask.data.folder import LabelFolder, read_folder, read_label_folder
from unmask.data.masks.coding import Coding, interpret
from unmask.data.masks.read import read_mask
from unmask.data.options import options_of
from unmask.errors import PairingError
from unmask.metrics.ignore import known_pair
from unmask.metrics.overlaps import check_labels
from unmask.recipe import DataRecipe

__all__ = ["Compared", "Material", "open_material"]


@dataclass(frozen=True)
class Compared:
    """One image, its truth and its prediction.

    Attributes:
        name: of the image.
        image: (h, w, c) as in the file; None where the truth is a folder of masks alone.
        truth_classes: (h, w) uint8.
        truth_objects: (h, w) int32.
        classes: (h, w) uint8, predicted; background where the truth is not known.
        objects: (h, w) int32, predicted; without those that are not scored, as the truth is not known there.
    """

    name: str
    image: RawImage | None
    truth_classes: ClassMap
    truth_objects: LabelImage
    classes: ClassMap
    objects: LabelImage


@dataclass(frozen=True)
class Material:
    """Where the images behind a sheet of scores are.

    Attributes:
        truth: a data set, or a folder of masks alone.
        predictions: a folder with labels/NAME.tif.
        coding: what the values of the predictions mean.
    """

    truth: Dataset | LabelFolder
    predictions: Path
    coding: Coding

    @property
    def has_images(self) -> bool:
        """Whether there is anything to look at but masks."""
        return isinstance(self.truth, Dataset)

    @property
    def names(self) -> list[str]:
        """Names of all images with a truth."""
        return self.truth.names() if isinstance(self.truth, Dataset) else self.truth.names

    def load(self, name: str) -> Compared:
        """Read one image with its truth and prediction.

        Raises:
            DataError: a file is missing or damaged, or sizes differ.
        """
        image: RawImage | None = None
        if isinstance(self.truth, Dataset):
            sample = self.truth.load(name)
            assert sample.classes is not None, "read_folder gives annotated data"
            assert sample.objects is not None, "read_folder gives annotated data"
            image, truth_classes, truth_objects = sample.image, sample.classes, sample.objects
            ignore = sample.ignore
        else:
            found = self.truth.load(name)
            truth_classes, truth_objects, ignore = found.classes, found.objects, found.ignore
        file = self.predictions / "labels" / f"{name}.tif"
        predicted = interpret(read_mask(file)[0], self.coding, file)
        check_labels(truth_objects, predicted.objects, name)
        truth_objects, objects = known_pair(truth_objects, predicted.objects, ignore, name)
        classes = predicted.classes if ignore is None else np.where(ignore, 0, predicted.classes)
        return Compared(name, image, truth_classes, truth_objects, classes, objects)


def open_material(truth: Path, predictions: Path, data: DataRecipe) -> Material:
    """Find the images behind a sheet of scores.

    Args:
        truth: a data folder, or a folder of masks alone.
        predictions: a folder with labels/NAME.tif, coded as `train` and `predict` write them.
        data: of the run's recipe.

    Raises:
        DataError: the truth is not there or cannot be used.
    """
    # Predictions of models of objects are label images, whatever the masks were.
    coding = Coding("classes" if data.kind == "classes" else "objects", data.class_values, "")
    found: Dataset | LabelFolder
    try:
        found = read_folder(truth, options_of(data))
    except PairingError:
        found = read_label_folder(truth, options_of(data))
    return Material(found, predictions, coding)
