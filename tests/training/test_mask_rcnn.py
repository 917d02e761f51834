"""Mask R-CNN through the same commands: it learns, resumes to the same weights, and is told apart by its recipe."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from unmask.errors import ModelError, RecipeError
from unmask.model import Model
from unmask.predict.predictor import load
from unmask.training.checkpoint import read_checkpoint
from unmask.training.loop import Progress
from unmask.training.run import train
from unmask.training.setup import new_setup, read_recipe

NARROW = [
    "network.backbone=resnet18",
    "network.weights=none",
    "network.norm=batch",
    "network.width=16",
    "network.box_width=32",
    "network.regions=32",
    "schedule.tile=64",
    "schedule.batch=2",
    "schedule.validations=2",
]
STEPS = 16


class Stop(Exception):
    """Ends a run from within, as a power cut would."""


@pytest.fixture(scope="module")
def run(disc_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "mask-rcnn"
    train(disc_folder, out, net="mask-rcnn", steps=STEPS, settings=NARROW, accelerator="cpu")
    return out


def test_leaves_the_same_run_folder(run: Path, disc_run: Path) -> None:
    assert {path.name for path in run.iterdir()} == {path.name for path in disc_run.iterdir()}
    recipe = read_recipe(run / "recipe.yaml")
    assert recipe.network.name == "mask-rcnn"
    assert "ridge" not in (run / "recipe.yaml").read_text()  # what only the U-Net has is not in its recipe
    scores = json.loads((run / "validation" / "scores.json").read_text())
    assert "ap" in scores["objects"]


def test_loss_falls(run: Path) -> None:
    rows = [float(row.split(",")[1]) for row in (run / "loss.csv").read_text().splitlines()[1:]]
    assert np.mean(rows[-5:]) < 0.95 * np.mean(rows[:5])


def test_model_file_is_self_contained(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes((run / "model.safetensors").read_bytes())
    model = Model.load(file)
    assert model.recipe.network.name == "mask-rcnn"
    tensors = load_file(file)
    name = "roi_heads.mask_predictor.mask_fcn_logits.weight"
    assert name in tensors  # torchvision's names


def test_a_changed_weight_fails_the_test_vector(run: Path, tmp_path: Path) -> None:
    from safetensors import safe_open

    with safe_open(run / "model.safetensors", "pt") as opened:
        metadata = opened.metadata()
    tensors = load_file(run / "model.safetensors")
    tensors["roi_heads.mask_predictor.mask_fcn_logits.weight"] += 0.1
    save_file(tensors, tmp_path / "model.safetensors", metadata)
    with pytest.raises(ModelError, match="does not compute its own test vector"):
        Model.load(tmp_path)


def test_same_recipe_gives_the_same_weights(disc_folder: Path, run: Path, tmp_path: Path) -> None:
    train(disc_folder, tmp_path / "again", recipe=run / "recipe.yaml", accelerator="cpu")
    first, second = (load_file(folder / "model.safetensors") for folder in (run, tmp_path / "again"))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_resumed_run_reaches_the_same_weights(disc_folder: Path, run: Path, tmp_path: Path) -> None:
    def power_cut(now: Progress) -> None:
        if now.step == STEPS // 2 + 2:
            raise Stop

    out = tmp_path / "run"
    with pytest.raises(Stop):
        train(disc_folder, out, net="mask-rcnn", steps=STEPS, settings=NARROW, accelerator="cpu", on_progress=power_cut)
    assert read_checkpoint(out / "last.ckpt").step == STEPS // 2
    train(disc_folder, out, resume=True, accelerator="cpu")
    first, second = (load_file(folder / "model.safetensors") for folder in (run, out))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_predicts_objects_without_probabilities(disc_folder: Path, run: Path) -> None:
    prediction = load(run, "cpu").predict(disc_folder / "images" / "disc0.tif")
    assert prediction.probabilities is None
    assert prediction.detections is not None
    assert prediction.labels.shape == (72, 60)
    assert len(prediction.objects) == prediction.labels.max()
    assert len(prediction.table["label"]) == len(prediction.objects)


def test_images_without_objects_train(tmp_path: Path, disc_folder: Path) -> None:
    """A batch of empty tiles has no box and no mask, and its loss is finite."""
    for part in ("images", "masks"):
        (tmp_path / "data" / part).mkdir(parents=True)
        for number in range(4):
            values = tifffile.imread(disc_folder / part / f"disc{number}.tif")
            empty = part == "masks" and number > 0
            tifffile.imwrite(tmp_path / "data" / part / f"{number}.tif", np.zeros_like(values) if empty else values)
    (tmp_path / "data" / "split.csv").write_text("name,split\n0,train\n1,train\n2,train\n3,val\n")
    settings = [*NARROW, "schedule.validations=1"]
    found = train(tmp_path / "data", tmp_path / "run", net="mask-rcnn", steps=3, settings=settings, accelerator="cpu")
    assert found.scores.images == 1


def test_boxes_only(disc_folder: Path, tmp_path: Path) -> None:
    """Faster R-CNN: the same without the mask head; objects are their boxes."""
    settings = [*NARROW, "network.masks=false", "schedule.validations=1"]
    train(disc_folder, tmp_path / "run", net="mask-rcnn", steps=3, settings=settings, accelerator="cpu")
    assert not any("mask" in name for name in load_file(tmp_path / "run" / "model.safetensors"))
    prediction = load(tmp_path / "run", "cpu").predict(disc_folder / "images" / "disc0.tif")
    assert prediction.detections is not None
    assert prediction.detections.masks is None


def test_copy_paste_trains(disc_folder: Path, tmp_path: Path) -> None:
    """What is pasted is learned from: other weights than without."""
    for out, share in (("pasted", 1), ("plain", 0)):
        settings = [*NARROW, f"network.copy_paste={share}", "schedule.validations=1"]
        train(disc_folder, tmp_path / out, net="mask-rcnn", steps=3, settings=settings, accelerator="cpu")
    pasted, plain = (read_checkpoint(tmp_path / out / "last.ckpt").net for out in ("pasted", "plain"))
    name = "rpn.head.cls_logits.weight"
    assert bool(pasted[name].isfinite().all())
    assert not torch.equal(pasted[name], plain[name])


def test_plan_has_reasons(disc_folder: Path) -> None:
    recipe = new_setup(disc_folder, net="mask-rcnn", accelerator="cpu").recipe
    assert recipe.network.name == "mask-rcnn"
    assert "IoU 0.5" in recipe.reasons["network.anchor_sizes"]
    assert recipe.detections.max_detections >= 8 / (72 * 60 / 1e6)  # eight discs an image
    assert recipe.detections.overlap >= 17  # the largest disc


def test_a_recipe_of_the_other_network(disc_folder: Path, run: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"the recipe is for mask-rcnn, not unet\. Leave --net out"):
        train(disc_folder, tmp_path / "run", net="unet", recipe=run / "recipe.yaml")


def test_settings_of_the_other_network(disc_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"the recipe has no value targets\.ridge"):
        train(disc_folder, tmp_path / "run", net="mask-rcnn", settings=["targets.ridge=1"])


def test_a_network_that_is_not_there(disc_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"there is no network yolo\. Type --net unet or --net mask-rcnn"):
        train(disc_folder, tmp_path / "run", net="yolo")  # type: ignore[arg-type]


STAGED = [
    "network.frozen_until=0.4",
    "network.norm=frozen",
    "network.width=16",
    "network.box_width=32",
    "network.regions=32",
    "schedule.tile=64",
    "schedule.batch=2",
    "schedule.validations=2",
]


def test_stages_are_unfrozen_and_resume_alike(disc_folder: Path, tmp_path: Path) -> None:
    """From a file of ResNet-18's weights: the finest stages never change, the others do; a killed run ends the same."""
    from torchvision.models import resnet18

    torch.manual_seed(0)
    start = {name: value.clone() for name, value in resnet18().state_dict().items()}
    save_file(start, tmp_path / "resnet18.safetensors")
    settings = [*STAGED, f"network.weights={tmp_path / 'resnet18.safetensors'}"]
    said: list[str] = []

    def power_cut(now: Progress) -> None:
        if now.step == 6:
            raise Stop

    for out, cut in (("straight", None), ("cut", power_cut)):
        try:
            train(
                disc_folder,
                tmp_path / out,
                net="mask-rcnn",
                steps=8,
                settings=settings,
                accelerator="cpu",
                on_start=lambda setup, weights: said.append(weights),
                on_progress=cut,
            )
        except Stop:
            train(disc_folder, tmp_path / out, resume=True, accelerator="cpu")
    first, second = (read_checkpoint(tmp_path / out / "last.ckpt").net for out in ("straight", "cut"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(first["backbone.body.layer1.0.conv1.weight"], start["layer1.0.conv1.weight"])
    assert not torch.equal(first["backbone.body.layer2.0.conv1.weight"], start["layer2.0.conv1.weight"])
    assert said[0] == said[1]
    assert said[0].startswith("ResNet-18 from resnet18.safetensors")


def test_two_processes_train_one_net(disc_folder: Path, tmp_path: Path) -> None:
    """Data parallel on two CPU processes, with heads that may have no object to learn from."""
    command = [sys.executable, "-m", "unmask", "train", str(disc_folder), "--out", str(tmp_path / "run")]
    command += ["--net", "mask-rcnn", "--steps", "3", "--devices", "2", "--accelerator", "cpu"]
    command += [f"--set={setting}" for setting in [*NARROW, "schedule.validations=1"]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "model.safetensors").exists()


def test_objects_that_overlap_train_and_score(tmp_path: Path, disc_folder: Path) -> None:
    """From COCO polygons, two objects over each other in every image: both are learned whole."""
    images, annotations = [], []
    for number in range(3):
        Image.fromarray(tifffile.imread(disc_folder / "images" / f"disc{number}.tif")).save(tmp_path / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "height": 72, "width": 60})
        for left, category in ((5, 1), (20, 2)):
            outline = [left, 10, left + 30, 10, left + 30, 50, left, 50]
            annotations.append(
                {"id": len(annotations) + 1, "image_id": number, "category_id": category, "segmentation": [outline]}
            )
    categories = [{"id": 1, "name": "cell"}, {"id": 2, "name": "debris"}]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (tmp_path / "instances.json").write_text(json.dumps(document))
    settings = [*NARROW, "schedule.validations=1"]
    run = train(tmp_path, tmp_path / "run", net="mask-rcnn", steps=3, settings=settings, accelerator="cpu")
    assert run.recipe.data.class_names == ("cell", "debris")
    prediction = load(tmp_path / "run", "cpu").predict(tmp_path / "0.png")
    assert set(prediction.objects.classes.tolist()) <= {1, 2}
