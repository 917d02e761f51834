"""`unmask check` as a user types it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from unmask.cli.main import app
from unmask.data.folder import read_folder


def run(*words: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["check", *map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


@pytest.fixture
def cells(disc_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(disc_folder, tmp_path / "cells")
    return tmp_path / "cells"


def test_sound_data(cells: Path) -> None:
    code, text = run(cells)
    assert code == 0
    assert "layout" in text
    assert "6 of 72 x 60" in text
    assert "training can start" in text.lower()


def test_json_is_one_object_and_nothing_else(cells: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = run(cells, "--json")
    found = json.loads(text)
    assert code == 0
    assert (found["understood"]["images"], found["errors"]) == (6, 0)
    assert set(found) == {"data", "understood", "errors", "warnings", "findings"}


def test_what_training_would_refuse_and_a_mended_copy(cells: Path, tmp_path: Path) -> None:
    mask = tifffile.imread(cells / "masks" / "disc2.tif")
    tifffile.imwrite(cells / "masks" / "disc2.tif", mask.T)
    (cells / "masks" / "disc3.tif").unlink()
    code, text = run(cells)
    assert code == 1
    assert "error masks have rows and columns swapped (1 file)" in text
    assert "error images or masks have no partner (1 file)" in text
    assert "2 errors: training would refuse these data." in text

    code, text = run(cells, "--fix", tmp_path / "mended", "--out", tmp_path / "pictures")
    assert code == 0
    assert "Mended copy" in text
    assert "The original is as it was" in text
    assert (tmp_path / "pictures" / "check.html").exists()
    mended = read_folder(tmp_path / "mended")
    assert mended.names() == ["disc0", "disc1", "disc2", "disc4", "disc5"]
    np.testing.assert_array_equal(mended.load("disc2").objects > 0, mask > 0)  # type: ignore[operator]
    assert run(tmp_path / "mended")[0] == 0


def test_training_refuses_in_the_same_words(cells: Path, tmp_path: Path) -> None:
    (cells / "masks" / "disc3.tif").unlink()
    mask = tifffile.imread(cells / "masks" / "disc2.tif")
    tifffile.imwrite(cells / "masks" / "disc2.tif", mask[:-5])
    said = json.loads(run(cells, "--json")[1])["findings"]
    problems = {detail for one in said if one["severity"] == "error" for detail in one["details"]}
    done = CliRunner().invoke(app, ["train", str(cells), "--out", str(tmp_path / "run"), "--steps", "1"])
    assert len(problems) == 2
    assert any(problem in str(done.exception) for problem in problems)
    assert f"for all 2 problems and what mends them: unmask check {cells}" in str(done.exception)
    assert not (tmp_path / "run").exists()


def test_the_words_of_options(cells: Path) -> None:
    code, text = run(cells, "--layout", "coco")
    assert code == 1
    assert "is not laid out as coco" in text
