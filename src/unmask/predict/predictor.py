"""Predictor: a model on a device, ready for images."""

from collections.abc import Callable, Sequence
from math import isqrt
from pathlib import Path

import numpy as np
import psutil

from unmask.arrays import AnyArray, FloatImage, ProbabilityMap
from unmask.data.dataset import Dataset
from unmask.data.entry import header_of
from unmask.data.folder import read_images
from unmask.data.normalise import normalise, stretch_constants
from unmask.data.sample import Sample
from unmask.errors import PredictionError
from unmask.geometry.symmetry import SYMMETRIES
from unmask.instances.decode import decode
from unmask.instances.paint import paint
from unmask.model import Model
from unmask.nets import MaskRCNN
from unmask.predict.detections import SATURATED, predict_detections, window_side
from unmask.predict.engines import EXACT_ENGINES, Engine, EngineName, choose_engine, open_engine, open_network
from unmask.predict.prediction import Prediction
from unmask.predict.probabilities import predict_probabilities
from unmask.predict.refusals import check_canvas, check_image
from unmask.predict.tiles import (
    BESIDE,
    axes_of,
    bytes_a_pixel,
    default_memory,
    exact_convolutions,
    least_side,
    tile_side,
    usable_device,
)
from unmask.predict.tta import PAPER_TURNS, predict_turned
from unmask.recipe import Recipe, UNetRecipe

__all__ = ["TTA", "Predictor", "load"]

TTA = (1, PAPER_TURNS, len(SYMMETRIES))


