"""Results: as they are written they are read, and what is wrong with a file is said."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unmask.errors import UnreadableFile
from unmask.reproduce.result import Result, SeedResult, Spread, read_result, spread, write_result


def result(*aps: float) -> Result:
    seeds = tuple(
        SeedResult(seed, 1.5, {"images": 2, "objects": {"ap": {"0.50": ap}, "seg": 0.5}}) for seed, ap in enumerate(aps)
    )
    images = {"train": 3, "val": 1, "test": 2}
    return Result(
        "dsb2018", "A tool 1.0", ("a tool",), images, 2.0, "2 cores", {"numpy": "2"}, "2025-01-31", seeds, "n"
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_result(tmp_path / "a.json", result(0.25, 0.5))
    assert read_result(tmp_path / "a.json") == result(0.25, 0.5)
    values = json.loads((tmp_path / "a.json").read_text())
    assert values["seeds"][1] == {"seed": 1, "minutes": 1.5, "scores": result(0.25, 0.5).seeds[1].scores}
    keys = ["data", "tool", "command", "images", "minutes", "machine", "versions", "date", "seeds", "notes"]
    assert list(values) == keys


def test_mean_and_spread_by_hand() -> None:
    """(.1 + .2 + .6) / 3 = .3; squares of -.2, -.1, .3 sum to .14, over 2: .07."""
    found = result(0.1, 0.2, 0.6).figure("objects.ap_0.50")
    assert found is not None
    assert (found.mean, found.std, found.count) == (pytest.approx(0.3), pytest.approx(0.07**0.5), 3)
    assert spread([0.4]) == Spread(0.4, None, 1)
    assert result(0.1).figure("objects.seg") == Spread(0.5, None, 1)
    for absent in ("objects.ap_0.75", "boundaries.v_rand", "images", "objects"):
        assert result(0.1).figure(absent) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values.pop("machine"), r"is not a result \(it has no 'machine'\)\. Write it again"),
        (lambda values: values["images"].pop("val"), r"it has no 'val'"),
        (lambda values: values["seeds"][0].pop("scores"), r"it has no 'scores'"),
        (lambda values: values.update(seeds=[]), r"it has no seeds, or one of them twice"),
        (lambda values: values["seeds"].append(values["seeds"][0]), r"no seeds, or one of them twice"),
        (lambda values: values.update(score=1), r"it has score, which nobody knows"),
        (lambda values: values.update(command="a tool"), r"command is no list of lines"),
        (lambda values: values.update(minutes="long"), r"could not convert string to float: 'long'"),
        (lambda values: values.update(minutes=-1), r"-1 is no number of minutes"),
    ],
)
def test_what_is_no_result_is_said(tmp_path: Path, change: Callable[[Any], object], message: str) -> None:
    values = result(0.5).to_dict() | {"seeds": [{"seed": 0, "minutes": 1, "scores": {}}]}
    change(values)
    (tmp_path / "a.json").write_text(json.dumps(values))
    with pytest.raises(UnreadableFile, match=message):
        read_result(tmp_path / "a.json")


@pytest.mark.parametrize(("text", "message"), [("{", r"a\.json: is not a result"), ("[]", r"it is no object")])
def test_what_is_no_json_is_said(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UnreadableFile, match=message):
        read_result(tmp_path / "a.json")
    with pytest.raises(UnreadableFile, match="No such file"):
        read_result(tmp_path / "b.json")
