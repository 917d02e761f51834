"""Mask R-CNN on whole images: sizes on the way to the network and back, limits, windows, warnings."""

from typing import Any

import numpy as np
import pytest
import torch

from unmask.nets import Found, MaskRCNN, mask_rcnn
from unmask.predict.detections import SATURATED, limit, predict_detections, window_side
from unmask.recipe import DetectionRecipe, MaskRCNNRecipe, Recipe

CPU = torch.device("cpu")


class Spy:
    """Stands for `MaskRCNN.detect`: keeps what it was given and finds one box, which fills a quarter of the image."""

    def __init__(self, net: MaskRCNN, monkeypatch: pytest.MonkeyPatch, *, saturated: bool = False) -> None:
        self.calls: list[tuple[torch.Tensor, tuple[int, int], int, int, int]] = []
        self.saturated = saturated
        monkeypatch.setattr(net, "detect", self.detect)

    def detect(self, images: torch.Tensor, sizes: list[tuple[int, int]], **options: Any) -> list[Found]:
        limits = options["max_detections"], options["proposals"], options["candidates"]
        self.calls.append((images, sizes[0], *limits))
        height, width = sizes[0]
        box = torch.tensor([[0.0, 0.0, width / 2, height / 2]])
        logits = torch.zeros(1, 28, 28)
        return [Found(box, torch.tensor([1]), torch.tensor([0.9]), logits, self.saturated)]


@pytest.fixture
def net() -> MaskRCNN:
    return mask_rcnn("resnet18", channels=1, classes=2, width=8, box_width=8, mean=(0.5,), std=(0.25,)).eval()


def recipe(resize: str = "native", scale: float = 1.0, **values: int) -> Recipe:
    network = MaskRCNNRecipe(resize=resize, scale=scale, weights="imagenet")  # type: ignore[arg-type]
    return Recipe(network=network, detections=DetectionRecipe(**values))  # type: ignore[arg-type]


def test_enlarged_normalised_then_padded_and_back(net: MaskRCNN, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = Spy(net, monkeypatch)
    image = np.full((50, 70, 1), 0.75, np.float32)
    found = predict_detections(net, image, recipe(scale=2), 1024, CPU)
    batch, size, *limits = spy.calls[0]
    assert size == (100, 140)
    assert batch.shape == (1, 1, 128, 160)
    assert bool((batch[:, :, :100, :140] == 1).all())  # (.75 - .5) / .25
    assert float(batch[:, :, 100:].abs().max()) == float(batch[:, :, :, 140:].abs().max()) == 0
    assert limits == [100, 1000, 2000]
    assert found.size == (50, 70)
    assert found.boxes.tolist() == [[0, 0, 35, 25]]
    assert found.masks is not None
    assert float(found.masks.mean()) == 0.5  # probabilities, not logits
    assert found.classes.dtype == np.uint8


def test_shortest_edge_is_one_pass_at_any_size(net: MaskRCNN, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = Spy(net, monkeypatch)
    done: list[tuple[int, int]] = []
    predict_detections(
        net, np.zeros((60, 90, 1), np.float32), recipe("shortest-edge"), 64, CPU, lambda *at: done.append(at)
    )
    assert [call[1] for call in spy.calls] == [(800, 1200)]
    assert done == [(5400, 5400)]


def test_native_goes_in_windows(net: MaskRCNN, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = Spy(net, monkeypatch)
    done: list[tuple[int, int]] = []
    predict_detections(
        net, np.zeros((300, 100, 1), np.float32), recipe(overlap=40), 120, CPU, lambda *at: done.append(at)
    )
    sizes = {call[1] for call in spy.calls}
    assert len(spy.calls) > 2
    assert all(height <= 120 for height, _ in sizes)
    assert {width for _, width in sizes} == {100}
    assert done[-1] == (30_000, 30_000)


def test_windows_are_the_models_own_and_hold_two_overlaps() -> None:
    assert window_side(recipe()) == 1024
    assert window_side(recipe(scale=2, overlap=300)) == 1200
    assert window_side(recipe(window=640)) == 640


def test_limit_follows_the_pixels() -> None:
    values = DetectionRecipe(max_detections=3000)
    assert limit(values, 1000, 1000) == 3000
    assert limit(values, 2000, 500) == 3000
    assert limit(values, 10, 10) == 100  # never fewer


def test_proposals_do_not_cap_detections(net: MaskRCNN, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = Spy(net, monkeypatch)
    predict_detections(net, np.zeros((1000, 1000, 1), np.float32), recipe(max_detections=3000), 1024, CPU)
    assert spy.calls[0][2:] == (3000, 6000, 60_000)


def test_saturation_is_said(net: MaskRCNN, monkeypatch: pytest.MonkeyPatch) -> None:
    Spy(net, monkeypatch, saturated=True)
    found = predict_detections(net, np.zeros((64, 64, 1), np.float32), recipe(), 1024, CPU)
    assert found.saturated
    assert "some may be missing. Train with a larger --set detections.max_detections" in SATURATED


def test_saturation_by_scores_that_are_no_objects_is_not(net: MaskRCNN, monkeypatch: pytest.MonkeyPatch) -> None:
    """The least that is kept scores .9: with a threshold above it, nothing that counts was left out."""
    Spy(net, monkeypatch, saturated=True)
    values = Recipe(network=recipe().network, detections=DetectionRecipe(score_threshold=0.95))
    assert not predict_detections(net, np.zeros((64, 64, 1), np.float32), values, 1024, CPU).saturated
