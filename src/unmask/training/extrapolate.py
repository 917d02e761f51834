"""What twice as many images would be worth: a power law through a learning curve, and how far it can be trusted.

Errors of trained models fall with the number of examples as a power law towards what cannot be learned (Cortes, Jackel,
Solla, Vapnik, Denker 1993; Figueroa et al. 2012): score(n) = top - drop * n^-power.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

__all__ = ["FEWEST", "Forecast", "doubled"]

FEWEST = 4  # points: the law has three unknowns
POWERS = np.linspace(0.1, 2.0, 39)
REFITS, PERCENTILES = 500, (10, 90)


@dataclass(frozen=True)
class Forecast:
    """What twice as many images would be worth.

    Attributes:
        images: twice the most that were trained on.
        gain: what the score would rise by.
        low: one refit in ten finds less.
        high: one in ten finds more.
    """

    images: int
    gain: float
    low: float
    high: float


def doubled(images: Sequence[int], scores: Sequence[float], noise: float) -> Forecast | None:
    """What twice as many images would be worth.

    The law is fitted by least squares, its power between 0.1 and 2, with a drop that is not negative and a top of at
    most 1. It is fitted again to 500 curves that chance may have given instead: the fitted one and noise, of the
    points' distance from the fit or the given noise, whichever is larger. The same input gives the same forecast.

    Args:
        images: numbers of images, ascending.
        scores: at each, 0 to 1.
        noise: standard deviation of a score, as far as it is known otherwise.

    Returns:
        None with fewer than four points.
    """
    if len(images) < FEWEST:
        return None
    x, y = np.array(images, float), np.array(scores, float)[None]
    fitted, found = _fit(x, y)
    freedom = len(images) - 3
    spread = max(noise, float(np.sqrt(np.square(y - fitted).sum() / freedom)))
    shaken = fitted + np.random.default_rng(0).normal(0, spread, (REFITS, len(images)))
    low, high = np.percentile(_fit(x, shaken)[1], PERCENTILES)
    gain, low, high = (float(min(one, 1 - scores[-1])) for one in (found[0], min(low, found[0]), max(high, found[0])))
    return Forecast(2 * images[-1], gain, low, high)


def _fit(
    x: Float64[ndarray, " p"], y: Float64[ndarray, "k p"]
) -> tuple[Float64[ndarray, "k p"], Float64[ndarray, " k"]]:
    """The law that fits each of k curves best: its values, and what it gains from x[-1] to twice that."""
    best = np.full(len(y), np.inf)
    fitted, gain = np.zeros_like(y), np.zeros(len(y))
    for power in POWERS:
        fall = x**-power
        top, drop = _line(fall, y)
        values = top[:, None] - drop[:, None] * fall
        misfit = np.square(y - values).sum(axis=1)
        better = misfit < best
        best[better], fitted[better] = misfit[better], values[better]
        gain[better] = drop[better] * (fall[-1] - (2 * x[-1]) ** -power)
    return fitted, gain


def _line(
    fall: Float64[ndarray, " p"], y: Float64[ndarray, "k p"]
) -> tuple[Float64[ndarray, " k"], Float64[ndarray, " k"]]:
    """Top and drop of least squares, where the drop is not negative and the top at most 1."""
    centred, middle = fall - fall.mean(), y.mean(axis=1)
    drop = -(y @ centred) / (centred @ centred)
    beyond = middle + drop * fall.mean() > 1
    drop = np.where(beyond, (1 - y) @ fall / (fall @ fall), drop).clip(0)
    return np.where(beyond, 1, np.minimum(1, middle + drop * fall.mean())), drop
