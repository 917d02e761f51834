"""StarDist 2-D from scratch, as its example notebooks do: their augmentation, validation and thresholds."""

import os
from math import cos, pi

os.environ |= {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}  # before TensorFlow is imported
os.environ["ONEDNN_DEFAULT_FPMATH_MODE"] = "BF16"  # half precision inside convolutions, where the processor has it

import numpy as np
import tensorflow as tf
from clock import Clock
from csbdeep.utils import normalize
from images import Grey, Labels, Pair
from job import Job, Trained
from stardist import fill_label_holes
from stardist.models import Config2D, StarDist2D

__all__ = ["train"]

KEPT = 0.15  # of the images validate, one at least, as in the notebook
PATCH, BATCH, RATE = 128, 4, 1e-3  # its defaults are 256, 4 and 3e-4, for 40,000 steps: these come further in few
STEPS = 25  # an epoch, after which it validates; its default is 100
THRESHOLDS = 30.0  # seconds that are kept to fit thresholds
Image = np.ndarray


def train(job: Job) -> Trained:
    """Trains until the time is nearly over, takes the best weights of the validation images and fits thresholds."""
    tf.keras.utils.set_random_seed(job.seed)
    rng = np.random.default_rng(job.seed)
    validation, training = _parts(job.training, rng)
    side = min(PATCH, *(length // 16 * 16 for pair in job.training for length in pair.image.shape))
    settings = Config2D(
        n_rays=32,
        grid=(2, 2),
        n_channel_in=1,
        train_patch_size=(side, side),
        train_batch_size=BATCH,
        train_learning_rate=RATE,
        train_reduce_lr=None,  # it waits 40 epochs; a cosine along the clock instead
        train_tensorboard=False,
    )
    job.work.mkdir(parents=True)
    model = StarDist2D(settings, name="model", basedir=str(job.work))
    model.prepare_for_training()
    along = AlongClock(job.clock.without(THRESHOLDS + 0.01 * job.clock.seconds))
    model.callbacks.append(along)

    def augmenter(image: Image, labels: Image) -> tuple[Image, Image]:
        return _augment(image, labels, rng)

    model.train(*training, validation, augmenter=augmenter, seed=job.seed, epochs=100_000, steps_per_epoch=STEPS)
    model.optimize_thresholds(*validation)

    def segment(image: Grey) -> Labels:
        scaled = normalize(image, 1, 99.8)
        return model.predict_instances(scaled, n_tiles=model._guess_n_tiles(scaled), show_tile_progress=False)[0]

    prob, nms = model.thresholds.prob, model.thresholds.nms
    facts = f"{BATCH} patches of {side} x {side} a step; thresholds {prob:.2f} and {nms:.2f}"
    return Trained(segment, along.steps, len(validation[0]), facts)


class AlongClock(tf.keras.callbacks.Callback):
    """Lowers the learning rate as a cosine of the time that is spent, and ends training when it is over."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.steps = 0

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """After each step."""
        self.steps += 1
        self.model.optimizer.learning_rate.assign(RATE * (1 + cos(pi * self.clock.fraction)) / 2)
        self.model.stop_training = self.clock.over


def _parts(pairs: tuple[Pair, ...], rng: np.random.Generator) -> tuple[tuple[list, list], tuple[list, list]]:
    """Validation and training images, each as a list of images and one of labels; one image is both."""
    order = rng.permutation(len(pairs))
    kept = max(1, round(KEPT * len(pairs)))
    prepared = [(normalize(pair.image, 1, 99.8), fill_label_holes(pair.labels)) for pair in pairs]
    validation = [prepared[index] for index in order[:kept]]
    training = [prepared[index] for index in order[kept:]] or validation
    return tuple(
        ([*images], [*labels]) for images, labels in (zip(*some, strict=True) for some in (validation, training))
    )


def _augment(image: Image, labels: Image, rng: np.random.Generator) -> tuple[Image, Image]:
    """Flips, quarter turns, brightness and noise, as in the notebook."""
    turns, flipped = int(rng.integers(4)), bool(rng.integers(2))
    image, labels = np.rot90(image, turns), np.rot90(labels, turns)
    if flipped:
        image, labels = np.flip(image, 0), np.flip(labels, 0)
    image = image * rng.uniform(0.6, 2) + rng.uniform(-0.2, 0.2)
    return image + 0.02 * rng.uniform() * rng.normal(size=image.shape), labels
