"""A claim from end to end on small data: killed, typed again, and what is refused."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unmask.errors import PairingError, TrainingError
from unmask.metrics.folders import evaluate_folders
from unmask.reproduce import run
from unmask.reproduce.background import background_iou
from unmask.reproduce.claim import Claim, Expected, Figure, Merged
from unmask.reproduce.folder import claim_folder
from unmask.reproduce.result import read_result
from unmask.reproduce.run import Listener, reproduce
from unmask.reproduce.split_rule import SplitRule
from unmask.training.checkpoint import read_checkpoint
from unmask.training.loop import Progress


def small_claim(settings: list[str], split: SplitRule, **more: object) -> Claim:
    return Claim(
        name="discs",
        title="Discs",
        given="discs",
        split=split,
        settings=tuple(settings),
        minutes=0.04,
        figures=(Figure(key="objects.ap_0.50", head="AP"),),
        expected=Expected(figures={"objects.ap_0.50": None}),
        **more,  # type: ignore[arg-type]
    )


@contextmanager
def killed(when: Callable[[Progress], bool]) -> Iterator[Callable[[Progress], None]]:
    """A progress bar at which someone types Ctrl-C."""

    def bar(progress: Progress) -> None:
        if when(progress):
            raise KeyboardInterrupt

    yield bar


def test_killed_and_typed_again(tmp_path: Path, disc_folder: Path, small: list[str]) -> None:
    """Before a checkpoint, after it, and between its model and its scores: what is finished is never done again."""
    claim = small_claim(small, SplitRule(train="0-3", val="3", test="4-5"))
    out, first = tmp_path / "out", tmp_path / "out" / "seed0"
    for when in (lambda now: now.step == 1, lambda now: now.doing == "fitting thresholds"):
        with pytest.raises(KeyboardInterrupt):
            reproduce(claim, out, data=disc_folder, listener=Listener(bar=lambda when=when: killed(when)))
        assert not (first / "run" / "model.safetensors").exists()
        if not (first / "run" / "last.ckpt").exists():
            (first / "run" / "best.safetensors").write_bytes(b"written, but no checkpoint yet")
    used = read_checkpoint(first / "run" / "last.ckpt")
    one = reproduce(claim, out, data=disc_folder)
    assert one.seeds[0].minutes >= round(used.elapsed / 60, 2)
    assert read_checkpoint(first / "run" / "last.ckpt").step == used.step
    weights = (first / "run" / "model.safetensors").stat().st_mtime_ns
    (first / "result.json").unlink()
    (first / "trained.json").unlink()
    (first / "predictions" / "labels" / "disc4.tif").unlink()

    said: list[str] = []
    listener = Listener(say=said.append)
    result = reproduce(claim, out, data=disc_folder, seeds=2, command=("typed",), listener=listener)
    assert (first / "run" / "model.safetensors").stat().st_mtime_ns == weights
    assert result.seeds[0].scores == one.seeds[0].scores
    assert result == read_result(out / "result.json")
    assert (result.tool, result.command, result.minutes) == ("unmask U-Net", ("typed",), 0.04)
    assert result.images == {"train": 3, "val": 1, "test": 2}
    assert "| unmask U-Net, 0.04 minutes, 2 seeds |" in (out / "report.md").read_text()
    for seed in (0, 1):
        assert f"seed: {seed}" in (out / f"seed{seed}" / "run" / "recipe.yaml").read_text()
        assert (out / f"seed{seed}" / "run" / "report.html").stat().st_size > 10_000
    again = evaluate_folders([out / "seed1" / "predictions"], disc_folder, common=True)["predictions"].to_dict()
    assert result.seeds[1].scores == again
    assert again["images"] == 2

    said.clear()
    assert reproduce(claim, out, data=disc_folder, seeds=2, command=("typed",), listener=listener) == result
    assert said == [f"Seed {seed}: finished before ({out / f'seed{seed}'})" for seed in (0, 1)]


def test_a_folder_of_other_things(tmp_path: Path, disc_folder: Path, small: list[str]) -> None:
    claim = small_claim(small, SplitRule(train="0-3", test="4"))
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "data").mkdir()
    with pytest.raises(TrainingError, match=r"used: this folder is not empty\. Choose a new --out"):
        reproduce(claim, tmp_path / "used", data=disc_folder)
    out = tmp_path / "out"
    claim_folder(claim, out, 3.0, disc_folder)
    claim_folder(claim, out, 5.0, disc_folder / "images")  # nothing was trained: what was mistyped is mended
    (out / "seed0").mkdir()
    with pytest.raises(TrainingError, match=r"was begun with minutes 5\.0, not 3\.0\. Type it as it was begun"):
        claim_folder(claim, out, 3.0, disc_folder / "images")
    with pytest.raises(TrainingError, match=r"was begun with data .*images, not .*discs0/data\. Type it as"):
        claim_folder(claim, out, 5.0, disc_folder)
    (out / "reproduction.json").write_text("[")
    with pytest.raises(TrainingError, match=r"was begun with name unknown, not discs"):
        claim_folder(claim, out, 3.0, disc_folder)
    with pytest.raises(PairingError, match=r"these data have no known address\. Give them with --data DIR: discs"):
        claim_folder(claim, tmp_path / "none", 3.0, None)
    assert not (tmp_path / "none").exists()


def test_iou_of_the_background(tmp_path: Path) -> None:
    """By hand: 255 is the background. True in 4 of 8 pixels, found in 5, both in 3: 3 of 6."""
    classes = np.array([[255, 255, 255, 255], [0, 0, 7, 7]], np.uint8)
    found = np.array([[0, 0, 0, 1], [0, 0, 2, 2]], np.uint8)
    for folder, name, mask in (("data/images", "a.png", classes), ("data/masks", "a.png", classes)):
        (tmp_path / folder).mkdir(parents=True)
        Image.fromarray(mask).save(tmp_path / folder / name)
    (tmp_path / "data" / "classes.csv").write_text("value,name,meaning\n0,a,class\n7,b,class\n255,in,background\n")
    (tmp_path / "predictions" / "labels").mkdir(parents=True)
    Image.fromarray(found).save(tmp_path / "predictions" / "labels" / "a.tif")
    assert background_iou(tmp_path / "predictions", tmp_path / "data", ["a"]) == 3 / 6


def test_merged_classes_from_end_to_end(tmp_path: Path, small: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two values of one class are predicted as one, and the background is scored beside the classes."""
    rng = np.random.default_rng(0)
    for number in range(5):
        mask = np.full((48, 48), 255, np.uint8)
        mask[:16] = 0
        mask[16:28] = 32
        mask[40:, 10:30] = 159
        image = np.choose(np.searchsorted([0, 32, 159, 255], mask), [40, 40, 120, 200]) + rng.normal(0, 5, mask.shape)
        for folder, array in (("images", image.clip(0, 255).astype(np.uint8)), ("classes", mask)):
            (tmp_path / "data" / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(tmp_path / "data" / folder / f"{number}.png")
    merged = Merged(
        images=("images",),
        masks=("classes",),
        classes=((0, "edge", "class"), (32, "edge", "class"), (159, "spot", "class"), (255, "in", "background")),
    )
    claim = small_claim(small, SplitRule(train="0-3", val="3", test="4"), merged=merged)
    train: Callable[..., object] = run.train
    monkeypatch.setattr(run, "train", lambda *of, minutes, **more: train(*of, steps=100, **more))  # on any machine
    found = reproduce(claim, tmp_path / "out", data=tmp_path / "data").seeds[0]
    assert set(found.scores["semantic"]["iou"]) == {"edge", "spot", "in"}  # type: ignore[index, arg-type]
    edge, inside = found.figure("semantic.iou_edge"), found.figure("semantic.iou_in")
    assert edge is not None
    assert inside is not None
    assert edge > 0.5  # both values are learned as one: half of it would be below
    assert not any((tmp_path / "data").glob("*.csv"))


def test_missing_predictions_are_said(
    tmp_path: Path, disc_folder: Path, small: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = small_claim(small, SplitRule(train="0-3", val="3", test="4-5"))

    def half(predictor: object, images: object, out: Path, save: object) -> None:
        predict(predictor, images.subset(["disc4"]), out, save)  # type: ignore[attr-defined]

    predict: Callable[..., object] = run.predict_job
    monkeypatch.setattr(run, "predict_job", half)
    with pytest.raises(PairingError, match=r"holds predictions of 1 images, not of the 2 test images\. Remove it"):
        reproduce(claim, tmp_path, data=disc_folder)
