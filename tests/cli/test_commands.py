"""The commands, as a user types them: output, exit codes, messages."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

import unmask.cli.main
from unmask.cli.options import kind_of, memory_bytes
from unmask.errors import PredictionError


def unmask_in_process(*arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the command, in a process of its own."""
    command = [sys.executable, "-m", "unmask", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


def test_help_lists_every_command(unmask_here) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = unmask_here("--help")
    assert code == 0
    assert all(name in out for name in ("demo", "plan", "train", "predict", "evaluate", "report"))


def test_version(unmask_here) -> None:  # type: ignore[no-untyped-def]
    assert unmask_here("--version")[:2] == (0, f"unmask {unmask.__version__}\n")


def test_wrong_usage_is_2(unmask_here) -> None:  # type: ignore[no-untyped-def]
    assert unmask_here("train", "x")[0] == 2
    assert unmask_here("trian")[0] == 2
    assert unmask_here("evaluate", "one")[0] == 2
    assert unmask_here("plan", "x", "--objects", "--classes")[0] == 2


def test_errors_are_one_line_on_stderr(tmp_path: Path) -> None:
    code, out, err = unmask_in_process("plan", tmp_path / "nothing")
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert str(tmp_path / "nothing") in err
    assert "Traceback" not in err


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    code, _, err = unmask_in_process("plan", tmp_path / "nothing", "--debug")
    assert code == 1
    assert "Traceback" in err


def test_control_c_says_how_to_go_on(disc_folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "unmask", "train", str(disc_folder), "--out", str(tmp_path / "run")]
    command += ["--set=network.width=4", "--set=schedule.tile=32", "--minutes=5"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "run" / "tensorboard").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "stopped; what was trained is kept. Go on with it: unmask train" in err
    assert (tmp_path / "run" / "last.ckpt").exists()


def test_plan(unmask_here, disc_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = unmask_here("plan", disc_folder, "--out", tmp_path / "r.yaml", "--set", "network.width=8")
    assert code == 0
    assert "6 images" in out
    assert "you said so" in out
    code, out, _ = unmask_here("plan", disc_folder, "--recipe", tmp_path / "r.yaml", "--json")
    assert code == 0
    assert json.loads(out)["network"]["width"] == 8


def test_plan_refuses_unknown_values(unmask_here, disc_folder: Path) -> None:  # type: ignore[no-untyped-def]
    code, _, err = unmask_here("plan", disc_folder, "--set", "network.widht=8")
    assert code == 1
    assert "the recipe has no value network.widht. Did you mean network.width" in err


def test_predict_and_evaluate(unmask_here, disc_run: Path, disc_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "pred"
    code, text, _ = unmask_here("predict", disc_run, disc_folder, "--out", out, "--save", "labels")
    assert code == 0
    assert text.startswith("6 images predicted, ")
    code, text, _ = unmask_here("evaluate", out, disc_folder, "--json")
    assert code == 0
    scores = json.loads(text)
    assert list(scores) == ["images", "semantic", "objects", "boundaries"]
    assert scores["images"] == 6
    assert scores["semantic"]["dice"]["object"] > 0.8


def test_coco_files_and_scores(unmask_here, disc_run: Path, disc_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "pred"
    assert unmask_here("predict", disc_run, disc_folder, "--out", out, "--save", "labels,coco")[0] == 0
    assert {path.name for path in out.glob("*.json")} == {"coco.json", "coco_polygons.json", "summary.json"}
    code, text, _ = unmask_here("evaluate", out, disc_folder, "--json")
    assert code == 0
    scores = json.loads(text)  # one JSON object and nothing else
    assert set(scores["coco"]) == {"mask", "box", "max_detections"}
    code, text, _ = unmask_here("evaluate", out, disc_folder)
    assert f"coco mask_ap50 {scores['coco']['mask']['ap50']:.4g}" in " ".join(text.split())


def test_warnings_are_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    from unmask.cli.predicted import tell_warnings
    from unmask.predict.job import ImageDone

    def done(name: str, *warnings: str) -> ImageDone:
        return ImageDone(name, "", "", 1, 1, 0, 0.0, {}, (), warnings)

    tell_warnings([done("a", "there may be more"), done("b"), done("c[1]", "[odd]"), done("d", "there may be more")])
    assert capsys.readouterr().out == "a and 1 more: there may be more\nc[1]: [odd]\n"


def test_evaluate_several_side_by_side(unmask_here, disc_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Predictions of another tool: the truth itself, and the truth without its first object."""
    for name in ("perfect", "worse"):
        (tmp_path / name).mkdir()
    for path in (disc_folder / "masks").iterdir():
        labels = tifffile.imread(path)
        tifffile.imwrite(tmp_path / "perfect" / path.name, labels)
        tifffile.imwrite(tmp_path / "worse" / path.name, np.where(labels == labels.max(), 0, labels))
    code, text, _ = unmask_here("evaluate", tmp_path / "perfect", tmp_path / "worse", disc_folder, "--json")
    assert code == 0
    scores = json.loads(text)
    assert scores["perfect"]["objects"]["ap"]["0.50"] == 1
    assert 0.5 < scores["worse"]["objects"]["ap"]["0.50"] < 1
    code, text, _ = unmask_here("evaluate", tmp_path / "perfect", tmp_path / "worse", disc_folder)
    assert "objects ap_0.50" in text


def test_evaluate_names_what_is_missing(unmask_here, disc_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    tifffile.imwrite(tmp_path / "disc0.tif", tifffile.imread(disc_folder / "masks" / "disc0.tif"))
    code, _, err = unmask_here("evaluate", tmp_path, disc_folder)
    assert code == 1
    assert "5 of the truth's 6 images have no prediction, disc1 for one" in err
    code, out, _ = unmask_here("evaluate", tmp_path, disc_folder, "--common", "--json")
    assert code == 0
    assert json.loads(out)["images"] == 1


def test_predict_refuses(unmask_here, disc_run: Path, disc_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, _, err = unmask_here("predict", disc_run, disc_folder, "--out", tmp_path, "--save", "masks")
    assert code == 1
    assert (
        "--save masks is not known. Choose from labels, probabilities, uncertainty, overlay, table, coco, rois, geojson"
        in err
    )
    code, _, err = unmask_here("predict", disc_run, disc_folder, "--out", tmp_path, "--split", "test")
    assert code == 1
    assert "no image is marked test" in err
    code, _, err = unmask_here("predict", tmp_path, disc_folder, "--out", tmp_path)
    assert code == 1
    assert "no model.safetensors in this folder" in err


@pytest.mark.parametrize(
    ("text", "size"), [("4GB", 4e9), ("500M", 5e8), ("1.5 g", 1.5e9), ("2000", 2000), ("1GiB", 1e9)]
)
def test_memory(text: str, size: float) -> None:
    assert memory_bytes(text) == size


@pytest.mark.parametrize("text", ["much", "", "-1GB", "0"])
def test_memory_that_is_none(text: str) -> None:
    with pytest.raises(PredictionError, match=r"is not a size\. Type for example --memory 4GB"):
        memory_bytes(text)


def test_kind() -> None:
    assert [kind_of(False, False), kind_of(True, False), kind_of(False, True)] == [None, "objects", "classes"]