class Predictor:
    """A model on a device.

    Args:
        model: as loaded.
        device: "cpu", "cuda", "cuda:1", "mps"; a GPU if there is one when None.
        memory: bytes to work in, what Python and PyTorch take included; a quarter of what is free when None. Mask
            R-CNN's windows are the model's own, whatever the memory.
        side: largest side of a tile in pixels of the network's input, instead of one that follows from the memory; a
            U-Net's result does not depend on it.
        overlaps: keep all of objects that overlap (Mask R-CNN), not only what is seen of each.
        engine: what computes a U-Net.
        tta: predictions of an image that are averaged, of U-Nets: 1; 8 of its flips and rotations by 90 degrees; 7 of
            its rotations, as in the paper.
        skip_blank: U-Nets' tiles that see one grey value only are background, unseen.

    Raises:
        PredictionError: the device or the engine cannot be used here; another `tta`, or Mask R-CNN with one.
    """

    def __init__(
        self,
        model: Model,
        device: str | None = None,
        memory: int | None = None,
        side: int | None = None,
        *,
        overlaps: bool = False,
        engine: EngineName = "eager",
        tta: int = 1,
        skip_blank: bool = False,
    ) -> None:
        if tta not in TTA:
            raise PredictionError(
                f"--tta {tta} is not known", remedy=f"choose from {', '.join(str(number) for number in TTA)}"
            )
        if isinstance(model.net, MaskRCNN) and (tta > 1 or skip_blank):
            option = "--tta" if tta > 1 else "--skip-blank"
            raise PredictionError(f"{option}: Mask R-CNN has no probabilities of pixels", remedy="leave it out")
        self.model = model
        self.device = usable_device(device)
        self.overlaps = overlaps
        self.tta = tta
        self.skip_blank = skip_blank
        self._use(open_engine(model, self.device, engine))
        self.memory = memory or default_memory()
        self.given_side = side
        self.side = side or self._side()

    @property
    def recipe(self) -> Recipe:
        """The whole run that made the model."""
        return self.model.recipe

    @property
    def ways(self) -> str:
        """In which other ways than the plain one images are predicted; two predictors that differ in it differ."""
        found = {"overlaps": self.overlaps, f"tta{self.tta}": self.tta > 1, "skip-blank": self.skip_blank}
        found[self.engine.name] = not self.engine.exact
        return "".join(f" {way}" for way, is_so in found.items() if is_so)

    @property
    def free(self) -> int:
        """Bytes of the memory to work in that are left beside what Python and PyTorch take now; may be none."""
        return max(0, self.memory - psutil.Process().memory_info().rss - BESIDE)

    def choose_engine(self, images: Dataset, tell: Callable[[str], None], earlier: str = "") -> None:
        """Takes the engine that is fastest for these images, measured where that pays; `tell` hears of it.

        What an `earlier` run of the job took is taken again, if it is exact: one image is not computed by two.
        """
        if isinstance(self.model.net, MaskRCNN):
            return
        for name in EXACT_ENGINES:
            if name == earlier:
                self._use(open_engine(self.model, self.device, name))
                return
        sizes = [header_of(entry).size for entry in images.entries]
        count, largest = 0, 1
        for size in sizes:
            axes = axes_of(size, self.model.halo, self.side)
            rows, columns = (max(span.read_stop - span.read_start for span in axis) for axis in axes)
            count += self.tta * len(axes[0]) * len(axes[1])
            largest = max(largest, rows * columns)
        chosen = choose_engine(self.model, self.device, count, isqrt(largest), tell)
        try:
            self._use(chosen)
        except PredictionError as error:  # of the network without padding
            tell(f"engine: eager, {error.problem}")
            self._use(open_engine(self.model, self.device, "eager"))

    def _use(self, engine: Engine) -> None:
        self.network, self.engine = open_network(self.model, engine), engine

    def predict(
        self, image: str | Path | AnyArray | Sample, progress: Callable[[int, int], None] | None = None
    ) -> Prediction:
        """Predict one image.

        Args:
            image: a file, an array (h, w) or (h, w, c), or a Sample.
            progress: called with (pixels done, pixels in all).

        Raises:
            PredictionError: not an image, its values or channels are not the model's, or it is too large to be turned.
            DataError: the file cannot be read.
        """
        sample = _sample(image, self.recipe.data.channels)
        constants = self._constants(sample)
        normalised = normalise(sample.image, constants)
        net = self.model.net
        if isinstance(net, MaskRCNN):
            return self._detected(net, sample, normalised, constants, progress)
        if self.tta == PAPER_TURNS:
            classes = 1 + len(self.recipe.data.class_names)
            check_canvas(sample.size, classes, self.memory, sample.file or sample.name)
        probabilities, blank = self._probabilities(normalised, progress)
        objects = decode(probabilities, self.recipe.instances, sample.pixel_size)
        return Prediction(sample, objects, self.recipe, probabilities, None, (), constants, blank)

    def _probabilities(
        self, image: FloatImage, progress: Callable[[int, int], None] | None
    ) -> tuple[ProbabilityMap, int]:
        if self.tta == PAPER_TURNS:
            return self._turned(image, progress)
        return self._averaged(image, self.tta, progress)

    def _turned(self, image: FloatImage, progress: Callable[[int, int], None] | None) -> tuple[ProbabilityMap, int]:
        pixels, blank = image.shape[0] * image.shape[1], list[int]()  # of each copy that is done

        def tell(done: int, of: int) -> None:
            if progress is not None:
                progress(len(blank) * pixels + pixels * done // of, PAPER_TURNS * pixels)

        def predict(turned: FloatImage) -> ProbabilityMap:
            probabilities, left_out = self._averaged(turned, 1, tell)
            blank.append(left_out)
            return probabilities

        return predict_turned(predict, image), sum(blank)

    def _averaged(
        self, image: FloatImage, symmetries: int, progress: Callable[[int, int], None] | None
    ) -> tuple[ProbabilityMap, int]:
        return predict_probabilities(
            self.network,
            image,
            self.side,
            1 + len(self.recipe.data.class_names),
            progress,
            symmetries=SYMMETRIES[:symmetries],
            skip_blank=self.skip_blank,
        )

    def _detected(
        self,
        net: MaskRCNN,
        sample: Sample,
        image: FloatImage,
        constants: tuple[tuple[float, float], ...],
        progress: Callable[[int, int], None] | None,
    ) -> Prediction:
        with exact_convolutions(self.device):
            detections = predict_detections(net, image, self.recipe, self.side, self.device, progress)
        objects = paint(detections, self.recipe.detections, sample.pixel_size, overlaps=self.overlaps)
        warnings = (SATURATED,) if detections.saturated else ()
        return Prediction(sample, objects, self.recipe, None, detections, warnings, constants)

    def _constants(self, sample: Sample) -> tuple[tuple[float, float], ...]:
        check_image(self.recipe, sample.channels, sample.image.dtype, sample.file or sample.name)
        return stretch_constants(sample.image, self.recipe.normalise)

    def _side(self) -> int:
        """Of a tile or window, pixels of the network's input."""
        network = self.recipe.network
        if not isinstance(network, UNetRecipe):
            return window_side(self.recipe)
        own = default_memory(self.device) if self.device.type == "cuda" else self.free // 2
        pixel = bytes_a_pixel(network, len(self.recipe.data.class_names))
        return max(least_side(self.model.halo), tile_side(own, pixel, self.model.halo))


def load(path: str | Path | Sequence[str | Path], device: str | None = None) -> Predictor:
    """The model of a run folder or model file, ready for images; of several, the mean of their probabilities.

    Raises:
        ModelError: no such file, a damaged one, one of another format, or one that computes something else here; or
            several that do not fit together, as `Model.joined` says.
    """
    paths = [path] if isinstance(path, str | Path) else path
    return Predictor(Model.joined([Model.load(one) for one in paths]), device)


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
