"""Anchors from data: how large the network must see the images, and which anchor sizes its objects want.

A box that no anchor comes near is learned badly or not at all: Faster R-CNN (Ren 2015) takes an anchor for an object
from an IoU of 0.7 on. So here every true box is put on the network's own grid and its best anchor is looked up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from numpy import ndarray

from unmask.errors import DataError
from unmask.nets.anchors import anchors
from unmask.nets.transform import Resize

__all__ = ["AnchorPlan", "Coverage", "choose_anchors", "coverage"]

Sizes = tuple[tuple[float, ...], ...]

RATIOS = (0.5, 1.0, 2.0)
TORCHVISION: Sizes = ((32.0,), (64.0,), (128.0,), (256.0,), (512.0,))
# Of P2 to P6. P6 is P5 with every second point taken: its stride is 64 only where P5 has an even number of them.
STRIDES, LAST = (4, 8, 16, 32), 2

# Sizes on P2; each further level doubles them.
SMALLEST = (4.0, 6.0, 8.0, 11.0, 16.0, 23.0, 32.0)
SCALES = (1.0, 2.0, 4.0)
# Images are shrunk only while the 5th percentile of the objects stays this large: the mask head reads 14 x 14 points of
# P2, which has one every 4 pixels, so that of a larger object it reads no more.
SHRUNK, LEAST, PERCENTILE = (0.25, 0.5), 64.0, 5
LARGE = 256.0  # or while the 95th stays this large: larger objects are rarely whole in a training tile
# The share of boxes that must have an anchor of IoU 0.5, and for one size a level also of IoU 0.7; where no plan
# reaches it, what comes so near the best will do.
ENOUGH, GOOD, NEAR = 0.95, 0.6, 0.02
MOST_BOXES = 5000


@dataclass(frozen=True)
class Coverage:
    """Share of the true boxes that have an anchor of at least that IoU.

    Attributes:
        at_50: of IoU 0.5 and more.
        at_70: of 0.7 and more.
    """

    at_50: float
    at_70: float


@dataclass(frozen=True)
class AnchorPlan:
    """What the objects of a data set want.

    Attributes:
        scale: how much images are enlarged.
        anchor_sizes: sides on P2 to P6, pixels of the enlarged image.
        coverage: of the true boxes by these anchors.
        reason: for the sizes, in words.
        scale_reason: for the scale, in words.
    """

    scale: float
    anchor_sizes: Sizes
    coverage: Coverage
    reason: str
    scale_reason: str


def coverage(
    boxes: Sequence[Float32[ndarray, "n 4"]],
    sizes: Sequence[tuple[int, int]],
    scale: float,
    anchor_sizes: Sizes,
    ratios: Sequence[float] = RATIOS,
) -> Coverage:
    """How many true boxes have an anchor that comes near.

    Args:
        boxes: of each image, (n, 4) x0, y0, x1, y1 in its own pixels; at least one in all.
        sizes: rows and columns of each image.
        scale: how much images are enlarged.
        anchor_sizes: sides on each of the five levels, pixels of the enlarged image.
        ratios: height over width.

    Raises:
        DataError: there is no box.
    """
    return _coverage(_truth(boxes, sizes), scale, anchor_sizes, ratios)


def choose_anchors(
    boxes: Sequence[Float32[ndarray, "n 4"]],
    sizes: Sequence[tuple[int, int]],
    *,
    scale: float | None = None,
    ratios: Sequence[float] = RATIOS,
) -> AnchorPlan:
    """The smallest scale, and at that the fewest anchors, that give 95 % of the true boxes an anchor of IoU 0.5.

    One size a level, doubled from level to level, is taken where it gives 60 % of them one of IoU 0.7 too, else two are
    tried; of sizes that reach as many boxes those that reach most of them with IoU 0.7 are taken. Where nothing reaches
    95 %, the cheapest plan within 2 % of the best is taken, and the reason says so. At most 5000 boxes are looked at,
    evenly chosen: the same for the same data.

    Args:
        boxes: of each image, (n, 4) x0, y0, x1, y1 in its own pixels.
        sizes: rows and columns of each image.
        scale: that must be; else 1, 2 and 4 are tried in turn, and 1/4 and 1/2 before them where even the 5th
            percentile of the objects stays at least 64 pixels large, as large as the mask head can read, or the 95th at
            least 256, as large as a training tile.
        ratios: height over width of the anchors.

    Raises:
        DataError: there is no box.
    """
    truth = _truth(boxes, sizes).thinned(MOST_BOXES)
    small, large = truth.side(PERCENTILE), truth.side(100 - PERCENTILE)
    shrunk = [one for one in SHRUNK if small * one >= LEAST or large * one >= LARGE]
    tried: list[_Trial] = []
    for one in (*shrunk, *SCALES) if scale is None else (scale,):
        for many in (1, 2):
            tried.append(_best_ladder(truth, one, many, ratios))
            found = tried[-1].coverage
            if found.at_50 >= ENOUGH and (many > 1 or found.at_70 >= GOOD):
                return _plan(truth, tried, len(tried) - 1, ratios)
    most = max(trial.coverage.at_50 for trial in tried)
    near = [trial.coverage.at_50 >= most - NEAR for trial in tried]
    return _plan(truth, tried, near.index(True), ratios)


@dataclass(frozen=True)
class _Truth:
    """The true boxes of all images.

    Attributes:
        boxes: (n, 4) x0, y0, x1, y1 in pixels of the box's image.
        sizes: (n, 2) rows and columns of that image.
    """

    boxes: Float64[ndarray, "n 4"]
    sizes: Int64[ndarray, "n 2"]

    def thinned(self, most: int) -> "_Truth":
        """At most so many, evenly chosen."""
        chosen = np.linspace(0, len(self.boxes) - 1, min(most, len(self.boxes))).astype(np.int64)
        return _Truth(self.boxes[chosen], self.sizes[chosen])

    def side(self, percent: float) -> float:
        """A percentile of the sides of squares of the boxes' areas, pixels."""
        return float(np.percentile(np.sqrt((self.boxes[:, 2:] - self.boxes[:, :2]).prod(axis=1)), percent))


