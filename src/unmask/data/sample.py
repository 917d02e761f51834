"""Sample: one image with what is known about it. Everything that reads files makes these."""

from dataclasses import dataclass
from pathlib import Path

from unmask.arrays import ClassMap, LabelImage, RawImage

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
    """

    name: str
    image: RawImage
    classes: ClassMap | None = None
    objects: LabelImage | None = None
    pixel_size: tuple[float, float] | None = None
    file: Path | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns in pixels."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def channels(self) -> int:
        """How many channels the image has."""
        return self.image.shape[2]
