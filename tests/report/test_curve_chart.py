"""The picture of a learning curve: drawn with and without repeats, an error and an expectation."""

from pathlib import Path

import numpy as np
import pytest
from skimage.io import imread

from unmask.errors import UnreadableFile
from unmask.report.charts import PREDICTION, TRUTH
from unmask.report.curve_chart import draw_curve
from unmask.training.curve_files import write_curve
from unmask.training.learning_curve import Curve, Point


def pixels(picture: np.ndarray, colour: str) -> int:
    """How many pixels have just this colour."""
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return int((picture[..., :3] == wanted).all(axis=-1).sum())


def curve(count: int, repeats: int = 1, half: bool = True) -> Curve:
    points = []
    for power in range(1, count + 1):
        for repeat in range(1, repeats + 1):
            mean = 0.9 - 0.5 * 2 ** (-power / 2) + 0.02 * repeat
            scores = {"a": mean - 0.1, "b": mean + 0.05}
            halves = {name: score + 0.1 for name, score in scores.items()} if half else {}
            points.append(Point(2**power, repeat, f"images-{2**power}", repeat, 10, scores, halves))
    return Curve("AP, mean over IoU .5 to .9", tuple(points))


@pytest.mark.parametrize(("count", "repeats", "half"), [(2, 1, True), (5, 3, True), (4, 1, False)])
def test_draws(count: int, repeats: int, half: bool, tmp_path: Path) -> None:
    write_curve(tmp_path, curve(count, repeats, half))
    picture = imread(draw_curve(tmp_path))
    assert picture.shape[:2] == (810, 1050)
    assert pixels(picture, PREDICTION) > 300
    assert (pixels(picture, TRUTH) > 100) == half


def test_no_curve(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"curve\.json: not a learning curve that is finished"):
        draw_curve(tmp_path)
    assert not list(tmp_path.iterdir())
