"""Targets of the U-Net: what its loss compares with, made once an image."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Int32

from unmask.arrays import AnyArray, ClassMap
from unmask.data.sample import Sample
from unmask.errors import MaskError
from unmask.recipe import TargetRecipe
from unmask.targets.ridge import class_target
from unmask.targets.weights import weight_map

__all__ = ["Targets", "unet_targets"]


@dataclass(frozen=True)
class Targets:
    """What a loss compares with.

    Attributes:
        classes: (h, w) uint8, the class of each pixel; the ridge between objects is background.
        weight: (h, w) float32, the weight map.
    """

    classes: ClassMap
    weight: Float32[np.ndarray, "h w"]

    @cached_property
    def foreground(self) -> Int32[np.ndarray, " n"]:
        """Flat positions of the pixels that are not background."""
        found: AnyArray = np.flatnonzero(self.classes).astype(np.int32)
        return found


def unet_targets(sample: Sample, recipe: TargetRecipe, *, separate: bool) -> Targets:
    """The U-Net's targets for one sample.

    Args:
        sample: with its annotation.
        recipe: ridge, border weight and class weights.
        separate: objects matter (ridge and border weight), not only classes.

    Raises:
        MaskError: the sample has no annotation.
    """
    if sample.classes is None or sample.objects is None:
        raise MaskError("no mask for this image", file=sample.file, remedy="add its mask or leave the image out")
    weights = np.asarray(recipe.class_weights, np.float32)
    if not separate:
        return Targets(sample.classes, weights[sample.classes])
    target = class_target(sample.classes, sample.objects, recipe.ridge)
    return Targets(
        target, weight_map(sample.objects, target, weights, w0=recipe.border_weight, sigma=recipe.border_sigma)
    )
