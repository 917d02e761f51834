"""Class maps by hand."""

import numpy as np

from unmask.instances.classes import class_map


def test_by_hand() -> None:
    # Four pixels: background .6; class 2 likeliest; a tie of 1 and 2; foreground just at the threshold.
    probabilities = np.array([[[0.6, 0.1, 0.2, 0.5]], [[0.3, 0.3, 0.4, 0.5]], [[0.1, 0.6, 0.4, 0.0]]], np.float32)
    assert class_map(probabilities, 0.5).tolist() == [[0, 2, 1, 1]]
    assert class_map(probabilities, 0.39).tolist() == [[1, 2, 1, 1]]
    assert class_map(probabilities, 0.85).tolist() == [[0, 2, 0, 0]]
