"""Crew: who does the work on blocks. This process, processes on this machine, or a Dask cluster (`cluster.py`)."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Protocol, TypeVar

from torch import Tensor

from unmask.predict.tiles import Logits, Network

__all__ = ["Crew", "Here"]

Task = TypeVar("Task")
Result = TypeVar("Result")


class Crew(Protocol):
    """Does one piece of work on many tasks."""

    @property
    def size(self) -> int:
        """How many processes beside this one; 0 if it does the work itself."""
        ...

    @property
    def elsewhere(self) -> bool:
        """Whether its workers have memory of their own, on other machines."""
        ...

    def network(self, model: Callable[[], Path]) -> Callable[[], Network]:
        """What gives the network to each who works.

        Args:
            model: writes its file where all of them see it, and says where.
        """
        ...

    def each(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[tuple[int, Result]]:
        """The result of every task with the task's number, in any order; tasks are taken as they are needed."""
        ...


@dataclass(frozen=True)
class Here:
    """This process, with threads that share its memory.

    The network computes one tile at a time, with threads of its own, while the others read, decode and write: on a GPU
    the next tile is ready when it asks for it.

    Attributes:
        at_hand: the network.
        threads: how many.
    """

    at_hand: Network
    threads: int = 1

    @property
    def size(self) -> int:
        """None beside this one."""
        return 0

    @property
    def elsewhere(self) -> bool:
        """No."""
        return False

    def network(self, model: Callable[[], Path]) -> Callable[[], Network]:
        """The network that is there already."""
        turn = Lock()
        inner = None if self.at_hand.inner is None else _in_turn(self.at_hand.inner, turn)
        network = replace(self.at_hand, logits=_in_turn(self.at_hand.logits, turn), inner=inner)
        return lambda: network

    def each(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[tuple[int, Result]]:
        """The result of every task, in order."""
        if self.threads == 1:
            yield from enumerate(map(work, tasks))
            return
        waiting = iter(tasks)
        with ThreadPoolExecutor(self.threads) as pool:
            running: deque[Future[Result]] = deque(pool.submit(work, task) for task in islice(waiting, self.threads))
            number = 0
            while running:
                yield number, running.popleft().result()
                number += 1
                running.extend(pool.submit(work, task) for task in islice(waiting, 1))


def _in_turn(logits: Logits, turn: Lock) -> Logits:
    """What computes, for one thread at a time."""

    def compute(batch: Tensor) -> Tensor:
        with turn:
            return logits(batch)

    return compute
