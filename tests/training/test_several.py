"""Several trainings of one command: how a time budget is shared, what is kept, and how progress is told."""

from dataclasses import replace
from pathlib import Path

import pytest

import unmask.training.several as several
from unmask.data.dataset import Dataset
from unmask.errors import TrainingError
from unmask.recipe import Recipe, ScheduleRecipe
from unmask.training.loop import Progress
from unmask.training.setup import Setup, read_recipe
from unmask.training.several import Training, one_device, train_each
from unmask.training.single import Place

SPLIT = {"train": ["a", "b"], "val": ["c"], "test": []}
TRAININGS = [Training(f"part-{number}", f"part {number} of 3", SPLIT, 10 + number) for number in (1, 2, 3)]


class Clock:
    """A clock that trainings move; each takes its budget, or the minutes it is told to, and then some to end."""

    def __init__(self, takes: list[float | None], ends: float = 0.0) -> None:
        self.now, self.takes, self.ends = 1000.0, takes, ends
        self.budgets: list[float | None] = []

    def monotonic(self) -> float:
        return self.now

    def train(self, setup: Setup, out: Path, place: Place, *, on_progress, **_: object) -> str:  # type: ignore[no-untyped-def]
        budget, takes = setup.recipe.schedule.minutes, self.takes.pop(0)
        self.budgets.append(budget)
        self.now += 60 * (takes or budget or 0) - self.ends
        on_progress(Progress(9, 1.0, 0.1, 0.5, 0.0, "fitting thresholds"))
        self.now += self.ends
        (out / "model.safetensors").touch()
        return out.name


def base(**schedule: object) -> Setup:
    recipe = Recipe(schedule=ScheduleRecipe(**schedule))  # type: ignore[arg-type]
    return Setup(Dataset(Path("data"), (), 1), recipe, SPLIT, None)


def run(monkeypatch: pytest.MonkeyPatch, clock: Clock, setup: Setup, out: Path, *, ending: bool) -> dict[str, object]:
    monkeypatch.setattr(several, "time", clock)
    monkeypatch.setattr(several, "train_setup", clock.train)
    place, started = Place("cpu", 1), clock.now
    return {**train_each(setup, TRAININGS, out, place, started=started, ending=ending)}


def test_minutes_are_shared_evenly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = Clock([None, None, None])
    runs = run(monkeypatch, clock, base(minutes=30.0), tmp_path, ending=False)
    assert clock.budgets == [10, 10, 10]
    assert runs == {"part-1": "part-1", "part-2": "part-2", "part-3": "part-3"}


def test_what_one_takes_too_long_the_others_lack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = Clock([12.0, None, None])
    run(monkeypatch, clock, base(minutes=30.0), tmp_path, ending=False)
    assert clock.budgets == [10, 9, 9]


def test_time_is_kept_for_the_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A tenth at first, 27 of 30 minutes are shared; then three of the 60 s that the first took to end, 18 are left."""
    clock = Clock([None, None, None], ends=60.0)
    run(monkeypatch, clock, base(minutes=30.0), tmp_path, ending=True)
    assert clock.budgets == [9, 9, 9]
    clock = Clock([None, None, None], ends=120.0)
    run(monkeypatch, clock, base(minutes=30.0), tmp_path / "slow", ending=True)
    assert clock.budgets == [9, 7.5, 7.5]


def test_what_is_finished_is_kept_and_has_had_its_share(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "part-1").mkdir()
    (tmp_path / "part-1" / "model.safetensors").touch()
    clock = Clock([None, None])
    assert list(run(monkeypatch, clock, base(minutes=30.0), tmp_path, ending=False)) == ["part-2", "part-3"]
    assert clock.budgets == [10, 10]


def test_steps_are_those_of_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = Clock([1.0, 1.0, 1.0])
    run(monkeypatch, clock, base(steps=70), tmp_path, ending=True)
    recipes = [read_recipe(tmp_path / f"part-{number}") for number in (1, 2, 3)]
    assert [(recipe.schedule.steps, recipe.schedule.seed) for recipe in recipes] == [(70, 11), (70, 12), (70, 13)]
    assert clock.budgets == [None] * 3


def test_short_trainings_validate_less_often(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(monkeypatch, Clock([None] * 3), base(minutes=30.0, validations=10), tmp_path / "planned", ending=False)
    assert read_recipe(tmp_path / "planned" / "part-1").schedule.validations == 4
    said = base(minutes=30.0, validations=10)
    said = replace(said, recipe=said.recipe.model_copy(update={"reasons": {"schedule.validations": "you said so"}}))
    run(monkeypatch, Clock([None] * 3), said, tmp_path / "said", ending=False)
    assert read_recipe(tmp_path / "said" / "part-1").schedule.validations == 10


def test_progress_is_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of four, half way after 30 s with 30 s to go: 3/8 done, 30 s and two minutes left."""
    clock, told = Clock([]), list[Progress]()
    monkeypatch.setattr(several, "time", clock)
    watch = several._Watch(4, 1, told.append)
    watch.begin("fold 2 of 4")
    clock.now += 30
    watch(Progress(5, 0.5, 0.2, 0.6, 30.0, "training"))
    assert told == [Progress(5, 0.375, 0.2, 0.6, 150.0, "fold 2 of 4: training")]


@pytest.mark.parametrize("place", [Place(devices=2), Place(nodes=2)])
def test_several_devices_are_refused(place: Place) -> None:
    with pytest.raises(TrainingError, match=r"--folds trains on one device, .* Leave out --devices and --nodes"):
        one_device(place, "--folds")


def test_one_device_is_taken() -> None:
    assert one_device(Place("cpu", "auto"), "--curve") == Place("cpu", 1)
