"""Objects: what instance labelling hands on to scores, tables and pictures."""

from dataclasses import dataclass

from jaxtyping import Float32, UInt8
from numpy import ndarray

from unmask.arrays import LabelImage

__all__ = ["Objects"]


@dataclass(frozen=True)
class Objects:
    """The objects of one image.

    Attributes:
        labels: (h, w) int32, 0 is background, 1..n the objects in raster order of their first pixel.
        classes: (n,) uint8, class index of each object, 1 or more; element i - 1 belongs to label i.
        scores: (n,) float32, mean foreground probability over each object's pixels, 0 to 1.
        pixel_size: (y, x) in micrometres, or None where it is not known.
    """

    labels: LabelImage
    classes: UInt8[ndarray, " n"]
    scores: Float32[ndarray, " n"]
    pixel_size: tuple[float, float] | None = None

    def __len__(self) -> int:
        return len(self.scores)
