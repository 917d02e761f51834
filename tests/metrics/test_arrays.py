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


def test_ignore_by_hand() -> None:
    """The second object was not drawn, and half of the image is said not to be known."""
    truth = np.array([[1, 1, 0, 0, 0, 0]])
    found = np.array([[7, 7, 0, 3, 3, 3]])
    ignore = np.arange(6)[None] > 2
    assert evaluate(found, truth).to_dict()["objects"]["ap"]["0.50"] == 0.5  # type: ignore[index]
    scores = evaluate(found, truth, ignore=ignore).to_dict()
    assert scores["objects"]["ap"]["0.50"] == 1  # type: ignore[index]
    assert scores["semantic"]["pixel_error"] == 0  # type: ignore[index]
    several = evaluate([found, found], [truth, truth], ignore=[None, ignore])
    assert several.to_dict()["objects"]["ap"]["0.50"] == 0.75  # type: ignore[index]
    stack = evaluate(np.stack([found] * 2), np.stack([truth] * 2), ignore=np.stack([ignore] * 2))
    assert stack.to_dict()["objects"]["ap"]["0.50"] == 1  # type: ignore[index]


def test_ignore_that_does_not_fit_is_refused() -> None:
    image = np.array([[1, 1, 0]])
    with pytest.raises(PairingError, match=r"1 masks to ignore and 2 truths\. Give one for each truth, or None for it"):
        evaluate([image, image], [image, image], ignore=image > 0)
    with pytest.raises(PairingError, match="image 1: what is to be ignored has 3 x 1 pixels and the truth 1 x 3"):
        evaluate(image, image, ignore=image.T > 0)
    with pytest.raises(MaskError, match="image 1: what is to be ignored is of type int64"):
        evaluate(image, image, ignore=image)
