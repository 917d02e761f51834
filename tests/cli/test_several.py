"""`unmask train --folds` and `--curve`, as a user types them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import unmask.training.several as several

QUICK = ["network.width=3", "network.depth=1", "schedule.tile=32", "schedule.batch=2", "schedule.validations=1"]
SHORT = ["--steps", "4", "--accelerator", "cpu", *(f"--set={setting}" for setting in QUICK)]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def here(unmask_here: Command) -> Command:
    """Any command: exit code, stdout, stderr."""
    return unmask_here


def test_folds_say_what_each_scored(here: Command, disc_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    code, text, err = here("train", disc_folder, "--out", out, "--folds", 3, *SHORT)
    assert code == 0, err
    assert re.search(r"fold by fold: (\d\.\d{3}, ){2}\d\.\d{3}; mean \d\.\d{3}, standard deviation \d\.\d{3}\.", text)
    assert "Each image by the network that has not seen it: AP" in text
    assert "holds all 3 as one model" in text
    code, text, err = here("predict", out, disc_folder, "--out", tmp_path / "predictions", "--save", "labels")
    assert code == 0, err
    assert "6 images predicted" in text


def test_a_curve_is_told_and_drawn(here: Command, disc_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    code, text, err = here("train", disc_folder, "--out", out, "--curve", *SHORT)
    assert code == 0, err
    assert re.search(r"^ +2 images: \d\.\d{3} +AP at IoU \.5 \d\.\d{3}$", text, re.MULTILINE)
    assert re.search(r"^ +5 images: ", text, re.MULTILINE)
    assert "From 2 to 5 images the score" in text
    assert f"The curve: {out / 'curve.png'}." in text
    assert (out / "curve.png").stat().st_size > 10_000


def test_stopped_folds_say_how_to_go_on(
    here: Command, disc_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(several, "train_setup", stop)
    code, _, err = here("train", disc_folder, "--out", tmp_path / "run", "--folds", 2, *SHORT)
    assert code == 1
    assert f"stopped; what was trained is kept. Go on with it: unmask train {disc_folder}" in err
    assert (tmp_path / "run" / "folds.json").exists()


@pytest.mark.parametrize("options", [("--folds", 1), ("--repeats", 0, "--curve"), ("--folds", "many")])
def test_wrong_usage(options: tuple[object, ...], here: Command, disc_folder: Path, tmp_path: Path) -> None:
    assert here("train", disc_folder, "--out", tmp_path / "run", *options)[0] == 2


def test_refused(here: Command, disc_folder: Path, tmp_path: Path) -> None:
    code, _, err = here("train", disc_folder, "--out", tmp_path / "run", "--folds", 2, "--net", "mask-rcnn")
    assert code == 1
    assert "cannot be averaged. Type --net unet, or leave it out." in err
    assert not (tmp_path / "run").exists()
