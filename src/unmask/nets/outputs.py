"""What Mask R-CNN returns: in training all that its losses compare, in prediction what it found."""

from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Bool, Float, Int64
from torch import Tensor

__all__ = ["Found", "RCNNOutputs"]


class RCNNOutputs(NamedTuple):
    """Outputs and targets of one training step over a batch, side by side.

    Attributes:
        objectness: (s,) logits of the sampled anchors.
        objectness_target: (s,) 1 where the anchor belongs to an object, else 0.
        anchor_deltas: (p, 4) of the positive anchors among them.
        anchor_targets: (p, 4) the deltas that lead to their objects.
        sampled_anchors: s, positive and negative.
        class_logits: (r, k) of the sampled regions, the background's first.
        class_target: (r,) int64.
        box_deltas: (q, 4) of the regions of objects, those of the true class.
        box_targets: (q, 4) the deltas that lead to their objects.
        mask_logits: (m, 28, 28) of the regions of objects, those of the true class; None without masks.
        mask_targets: (m, 28, 28) share of each point that the object covers, 0 to 1; None without masks.
        mask_known: (m, 28, 28) bool, the points that count; None where all do, and without masks.
    """

    objectness: Float[Tensor, " s"]
    objectness_target: Float[Tensor, " s"]
    anchor_deltas: Float[Tensor, "p 4"]
    anchor_targets: Float[Tensor, "p 4"]
    sampled_anchors: int
    class_logits: Float[Tensor, "r k"]
    class_target: Int64[Tensor, " r"]
    box_deltas: Float[Tensor, "q 4"]
    box_targets: Float[Tensor, "q 4"]
    mask_logits: Float[Tensor, "m side side"] | None
    mask_targets: Float[Tensor, "m side side"] | None
    mask_known: Bool[Tensor, "m side side"] | None = None


@dataclass(frozen=True)
class Found:
    """What was found in one image, best first.

    Attributes:
        boxes: (n, 4) float32 (x0, y0, x1, y1), pixels.
        classes: (n,) int64, 1 or more.
        scores: (n,) float32, falling.
        mask_logits: (n, 28, 28) of the class found, points evenly over the box; None without masks.
        saturated: more was found than `max_detections`, and the rest is left out.
    """

    boxes: Float[Tensor, "n 4"]
    classes: Int64[Tensor, " n"]
    scores: Float[Tensor, " n"]
    mask_logits: Float[Tensor, "n side side"] | None
    saturated: bool

    def __len__(self) -> int:
        return len(self.scores)