@dataclass(frozen=True)
class _Trial:
    scale: float
    sizes: Sizes
    coverage: Coverage


def _truth(boxes: Sequence[Float32[ndarray, "n 4"]], sizes: Sequence[tuple[int, int]]) -> _Truth:
    counts = [len(own) for own in boxes]
    if not sum(counts):
        raise DataError("there is no object to choose anchors for", remedy="annotate at least one object")
    return _Truth(np.concatenate(boxes).astype(np.float64), np.repeat(np.array(sizes, np.int64), counts, axis=0))


def _coverage(truth: _Truth, scale: float, anchor_sizes: Sizes, ratios: Sequence[float]) -> Coverage:
    best = _best_overlaps(truth, scale, anchor_sizes, ratios)
    return Coverage(float((best >= 0.5).mean()), float((best >= 0.7).mean()))


def _best_overlaps(truth: _Truth, scale: float, anchor_sizes: Sizes, ratios: Sequence[float]) -> Float64[ndarray, " n"]:
    """The largest IoU of each box with any anchor of its image.

    An anchor is symmetric about its point of the grid, so what it shares with a box never grows with the distance of
    their middles, along either axis: of a level only the point nearest to the box's middle matters.
    """
    boxes, grids, strides = _placed(truth, scale)
    cells = anchors([(1, 1)] * len(anchor_sizes), (1, 1), anchor_sizes, ratios, torch.device("cpu"))
    best = np.zeros(len(boxes))
    for level, cell in enumerate(cells):
        stride = strides[:, level]
        nearest = np.rint((boxes[:, :2] + boxes[:, 2:]) / 2 / stride).clip(0, grids[:, level] - 1) * stride
        best = np.maximum(best, _iou(boxes - np.tile(nearest, 2), cell.numpy().astype(np.float64)).max(axis=1))
    return best


