"""The commands with --net mask-rcnn, as a user types them, one after the other."""

import json
from pathlib import Path

import pytest
import tifffile

SETTINGS = [
    "network.backbone=resnet18",
    "network.norm=batch",
    "network.weights=none",
    "network.width=16",
    "network.box_width=32",
    "network.regions=32",
    "schedule.tile=64",
    "schedule.batch=2",
    "schedule.validations=1",
]


@pytest.fixture
def typed(unmask_here):  # type: ignore[no-untyped-def]
    """Any command: exit code, stdout and stderr."""
    return unmask_here


def test_the_whole_road(typed, disc_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    net = ["--net", "mask-rcnn", *(f"--set={setting}" for setting in SETTINGS)]
    code, out, err = typed("plan", disc_folder, *net)
    assert code == 0, err
    assert "IoU 0.5" in out
    assert "targets.ridge" not in out
    run, found = tmp_path / "run", tmp_path / "found"
    code, out, err = typed("train", disc_folder, "--out", run, "--steps", 20, "--accelerator", "cpu", *net)
    assert code == 0, err
    assert "Trained in" in out
    saved = "labels,overlay,table,coco"
    code, _, err = typed("predict", run, disc_folder, "--out", found, "--overlaps", "--save", saved)
    assert code == 0, err
    layers = tifffile.imread(found / "layers" / "disc0.tif")
    document = json.loads((found / "coco.json").read_text())
    rows = (found / "objects.csv").read_text().splitlines()[1:]
    assert len(document["annotations"]) == len(rows)
    assert sum(row.startswith("disc0,") for row in rows) == layers.max()
    code, out, err = typed("evaluate", found, disc_folder, "--json")
    assert code == 0, err
    scores = json.loads(out)
    assert set(scores["coco"]) >= {"mask", "box", "max_detections"} or not rows
    code, _, err = typed("report", run)
    assert code == 0, err
    page = (run / "report.html").read_text()
    assert "mask-rcnn" in page
    assert "anchor_sizes" in page
    code, _, err = typed("predict", run, disc_folder, "--out", tmp_path / "no", "--save", "probabilities")
    assert code == 1
    assert "Mask R-CNN has none; objects have scores" in err
    code, _, err = typed("predict", run, disc_folder, "--out", tmp_path / "no", "--memory", "2GB")
    assert code == 1
    assert "--memory: Mask R-CNN's windows are the model's own" in err


def test_overlaps_of_a_unet(typed, disc_run: Path, disc_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, _, err = typed("predict", disc_run, disc_folder, "--out", tmp_path / "no", "--overlaps")
    assert code == 1
    assert "the U-Net's objects never overlap. Leave it out." in err


def test_demo_without_weights_leaves_nothing_behind(typed, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """The same command works once the weights are there."""
    missing = "network.weights=nowhere.safetensors"
    code, _, err = typed("demo", "--out", tmp_path / "demo", "--net", "mask-rcnn", "--set", missing)
    assert code == 1
    assert "nowhere.safetensors: no such file of weights" in err
    assert not (tmp_path / "demo").exists()
