"""Scores of arrays."""

import numpy as np
import pytest

from unmask.errors import MaskError, PairingError
from unmask.metrics.arrays import evaluate


def test_one_image_by_hand() -> None:
    truth = np.array([[1, 1, 0, 2, 2, 0]])
    found = np.array([[7, 7, 0, 0, 0, 0]])
    scores = evaluate(found, truth).to_dict()
    assert scores["objects"]["ap"]["0.50"] == 0.5  # type: ignore[index]
    assert scores["semantic"]["dice"]["object"] == pytest.approx(4 / 6)  # type: ignore[index]


def test_several_images() -> None:
    image = np.array([[1, 1, 0]])
    assert evaluate([image, image], [image, image]).images == 2
    stack = np.stack([image, image, image])
    assert evaluate(stack, stack).images == 3


def test_refused() -> None:
    image = np.array([[1, 1, 0]])
    with pytest.raises(PairingError, match="1 predictions and 2 truths"):
        evaluate([image], [image, image])
    with pytest.raises(PairingError, match="image 1"):
        evaluate(image, image.T)
    with pytest.raises(MaskError, match="image 1"):
        evaluate(image.astype(float), image.astype(float))
