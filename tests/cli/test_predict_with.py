"""`unmask predict` with several models, as a user types it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

import unmask
import unmask.cli.main
from unmask.model import Model


@pytest.fixture
def typed(unmask_here):  # type: ignore[no-untyped-def]
    """Exit code, stdout and stderr of `unmask predict`."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code, out, err = unmask_here("predict", *arguments, "--device", "cpu")
        return code, out, " ".join(err.split())

    return run


@pytest.fixture(scope="module")
def runs(disc_run: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three run folders, each validated on another image and tested on the same."""
    folders = []
    for number in range(3):
        folder = tmp_path_factory.mktemp(f"run{number}")
        model = Model.load(disc_run)
        torch.manual_seed(number)
        with torch.no_grad():
            for parameter in model.net.parameters():
                parameter.mul_(1 + 0.1 * torch.randn_like(parameter))
        model.save(folder / "model.safetensors")
        split = {"train": ["disc3", "disc4"], "val": [f"disc{number}"], "test": ["disc5"]}
        (folder / "split.json").write_text(json.dumps(split))
        folders.append(folder)
    return folders


def test_the_mean_of_all(typed, runs: list[Path], disc_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    image, out = disc_folder / "images" / "disc1.tif", tmp_path / "out"
    common = (image, "--out", out, "--save", "labels,probabilities")
    code, _, err = typed(runs[0], *common, "--with", runs[1], "--with", runs[2] / "model.safetensors")
    assert code == 0, err
    expected = unmask.load([*runs], "cpu").predict(image)
    np.testing.assert_array_equal(tifffile.imread(out / "labels" / "disc1.tif"), expected.labels)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["model"].split("+") == [Model.load(run).fingerprint for run in runs]
    code, out_again, _ = typed(runs[0], *common, "--with", runs[1], "--with", runs[2])
    assert "(1 of them before)" in out_again
    code, _, err = typed(runs[0], *common, "--with", runs[1])
    assert code == 1
    assert "this folder holds predictions of another model" in err


def test_what_is_refused(typed, runs: list[Path], disc_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    common = (runs[0], disc_folder, "--out", tmp_path / "out")
    code, _, err = typed(*common, "--with", tmp_path / "nothing")
    assert (code, "no such run folder or model file" in err) == (1, True)
    code, _, err = typed(*common, "--with", runs[0])
    assert (code, "is given twice. Give each model once." in err) == (1, True)
    assert not (tmp_path / "out").exists()


def test_a_split_is_that_of_every_run(typed, runs: list[Path], disc_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    common = (runs[0], disc_folder, "--save", "labels", "--with", runs[1])
    code, _, err = typed(*common, "--out", tmp_path / "val", "--split", "val")
    assert code == 1
    assert "no image is marked val by all of these runs. Choose train, val or test, or name the images instead." in err
    code, _, err = typed(*common, "--out", tmp_path / "test", "--split", "test")
    assert code == 0, err
    assert [file.name for file in (tmp_path / "test" / "labels").iterdir()] == ["disc5.tif"]
    # A file that left its run says nothing of a split.
    shutil.copy(runs[1] / "model.safetensors", tmp_path / "alone.safetensors")
    code, _, err = typed(*common[:-1], tmp_path / "alone.safetensors", "--out", tmp_path / "one", "--split", "val")
    assert code == 0, err
    assert [file.name for file in (tmp_path / "one" / "labels").iterdir()] == ["disc0.tif"]
