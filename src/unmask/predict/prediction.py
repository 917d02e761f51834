"""Prediction: what a model says about one image."""

from dataclasses import dataclass

import numpy as np

from unmask.arrays import AnyArray, ClassMap, LabelImage, ProbabilityMap
from unmask.data.sample import Sample
from unmask.instances.classes import class_map
from unmask.instances.detections import Detections
from unmask.instances.objects import Objects
from unmask.instances.table import Columns, measure
from unmask.recipe import Recipe

__all__ = ["Prediction"]


@dataclass(frozen=True)
class Prediction:
    """What a model says about one image.

    Attributes:
        sample: the image.
        objects: with labels, classes and scores.
        recipe: of the model.
        probabilities: (classes, h, w) float32, channel 0 is background; the U-Net's, None from Mask R-CNN.
        detections: all that Mask R-CNN found, also of low scores; None from the U-Net.
        warnings: what a reader of the result must know, in sentences.
        constants: grey values of each channel that became 0 and 1.
        blank: tiles that were left out, as nothing is to be seen there.
    """

    sample: Sample
    objects: Objects
    recipe: Recipe
    probabilities: ProbabilityMap | None = None
    detections: Detections | None = None
    warnings: tuple[str, ...] = ()
    constants: tuple[tuple[float, float], ...] = ()
    blank: int = 0

    @property
    def labels(self) -> LabelImage:
        """(h, w) int32 label image of the objects."""
        return self.objects.labels

    @property
    def classes(self) -> ClassMap:
        """(h, w) uint8 class map.

        U-Nets of classes: the likeliest class where the foreground's probability reaches the mask threshold. Others:
        the class of the object that the pixel belongs to.
        """
        if self.recipe.data.kind != "classes" or self.probabilities is None:
            return np.append(np.uint8(0), self.objects.classes)[self.labels]
        return class_map(self.probabilities, self.recipe.instances.mask_threshold)

    @property
    def mask(self) -> AnyArray:
        """(h, w) what is saved as the label image: coded as the training masks were.

        Models of classes: the class map, with the masks' own values. Others: the label image of the objects.
        """
        if self.recipe.data.kind != "classes":
            return self.labels
        return np.array([0, *self.recipe.data.class_values], np.int32)[self.classes]

    @property
    def table(self) -> Columns:
        """A column a quantity, one element an object: size, place, shape, brightness; micrometres where known."""
        return measure(self.objects, self.sample.image, self.sample.name, self.recipe.data.class_names)
