"""Training: it learns, resumes to the same weights, ends on time, and stops at a loss that is not finite."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from safetensors.torch import load_file

from unmask.data.phantom import write_folder
from unmask.errors import RecipeError, TrainingError
from unmask.model import Model
from unmask.predict.predictor import load
from unmask.training.checkpoint import read_checkpoint
from unmask.training.loop import Progress, share_of
from unmask.training.run import train
from unmask.training.setup import read_recipe

Pair = tuple[np.ndarray, np.ndarray]


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(run / "last.ckpt").net


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_leaves_a_run_folder(disc_run: Path) -> None:
    left = {path.name for path in disc_run.iterdir()}
    assert left == {
        "data.json",
        "recipe.yaml",
        "split.json",
        "log.csv",
        "loss.csv",
        "tensorboard",
        "last.ckpt",
        "model.safetensors",
        "validation",
    }
    split = json.loads((disc_run / "split.json").read_text())
    assert len(split["train"]) == 5
    assert len(split["val"]) == 1
    rows = (disc_run / "log.csv").read_text().splitlines()
    assert rows[0].startswith("step,loss,learning_rate,score")
    assert [row.split(",")[0] for row in rows[1:]] == ["20", "40"]


def test_learns(disc_run: Path) -> None:
    scores = json.loads((disc_run / "validation" / "scores.json").read_text())
    assert scores["semantic"]["dice"]["object"] > 0.8


def test_recipe_is_complete(disc_run: Path) -> None:
    recipe = read_recipe(disc_run / "recipe.yaml")
    assert recipe.schedule.knots == ((0, 0.0), (40, 1.0))
    assert recipe.versions["torch"] == torch.__version__.partition("+")[0]
    assert recipe.reasons["network.width"] == "you said so"


def test_same_recipe_gives_the_same_weights(disc_folder: Path, disc_run: Path, tmp_path: Path) -> None:
    again = train(disc_folder, tmp_path / "again", recipe=disc_run / "recipe.yaml", accelerator="cpu")
    assert same(weights_of(tmp_path / "again"), weights_of(disc_run))
    first, second = (load_file(run / "model.safetensors") for run in (disc_run, again.out))
    assert same(first, second)


def test_another_seed_gives_other_weights(small: list[str], disc_folder: Path, disc_run: Path, tmp_path: Path) -> None:
    train(disc_folder, tmp_path / "run", steps=40, settings=[*small, "schedule.seed=1"], accelerator="cpu")
    assert not same(weights_of(tmp_path / "run"), weights_of(disc_run))


class Stop(Exception):
    """Ends a run from within, as a power cut would: nothing is written after it."""


def test_resumed_run_reaches_the_same_weights(
    small: list[str], disc_folder: Path, disc_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"

    def power_cut(now: Progress) -> None:
        if now.step == 29:
            raise Stop

    with pytest.raises(Stop):
        train(disc_folder, out, steps=40, settings=small, accelerator="cpu", on_progress=power_cut)
    assert read_checkpoint(out / "last.ckpt").step == 20  # the last validation
    assert not (out / "model.safetensors").exists()
    run = train(disc_folder, out, resume=True, accelerator="cpu")
    assert same(weights_of(out), weights_of(disc_run))
    assert same(load_file(out / "model.safetensors"), load_file(disc_run / "model.safetensors"))
    assert run.recipe == read_recipe(disc_run / "recipe.yaml")
    log, expected = ((folder / "log.csv").read_text().splitlines() for folder in (out, disc_run))
    assert [row.rpartition(",")[0] for row in log] == [row.rpartition(",")[0] for row in expected]


def test_killed_process_resumes(small: list[str], disc_folder: Path, disc_run: Path, tmp_path: Path) -> None:
    """Kill -9 of the real command half way; no half-written file; --resume reaches the weights of a run in one go."""
    out = tmp_path / "run"
    command = [sys.executable, "-m", "unmask", "train", str(disc_folder), "--out", str(out), "--accelerator", "cpu"]
    options = [*(f"--set={setting}" for setting in small), "--steps", "40"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while not (out / "last.ckpt").exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    _, stderr = process.communicate()
    assert not (out / "model.safetensors").exists(), stderr.decode()
    assert read_checkpoint(out / "last.ckpt").step == 20
    load_file(out / "best.safetensors")
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert same(weights_of(out), weights_of(disc_run))


def test_checkpoint_of_another_recipe(disc_folder: Path, disc_run: Path, tmp_path: Path) -> None:
    for name in ("split.json", "last.ckpt", "recipe.yaml"):
        (tmp_path / name).write_bytes((disc_run / name).read_bytes())
    with pytest.raises(TrainingError, match=r"last\.ckpt: the checkpoint belongs to another recipe"):
        train(disc_folder, tmp_path, resume=True, accelerator="cpu")


def test_time_budget(small: list[str], disc_folder: Path, tmp_path: Path) -> None:
    """Ends near its budget, and the recipe it leaves replays to the same weights."""
    began = time.monotonic()
    run = train(disc_folder, tmp_path / "run", minutes=0.2, settings=small, accelerator="cpu")
    took = time.monotonic() - began
    assert 4 < took < 90  # not at once, not for ever: a busy machine may be late
    assert run.recipe.schedule.steps > 8
    assert run.recipe.schedule.knots[-1] == (run.recipe.schedule.steps, 1.0)
    train(disc_folder, tmp_path / "replay", recipe=tmp_path / "run" / "recipe.yaml", accelerator="cpu")
    assert same(weights_of(tmp_path / "run"), weights_of(tmp_path / "replay"))


def test_loss_that_is_not_finite_stops_the_run(small: list[str], disc_folder: Path, tmp_path: Path) -> None:
    settings = [*small, "optimiser.name=sgd", "optimiser.learning_rate=1e30", "optimiser.clip=0", "network.norm=none"]
    with pytest.raises(
        TrainingError, match=r"run: the (loss|gradient) is (nan|inf) at step \d+, on tiles of disc\d.*lower the"
    ):
        train(disc_folder, tmp_path / "run", steps=40, settings=settings, accelerator="cpu")


def test_paper_recipe_trains(disc_folder: Path, tmp_path: Path) -> None:
    """The paper's network is too large for a test; its recipe with a narrow one is not."""
    run = train(
        disc_folder,
        tmp_path / "run",
        recipe="paper",
        steps=3,
        settings=["network.width=4", "schedule.validations=1"],
        accelerator="cpu",
    )
    recipe = run.recipe
    assert (recipe.network.depth, recipe.network.padding, recipe.network.norm) == (4, "valid", "none")
    assert (recipe.optimiser.name, recipe.optimiser.momentum, recipe.schedule.batch) == ("sgd", 0.99, 1)


