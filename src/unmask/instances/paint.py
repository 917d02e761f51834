"""From Mask R-CNN's detections to objects: crops painted into one label image, the best first."""

from collections.abc import Iterator

import numba
import numpy as np
from jaxtyping import Int32

from unmask.arrays import LabelImage, MaskImage
from unmask.instances.detections import Detections
from unmask.instances.objects import Objects
from unmask.instances.paste import Crop, crops
from unmask.recipe import DetectionRecipe

__all__ = ["paint"]


def paint(
    detections: Detections,
    parameters: DetectionRecipe,
    pixel_size: tuple[float, float] | None = None,
    *,
    overlaps: bool = False,
) -> Objects:
    """Objects of one image.

    Detections below `score_threshold` and objects of less than `min_size` pixels are none. The others, best first, each
    take the pixels of their mask that are free; one of which better objects have more than `covered`, or all, is none.
    What a better object leaves of another may be several pieces.

    Args:
        detections: of the image, best first.
        parameters: the thresholds and sizes above.
        pixel_size: (y, x) in micrometres, handed on.
        overlaps: keep every object whole, however much of it others cover, in `Objects.layers`: each in the first layer
            in which it shares no pixel with another.

    Returns:
        The objects, 1..n in raster order of the first pixel that each has in `labels`; with `overlaps`, of its whole
        mask, the better first where two begin in one pixel. Of full frames there are the label image and the layers
        only.
    """
    found = detections.take(detections.scores >= parameters.score_threshold)
    canvas = _Layered(found.size) if overlaps else _Flat(found.size, parameters.covered)
    kept = [i for i, crop in _large(found, parameters) if canvas.add(crop)]
    order = np.argsort(np.array(canvas.firsts, np.int64), kind="stable")
    number = np.zeros(len(kept) + 1, np.int32)
    number[1 + order] = np.arange(1, len(kept) + 1)
    best = np.array(kept, np.int64)[order]
    for image in (canvas.labels, *canvas.layers):
        _renumber(image, number)
    layers = np.stack(canvas.layers) if overlaps else None
    return Objects(canvas.labels, found.classes[best], found.scores[best], pixel_size, layers)


class _Flat:
    """A label image of objects 1, 2, ... as they come, of which each leaves the pixels of those before it alone.

    Attributes:
        labels: (h, w) int32.
        firsts: the first pixel of each object, counted in raster order.
        layers: none.
    """

    def __init__(self, size: tuple[int, int], covered: float) -> None:
        self.labels: LabelImage = np.zeros(size, np.int32)
        self.firsts: list[int] = []
        self.layers: list[LabelImage] = []
        self._covered = covered

    def add(self, crop: Crop) -> bool:
        """Paints an object; whether enough of it was free."""
        free = crop.mask & (self.labels[crop.window] == 0)
        area, visible = np.count_nonzero(crop.mask), np.count_nonzero(free)
        if visible == 0 or area - visible > self._covered * area:
            return False
        self.firsts.append(_first(crop, free, self.labels.shape[1]))
        self.labels[crop.window][free] = len(self.firsts)
        return True


class _Layered:
    """The same, with whole objects in layers beside it."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.labels: LabelImage = np.zeros(size, np.int32)
        self.firsts: list[int] = []
        self.layers: list[LabelImage] = [np.zeros(size, np.int32)]

    def add(self, crop: Crop) -> bool:
        """Paints an object; always true."""
        self.firsts.append(_first(crop, crop.mask, self.labels.shape[1]))
        self.labels[crop.window][crop.mask & (self.labels[crop.window] == 0)] = len(self.firsts)
        self._layer(crop)[crop.window][crop.mask] = len(self.firsts)
        return True

    def _layer(self, crop: Crop) -> LabelImage:
        """The first layer whose pixels under the crop's mask are free, a new one where none is."""
        for layer in self.layers:
            if not (layer[crop.window] * crop.mask).any():
                return layer
        self.layers.append(np.zeros_like(self.labels))
        return self.layers[-1]


def _large(detections: Detections, parameters: DetectionRecipe) -> Iterator[tuple[int, Crop]]:
    """Masks of at least the smallest size, with the position of their detection."""
    for i, crop in enumerate(crops(detections, parameters.mask_threshold)):
        if np.count_nonzero(crop.mask) >= parameters.min_size:
            yield i, crop


def _first(crop: Crop, pixels: MaskImage, width: int) -> int:
    """The first true pixel of a crop, counted in raster order of an image of that width."""
    y, x = divmod(int(pixels.argmax()), pixels.shape[1])
    return (crop.top + y) * width + crop.left + x


@numba.njit(cache=True)
def _renumber(labels: LabelImage, number: Int32[np.ndarray, " labels"]) -> None:
    """Gives object i the label number[i], in place."""
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            if labels[y, x] != 0:
                labels[y, x] = number[labels[y, x]]
