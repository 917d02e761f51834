"""Detections: objects as Mask R-CNN finds them, boxes with small masks inside, not full frames."""

from dataclasses import dataclass

from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

__all__ = ["Detections"]


@dataclass(frozen=True)
class Detections:
    """What was found in one image, best first.

    Boxes are (x0, y0, x1, y1) in pixels of the image, float: pixel column i covers x from i to i + 1.

    Attributes:
        size: rows and columns of the image.
        boxes: (n, 4) float32.
        classes: (n,) uint8, 1 or more.
        scores: (n,) float32, falling.
        masks: (n, m, m) float32, probability that a point of the box belongs to the object, m x m points evenly over
            the box (28 x 28); None from a network without masks (Faster R-CNN): objects are their boxes.
        saturated: a pass of the network found as many as it may (`max_detections`): there may be more.
    """

    size: tuple[int, int]
    boxes: Float32[ndarray, "n 4"]
    classes: UInt8[ndarray, " n"]
    scores: Float32[ndarray, " n"]
    masks: Float32[ndarray, "n m m"] | None
    saturated: bool = False

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, index: Bool[ndarray, " n"] | ndarray) -> "Detections":
        """Some of them: by a mask or by positions."""
        masks = None if self.masks is None else self.masks[index]
        return Detections(self.size, self.boxes[index], self.classes[index], self.scores[index], masks, self.saturated)
