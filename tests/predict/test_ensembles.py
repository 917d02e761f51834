"""Predictions with several models: the mean, tiled or in blocks, with every engine; folders that never mix models."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from torch import nn

import unmask
from unmask.data.folder import read_images
from unmask.data.formats.images import read_image
from unmask.errors import PredictionError
from unmask.family import family_of
from unmask.model import Model
from unmask.predict.engines import open_engine, open_network
from unmask.predict.job import predict_job
from unmask.predict.openvino_engine import has_openvino
from unmask.predict.predictor import Predictor
from unmask.recipe import Recipe, UNetRecipe

CPU = torch.device("cpu")


def random_model(seed: int, padding: str) -> Model:
    """Random weights, and random statistics in its norms."""
    recipe = Recipe(network=UNetRecipe(width=3, depth=2, norm="batch", padding=padding))  # type: ignore[arg-type]
    torch.manual_seed(seed)
    net = family_of(recipe).build(recipe)
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.uniform_(layer.running_mean, -0.2, 0.2)  # type: ignore[arg-type]
                nn.init.uniform_(layer.running_var, 0.5, 1.5)  # type: ignore[arg-type]
    return Model(net.eval(), recipe)


@pytest.fixture(scope="module")
def pair(disc_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The run of the discs, and a model that differs from it a little."""
    other = Model.load(disc_run)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in other.net.parameters():
            parameter.mul_(1 + 0.1 * torch.randn_like(parameter))
    file = tmp_path_factory.mktemp("other") / "other.safetensors"
    other.save(file)
    return disc_run, file


@pytest.fixture
def image(make_discs, tmp_path: Path) -> Path:  # type: ignore[no-untyped-def]
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, np.block([[make_discs(seed + 3 * row)[0] for seed in range(3)] for row in range(2)]))
    return file


def joined(paths: tuple[Path, ...], memory: int | None = None) -> Predictor:
    return Predictor(Model.joined([Model.load(path) for path in paths]), "cpu", memory, side=48)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("side", [16, 36, 200])
def test_tiled_is_the_mean_of_whole_predictions(padding: str, side: int) -> None:
    models = [random_model(seed, padding) for seed in range(3)]
    array = np.random.default_rng(0).random((150, 131)).astype(np.float32)
    whole = [Predictor(model, "cpu", side=512).predict(array).probabilities for model in models]
    found = Predictor(Model.joined(models), "cpu", side=side).predict(array).probabilities
    assert found is not None
    np.testing.assert_allclose(
        found, np.mean(np.stack([one for one in whole if one is not None]), 0), rtol=0, atol=1e-5
    )


def test_inner_tiles_are_computed_without_padding() -> None:
    """And are those that the padded network gives."""
    predictor = Predictor(Model.joined([random_model(seed, "same") for seed in range(2)]), "cpu", side=32)
    array = np.random.default_rng(0).random((160, 160)).astype(np.float32)
    expected = Predictor(predictor.model, "cpu", side=512).predict(array).probabilities
    inner, asked = predictor.network.inner, list[int]()
    assert inner is not None

    def counted(batch: torch.Tensor) -> torch.Tensor:
        asked.append(batch.shape[-1])
        return inner(batch)

    predictor.network = replace(predictor.network, inner=counted)
    found = predictor.predict(array).probabilities
    assert len(asked) == 9
    assert found is not None
    assert expected is not None
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.skipif(not has_openvino(), reason="openvino is not installed")
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_openvino_takes_it(padding: str) -> None:
    model = Model.joined([random_model(seed, padding) for seed in range(3)])
    network = open_network(model, open_engine(model, CPU, "openvino"))
    side = model.halo.input_for(50)
    batch = torch.rand(1, 1, side, side + 8)
    with torch.inference_mode():
        expected = model.net(batch).softmax(1)
    torch.testing.assert_close(network.logits(batch).softmax(1), expected, rtol=0, atol=1e-5)


def test_half_precision_is_asked_for_and_near(pair: tuple[Path, Path]) -> None:
    predictor = joined(pair)
    engine = open_engine(predictor.model, CPU, "bf16")
    batch = predictor.model.test_input()
    difference = engine(batch).softmax(1) - predictor.network.logits(batch).softmax(1)
    assert 0 < float(difference.abs().max()) < 2e-2


def test_in_blocks_as_in_memory(pair: tuple[Path, Path], image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unmask.predict.large.SMALL", 0)
    images, out, save = read_images([image], 1), image.parent, ["labels", "table"]
    (whole,) = predict_job(joined(pair), images, out / "whole", save)  # type: ignore[arg-type]
    (large,) = predict_job(joined(pair, 100_000), images, out / "large", save, verify_seams=True)  # type: ignore[arg-type]
    assert large.seams is not None
    assert large.seams["largest"] < 1e-5
    assert large.objects == whole.objects > 5
    found, expected = (read_image(out / job / "labels" / "a.tif").planes[0] for job in ("large", "whole"))
    np.testing.assert_array_equal(found, expected)
    tables = [(out / job / "objects.csv").read_text() for job in ("large", "whole")]
    assert tables[0] == tables[1]


def test_a_folder_belongs_to_the_same_models(pair: tuple[Path, Path], image: Path) -> None:
    images, out = read_images([image], 1), image.parent / "out"
    both = joined(pair)
    predict_job(both, images, out, ["labels"])
    summary = json.loads((out / "summary.json").read_text())
    assert summary["model"] == "+".join(Model.load(path).fingerprint for path in pair)
    for others in (pair[:1], pair[1:], pair[::-1]):
        with pytest.raises(PredictionError, match="this folder holds predictions of another model"):
            predict_job(joined(others), images, out, ["labels"])
    (again,) = predict_job(joined(pair), images, out, ["labels"])
    assert again.resumed


def test_what_another_set_of_models_left_half_done_is_not_used(
    pair: tuple[Path, Path], image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed job in blocks whose folder's owner is then forgotten."""
    monkeypatch.setattr("unmask.predict.large.SMALL", 0)
    images, out = read_images([image], 1), image.parent / "out"

    def killed(name: str, done: int, of: int) -> None:
        if done > of / 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_job(joined(pair[:1], 100_000), images, out, ["labels"], killed)
    assert (out / ".records" / "large" / "a").exists()
    (out / ".records" / "model").write_text(joined(pair).model.fingerprint)
    predict_job(joined(pair, 100_000), images, out, ["labels"])
    expected = joined(pair).predict(image).labels
    np.testing.assert_array_equal(read_image(out / "labels" / "a.tif").planes[0][..., 0], expected)


def test_load_takes_several(pair: tuple[Path, Path], image: Path) -> None:
    models = [unmask.load(path, "cpu").predict(image).probabilities for path in pair]
    found = unmask.load(list(pair), "cpu").predict(image).probabilities
    assert found is not None
    np.testing.assert_allclose(found, np.mean(np.stack([one for one in models if one is not None]), 0), atol=1e-5)
    assert np.abs(found - models[0]).max() > 1e-3
