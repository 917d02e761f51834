"""Temperature: one number that makes a network as sure as it is right (Guo, Pleiss, Sun, Weinberger 2017).

Softmax of logits / T is p^(1/T), scaled to sum 1, of the probabilities p; so T is fitted to probabilities that are
there already. The order of classes in a pixel stays, and with one class the order of all pixels too.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Float64
from scipy.optimize import minimize_scalar

from unmask.arrays import AnyArray, ProbabilityMap
from unmask.metrics.calibration import LEAST
from unmask.predict.prediction import Prediction

__all__ = ["TEMPERATURES", "fit_temperature", "tempered_map"]

TEMPERATURES = 0.2, 5.0
# Of more pixels so many are drawn: fewer than half of them move the temperature by less than 1 %.
FIT_PIXELS = 300_000


def tempered_map(probabilities: ProbabilityMap, temperature: float) -> ProbabilityMap:
    """What softmax gives of the logits of (c, h, w) probabilities, divided by a temperature; (c, h, w)."""
    if temperature == 1:
        return probabilities
    found: ProbabilityMap = np.maximum(probabilities, np.float32(LEAST))
    found /= found.max(axis=0)
    np.power(found, np.float32(1 / temperature), out=found)
    found /= found.sum(axis=0)
    return found


def fit_temperature(predictions: Sequence[Prediction]) -> float:
    """The temperature with which the truth is likeliest, over the pixels whose truth is known.

    Args:
        predictions: of annotated images, with probabilities that are not tempered yet.

    Returns:
        Within `TEMPERATURES`; 1 where no pixel is known, or nothing else is likelier.
    """
    drawn = [_drawn(one, places) for one, places in zip(predictions, _places(predictions), strict=True)]
    logits = np.concatenate([one for one, _ in drawn], axis=1).astype(np.float64)
    truth = np.concatenate([one for _, one in drawn])
    if not truth.size:
        return 1.0

    def loss(power: float) -> float:
        return _negative_log_likelihood(logits, truth, float(np.exp(power)))

    low, high = np.log(TEMPERATURES)
    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-3})
    return round(float(np.exp(found.x)), 4) if found.fun < loss(0.0) else 1.0


def _negative_log_likelihood(logits: Float64[np.ndarray, "c n"], truth: AnyArray, temperature: float) -> float:
    """Mean over n pixels; each pixel's largest logit is 0, so that nothing overflows."""
    scaled = logits / temperature
    at_truth = scaled[truth, np.arange(truth.size)]
    return float((np.log(np.exp(scaled).sum(axis=0)) - at_truth).mean())


def _places(predictions: Sequence[Prediction]) -> list[AnyArray]:
    """Flat indices of known pixels of each image: all, or as many of each as its share of `FIT_PIXELS`."""
    known = [_known(one) for one in predictions]
    total = sum(one.size for one in known)
    if total <= FIT_PIXELS:
        return known
    random = np.random.default_rng(0)
    drawn = [random.random(round(one.size * FIT_PIXELS / total)) * one.size for one in known]
    return [one[places.astype(np.intp)] for one, places in zip(known, drawn, strict=True)]


def _known(prediction: Prediction) -> AnyArray:
    sample = prediction.sample
    return np.arange(sample.size[0] * sample.size[1]) if sample.ignore is None else np.flatnonzero(~sample.ignore)


def _drawn(prediction: Prediction, places: AnyArray) -> tuple[Float32[np.ndarray, "c n"], AnyArray]:
    """Logits, the largest 0, and true classes of some pixels of an image."""
    maps, classes = prediction.probabilities, prediction.sample.classes
    assert maps is not None, "only the U-Net predicts classes of pixels"
    assert classes is not None, "validation samples are annotated"
    chosen = np.log(np.maximum(maps.reshape(len(maps), -1)[:, places], np.float32(LEAST)))
    return chosen - chosen.max(axis=0), classes.ravel()[places]
