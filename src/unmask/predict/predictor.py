"""Predictor: a model on a device, ready for images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from unmask.arrays import AnyArray, FloatImage
from unmask.data.folder import read_images
from unmask.data.normalise import normalise, stretch_constants
from unmask.data.sample import Sample
from unmask.errors import PredictionError
from unmask.instances.decode import decode
from unmask.instances.paint import paint
from unmask.model import Model
from unmask.nets import MaskRCNN
from unmask.predict.detections import SATURATED, predict_detections, window_side
from unmask.predict.prediction import Prediction
from unmask.predict.tiles import default_memory, exact_convolutions, predict_probabilities, tile_side
from unmask.recipe import MaskRCNNRecipe, NormaliseRecipe, Recipe, UNetRecipe

__all__ = ["Predictor", "load"]

EIGHT_BIT = NormaliseRecipe(method="fixed", low=0, high=255)


class Predictor:
    """A model on a device.

    Args:
        model: as loaded.
        device: "cpu", "cuda", "cuda:1", "mps"; a GPU if there is one when None.
        memory: bytes that a tile's activations may take; a quarter of what is free when None. Mask R-CNN's windows are
            the model's own, whatever the memory.
        side: largest side of a tile in pixels of the network's input, instead of `memory`; a U-Net's result does not
            depend on it.
        overlaps: keep all of objects that overlap (Mask R-CNN), not only what is seen of each.
    """

    def __init__(
        self,
        model: Model,
        device: str | None = None,
        memory: int | None = None,
        side: int | None = None,
        *,
        overlaps: bool = False,
    ) -> None:
        self.model = model
        self.device = _device(device)
        self.overlaps = overlaps
        self.net = model.net.eval().to(self.device).to(memory_format=torch.channels_last)
        self.memory = memory or default_memory(self.device)
        self.side = side or _side(model, self.memory)

    @property
    def recipe(self) -> Recipe:
        """The whole run that made the model."""
        return self.model.recipe

    def predict(
        self, image: str | Path | AnyArray | Sample, progress: Callable[[int, int], None] | None = None
    ) -> Prediction:
        """Predict one image.

        Args:
            image: a file, an array (h, w) or (h, w, c), or a Sample.
            progress: called with (pixels done, pixels in all).

        Raises:
            PredictionError: not an image, or its channels are not the model's.
            DataError: the file cannot be read.
        """
        sample = _sample(image, self.recipe.data.channels)
        normalised = self._normalised(sample)
        if isinstance(self.net, MaskRCNN):
            return self._detected(self.net, sample, normalised, progress)
        probabilities = predict_probabilities(self.net, normalised, self.model.halo, self.side, self.device, progress)
        objects = decode(probabilities, self.recipe.instances, sample.pixel_size)
        return Prediction(sample, objects, self.recipe, probabilities=probabilities)

    def _detected(
        self, net: MaskRCNN, sample: Sample, image: FloatImage, progress: Callable[[int, int], None] | None
    ) -> Prediction:
        with exact_convolutions(self.device):
            detections = predict_detections(net, image, self.recipe, self.side, self.device, progress)
        objects = paint(detections, self.recipe.detections, sample.pixel_size, overlaps=self.overlaps)
        warnings = (SATURATED,) if detections.saturated else ()
        return Prediction(sample, objects, self.recipe, detections=detections, warnings=warnings)

    def _normalised(self, sample: Sample) -> FloatImage:
        wanted = self.recipe.data.channels
        if sample.channels != wanted:
            raise PredictionError(
                f"the image has {sample.channels} channels, the model was trained on {wanted}",
                file=sample.file or sample.name,
                remedy="give images like those the model was trained on, or train on images like this one",
            )
        values = self.recipe.normalise
        if values == EIGHT_BIT and sample.image.dtype != np.uint8:
            raise PredictionError(
                f"the image is {sample.image.dtype}, the model was trained on 8-bit colour",
                file=sample.file or sample.name,
                remedy="save it as 8 bits a channel",
            )
        return normalise(sample.image, stretch_constants(sample.image, values))


def _side(model: Model, memory: int) -> int:
    """Of a tile or window, pixels of the network's input."""
    match model.recipe.network:
        case UNetRecipe() as network:
            # At full size: the skip, the upsampled map, both side by side; a convolution's input, output, workspace.
            return tile_side(memory, 4 * 8 * network.width, model.halo)
        case MaskRCNNRecipe():
            return window_side(model.recipe)


def _device(name: str | None) -> torch.device:
    if name is None:
        return torch.device(
            "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        )
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise PredictionError(
            f"the device {name} cannot be used here ({str(error).splitlines()[0]})", remedy="type --device cpu"
        ) from None


def load(path: str | Path, device: str | None = None) -> Predictor:
    """The model of a run folder or model file, ready for images.

    Raises:
        ModelError: no such file, a damaged one, one of another format, or one that computes something else here.
    """
    return Predictor(Model.load(path), device)


def _sample(image: str | Path | AnyArray | Sample, channels: int) -> Sample:
    if isinstance(image, Sample):
        return image
    if isinstance(image, str | Path):
        found = read_images([Path(image)], channels)
        if len(found) != 1:
            raise PredictionError(
                f"it holds {len(found)} images", file=image, remedy="use `unmask predict`, or give one image at a time"
            )
        return next(iter(found))
    array = np.asarray(image)
    if array.ndim not in (2, 3) or array.size == 0 or not np.isfinite(array).all():
        raise PredictionError(
            f"an array of shape {array.shape} is not an image", remedy="give (h, w) or (h, w, c) finite numbers"
        )
    return Sample("array", array if array.ndim == 3 else array[..., None])
