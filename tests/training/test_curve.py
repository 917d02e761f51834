"""The learning curve's trainings: which images, what is left in the folder, and that it resumes."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.errors import DataError, RecipeError, TrainingError
from unmask.predict.predictor import load
from unmask.report.report import write_report
from unmask.training.curve import sizes, subset, train_curve
from unmask.training.curve_files import read_curve
from unmask.training.folder import resumed_setup
from unmask.training.loop import Progress
from unmask.training.run import train
from unmask.training.setup import read_recipe
from unmask.training.single import Place

QUICK = ["network.width=3", "network.depth=1", "schedule.tile=32", "schedule.batch=2", "schedule.validations=1"]
STEPS = 6


@pytest.fixture(scope="module")
def run(disc_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two trainings on 2 images and two on all 5; one image validates."""
    out = tmp_path_factory.mktemp("runs") / "curve"
    made = train(disc_folder, out, curve=True, repeats=2, steps=STEPS, settings=QUICK, accelerator="cpu")
    assert made.curve == read_curve(out)
    written = json.loads((out / "validation" / "scores.json").read_text())
    assert made.scores.to_dict()["semantic"] == written["semantic"]
    return out


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (4, (2, 4)),
        (5, (2, 5)),
        (6, (2, 4, 6)),
        (16, (2, 4, 8, 16)),
        (17, (2, 4, 8, 17)),
        (22, (2, 4, 8, 22)),
        (23, (2, 4, 8, 16, 23)),
    ],
)
def test_sizes(images: int, expected: tuple[int, ...]) -> None:
    assert sizes(images) == expected


@pytest.mark.parametrize("images", [1, 3])
def test_too_few_images(images: int) -> None:
    with pytest.raises(DataError, match=rf"--curve: there are {images} images to train on, .* Annotate at least 5"):
        sizes(images)


@given(st.integers(4, 60), st.integers(0, 3), st.data())
def test_subsets_are_nested(count: int, seed: int, data: st.DataObject) -> None:
    names = [f"image{number}" for number in range(count)]
    few = data.draw(st.integers(1, count))
    many = data.draw(st.integers(few, count))
    small, large = subset(names, few, seed), subset(names, many, seed)
    assert (len(small), len(large)) == (few, many)
    assert [name for name in large if name in small] == small
    assert subset(names, count, seed) == names


def test_points_differ_in_images_alone(run: Path) -> None:
    folders = ["images-2", "images-2-repeat-2", "images-5", "images-5-repeat-2"]
    splits = {name: json.loads((run / name / "split.json").read_text()) for name in folders}
    assert [len(splits[name]["train"]) for name in folders] == [2, 2, 5, 5]
    assert len({tuple(split["val"]) for split in splits.values()}) == 1
    recipes = [read_recipe(run / name) for name in folders]
    assert [recipe.schedule.seed for recipe in recipes] == [0, 1, 0, 1]
    fitted = {"schedule", "instances", "reasons"}  # at the end of each
    assert len({recipe.model_dump_json(exclude=fitted) for recipe in recipes}) == 1


def test_the_folder_holds_the_model_of_all_images(run: Path, disc_folder: Path, tmp_path: Path) -> None:
    last = run / "images-5"
    for name in ("model.safetensors", "recipe.yaml", "split.json", "log.csv", "validation/scores.json"):
        assert (run / name).read_bytes() == (last / name).read_bytes()
    assert load(run, "cpu").predict(disc_folder / "images" / "disc0.tif").labels.shape == (72, 60)
    assert "Scores of 1 image" in write_report(run, out=tmp_path / "report.html").read_text()


def test_points_are_the_scores_of_their_runs(run: Path) -> None:
    curve = read_curve(run)
    assert [(point.images, point.repeat, point.steps) for point in curve.points] == [
        (2, 1, STEPS),
        (2, 2, STEPS),
        (5, 1, STEPS),
        (5, 2, STEPS),
    ]
    for point in curve.points:
        ((name, row),) = json.loads((run / point.folder / "validation" / "scores.json").read_text())[
            "per_image"
        ].items()
        assert point.at_half == {name: row["ap_0.50"]}
        aps = [row[f"ap_{percent / 100:.2f}"] for percent in range(50, 95, 5)]
        assert point.scores == {name: pytest.approx(sum(aps) / 9)}


class Stop(Exception):
    """Ends a run from within, as a power cut would."""


def test_resumed_curve_is_that_of_one_go(run: Path, disc_folder: Path, tmp_path: Path) -> None:
    def power_cut(now: Progress) -> None:
        if now.doing.startswith("5 images, 1 of 2"):
            raise Stop

    out, settings = tmp_path / "run", [*QUICK]
    with pytest.raises(Stop):
        train(
            disc_folder,
            out,
            curve=True,
            repeats=2,
            steps=STEPS,
            settings=settings,
            accelerator="cpu",
            on_progress=power_cut,
        )
    assert not (out / "model.safetensors").exists()
    made = train(disc_folder, out, resume=True, accelerator="cpu")
    assert made.curve == read_curve(run)


def test_a_curve_that_was_killed_at_its_very_end(run: Path, disc_folder: Path, tmp_path: Path) -> None:
    """All is trained: nothing is trained again, and the scores are those that the last training wrote."""
    import shutil

    out = tmp_path / "run"
    shutil.copytree(run, out)
    (out / "model.safetensors").unlink()
    setup = resumed_setup(disc_folder, out)
    made = train_curve(setup, out, Place("cpu"), None, started=0.0, on_start=lambda *_: pytest.fail("trained again"))
    written = json.loads((run / "validation" / "scores.json").read_text())
    assert made.scores.to_dict()["objects"] == written["objects"]
    assert (out / "model.safetensors").read_bytes() == (run / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"curve": True, "devices": 2}, TrainingError, "--curve trains on one device"),
        ({"repeats": 3}, RecipeError, "--repeats are those of a learning curve"),
        ({"curve": True, "repeats": 0}, RecipeError, "--repeats 0 is no number of trainings"),
    ],
)
def test_refusals(
    options: dict[str, object], error: type[Exception], words: str, disc_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        train(disc_folder, tmp_path / "run", accelerator="cpu", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()
