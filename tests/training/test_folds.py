"""Folds: every image is unseen by one network; the ensemble is scored by those, resumes, and refuses what cannot be."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unmask.data.folder import read_folder
from unmask.errors import RecipeError, TrainingError
from unmask.family import family_of
from unmask.metrics.scores import aggregate, flat
from unmask.model import Model
from unmask.predict.predictor import Predictor, load
from unmask.recipe import DataRecipe, Recipe, UNetRecipe
from unmask.report.report import write_report
from unmask.report.run_folder import read_run
from unmask.training.folds import OutOfFold, cut
from unmask.training.loop import Progress
from unmask.training.run import train
from unmask.training.setup import new_setup, read_recipe
from unmask.training.validate import Validator

QUICK = ["network.width=3", "network.depth=1", "schedule.tile=32", "schedule.batch=2", "schedule.validations=1"]
STEPS = 6


@pytest.fixture(scope="module")
def run(disc_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images in two folds."""
    out = tmp_path_factory.mktemp("runs") / "folds"
    made = train(disc_folder, out, folds=2, steps=STEPS, settings=QUICK, accelerator="cpu")
    assert made.folds is not None
    assert made.folds.images == (3, 3)
    return out


@given(st.integers(2, 40), st.data(), st.integers(0, 5))
def test_a_cut_shares_out_all_names(count: int, data: st.DataObject, seed: int) -> None:
    names = [f"image{number}" for number in range(count)]
    parts = cut(names, data.draw(st.integers(2, count)), seed)
    assert sorted(name for part in parts for name in part) == sorted(names)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert all(list(part) == [name for name in names if name in part] for part in parts)
    assert parts == cut(names, len(parts), seed)


def test_another_seed_cuts_elsewhere() -> None:
    names = [f"image{number}" for number in range(20)]
    assert cut(names, 4, 0) != cut(names, 4, 1)


@pytest.mark.parametrize("folds", [0, 1, 7])
def test_impossible_cuts(folds: int) -> None:
    with pytest.raises(RecipeError, match=rf"--folds {folds}: there are 6 annotated images .* from 2 to 6"):
        cut([f"image{number}" for number in range(6)], folds, 0)


def test_each_image_is_predicted_by_its_own_member(disc_folder: Path) -> None:
    """Beside each member's own predictor; the parts take turns."""
    recipe = Recipe(network=UNetRecipe(width=3, depth=1), data=DataRecipe(channels=1))
    members = []
    for seed in range(2):
        torch.manual_seed(seed)
        members.append(Model(family_of(recipe).build(recipe).eval(), recipe))
    parts = (("disc4", "disc0", "disc2"), ("disc1",))
    dataset = read_folder(disc_folder)
    found = list(OutOfFold(dataset, parts, "ap").predictions(Model.joined(members)))
    assert [one.sample.name for one in found] == ["disc4", "disc1", "disc0", "disc2"]
    for one in found:
        member = members[one.sample.name == "disc1"]
        expected = Predictor(member, device="cpu").predict(dataset.load(one.sample.name)).probabilities
        assert expected is not None
        np.testing.assert_array_equal(one.probabilities, expected)


def test_folds_are_ordinary_runs(run: Path, disc_folder: Path) -> None:
    every = set(read_folder(disc_folder).names())
    splits = [json.loads((run / f"fold-{number}" / "split.json").read_text()) for number in (1, 2)]
    assert set(splits[0]["val"]) | set(splits[1]["val"]) == every
    assert all(set(split["train"]) == every - set(split["val"]) for split in splits)
    assert [read_run(run / f"fold-{number}").recipe.schedule.seed for number in (1, 2)] == [0, 1]


def test_the_model_is_the_mean_of_the_folds(run: Path, disc_folder: Path) -> None:
    """Up to the temperature that all are divided by: without it, the ensemble's probabilities are the folds' mean."""
    image = disc_folder / "images" / "disc0.tif"
    joined = load(run, "cpu")
    assert joined.recipe.network == read_recipe(run / "fold-1").network.model_copy(update={"members": 2})
    parts = [Predictor(member, "cpu").predict(image).probabilities for member in joined.model.members]
    np.testing.assert_allclose(joined.predict(image).probabilities, np.mean(parts, axis=0), atol=1e-6)
    for number, member in enumerate(joined.model.members, start=1):
        own = Model.load(run / f"fold-{number}").net.state_dict()
        same = {name: torch.equal(value, own[name]) for name, value in member.net.state_dict().items()}
        assert all(equal for name, equal in same.items() if not name.startswith("head"))


