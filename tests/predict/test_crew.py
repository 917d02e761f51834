from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Barrier, get_ident

import pytest
import torch

from unmask.nets import Halo
from unmask.predict.crew import Here
from unmask.predict.tiles import Cutting, Network

NETWORK = Network(Cutting(Halo(halo=1, stride=2, remainder=0, smallest=2, padded=True)), torch.neg)


@pytest.mark.parametrize("threads", [1, 3])
def test_every_task_once_with_its_number(threads: int) -> None:
    found = dict(Here(NETWORK, threads).each(lambda task: task * task, range(50)))
    assert found == {number: number * number for number in range(50)}


def test_tasks_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = Here(NETWORK, 2).each(lambda task: task, tasks())
    next(results)
    assert len(taken) <= 4
    results.close()
    assert len(taken) <= 4


def test_threads_work_at_once() -> None:
    meeting = Barrier(2, timeout=30)  # breaks unless two are there

    def work(task: int) -> int:
        meeting.wait()
        return get_ident()

    assert len({thread for _, thread in Here(NETWORK, 2).each(work, range(4))}) == 2


def test_the_network_computes_one_tile_at_a_time() -> None:
    inside: list[int] = []
    most: list[int] = []

    def engine(batch: torch.Tensor) -> torch.Tensor:
        inside.append(1)
        most.append(len(inside))
        batch = batch @ batch
        inside.pop()
        return batch

    here = Here(replace(NETWORK, logits=engine, inner=engine), 4)
    network = here.network(lambda: Path("unused"))
    list(here.each(lambda task: network().of(task % 2 == 0)(torch.ones(200, 200)), range(40)))
    assert max(most) == 1


@pytest.mark.parametrize("threads", [1, 2])
def test_errors_arrive(threads: int) -> None:
    def work(task: int) -> int:
        if task == 5:
            raise OSError("the disk is full")
        return task

    with pytest.raises(OSError, match="the disk is full"):
        list(Here(NETWORK, threads).each(work, range(10)))
