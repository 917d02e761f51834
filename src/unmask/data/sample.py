"""Sample: one image with what is known about it. Everything that reads files makes these."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int32, UInt8

from unmask.arrays import ClassMap, LabelImage, MaskImage, RawImage

__all__ = ["Sample"]


@dataclass(frozen=True)
class Sample:
    """An image and its annotation.

    Attributes:
        name: unique in its data set; names output files.
        image: (h, w, c), the file's own values and type: uint8, uint16, int16, int32 or float32; all finite.
        classes: (h, w) uint8 class map, 0 is background; None where there is no annotation.
        objects: (h, w) int32 label image, 0 is background; None where there is no annotation of objects.
            Every object lies in one class: `classes` is constant and not 0 over its pixels.
        pixel_size: (y, x) in micrometres, or None where the file does not say.
        file: where the image came from, for messages; None for arrays.
        layers: (l, h, w) int32 where annotated objects overlap: every object is whole in one of the layers, under its
            id; `objects` shows one object a pixel. None: no object overlaps another, `objects` has all there is.
        layer_classes: with `layers`, the class of each id: (largest id + 1,) uint8, 0 for ids that are not there.
        ignore: (h, w) bool, true where nothing is known: neither learned from nor scored. There `classes`, `objects`
            and `layers` are 0. None: all is known.
    """

    name: str
    image: RawImage
    classes: ClassMap | None = None
    objects: LabelImage | None = None
    pixel_size: tuple[float, float] | None = None
    file: Path | None = None
    layers: Int32[np.ndarray, "l h w"] | None = None
    layer_classes: UInt8[np.ndarray, " ids"] | None = None
    ignore: MaskImage | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns in pixels."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def channels(self) -> int:
        """How many channels the image has."""
        return self.image.shape[2]
