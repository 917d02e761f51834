"""Calibration: do predicted probabilities mean shares?

Of all pixels with a predicted probability of 0.8, 80 % should be what was predicted. Pixels are counted in 15 bins of
equal width; the expected calibration error (ECE; Naeini et al. 2015, Guo et al. 2017) is the mean over pixels of the
distance between a bin's mean probability and its share of truth. Negative log likelihood and Brier score, which no
constant guess can make small, stand beside it. All are sums over pixels, so that images come one at a time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from jaxtyping import Float, Float64, Int64

from unmask.arrays import AnyArray, ClassMap, MaskImage, ProbabilityMap
from unmask.errors import MaskError
from unmask.metrics.ignore import check_ignore
from unmask.metrics.overlaps import check_labels, row_bands

__all__ = ["BINS", "LEAST", "Bins", "Calibration", "calibration", "pooled"]

BINS = 15
# Probabilities below this are taken for it: softmax in float32 rounds those of sure networks to 0.
LEAST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Bins:
    """Pixels by predicted probability, in bins [k / 15, (k + 1) / 15), the last with 1.

    Attributes:
        pixels: (15,) how many.
        probability_sums: (15,) sums of their probabilities.
        true: (15,) how many are what the probability is of.
    """

    pixels: Int64[np.ndarray, " k"]
    probability_sums: Float64[np.ndarray, " k"]
    true: Int64[np.ndarray, " k"]

    @property
    def ece(self) -> float:
        """Expected calibration error, 0 to 1; NaN without pixels."""
        total = int(self.pixels.sum())
        return float(np.abs(self.probability_sums - self.true).sum()) / total if total else float("nan")

    def to_dict(self) -> dict[str, float | list[float | int | None]]:
        """`ece`, and a list of 15 each: pixels, mean probability and share of truth; None in empty bins."""
        filled = np.maximum(self.pixels, 1)
        means, shares = self.probability_sums / filled, self.true / filled
        there = self.pixels > 0
        return {
            "ece": self.ece,
            "pixels": self.pixels.tolist(),
            "probability": [value if one else None for value, one in zip(means.tolist(), there, strict=True)],
            "share": [value if one else None for value, one in zip(shares.tolist(), there, strict=True)],
        }

    def __add__(self, other: "Bins") -> "Bins":
        return Bins(self.pixels + other.pixels, self.probability_sums + other.probability_sums, self.true + other.true)


@dataclass(frozen=True)
class Calibration:
    """How far the probabilities of some pixels mean shares.

    Attributes:
        foreground: by the probability of not being background; true is what is not background.
        label: by the probability of the likeliest class; true is what is of that class. With one class it says what
            `foreground` says, folded.
        nll_sum: sum over pixels of -log of the true class's probability.
        brier_sum: sum over pixels of half the squared distance between probabilities and truth: for one class that of
            the foreground's probability to 0 or 1; 0 to 1 a pixel (Brier 1950 has no half).
    """

    foreground: Bins
    label: Bins
    nll_sum: float
    brier_sum: float

    @property
    def pixels(self) -> int:
        """How many pixels were looked at."""
        return int(self.foreground.pixels.sum())

    @property
    def nll(self) -> float:
        """Negative log likelihood, natural logarithm, mean over pixels; NaN without pixels."""
        return self.nll_sum / self.pixels if self.pixels else float("nan")

    @property
    def brier(self) -> float:
        """Brier score, mean over pixels; NaN without pixels."""
        return self.brier_sum / self.pixels if self.pixels else float("nan")

    def to_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        bins = {"foreground": self.foreground.to_dict(), "label": self.label.to_dict()}
        return {"pixels": self.pixels, "nll": self.nll, "brier": self.brier, **bins}

    def __add__(self, other: "Calibration") -> "Calibration":
        return Calibration(
            self.foreground + other.foreground,
            self.label + other.label,
            self.nll_sum + other.nll_sum,
            self.brier_sum + other.brier_sum,
        )


def calibration(
    probabilities: ProbabilityMap, truth: ClassMap, ignore: MaskImage | None = None, name: str | None = None
) -> Calibration:
    """The calibration of one image.

    Args:
        probabilities: (c, h, w), sum to 1 over c; channel 0 is background.
        truth: (h, w) class map, 0 is background.
        ignore: (h, w) bool, true where the truth is not known; those pixels are left out.
        name: the image concerned, for messages.

    Raises:
        PairingError: the sizes differ.
        MaskError: the truth is not of integers or has a class without a channel, or `ignore` not of true and false.
    """
    # Of a view that costs nothing: sizes and types of both.
    check_labels(truth, np.broadcast_to(np.uint8(0), probabilities.shape[1:]), name)
    if ignore is not None:
        check_ignore(ignore, truth, name)
    if (largest := int(truth.max(initial=0))) >= len(probabilities):
        raise MaskError(
            f"the truth has class {largest}, and there are probabilities of {len(probabilities) - 1} classes",
            file=name,
            remedy="give the class map that the network was trained on",
        )
    return pooled(
        _of_pixels(probabilities[:, rows][:, known], truth[rows][known])
        for rows in row_bands(truth.shape)
        for known in (np.ones(truth[rows].shape, np.bool_) if ignore is None else ~ignore[rows],)
    )


def pooled(parts: Iterable[Calibration]) -> Calibration:
    """The calibration of all pixels of several images, taken together.

    Args:
        parts: one or more; none gives one without pixels.
    """
    return reduce(lambda one, other: one + other, parts, Calibration(_binned([], []), _binned([], []), 0.0, 0.0))


def _of_pixels(probabilities: Float[np.ndarray, "c n"], truth: AnyArray) -> Calibration:
    at_truth = probabilities[truth, np.arange(truth.size)]
    likeliest = probabilities.argmax(axis=0)
    squares = np.square(probabilities, dtype=np.float64).sum(axis=0) - 2.0 * at_truth + 1
    return Calibration(
        _binned(1 - probabilities[0], truth > 0),
        _binned(probabilities.max(axis=0), likeliest == truth),
        -float(np.log(np.maximum(at_truth, LEAST), dtype=np.float64).sum()),
        float(squares.sum()) / 2,
    )


def _binned(probability: AnyArray | list[float], true: AnyArray | list[bool]) -> Bins:
    """Bins of (n,) probabilities, and whether what they are of is true."""
    values = np.asarray(probability, np.float64)
    places = np.clip((values * BINS).astype(np.intp), 0, BINS - 1)
    return Bins(
        np.bincount(places, minlength=BINS),
        np.bincount(places, values, BINS),
        np.bincount(places[np.asarray(true, np.bool_)], minlength=BINS),
    )
