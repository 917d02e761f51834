"""Predictor: rotations by any angle, and what engines are chosen by."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from unmask.data.folder import read_images
from unmask.errors import PredictionError
from unmask.model import Model
from unmask.predict.engines import Engine, EngineName, open_engine
from unmask.predict.predictor import Predictor


def test_seven_rotations_count_what_they_leave_out(disc_run: Path) -> None:
    predictor = Predictor(Model.load(disc_run), "cpu", side=64, tta=7, skip_blank=True)
    told: list[tuple[int, int]] = []
    found = predictor.predict(np.full((64, 64), 40, np.uint8), lambda done, of: told.append((done, of)))
    # One tile of the image itself; a canvas of 64 (|cos| + |sin|) > 64 pixels takes two by two.
    assert found.blank == 1 + 6 * 4
    assert len(told) == found.blank
    assert told == sorted(told)
    assert told[0] == (64 * 64, 7 * 64 * 64)
    assert told[-1] == (7 * 64 * 64, 7 * 64 * 64)


def test_an_image_too_large_to_be_turned(disc_run: Path) -> None:
    """300 x 500 pixels: 800^2 / 2 of a canvas, two classes, three times four bytes: 7.68 MB."""
    image = np.zeros((300, 500), np.uint8)
    model = Model.load(disc_run)
    with pytest.raises(PredictionError, match=r"300 x 500 pixels, turned .* Type --tta 8, .* or --memory 0\.1GB"):
        Predictor(model, "cpu", tta=7, memory=7_679_999).predict(image)
    small = Predictor(model, "cpu", side=64, tta=7, memory=800**2 // 2 * 2 * 12, skip_blank=True)
    assert small.predict(image).labels.shape == (300, 500)


@pytest.mark.parametrize("size", [(16, 128), (128, 16)])
def test_an_engine_is_chosen_by_the_largest_tile(
    disc_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(size, np.uint8))
    predictor = Predictor(Model.load(disc_run), "cpu", side=256)
    asked: list[tuple[int, int]] = []

    def chosen(model: Model, device: object, tiles: int, length: int, tell: object) -> object:
        asked.append((tiles, length))
        return open_engine(model, predictor.device, "eager")

    monkeypatch.setattr("unmask.predict.predictor.choose_engine", chosen)
    predictor.choose_engine(read_images([tmp_path / "a.tif"], 1), print)
    assert asked == [(1, 45)]  # 16 x 128 pixels are 45.3 squared


@pytest.mark.parametrize(("earlier", "expected"), [("openvino", "openvino"), ("bf16", "eager"), ("", "eager")])
def test_an_earlier_engine_is_taken_again_if_it_is_exact(
    disc_run: Path, disc_folder: Path, earlier: str, expected: str
) -> None:
    """Half precision changes probabilities: it is never taken unless it is asked for."""
    predictor = Predictor(Model.load(disc_run), "cpu")
    predictor.choose_engine(read_images([disc_folder]), lambda said: None, earlier)
    assert predictor.engine.name == expected


def test_an_engine_that_is_refused_without_padding(
    disc_run: Path, disc_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model.load(disc_run)
    assert model.unpadded is not None

    def refused(model: Model, device: torch.device, name: EngineName) -> Engine:
        if name == "openvino" and not model.halo.padded:
            raise PredictionError("the engine openvino differs from eager by 1")
        return open_engine(model, device, name)

    predictor = Predictor(model, "cpu")
    chosen = open_engine(model, predictor.device, "openvino")
    monkeypatch.setattr("unmask.predict.predictor.choose_engine", lambda *arguments: chosen)
    monkeypatch.setattr("unmask.predict.engines.open_engine", refused)
    said: list[str] = []
    predictor.choose_engine(read_images([disc_folder]), said.append)
    assert predictor.engine.name == "eager"
    assert said == ["engine: eager, the engine openvino differs from eager by 1"]