def test_scores_are_those_of_unseen_images(run: Path, disc_folder: Path) -> None:
    """Scored once more, fold by fold."""
    written = json.loads((run / "validation" / "scores.json").read_text())
    dataset, model, scores = read_folder(disc_folder), Model.load(run), []
    for number, member in enumerate(model.members, start=1):
        names = json.loads((run / f"fold-{number}" / "split.json").read_text())["val"]
        validator = Validator(dataset, names, "ap")
        scores += [validator.score(prediction) for prediction in validator.predictions(member)]
    assert flat(written["semantic"]) == pytest.approx(flat(aggregate(scores).semantic))
    assert set(written["per_image"]) == set(dataset.names())
    content = json.loads((run / "folds.json").read_text())
    assert len(content["scores"]) == 2
    assert content["criterion"].startswith("AP")


def test_report_of_folds(run: Path, tmp_path: Path) -> None:
    page = write_report(run, out=tmp_path / "report.html").read_text()
    assert "Scores of 6 images" in page


class Stop(Exception):
    """Ends a run from within, as a power cut would."""


def test_resumed_folds_are_those_of_one_go(run: Path, disc_folder: Path, tmp_path: Path) -> None:
    def power_cut(now: Progress) -> None:
        if now.doing.startswith("fold 2 of 2"):
            raise Stop

    out = tmp_path / "run"
    with pytest.raises(Stop):
        train(disc_folder, out, folds=2, steps=STEPS, settings=QUICK, accelerator="cpu", on_progress=power_cut)
    first = (out / "fold-1" / "model.safetensors").stat().st_mtime_ns
    with pytest.raises(TrainingError, match=r"holds a run already\. Choose another --out, or go on with it: --resume"):
        train(disc_folder, out, folds=2, steps=STEPS)
    made = train(disc_folder, out, resume=True, accelerator="cpu")
    assert made.folds is not None
    assert (out / "fold-1" / "model.safetensors").stat().st_mtime_ns == first
    for name in ("split.json", "folds.json", "validation/scores.json"):
        assert (out / name).read_text() == (run / name).read_text()
    both = [Model.load(folder).net.state_dict() for folder in (out, run)]
    assert all(torch.equal(value, both[1][name]) for name, value in both[0].items())


def test_complete_folds_are_not_resumed(run: Path, disc_folder: Path) -> None:
    with pytest.raises(TrainingError, match="this run is complete"):
        train(disc_folder, run, resume=True)


def test_a_recipe_of_an_ensemble_trains_one_network(run: Path, disc_folder: Path) -> None:
    setup = new_setup(disc_folder, recipe=run / "recipe.yaml", accelerator="cpu")
    assert isinstance(setup.recipe.network, UNetRecipe)
    assert setup.recipe.network.members == 1
    with pytest.raises(RecipeError, match=r"network\.members=3: a training makes one network\. Type --folds 3"):
        new_setup(disc_folder, settings=["network.members=3"], accelerator="cpu")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"folds": 2, "net": "mask-rcnn"}, RecipeError, r"Mask R-CNNs cannot be averaged\. Type --net unet"),
        ({"folds": 9}, RecipeError, r"--folds 9: there are 6 annotated images .* Type a number from 2 to 6"),
        ({"folds": 1}, RecipeError, r"--folds 1 is no cut"),
        ({"folds": 2, "curve": True}, RecipeError, "two ways of training"),
        ({"folds": 2, "repeats": 2}, RecipeError, r"of a learning curve\. Add --curve"),
        ({"folds": 2, "devices": 2}, TrainingError, "--folds trains on one device"),
        ({"folds": 2, "resume": True}, RecipeError, "a resumed run follows its own recipe"),
    ],
)
def test_refusals(
    options: dict[str, object], error: type[Exception], words: str, disc_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        train(disc_folder, tmp_path / "run", accelerator="cpu", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()
