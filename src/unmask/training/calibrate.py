"""The U-Net's probabilities made to mean shares, at the end of training; before and after are written down."""

import json
from dataclasses import replace
from pathlib import Path

from unmask.data.files import write_text
from unmask.metrics.calibration import Calibration, calibration, pooled
from unmask.model import Model
from unmask.predict.prediction import Prediction
from unmask.recipe import UNetRecipe
from unmask.training.temperature import TEMPERATURES, fit_temperature, tempered_map

__all__ = ["calibrate"]


def calibrate(model: Model, kept: list[Prediction], out: Path, *, unseen: bool) -> Model:
    """Fit a temperature, divide the network's logits by it, and write `out/validation/calibration.json`.

    Args:
        model: with the best weights. Mask R-CNN, which has no probabilities of pixels, stays as it is; so does an
            ensemble, whose members were calibrated.
        kept: predictions of annotated images by this model. Their probabilities are replaced by those that the
            returned model gives, one image after another, for they may fill the memory; objects stay as they were.
        out: the run folder.
        unseen: whether the images were kept out of training. A network is surer of those that it was trained on, so
            without others nothing is fitted or written.

    Returns:
        The model whose probabilities are calibrated; its recipe has the temperature, and why.
    """
    network = model.recipe.network
    if not isinstance(network, UNetRecipe):
        return model
    if not unseen:
        return _with_temperature(model, 1.0, "the only images to judge by are those that were trained on")
    if network.members > 1:
        return _because(model, "mean of the networks', each fitted at the end of its own training")
    before = pooled(_calibration(one) for one in kept)
    if not before.pixels:
        return _with_temperature(model, 1.0, "nothing is known of the validation images")
    temperature = fit_temperature(kept)
    for place, one in enumerate(kept):
        kept[place] = _tempered(one, temperature)
    after = pooled(_calibration(one) for one in kept)
    content = {
        "images": len(kept),
        "temperature": temperature,
        "before": before.to_dict(),
        "after": after.to_dict(),
    }
    write_text(out / "validation" / "calibration.json", json.dumps(content, indent=1) + "\n")
    return _with_temperature(model, temperature, _why(temperature, len(kept), before, after))


def _with_temperature(model: Model, temperature: float, why: str) -> Model:
    """The model with its logits divided, and a recipe that says so, whatever it said before."""
    net = model.net if temperature == 1 else model.family.temper(model.net, temperature)
    values = model.recipe.instances.model_copy(update={"temperature": temperature})
    return _because(replace(model, net=net).reading(values), why)


def _because(model: Model, why: str) -> Model:
    reasons = {**model.recipe.reasons, "instances.temperature": why}
    return replace(model, recipe=model.recipe.model_copy(update={"reasons": reasons}))


def _tempered(prediction: Prediction, temperature: float) -> Prediction:
    assert prediction.probabilities is not None, "the U-Net's predictions have them"
    return replace(prediction, probabilities=tempered_map(prediction.probabilities, temperature))


def _calibration(prediction: Prediction) -> Calibration:
    sample = prediction.sample
    assert prediction.probabilities is not None, "the U-Net's predictions have them"
    assert sample.classes is not None, "validation samples are annotated"
    return calibration(prediction.probabilities, sample.classes, sample.ignore, sample.name)


def _why(temperature: float, images: int, before: Calibration, after: Calibration) -> str:
    on = f"fitted on {images} validation image{'s' * (images != 1)}"
    if temperature == 1:
        return f"{on}: nothing else makes the truth likelier"
    word = "surer than it was right" if temperature > 1 else "less sure than it was right"
    edge = ", as far as is allowed" if not TEMPERATURES[0] * 1.01 < temperature < TEMPERATURES[1] / 1.01 else ""
    errors = f"{before.foreground.ece:.3f} before, {after.foreground.ece:.3f} after"
    return f"{on}{edge}: the network was {word}; calibration error {errors}"
