"""unmask reproduce, as it is typed: the list, one result from end to end, and what is refused."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import unmask.cli.main
import unmask.cli.show
import unmask.reproduce.claim
from unmask.reproduce.claim import Simulated, claim_names, read_claim
from unmask.reproduce.result import read_result

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(unmask_here: Callable[..., tuple[int, str, str]]) -> Callable[..., tuple[int, str, str]]:
    """The command: exit code, stdout, stderr."""
    return partial(unmask_here, "reproduce")


def test_the_list(run: Run) -> None:
    code, out, _ = run()
    assert code == 0
    assert all(f"\n{name} " in out for name in claim_names())
    assert "Repeat one: unmask reproduce NAME --seeds 3" in out
    listed = json.loads(run("--json")[1])
    assert [one["name"] for one in listed] == claim_names()
    assert [one["minutes"] for one in listed][:2] == [3, 18]


def test_phantom(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: list[str]) -> None:
    """With a smaller network and smaller images."""
    simulated = Simulated(kind="nuclei", train=5, test=2, side=64)
    claim = read_claim("phantom").model_copy(update={"simulated": simulated, "settings": tuple(small)})
    monkeypatch.setattr(unmask.reproduce.claim, "read_claim", lambda name: claim)
    folder = tmp_path / "out"
    code, out, err = run("phantom", "--out", folder, "--minutes", 0.1, "--json")
    assert code == 0, err
    assert json.loads(out) == json.loads((folder / "result.json").read_text())
    assert "Expected: AP at .50" in err
    result = read_result(folder / "result.json")
    assert result.command == ("unmask reproduce phantom --minutes 0.1",)
    assert result.images == {"train": 4, "val": 1, "test": 2}
    assert result.notes == "The recipe trains for 3 minutes."
    again = run("phantom", "--out", folder, "--minutes", 0.1)[1]
    assert "Seed 0: finished before" in again
    assert f"Written: {folder}/result.json, {folder}/report.md" in again
    assert run("phantom", "--out", folder)[2].startswith(f"unmask: {folder}: was begun with minutes 0.1, not 3.0.")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("isbi",), 1, "there is no result isbi to reproduce. Choose from phantom"),
        (("vnc",), 1, "these data have no known address. Give them with --data DIR: images/ and classes/"),
        (("phantom", "--data", "."), 2, "phantom is simulated"),
        (("vnc", "--data", "nowhere"), 1, "nowhere: has no folder images"),
        (("isbi2012", "--data", "nowhere"), 1, "nowhere: does not exist"),
        (("phantom", "--seeds", "0"), 2, "Invalid value for"),
    ],
)
def test_what_is_refused(run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    found, _, err = run(*arguments, "--out", tmp_path / "out")
    assert (found, message in err) == (code, True), err


def test_data_are_fetched_as_unmask_data_does(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into OUT/public, and no training without them."""
    asked = []

    def fetch(name: str, out: Path) -> None:
        asked.append((name, out))
        out.mkdir()

    monkeypatch.setattr(unmask.cli.data, "data", fetch)
    code, _, err = run("ctc-sim", "--out", tmp_path / "out")
    assert asked == [("Fluo-N2DH-SIM+", tmp_path / "out" / "public")]
    assert (code, "public: " in err) == (1, True), err