def _iou(boxes: Float64[ndarray, "n 4"], others: Float64[ndarray, "a 4"]) -> Float64[ndarray, "n a"]:
    shared = np.minimum(boxes[:, None, 2:], others[:, 2:]) - np.maximum(boxes[:, None, :2], others[:, :2])
    both = shared.clip(0).prod(axis=2)
    areas = [(part[:, 2:] - part[:, :2]).prod(axis=1) for part in (boxes, others)]
    return both / (areas[0][:, None] + areas[1] - both)


def _placed(
    truth: _Truth, scale: float
) -> tuple[Float64[ndarray, "n 4"], Int64[ndarray, "n l 2"], Int64[ndarray, "n l 2"]]:
    """Boxes in pixels of the network's input, and (x, y) points and strides of the grids of its levels."""
    resize = Resize("native", scale)
    sizes, which = np.unique(truth.sizes, axis=0, return_inverse=True)
    resized = np.array([resize.size(*size) for size in sizes.tolist()])
    padded = np.array([resize.padded(*size) for size in resized.tolist()])
    grids = np.stack([padded // stride for stride in STRIDES], axis=1)
    grids = np.concatenate([grids, -(-grids[:, -1:] // LAST)], axis=1)
    strides = padded[:, None] // grids
    stretch, own = np.tile((resized / sizes)[:, ::-1], 2), which.ravel()
    return truth.boxes * stretch[own], grids[own][..., ::-1], strides[own][..., ::-1]


def _best_ladder(truth: _Truth, scale: float, many: int, ratios: Sequence[float]) -> _Trial:
    """The best smallest size, with `many` sizes a level."""
    ladders = [_ladder(smallest, many) for smallest in SMALLEST]
    trials = [_Trial(scale, sizes, _coverage(truth, scale, sizes, ratios)) for sizes in ladders]
    return max(trials, key=lambda trial: (min(trial.coverage.at_50, ENOUGH), trial.coverage.at_70))


def _ladder(smallest: float, many: int) -> Sizes:
    """Sizes of five levels, each twice those of the one below, and evenly between."""
    return tuple(
        tuple(round(smallest * 2 ** (level + step / many), 1) for step in range(many))
        for level in range(len(STRIDES) + 1)
    )


def _plan(truth: _Truth, tried: list[_Trial], chosen: int, ratios: Sequence[float]) -> AnchorPlan:
    trial = tried[chosen]
    usual = _coverage(truth, trial.scale, TORCHVISION, ratios)
    short = "" if trial.coverage.at_50 >= ENOUGH else f"nothing tried reaches {_percent(ENOUGH)}: "
    reason = (
        f"{short}{_percent(trial.coverage.at_50)} of the true boxes have an anchor of IoU 0.5, "
        f"{_percent(trial.coverage.at_70)} of IoU 0.7 (with torchvision's sizes, 32 to 512: "
        f"{_percent(usual.at_50)} and {_percent(usual.at_70)})"
    )
    return AnchorPlan(trial.scale, trial.sizes, trial.coverage, reason, _scale_reason(truth, tried, trial))


def _scale_reason(truth: _Truth, tried: list[_Trial], chosen: _Trial) -> str:
    if chosen.scale < 1 and truth.side(PERCENTILE) * chosen.scale >= LEAST:
        side = truth.side(PERCENTILE)
        return f"19 of 20 objects are larger than {side:.0f} pixels, and {LEAST:.0f} are all that the mask head reads"
    if chosen.scale < 1:
        side = truth.side(100 - PERCENTILE)
        return f"1 of 20 objects is larger than {side:.0f} pixels, too large to be learned whole at full size"
    larger = [trial.coverage.at_50 for trial in tried if trial.scale > chosen.scale]
    if larger:
        return f"a larger scale would give {_percent(max(larger))} of the true boxes an anchor of IoU 0.5 at most"
    smaller = [trial.coverage.at_50 for trial in tried if trial.scale < chosen.scale]
    if smaller:
        return f"a smaller scale would give {_percent(max(smaller))} of the true boxes an anchor of IoU 0.5 at most"
    return "the true boxes have anchors at the images' own size"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
