from pathlib import Path
from types import SimpleNamespace

import pytest

from unmask.errors import PredictionError
from unmask.model import Model
from unmask.predict.block_plan import plan_blocks


@pytest.fixture(scope="module")
def model(disc_run: Path) -> Model:
    return Model.load(disc_run)


class Taken:
    """A process that takes 700 MB, 400 of them alone."""

    def memory_full_info(self) -> SimpleNamespace:
        return SimpleNamespace(rss=700_000_000, uss=400_000_000)


@pytest.fixture(autouse=True)
def taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unmask.predict.block_plan.psutil.Process", Taken)


def test_more_memory_larger_tiles_less_overlap(model: Model) -> None:
    plans = [plan_blocks(model, (20_000, 30_000), memory) for memory in (1_170_000_000, 1_220_000_000, 3 * 10**9)]
    assert plans[0].side < plans[1].side < plans[2].side == 1024
    assert plans[0].redundant > plans[1].redundant > plans[2].redundant > 0
    assert plans[0].blocks > plans[2].blocks == 600
    assert 1_160_000_000 < plans[0].memory <= 1_170_000_000
    assert plans[1].memory <= 1_220_000_000


def test_one_tile_has_no_overlap(model: Model) -> None:
    side = 16 * model.halo.stride
    assert model.unpadded is not None, "a padded network"
    assert plan_blocks(model, (side, side), 10**9, side=side).redundant == pytest.approx(0, abs=1e-12)


def test_workers_share_the_memory(model: Model) -> None:
    one, four = (plan_blocks(model, (9_000, 9_000), 8 * 10**9, workers) for workers in (0, 4))
    assert (one.workers, four.workers) == (1, 4)
    assert four.memory > one.memory + 4 * 400_000_000
    assert "4 workers" in str(four)
    assert "workers" not in str(one)


def test_the_sentence(model: Model) -> None:
    words = str(plan_blocks(model, (3_000, 2_000), 8 * 10**9, side=500))
    assert words.startswith("3,000 x 2,000 pixels in 24 blocks of ")
    assert "of the network's work is overlap" in words


def test_too_little_memory_for_the_workers(model: Model) -> None:
    with pytest.raises(
        PredictionError, match=r"2\.0 GB of memory are too little for 4 workers\. Give --memory \d\.\dGB"
    ):
        plan_blocks(model, (9_000, 9_000), 2 * 10**9, 4)


def test_workers_elsewhere_have_memory_of_their_own(model: Model) -> None:
    alone = plan_blocks(model, (9_000, 9_000), 2 * 10**9)
    elsewhere = plan_blocks(model, (9_000, 9_000), 2 * 10**9, 4, elsewhere=True)
    assert (elsewhere.side, elsewhere.memory) == (alone.side, alone.memory)
    assert str(elsewhere).endswith("GB of memory for each of 4 workers")
    with pytest.raises(PredictionError, match=r"Give --memory 1\.2GB"):
        plan_blocks(model, (9_000, 9_000), 10**9, 4, elsewhere=True)


def test_tiles_are_never_mostly_overlap(model: Model) -> None:
    assert plan_blocks(model, (9_000, 9_000), 1).side >= 4 * model.halo.halo // model.halo.stride * model.halo.stride
