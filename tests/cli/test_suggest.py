"""unmask suggest, as a user types it."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
from skimage.io import imread

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def suggest(unmask_here: Callable[..., tuple[int, str, str]]) -> Callable[..., tuple[int, str, str]]:
    """The command: exit code, stdout, stderr."""
    return partial(unmask_here, "suggest")


@pytest.fixture
def new_images(tmp_path: Path, make_discs) -> Path:  # type: ignore[no-untyped-def]
    """Four images that the run has not seen, and one that it has."""
    folder = tmp_path / "new"
    folder.mkdir()
    for seed in (0, 10, 11, 12, 13):
        tifffile.imwrite(folder / f"disc{seed}.tif", make_discs(seed)[0])
    return folder


def test_crops_drafts_table_and_picture(suggest: Typed, disc_run: Path, new_images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, text, err = suggest(disc_run, new_images, "--out", out, "--crops", 3, "--size", 40)
    assert (code, err) == (0, "")
    assert "Left out, for the model's run had them with masks: disc0." in text
    assert f"Look at them: {out / 'suggestions.png'}" in text
    assert "put them into masks/" in text
    assert "unmask train" in text
    names = sorted(path.name for path in (out / "crops").iterdir())
    assert len(names) == 3
    assert not any(name.startswith("disc0_") for name in names)
    assert sorted(path.name for path in (out / "draft").iterdir()) == names
    assert imread(out / "suggestions.png").shape[2] == 3


def test_crops_corrected_are_data_for_the_next_round(
    suggest: Typed, disc_run: Path, disc_folder: Path, new_images: Path, tmp_path: Path
) -> None:
    """Put beside the other images as the last line says; then the same places are not suggested again."""
    from unmask.data.folder import read_folder

    suggest(disc_run, new_images, "--out", tmp_path / "one", "--crops", 2, "--size", 40)
    data = shutil.copytree(disc_folder, tmp_path / "data")
    shutil.copytree(tmp_path / "one" / "crops", data / "images", dirs_exist_ok=True)
    shutil.copytree(tmp_path / "one" / "draft", data / "masks", dirs_exist_ok=True)
    names = read_folder(data).names()
    run = shutil.copytree(disc_run, tmp_path / "run")
    (run / "split.json").write_text(json.dumps({"train": names, "val": [], "test": []}))
    _, text, _ = suggest(run, new_images, "--out", tmp_path / "two", "--crops", 2, "--size", 40, "--json")
    before = [name.rsplit("_", 2) for name in names if name.count("_") == 2]
    assert len(before) == 2
    for crop in json.loads(text)["crops"]:
        for image, y, x in before:
            same = crop["image"] == image
            assert not (same and abs(crop["y"] - int(y)) < 40 and abs(crop["x"] - int(x)) < 40)


@pytest.mark.parametrize("score", ["between", "total"])
def test_json_is_one_object(suggest: Typed, disc_run: Path, new_images: Path, tmp_path: Path, score: str) -> None:
    code, text, _ = suggest(
        disc_run, new_images, "--out", tmp_path / "out", "--crops", 2, "--size", 500, "--score", score, "--json"
    )
    found = json.loads(text)
    assert code == 0
    assert {key: found[key] for key in ("score", "images", "left_out", "failed")} == {
        "score": score,
        "images": 4,
        "left_out": ["disc0"],
        "failed": [],
    }
    assert [crop["rank"] for crop in found["crops"]] == [1, 2]
    for crop in found["crops"]:
        assert (crop["y"], crop["x"], crop["height"], crop["width"]) == (0, 0, 72, 60)  # smaller than a crop: whole
        assert np.array_equal(tifffile.imread(crop["crop"]), tifffile.imread(crop["source"]))
        assert 0 < crop["score"] <= 1


def test_several_models_and_a_model_file(suggest: Typed, disc_run: Path, new_images: Path, tmp_path: Path) -> None:
    other = shutil.copytree(disc_run, tmp_path / "other")
    (other / "split.json").write_text(json.dumps({"train": ["disc10"]}))
    from unmask.model import Model

    model = Model.load(disc_run)
    next(model.net.parameters()).data.mul_(1.1)
    model.save(other / "model.safetensors")
    file = disc_run / "model.safetensors"
    code, text, _ = suggest(file, new_images, "--with", other, "--out", tmp_path / "out", "--crops", 1, "--json")
    assert code == 0
    assert json.loads(text)["left_out"] == ["disc0", "disc10"]


def test_an_unreadable_image_is_named_and_the_others_are_done(
    suggest: Typed, disc_run: Path, new_images: Path, tmp_path: Path
) -> None:
    file = new_images / "disc11.tif"
    file.write_bytes(file.read_bytes()[:700])
    code, text, err = suggest(disc_run, new_images, "--out", tmp_path / "out", "--crops", 2, "--json")
    assert code == 1
    assert "disc11.tif" in err
    assert "(crops of the others are written)" in err
    assert [failed["file"] for failed in json.loads(text)["failed"]] == [str(file)]
    assert len(list((tmp_path / "out" / "crops").iterdir())) == 2


def test_wrong_input_in_one_line(suggest: Typed, disc_run: Path, new_images: Path, tmp_path: Path) -> None:
    def problem(*arguments: object) -> str:
        code, _, err = suggest(*arguments)
        assert code == 1
        assert err.count("\n") == 1
        return err

    out = ("--out", tmp_path / "out")
    assert "--crops 0 leaves nothing to annotate. Give at least 1." in problem(disc_run, new_images, *out, "--crops", 0)
    (tmp_path / "empty").mkdir()
    assert "holds no image" in problem(disc_run, tmp_path / "empty", *out)
    tifffile.imwrite(tmp_path / "colour.tif", np.zeros((40, 40, 3), np.uint8) + np.arange(3, dtype=np.uint8))
    assert "colour.tif" in problem(disc_run, tmp_path / "colour.tif", *out)
    assert not (tmp_path / "out").exists()
    assert "this folder holds other files" in problem(disc_run, new_images, "--out", new_images)
    assert "no such run folder or model file" in problem(tmp_path / "no", new_images, *out)
    run = shutil.copytree(disc_run, tmp_path / "run")
    (run / "split.json").write_text("{")
    assert "split.json: is damaged. Delete it" in problem(run, new_images, *out)
    (run / "split.json").write_text(json.dumps({"train": [path.stem for path in new_images.iterdir()]}))
    assert "all 5 images were annotated for this model" in problem(run, new_images, *out)
    assert not (tmp_path / "out").exists()
