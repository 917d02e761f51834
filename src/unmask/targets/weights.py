"""The weight map of Ronneberger 2015: how much each pixel counts in the loss.

    w(x) = w_c(x) + w0 * exp(-(d1(x) + d2(x))^2 / (2 sigma^2))

w_c balances the frequencies of the classes; d1 and d2 are the distances to the nearest and the second nearest object,
so the second term is large in narrow gaps between objects, which a network would otherwise learn to close.
"""

import math
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float32, Float64, Integer

from unmask.arrays import AnyArray, ClassMap, LabelImage
from unmask.errors import MaskError, RecipeError
from unmask.targets.distances import two_nearest

__all__ = ["border_weight", "class_frequencies", "class_weights", "cut_off", "weight_map"]


def border_weight(
    objects: LabelImage, w0: float = 10.0, sigma: float = 5.0, tolerance: float = 1e-3
) -> Float32[np.ndarray, "h w"]:
    """w0 * exp(-(d1 + d2)^2 / (2 sigma^2)), cut off where it is below `tolerance`.

    Distances are Euclidean, between pixel centres, to the nearest pixel of an object; d1 is 0 inside an object. They
    are exact as long as d1 + d2 <= `cut_off(w0, sigma, tolerance)`, 21.5 pixels by default; beyond, the term is
    below `tolerance` and the result is 0. Time grows with pixels times cut-off, whatever the number of objects.

    Args:
        objects: (h, w) int32, 0 is background.
        w0: the weight where two objects touch; 0 gives a map of zeros.
        sigma: in pixels; how fast the weight falls as the gap widens.
        tolerance: the largest error of any pixel.

    Returns:
        (h, w) float32; zero where there are fewer than two objects.

    Raises:
        RecipeError: w0 is negative, or sigma or the tolerance not above 0.
    """
    radius = cut_off(w0, sigma, tolerance)
    distances, _ = two_nearest(objects, radius)
    total = distances.sum(0)
    weight = np.float32(w0) * np.exp(-np.square(total) / np.float32(2 * sigma**2))
    weight[total > radius] = 0
    return weight.astype(np.float32, copy=False)


def cut_off(w0: float, sigma: float, tolerance: float) -> float:
    """The sum of distances, in pixels, at which w0 * exp(-sum^2 / (2 sigma^2)) falls to `tolerance`.

    Raises:
        RecipeError: w0 is negative, or sigma or the tolerance not above 0.
    """
    if not (w0 >= 0 and sigma > 0 and tolerance > 0):
        raise RecipeError(
            f"a border weight of w0 {w0:g}, sigma {sigma:g} and tolerance {tolerance:g}",
            remedy="give a w0 of 0 or more, a sigma and a tolerance above 0",
        )
    return sigma * math.sqrt(2 * math.log(w0 / tolerance)) if w0 > tolerance else 0.0


def class_frequencies(targets: Iterable[Integer[np.ndarray, "h w"]], n_classes: int) -> Float64[np.ndarray, " c"]:
    """The share of all known pixels that each class has.

    Args:
        targets: class maps of any sizes; pixels below 0 are not known.
        n_classes: with the background.

    Returns:
        (n_classes,) float64, its sum 1.

    Raises:
        MaskError: no known pixels at all, or a class that is not below `n_classes`.
    """
    counts = np.zeros(n_classes, np.int64)
    for target in targets:
        _check_classes(target, n_classes)
        counts += np.bincount(target[target >= 0], minlength=n_classes)
    if counts.sum() == 0:
        raise MaskError("no pixels to count classes in", remedy="give at least one class map")
    return np.asarray(counts / counts.sum(), np.float64)


def class_weights(frequencies: Float64[np.ndarray, " c"], power: float = 1.0) -> Float32[np.ndarray, " c"]:
    """Weights that balance classes: inverse to the frequency, scaled so that the mean weight over pixels is 1.

    Args:
        frequencies: (c,) the share of pixels of each class, its sum 1.
        power: 1 gives every class the same total weight, 0.5 is the square root of that balance, 0 none.

    Returns:
        (c,) float32; 1 for a class without pixels, which can balance nothing.
    """
    present = frequencies > 0
    weights = np.ones(frequencies.shape)
    weights[present] = frequencies[present] ** -power
    weights[present] /= frequencies[present] @ weights[present]
    return weights.astype(np.float32)


def weight_map(
    objects: LabelImage, target: ClassMap, weights: Float32[np.ndarray, " c"], w0: float, sigma: float
) -> Float32[np.ndarray, "h w"]:
    """The whole weight map: the weight of each pixel's class, and the border term.

    Args:
        objects: (h, w) int32 as annotated, without a ridge.
        target: (h, w) uint8, the classes a network is trained on.
        weights: (c,) of each class, the background first.
        w0: of the border term.
        sigma: of the border term, in pixels.

    Raises:
        MaskError: the two differ in size, or the target holds a class without a weight.
        RecipeError: w0 is negative, or sigma not above 0.
    """
    if target.shape != objects.shape:
        raise MaskError(
            f"target of {target.shape} and objects of {objects.shape} pixels", remedy="give both the size of the image"
        )
    _check_classes(target, weights.size)
    weight: AnyArray = weights.astype(np.float32)[target] + border_weight(objects, w0, sigma)
    return weight


def _check_classes(target: Integer[np.ndarray, "h w"], n_classes: int) -> None:
    if target.size and target.max() >= n_classes:
        raise MaskError(
            f"class {target.max()} in a mask, but {n_classes} classes with the background",
            remedy="name every class of the masks",
        )
