"""Targets: what a loss compares with, made once an image: the U-Net's classes and weights, Mask R-CNN's objects."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Int32, Int64, Integer

from unmask.arrays import AnyArray, LabelImage, MaskImage
from unmask.data.sample import Sample
from unmask.errors import MaskError
from unmask.geometry.labels import relabel
from unmask.recipe import TargetRecipe
from unmask.targets.ridge import class_target
from unmask.targets.weights import weight_map

__all__ = ["IGNORED", "LARGEST_KEY", "Targets", "object_targets", "unet_targets"]

# The target where nothing is known. Targets are warped by the nearest pixel, so it never mixes with another.
IGNORED = -1
# Targets are warped as float32, which holds whole numbers up to this.
LARGEST_KEY = 2**24
MIRROR_IMAGES = 9  # an image and those around it


@dataclass(frozen=True)
class Targets:
    """What a loss compares with.

    Attributes:
        maps: (t, h, w) integers, 0 is background. U-Net: one map, the class of each pixel; the ridge between objects is
            background. Mask R-CNN: one map a layer of objects, each pixel the key of its object (`object_targets`).
            The first map is `IGNORED` where nothing is known, all others are 0 there.
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
        """Flat positions of the pixels of classes or objects."""
        found: AnyArray = np.flatnonzero((self.maps > 0).any(axis=0)).astype(np.int32)
        return found

    @cached_property
    def known(self) -> Int64[np.ndarray, " h"] | None:
        """How many pixels are known down to each row, that row's among them; None where all are."""
        counts: AnyArray = np.count_nonzero(self.maps[0] >= 0, axis=1).cumsum()
        return None if counts[-1] == self.maps[0].size else counts


def unet_targets(sample: Sample, recipe: TargetRecipe, *, separate: bool) -> Targets:
    """The U-Net's targets for one sample.

    Ridge and weights are those of an image that shows background where nothing is known.

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
    classes, objects = (_annotated(part, sample.ignore) for part in (sample.classes, sample.objects))
    if not separate:
        return Targets(_marked(classes[None], sample.ignore), weights[classes])
    target = class_target(classes, objects, recipe.ridge)
    weight = weight_map(objects, target, weights, w0=recipe.border_weight, sigma=recipe.border_sigma)
    return Targets(_marked(target[None], sample.ignore), weight)


def object_targets(sample: Sample, classes: int) -> Targets:
    """Mask R-CNN's targets for one sample: layers of object keys.

    Args:
        sample: with its annotation.
        classes: how many there are, without the background.

    Returns:
        Maps whose pixels are 0 or an object's key, id * (1 + classes) + class; in the first layer `IGNORED` where
        nothing is known. One layer where objects do not overlap.

    Raises:
        MaskError: the sample has no annotation, or more objects than keys.
    """
    if sample.classes is None or sample.objects is None:
        raise MaskError("no mask for this image", file=sample.file, remedy="add its mask or leave the image out")
    if sample.layers is not None and sample.layer_classes is not None:
        layers, class_of = _annotated(sample.layers, sample.ignore), sample.layer_classes
    else:
        # Ids may have gaps and be of any size.
        labels = relabel(_annotated(sample.objects, sample.ignore))
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
    return Targets(_marked(keys[layers], sample.ignore), None, copies)


def _annotated(labels: AnyArray, ignore: MaskImage | None) -> AnyArray:
    """Labels, 0 where nothing is known: what may be written there must not show."""
    return labels if ignore is None else np.where(ignore, 0, labels)


def _marked(maps: AnyArray, ignore: MaskImage | None) -> AnyArray:
    """Maps, the first of them `IGNORED` where nothing is known."""
    if ignore is None or not ignore.any():
        return maps
    marked = maps.astype(np.result_type(maps, np.int16))  # classes are uint8, which holds no -1
    marked[0, ignore] = IGNORED
    return marked


def _class_of(labels: LabelImage, classes: AnyArray) -> AnyArray:
    """(largest id + 1,) uint8: the class of each object, which all its pixels share."""
    class_of = np.zeros(int(labels.max()) + 1, np.uint8)
    class_of[labels] = classes
    return class_of
