"""Disagreement: how unsure a U-Net is of each pixel, and how much of that is its members' and turned copies' quarrel.

The copies are the predictions of every member of an ensemble for each of the eight flips and rotations by 90 degrees.
With p_k the probabilities that copy k gives a pixel, and H the entropy, the total uncertainty H(mean p_k) is the mean
of H(p_k), which is in the image (borders that nobody can place), and what is left: the mutual information of answer
and copy, which training can mend (BALD, Houlsby et al. 2011; Gal, Islam, Ghahramani 2017).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from numpy import ndarray
from scipy.special import entr

from unmask.arrays import FloatImage, ProbabilityMap
from unmask.data.normalise import normalise, stretch_constants
from unmask.data.sample import Sample
from unmask.errors import PredictionError
from unmask.geometry.symmetry import SYMMETRIES
from unmask.nets import MaskRCNN
from unmask.predict.engines import open_engine, open_network
from unmask.predict.predictor import Predictor
from unmask.predict.probabilities import predict_probabilities
from unmask.predict.refusals import check_image
from unmask.predict.tiles import Network

__all__ = ["Copies", "Disagreement", "check_unet", "disagreement"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Disagreement:
    """What copies of a prediction say together.

    Attributes:
        mean: (classes, h, w) float32, the mean of their probabilities.
        total: (h, w) float32, entropy of the mean, 0 to 1: in units of the logarithm of the number of classes, which
            for two classes are bits.
        between: (h, w) float32, what of `total` the copies' own entropies do not explain, 0 to `total`.
    """

    mean: ProbabilityMap
    total: Float32[ndarray, "h w"]
    between: Float32[ndarray, "h w"]


class Copies:
    """The predictions of an image, of each member and symmetry one; opened once for many images.

    Args:
        predictor: a U-Net, or an ensemble of several; its `tta` plays no part.

    Raises:
        PredictionError: the model is a Mask R-CNN.
    """

    def __init__(self, predictor: Predictor) -> None:
        check_unet(predictor)
        self.predictor = predictor
        self.networks = _networks(predictor)

    def __len__(self) -> int:
        return len(self.networks) * len(SYMMETRIES)

    def of(self, sample: Sample, progress: Progress | None = None) -> Iterator[ProbabilityMap]:
        """Predicts them, one after another: (classes, h, w) float32 each, turned back.

        Args:
            sample: the image.
            progress: called with (pixels done, pixels in all), of all copies.

        Raises:
            PredictionError: the image's values or channels are not the model's.
        """
        image = _normalised(self.predictor, sample)
        pixels, classes = image.shape[0] * image.shape[1], 1 + len(self.predictor.recipe.data.class_names)
        ways = [(network, symmetry) for network in self.networks for symmetry in SYMMETRIES]
        for place, (network, symmetry) in enumerate(ways):
            yield predict_probabilities(
                network,
                image,
                self.predictor.side,
                classes,
                _after(progress, place * pixels, len(ways) * pixels),
                symmetries=(symmetry,),
                skip_blank=self.predictor.skip_blank,
            )[0]


def disagreement(predictor: Predictor, sample: Sample, progress: Progress | None = None) -> Disagreement:
    """How unsure a U-Net is of each pixel of an image, and how much its members and turned copies disagree.

    Each copy is predicted in tiles and equals one pass over the whole image within 1e-5, so the maps do not depend on
    the tiles. Two sums are kept, however many copies there are.

    Args:
        predictor: a U-Net, or an ensemble of several.
        sample: the image.
        progress: called with (pixels done, pixels in all), of all copies.

    Raises:
        PredictionError: the model is a Mask R-CNN, or the image's values or channels are not the model's.
    """
    copies = Copies(predictor)
    found = Sums(1 + len(predictor.recipe.data.class_names), sample.size)
    for probabilities in copies.of(sample, progress):
        found.add(probabilities)
    return found.result()


class Sums:
    """Probabilities and entropies of copies, added up as they come.

    Args:
        classes: with the background.
        size: rows and columns of the image.
    """

    def __init__(self, classes: int, size: tuple[int, int]) -> None:
        self._count = 0
        self._probabilities = np.zeros((classes, *size), np.float32)
        self._entropies = np.zeros(size, np.float32)

    def add(self, probabilities: ProbabilityMap) -> None:
        """Takes a copy in; (classes, h, w)."""
        self._count += 1
        self._probabilities += probabilities
        self._entropies += entropy(probabilities)

    def result(self) -> Disagreement:
        """What the copies that were added say together; at least one was."""
        mean = self._probabilities / np.float32(self._count)
        total = entropy(mean)
        # Entropy is concave, so what is below 0 here is rounding.
        between = np.clip(total - self._entropies / np.float32(self._count), 0, total)
        return Disagreement(mean, total, between)


def entropy(probabilities: ProbabilityMap) -> Float32[ndarray, "h w"]:
    """Entropy over classes of (classes, h, w), in units of the logarithm of the number of classes: 0 to 1."""
    found = np.zeros(probabilities.shape[1:], np.float32)
    for plane in probabilities:
        found += entr(plane)
    return np.clip(found / np.float32(np.log(len(probabilities))), 0, 1)


def check_unet(predictor: Predictor) -> None:
    """Refuses what has no probabilities of pixels.

    Raises:
        PredictionError: the model is a Mask R-CNN.
    """
    if isinstance(predictor.model.net, MaskRCNN):
        raise PredictionError(
            "uncertainty: Mask R-CNN has no probabilities of pixels",
            remedy="use a U-Net: unmask train DATA --net unet --out RUN",
        )


def _networks(predictor: Predictor) -> list[Network]:
    """Each member by itself, computed as the predictor's engine computes."""
    members = predictor.model.members
    if len(members) == 1:
        return [predictor.network]
    device, name = predictor.device, predictor.engine.name
    return [open_network(member, open_engine(member, device, name)) for member in members]


def _normalised(predictor: Predictor, sample: Sample) -> FloatImage:
    check_image(predictor.recipe, sample.channels, sample.image.dtype, sample.file or sample.name)
    return normalise(sample.image, stretch_constants(sample.image, predictor.recipe.normalise))


def _after(progress: Progress | None, before: int, every: int) -> Progress | None:
    """Tells of one copy's pixels as part of all."""
    return None if progress is None else lambda done, of: progress(before + done, every)
