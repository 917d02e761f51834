"""Targets: what a loss compares with, made once an image: the U-Net's classes and weights, Mask R-CNN's objects."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Int32, Integer

from unmask.arrays import AnyArray, LabelImage
from unmask.data.sample import Sample
from unmask.errors import MaskError
from unmask.geometry.labels import relabel
from unmask.recipe import TargetRecipe
from unmask.targets.ridge import class_target
from unmask.targets.weights import weight_map

__all__ = ["LARGEST_KEY", "Targets", "object_targets", "unet_targets"]

# Targets are warped as float32, which holds whole numbers up to this.
LARGEST_KEY = 2**24
MIRROR_IMAGES = 9  # an image and those around it


@dataclass(frozen=True)
class Targets:
    """What a loss compares with.

    Attributes:
        maps: (t, h, w) integers, 0 is background. U-Net: one map, the class of each pixel; the ridge between objects is
            background. Mask R-CNN: one map a layer of objects, each pixel the key of its object (`object_targets`).
        weight: (h, w) float32, the weight map; None where the loss has none.
        copies: with keys of objects, what is added to the key of an object's n-th mirror image, n times; else 0. A
            mirror image is an object of its own.
    """

    maps: Integer[np.ndarray, "t h w"]
    weight: Float32[np.ndarray, "h w"] | None
    copies: int = 0

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return int(self.maps.nbytes + (0 if self.weight is None else self.weight.nbytes))

    @cached_property
    def foreground(self) -> Int32[np.ndarray, " n"]:
        """Flat positions of the pixels that are not background."""
        found: AnyArray = np.flatnonzero(self.maps.any(axis=0)).astype(np.int32)
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
        return Targets(sample.classes[None], weights[sample.classes])
    target = class_target(sample.classes, sample.objects, recipe.ridge)
    return Targets(
        target[None], weight_map(sample.objects, target, weights, w0=recipe.border_weight, sigma=recipe.border_sigma)
    )


def object_targets(sample: Sample, classes: int) -> Targets:
    """Mask R-CNN's targets for one sample: layers of object keys.

    Args:
        sample: with its annotation.
        classes: how many there are, without the background.

    Returns:
        Maps whose pixels are 0 or an object's key, id * (1 + classes) + class. One layer where objects do not overlap.

    Raises:
        MaskError: the sample has no annotation, or more objects than keys.
    """
    if sample.classes is None or sample.objects is None:
        raise MaskError("no mask for this image", file=sample.file, remedy="add its mask or leave the image out")
    if sample.layers is not None and sample.layer_classes is not None:
        layers, class_of = sample.layers, sample.layer_classes
    else:
        # Ids may have gaps and be of any size.
        labels = relabel(sample.objects)
        layers, class_of = labels[None], _class_of(labels, sample.classes)
    copies = class_of.size * (1 + classes)
    if copies * MIRROR_IMAGES > LARGEST_KEY:
        raise MaskError(
            f"holds {class_of.size - 1:,} objects, more than {LARGEST_KEY // MIRROR_IMAGES // (1 + classes):,}",
            file=sample.file,
            remedy="cut the image into several",
        )
    keys = np.arange(class_of.size, dtype=np.int32) * (1 + classes) + class_of
    keys[0] = 0
    return Targets(keys[layers], None, copies)


def _class_of(labels: LabelImage, classes: AnyArray) -> AnyArray:
    """(largest id + 1,) uint8: the class of each object, which all its pixels share."""
    class_of = np.zeros(int(labels.max()) + 1, np.uint8)
    class_of[labels] = classes
    return class_of
