"""The temperature against the one that the truth was drawn with, a search by trying, and scipy's softmax."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

import unmask.training.temperature as module
from unmask.data.sample import Sample
from unmask.instances.objects import Objects
from unmask.predict.prediction import Prediction
from unmask.recipe import Recipe
from unmask.training.temperature import TEMPERATURES, fit_temperature, tempered_map


def prediction(logits: np.ndarray, classes: np.ndarray, ignore: np.ndarray | None = None) -> Prediction:
    """Of one image, from its logits; objects play no part."""
    image = np.zeros((*classes.shape, 1), np.uint8)
    sample = Sample("a", image, classes.astype(np.uint8), classes.astype(np.int32), ignore=ignore)
    nothing = Objects(np.zeros(classes.shape, np.int32), np.zeros(0, np.uint8), np.zeros(0, np.float32))
    return Prediction(sample, nothing, Recipe(), probabilities=softmax(logits, axis=0).astype(np.float32))


def drawn(seed: int, classes: int, temperature: float, size: int = 150) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and classes drawn from softmax(logits / temperature): that is the temperature to be found."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 3, (classes, size, size))
    shares = softmax(logits / temperature, axis=0).cumsum(axis=0)
    return logits, (random.random((size, size)) > shares).sum(axis=0).clip(max=classes - 1)


@pytest.mark.parametrize("temperature", [0.5, 1.7, 3.0])
@pytest.mark.parametrize("classes", [2, 4])
def test_the_temperature_of_the_draw_is_found(classes: int, temperature: float) -> None:
    images = [prediction(*drawn(seed, classes, temperature)) for seed in range(3)]
    assert fit_temperature(images) == pytest.approx(temperature, rel=0.04)


def test_no_other_of_many_is_likelier() -> None:
    logits, classes = drawn(3, 3, 1.4, 40)
    found = fit_temperature([prediction(logits, classes)])

    def loss(temperature: float) -> float:
        return -float(np.take_along_axis(log_softmax(logits / temperature, axis=0), classes[None], 0).mean())

    tried = np.geomspace(*TEMPERATURES, 400)
    assert loss(found) <= min(loss(one) for one in tried) + 1e-6


def test_what_is_not_known_plays_no_part() -> None:
    logits, classes = drawn(0, 2, 2.0)
    ignore = np.zeros(classes.shape, bool)
    ignore[:75] = True
    wrong = np.where(ignore, logits.argmin(axis=0), classes)
    found = fit_temperature([prediction(logits, wrong, ignore)])
    assert found == fit_temperature([prediction(logits[:, 75:], classes[75:])])
    assert fit_temperature([prediction(logits, wrong)]) == pytest.approx(TEMPERATURES[1], rel=0.01)
    assert fit_temperature([prediction(logits, wrong, np.ones_like(ignore))]) == 1


def test_it_stays_within_limits() -> None:
    logits, _ = drawn(0, 2, 1.0)
    assert fit_temperature([prediction(logits, logits.argmax(axis=0))]) == pytest.approx(TEMPERATURES[0], rel=0.01)
    assert fit_temperature([prediction(logits, logits.argmin(axis=0))]) == pytest.approx(TEMPERATURES[1], rel=0.01)


def test_of_many_pixels_some_are_drawn_from_every_image(monkeypatch: pytest.MonkeyPatch) -> None:
    images = [prediction(*drawn(seed, 2, temperature)) for seed, temperature in enumerate((0.7, 2.5))]
    whole = fit_temperature(images)
    assert fit_temperature(images[:1]) < 0.9 * whole < 0.8 * fit_temperature(images[1:])
    monkeypatch.setattr(module, "FIT_PIXELS", 9_000)
    assert fit_temperature(images) == pytest.approx(whole, rel=0.1)
    assert fit_temperature(images) == fit_temperature(images)


@pytest.mark.parametrize("temperature", [0.2, 0.6, 2.0, 5.0])
@pytest.mark.parametrize("spread", [1, 60])
def test_tempered_probabilities_are_softmax_of_divided_logits(temperature: float, spread: float) -> None:
    logits = np.random.default_rng(0).normal(0, spread, (3, 20, 20)).astype(np.float32)
    given = softmax(logits, axis=0)
    kept = given.copy()
    # Where softmax underflows, below 1e-38, what the logits were is lost, to no harm: 1e-38 ** (1 / 5) is 2.5e-8.
    atol = 1e-6
    np.testing.assert_allclose(tempered_map(given, temperature), softmax(logits / temperature, axis=0), atol=atol)
    np.testing.assert_array_equal(given, kept)
    assert tempered_map(given, 1.0) is given
