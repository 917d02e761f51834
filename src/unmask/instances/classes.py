"""From a network's probabilities to a class map, where classes and not objects are wanted."""

import numpy as np

from unmask.arrays import ClassMap, ProbabilityMap

__all__ = ["class_map"]


def class_map(probabilities: ProbabilityMap, threshold: float) -> ClassMap:
    """The likeliest class of each pixel whose foreground probability reaches the threshold; background elsewhere.

    Args:
        probabilities: (c, h, w) float32, softmax; channel 0 is background, channel k class k.
        threshold: of 1 - background.

    Returns:
        (h, w) uint8; of equally likely classes the lowest.
    """
    foreground = 1 - probabilities[0] >= threshold
    return np.where(foreground, 1 + probabilities[1:].argmax(axis=0), 0).astype(np.uint8)
