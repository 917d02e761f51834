"""Objects: what instance labelling hands on to scores, tables and pictures."""

from collections.abc import Iterator
from dataclasses import dataclass

from jaxtyping import Float32, Int32, UInt8
from numpy import ndarray
from scipy import ndimage

from unmask.arrays import LabelImage, MaskImage

__all__ = ["Objects"]


@dataclass(frozen=True)
class Objects:
    """The objects of one image.

    Attributes:
        labels: (h, w) int32, 0 is background, 1..n the objects in raster order of their first pixel.
        classes: (n,) uint8, class index of each object, 1 or more; element i - 1 belongs to label i.
        scores: (n,) float32, 0 to 1: the U-Net's mean foreground probability over each object's pixels, or Mask R-CNN's
            class score.
        pixel_size: (y, x) in micrometres, or None where it is not known.
        layers: (l, h, w) int32 where objects overlap and all of each was wanted: every object is whole in one of the
            layers, under its label; `labels` shows the best score of each pixel. None: `labels` has all there is.
    """

    labels: LabelImage
    classes: UInt8[ndarray, " n"]
    scores: Float32[ndarray, " n"]
    pixel_size: tuple[float, float] | None = None
    layers: Int32[ndarray, "l h w"] | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def crops(self) -> Iterator[tuple[int, int, int, MaskImage]]:
        """The mask of each object, from `layers` where they are there, in the order of the labels.

        Yields:
            (label, top, left, mask): the mask is (h, w) bool, as large as the object; its first pixel lies at row `top`
            and column `left` of the image. A label without a pixel is left out.
        """
        places = {}
        for image in [self.labels] if self.layers is None else self.layers:
            for label, place in enumerate(ndimage.find_objects(image), start=1):
                if place is not None:
                    places[label] = (place, image)
        for label, (place, image) in sorted(places.items(), key=lambda item: item[0]):
            yield label, place[0].start, place[1].start, image[place] == label