def test_two_processes_train_one_net(small: list[str], disc_folder: Path, tmp_path: Path) -> None:
    """Data parallel on two CPU processes: runs, writes one run folder."""
    command = [
        sys.executable,
        "-m",
        "unmask",
        "train",
        str(disc_folder),
        "--out",
        str(tmp_path / "run"),
        "--steps",
        "4",
    ]
    command += ["--devices", "2", "--accelerator", "cpu", *(f"--set={setting}" for setting in small)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "model.safetensors").exists()
    assert done.stdout.count("Trained in") == 1


def test_used_folder_is_refused(disc_folder: Path, disc_run: Path) -> None:
    with pytest.raises(TrainingError, match=r"holds a run already\. Choose another --out, or go on with it: --resume"):
        train(disc_folder, disc_run)


def test_complete_run_is_not_resumed(disc_folder: Path, disc_run: Path) -> None:
    with pytest.raises(TrainingError, match=r"this run is complete\. Use it: unmask predict"):
        train(disc_folder, disc_run, resume=True)


def test_resume_without_a_run(disc_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        TrainingError, match=r"not a run folder that can be resumed\. Train without --resume, into a new"
    ):
        train(disc_folder, tmp_path, resume=True)


def test_resume_takes_no_settings(disc_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError,
        match=r"a resumed run follows its own recipe\. Type just: unmask train .* --resume",
    ):
        train(disc_folder, tmp_path, resume=True, steps=3)


