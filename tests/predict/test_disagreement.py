"""Disagreement: by hand, against a slow oracle on whole images, whatever the tiles, and of ensembles."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unmask.data.normalise import normalise, stretch_constants
from unmask.data.sample import Sample
from unmask.errors import PredictionError
from unmask.family import family_of
from unmask.model import Model
from unmask.predict.disagreement import Copies, Sums, disagreement, entropy
from unmask.predict.predictor import Predictor
from unmask.recipe import MaskRCNNRecipe, Recipe


def two_classes(*foreground: float) -> np.ndarray:
    """(2, 1, n) probabilities."""
    row = np.array([foreground], np.float32)
    return np.stack([1 - row, row])


def added(*copies: np.ndarray) -> Sums:
    sums = Sums(copies[0].shape[0], copies[0].shape[1:])
    for one in copies:
        sums.add(one)
    return sums


def test_entropy_by_hand() -> None:
    """H(1/4) = 2 - 3/4 log2 3 = 0.8113 bits."""
    np.testing.assert_allclose(entropy(two_classes(0, 0.25, 0.5, 1)), [[0, 0.811278, 1, 0]], atol=1e-6)
    three = np.array([1 / 3, 0.5, 1, 1 / 3, 0.5, 0, 1 / 3, 0, 0], np.float32).reshape(3, 1, 3)
    np.testing.assert_allclose(entropy(three), [[1, np.log(2) / np.log(3), 0]], atol=1e-6)


def test_copies_that_contradict_each_other_by_hand() -> None:
    """.9 and .1: the mean is .5, one bit; each copy by itself has 0.468996. Twice .5 is unsure, but of one mind."""
    found = added(two_classes(0.9, 0.5, 1), two_classes(0.1, 0.5, 0)).result()
    np.testing.assert_allclose(found.mean[1], [[0.5, 0.5, 0.5]], atol=1e-7)
    np.testing.assert_allclose(found.total, [[1, 1, 1]], atol=1e-6)
    np.testing.assert_allclose(found.between, [[1 - 0.468996, 0, 1]], atol=1e-6)


@given(arrays(np.float32, (3, 4, 2, 3), elements=st.floats(0, 1, width=32)))
def test_parts_are_never_more_than_the_whole(values: np.ndarray) -> None:
    copies = (values + 1e-3) / (values + 1e-3).sum(axis=1, keepdims=True)
    found = added(*copies).result()
    assert (found.between >= 0).all()
    assert (found.between <= found.total).all()
    assert (found.total <= 1).all()
    np.testing.assert_allclose(added(copies[0], copies[0]).result().between, 0, atol=1e-6)


def oracle(nets: list[torch.nn.Module], image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, total and between from one pass over each whole turned image, by NumPy's turns, in double precision."""
    copies = []
    for net in nets:
        for k in range(4):
            for mirrored in (False, True):
                turned = np.rot90(image[:, ::-1] if mirrored else image, k)
                batch = torch.from_numpy(np.ascontiguousarray(turned)).permute(2, 0, 1)[None]
                with torch.no_grad():
                    found = net(batch)[0].double().softmax(0).numpy()
                back = np.rot90(found, -k, (1, 2))
                copies.append(back[:, :, ::-1] if mirrored else back)
    stack = np.stack(copies)
    mean = stack.mean(axis=0)
    total = -(mean * np.log2(mean)).sum(axis=0)
    return mean, total, total + (stack * np.log2(stack)).sum(axis=1).mean(axis=0)


def changed(model: Model, seed: int) -> Model:
    """Another member: the same network with other weights."""
    net = copy.deepcopy(model.net)
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.1 * parameter.std(unbiased=False) * torch.randn_like(parameter)
    return Model(net, model.recipe, f"changed {seed}")


@pytest.fixture(scope="module")
def model(disc_run: Path) -> Model:
    return Model.load(disc_run)


@pytest.fixture(scope="module")
def sample(make_discs) -> Sample:  # type: ignore[no-untyped-def]
    """72 x 60 pixels, multiples of the small network's stride, so that the oracle needs no margin."""
    return Sample("disc", make_discs(3)[0][..., None])


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("side", [16, 512])
def test_whatever_the_tiles_it_is_that_of_the_whole(model: Model, sample: Sample, members: int, side: int) -> None:
    models = [model, changed(model, 1)][:members]
    assert model.recipe.network.padding == "same"  # type: ignore[union-attr]
    image = normalise(sample.image, stretch_constants(sample.image, model.recipe.normalise))
    expected = oracle([one.net for one in models], image)
    told: list[tuple[int, int]] = []
    found = disagreement(
        Predictor(Model.joined(models), "cpu", side=side), sample, lambda done, of: told.append((done, of))
    )
    for values, wanted in zip((found.mean, found.total, found.between), expected, strict=True):
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, wanted, rtol=0, atol=2e-5)
    assert found.between.max() > 0.01  # there is something to compare
    assert told == sorted(told)
    assert told[-1] == (members * 8 * 72 * 60, members * 8 * 72 * 60)


def test_the_mean_is_that_of_tta(model: Model, sample: Sample) -> None:
    for one in (model, Model.joined([model, changed(model, 1)])):
        plain = Predictor(one, "cpu", tta=8).predict(sample).probabilities
        np.testing.assert_allclose(disagreement(Predictor(one, "cpu"), sample).mean, plain, rtol=0, atol=1e-5)


def test_a_second_opinion_takes_nothing_away(model: Model, sample: Sample) -> None:
    """Entropy is concave: two members disagree at least as much as each with itself, on average, at every pixel."""
    members = [model, changed(model, 1)]
    joined = Predictor(Model.joined(members), "cpu")
    assert len(Copies(joined)) == 16
    own = np.mean([disagreement(Predictor(one, "cpu"), sample).between for one in members], axis=0)
    both = disagreement(joined, sample).between
    assert (both >= own - 1e-5).all()
    assert (both - own).max() > 0.01  # and somewhere more


def test_blank_tiles_are_sure(model: Model) -> None:
    found = disagreement(Predictor(model, "cpu", skip_blank=True), Sample("a", np.full((40, 40, 1), 7, np.uint8)))
    assert found.total.max() == 0
    assert found.mean[0].min() == 1


def test_what_has_none_is_refused(model: Model) -> None:
    network = MaskRCNNRecipe(backbone="resnet18", weights="none", norm="batch", width=8, box_width=16)
    recipe = Recipe(network=network)
    boxes = Predictor(Model(family_of(recipe).build(recipe).eval(), recipe), "cpu")
    with pytest.raises(PredictionError, match=r"Mask R-CNN has no probabilities of pixels\. Use a U-Net"):
        disagreement(boxes, Sample("a", np.zeros((64, 64, 1), np.uint8)))
    with pytest.raises(PredictionError, match=r"a: the image has 3 channels, the model was trained on 1"):
        disagreement(Predictor(model, "cpu"), Sample("a", np.zeros((40, 40, 3), np.uint8)))
