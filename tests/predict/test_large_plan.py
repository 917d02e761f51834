"""The plan of a large image after an earlier run."""

import re
from pathlib import Path

import pytest

from unmask.cli.options import memory_bytes
from unmask.model import Model
from unmask.predict.crew import Here
from unmask.predict.large_folder import Earlier
from unmask.predict.large_plan import plan_large
from unmask.predict.predictor import Predictor


@pytest.mark.parametrize(("earlier", "length"), [(Earlier(1024, 3), 1000), (Earlier(768, 1), 668)])
def test_memory_that_keeps_what_is_finished(disc_run: Path, earlier: Earlier, length: int) -> None:
    """2,000 x 2,000 pixels: blocks are as long as the side allows, evenly large, and multiples of the stride, 4."""
    said: list[str] = []
    little = Predictor(Model.load(disc_run), "cpu", memory=1)
    here, size = Here(little.network), (2000, 2000)
    assert plan_large(little, size, here, earlier, said.append).side < length / 2
    found = re.search(rf"blocks of {length:,} x {length:,} take more.*; --memory (.*GB) keeps them", said[0])
    assert found is not None, said
    enough = Predictor(little.model, "cpu", memory=memory_bytes(found[1]))
    assert plan_large(enough, size, here, earlier, said.append).side == earlier.side
    assert len(said) == 3


def test_what_is_finished_is_kept_in_any_case(disc_run: Path) -> None:
    little = Predictor(Model.load(disc_run), "cpu", memory=1)
    said: list[str] = []
    assert plan_large(little, (2000, 2000), Here(little.network), Earlier(1024, 4), said.append).side == 1024
    assert len(said) == 1