def test_damaged_checkpoint(disc_folder: Path, disc_run: Path, tmp_path: Path) -> None:
    for name in ("recipe.yaml", "split.json"):
        (tmp_path / name).write_text((disc_run / name).read_text())
    (tmp_path / "last.ckpt").write_bytes((disc_run / "last.ckpt").read_bytes()[:1000])
    with pytest.raises(TrainingError, match=r"last\.ckpt: not a readable checkpoint .*Train again, into a new --out"):
        train(disc_folder, tmp_path, resume=True, accelerator="cpu")


def test_folder_with_other_files_is_refused(disc_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(TrainingError, match=r"this folder is not empty\. Choose a new --out"):
        train(disc_folder, tmp_path)


def test_run_killed_before_its_first_checkpoint_may_be_started_again(
    small: list[str], disc_folder: Path, disc_run: Path, tmp_path: Path
) -> None:
    for name in ("recipe.yaml", "split.json"):
        (tmp_path / name).write_text((disc_run / name).read_text())
    train(disc_folder, tmp_path, steps=40, settings=small, accelerator="cpu")
    assert same(weights_of(tmp_path), weights_of(disc_run))


def test_killed_at_the_very_end(
    small: list[str], disc_folder: Path, disc_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut while the model is being written: the run can still be resumed, and ends the same."""
    save = Model.save

    def cut(model: Model, path: Path) -> Model:
        if path.name == "model.safetensors":
            raise Stop
        return save(model, path)

    monkeypatch.setattr(Model, "save", cut)
    with pytest.raises(Stop):
        train(disc_folder, tmp_path / "run", steps=40, settings=small, accelerator="cpu")
    monkeypatch.undo()
    train(disc_folder, tmp_path / "run", resume=True, accelerator="cpu")
    assert same(load_file(tmp_path / "run" / "model.safetensors"), load_file(disc_run / "model.safetensors"))


def test_resume_on_other_data_is_refused(disc_folder: Path, disc_run: Path, tmp_path: Path) -> None:
    for name in ("recipe.yaml", "split.json"):
        (tmp_path / name).write_text((disc_run / name).read_text())
    for part in ("images", "masks"):
        (tmp_path / "few" / part).mkdir(parents=True)
        for name in ("disc0.tif", "disc1.tif"):
            (tmp_path / "few" / part / name).symlink_to(disc_folder / part / name)
    with pytest.raises(TrainingError, match=r"few: these are not the data that the run was started with\. Give .*data"):
        train(tmp_path / "few", tmp_path, resume=True)


def test_minutes_and_steps_exclude_each_other(disc_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="a run has a time budget or a number of steps, not both"):
        train(disc_folder, tmp_path / "run", minutes=1, steps=2)


def test_accelerator_that_is_not_there(disc_folder: Path, tmp_path: Path) -> None:
    if torch.backends.mps.is_available():
        pytest.skip("MPS is there")
    with pytest.raises(TrainingError, match=r"mps with auto devices cannot be used here \(.*Leave out --accelerator"):
        train(disc_folder, tmp_path / "run", steps=2, accelerator="mps")


def test_batch_that_devices_cannot_share() -> None:
    with pytest.raises(RecipeError, match=r"batch of 3 tiles cannot be shared by 2 devices.*schedule\.batch=4"):
        share_of(3, 2)
    assert share_of(8, 2) == 4


def test_classes_train_and_predict(tmp_path: Path) -> None:
    """Two classes told apart by brightness: trained, thresholds fitted, saved with the masks' own values."""
    random = np.random.default_rng(0)
    for part in ("images", "masks"):
        (tmp_path / "data" / part).mkdir(parents=True)
    for number in range(4):
        mask = np.kron(random.choice([0, 64, 128], (8, 8)), np.ones((8, 8))).astype(np.uint8)
        image = (mask + random.normal(20, 5, mask.shape)).clip(0, 255).astype(np.uint8)
        tifffile.imwrite(tmp_path / "data/images" / f"{number}.tif", image)
        tifffile.imwrite(tmp_path / "data/masks" / f"{number}.tif", mask)
    settings = ["network.width=4", "network.depth=1", "schedule.tile=32", "schedule.validations=1"]
    run = train(tmp_path / "data", tmp_path / "run", kind="classes", steps=60, settings=settings, accelerator="cpu")
    assert run.recipe.data.class_values == (64, 128)
    assert min(run.scores.to_dict()["semantic"]["dice"].values()) > 0.75  # type: ignore[index, union-attr]
    prediction = load(tmp_path / "run", "cpu").predict(tmp_path / "data" / "images" / "0.tif")
    assert set(np.unique(prediction.mask)) == {0, 64, 128}
    saved = tifffile.imread(next((tmp_path / "run" / "validation" / "labels").iterdir()))
    assert set(np.unique(saved)) <= {0, 64, 128}


def test_membranes_train(tmp_path: Path) -> None:
    """V_rand decides; an image whose mask is empty says nothing and stops nothing."""
    write_folder(tmp_path / "data", "membranes", 3, 0, 96, 0)
    first = sorted((tmp_path / "data" / "masks").iterdir())
    for mask in first[:1]:
        tifffile.imwrite(mask, np.zeros((96, 96), np.uint16))
    names = [path.stem for path in first]
    (tmp_path / "data" / "split.csv").write_text(
        "name,split\n" + "".join(f"{name},{'val' if name != names[2] else 'train'}\n" for name in names)
    )
    settings = ["network.width=4", "network.depth=2", "schedule.batch=2", "schedule.validations=1"]
    run = train(tmp_path / "data", tmp_path / "run", steps=6, settings=settings, accelerator="cpu")
    assert run.recipe.schedule.criterion == "v_rand"
    assert 0 < run.scores.to_dict()["boundaries"]["v_rand"] <= 1  # type: ignore[index, operator]


def test_recipe_for_other_data_is_refused(make_discs: Callable[[int], Pair], disc_run: Path, tmp_path: Path) -> None:
    for part in ("images", "masks"):
        (tmp_path / "data" / part).mkdir(parents=True)
    for seed in range(3):
        image, labels = make_discs(seed)
        noise = np.random.default_rng(seed).integers(0, 255, image.shape, np.uint8)
        tifffile.imwrite(
            tmp_path / "data/images" / f"{seed}.tif",
            np.stack([image, noise, image]),
            photometric="rgb",
            planarconfig="separate",
        )
        tifffile.imwrite(tmp_path / "data/masks" / f"{seed}.tif", labels)
    with pytest.raises(
        RecipeError, match=r"the recipe is for 1 channels.*the data have 3 channels.*unmask plan DATA --out"
    ):
        train(tmp_path / "data", tmp_path / "run", recipe=disc_run / "recipe.yaml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such recipe"),
        ("a: [", "not a YAML file"),
        ("- 1", "not a recipe"),
        ("netwrk: {}", r"recipe\.yaml: the recipe has no value netwrk"),
    ],
)
def test_recipe_files_that_are_none(content: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RecipeError, match=message):
        read_recipe(path)


def test_control_c_keeps_what_was_done(small: list[str], disc_folder: Path, disc_run: Path, tmp_path: Path) -> None:
    """Ctrl-C ends after the step that runs, with a checkpoint; resumed, the weights are those of a run in one go."""
    out = tmp_path / "run"

    def press(now: Progress) -> None:
        if now.step == 13:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(disc_folder, out, steps=40, settings=small, accelerator="cpu", on_progress=press)
    assert read_checkpoint(out / "last.ckpt").step == 13
    train(disc_folder, out, resume=True, accelerator="cpu")
    assert same(weights_of(out), weights_of(disc_run))
