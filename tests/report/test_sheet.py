import json
from pathlib import Path

import numpy as np
import pytest

from unmask.metrics.scores import aggregate, score_image
from unmask.report.pictures import choose
from unmask.report.sheet import read_sheet, sheet_of
from unmask.report.words import number


def images(count: int) -> list:
    random = np.random.default_rng(1)
    truth = np.kron(np.arange(1, 17).reshape(4, 4), np.ones((5, 5), int))
    found = []
    for index in range(count):
        prediction = np.where(np.isin(truth, random.integers(1, 17, index)), 0, truth)
        maps = (truth > 0).astype(np.uint8), truth.astype(np.int32), (prediction > 0).astype(np.uint8)
        found.append(score_image(f"i{index}", *maps, prediction.astype(np.int32), ("cell",)))
    return found


def test_a_sheet_read_is_the_sheet_of_the_scores(tmp_path: Path) -> None:
    scores = aggregate(images(4))
    path = tmp_path / "scores.json"
    path.write_text(json.dumps({**scores.to_dict(), "per_image": scores.per_image, "criterion": "AP", "truth": "/t"}))
    read, fresh = read_sheet(path), sheet_of(scores)
    assert (read.values, read.per_image) == (fresh.values, fresh.per_image)
    assert (read.criterion, read.truth) == ("AP", Path("/t"))
    assert fresh.values["missed"] == sum(row["missed"] for row in scores.per_image.values()) > 0
    assert fresh.values["mean_dice"] == scores.semantic["dice"]["cell"]  # type: ignore[index]


def test_spread_is_that_of_numpy_and_the_interval_holds_the_mean() -> None:
    sheet = sheet_of(aggregate(images(12)))
    column = list(sheet.column("ap_0.50").values())
    spread = sheet.spread("ap_0.50")
    assert spread is not None
    assert (spread.images, spread.lowest, spread.median, spread.highest) == (12, min(column), np.median(column), 1.0)
    interval = sheet.interval("ap_0.50")
    assert interval is not None
    low, high = interval
    # The normal approximation of the mean's error: the bootstrap of 12 values must be near.
    error = 1.96 * np.std(column) / np.sqrt(12)
    assert low == pytest.approx(np.mean(column) - error, abs=error / 3)
    assert high == pytest.approx(np.mean(column) + error, abs=error / 3)


def test_few_images_have_no_interval_and_absent_figures_no_spread() -> None:
    sheet = sheet_of(aggregate(images(3)))
    assert sheet.interval("ap_0.50") is None
    assert sheet.spread("dice_nothing") is None


def test_ranking_is_that_of_the_scores() -> None:
    scores = aggregate(images(9))
    assert sheet_of(scores).ranking("ap_0.50") == scores.ranking()


@pytest.mark.parametrize(("count", "worst", "best"), [(1, "a", ""), (2, "b", "a"), (3, "cb", "a"), (4, "dc", "ab")])
def test_of_few_images_none_is_shown_twice(count: int, worst: str, best: str) -> None:
    assert choose("abcd"[:count]) == {"worst": list(worst), "best": list(best)}


def test_of_many_images_six_are_shown_at_either_end() -> None:
    names = [f"{index:02}" for index in range(30)]
    assert choose(names) == {"worst": names[:23:-1], "best": names[:6]}


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0.000"), (1, "1.000"), (0.70964, "0.710"), (0.00087, "0.00087"), (0.0049, "0.0049")]
)
def test_numbers_keep_what_is_not_zero(value: float, text: str) -> None:
    assert number(value) == text


def test_counts_are_whole() -> None:
    assert number(12345, count=True) == "12,345"
