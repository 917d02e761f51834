"""Many workers: blocks as Dask tasks, done by the workers of a cluster (`connecting.py` says which).

Pixels never travel: every worker reads the image and writes its blocks in files that all of them see. With a task goes
the job, with its result come the few numbers of a block. Dask gives a task to another worker when one dies; what was
half written then is written anew, to the same bytes.
"""

import hashlib
import os
import pickle
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from unmask.errors import DataError, PredictionError
from unmask.model import Model
from unmask.predict.engines import EngineName, open_engine, open_network
from unmask.predict.tiles import Network, usable_device
from unmask.version import __version__

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Cluster"]

AHEAD = 3  # tasks a worker: it never waits for the next

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Cluster:
    """Workers of a Dask cluster.

    Attributes:
        client: the connection to its scheduler.
        engine: what computes the network there.
        device: where; None for a GPU if a worker has one. Of several GPUs each worker has its own, unless one is named.
        threads: that a worker computes with; None leaves it to PyTorch there.
        elsewhere: its workers have memory of their own.
    """

    client: "Client"
    engine: EngineName
    device: str | None
    threads: int | None = None
    elsewhere: bool = False

    @property
    def size(self) -> int:
        """Tasks that its workers do at once, as many as are there now."""
        return max(1, sum(self.client.nthreads().values()))

    def network(self, model: Callable[[], Path]) -> Callable[[], Network]:
        """What loads the network once a worker, from the model's file.

        Raises:
            PredictionError: a worker does not see the file, or runs another version or none, or dies.
        """
        file = model()
        for worker, found in self._run(_seen, file).items():
            if found == __version__:
                continue
            match found:
                case str():
                    reason, remedy = f"runs unmask {found}", f"install unmask {__version__} there"
                case FileNotFoundError() | PermissionError():
                    reason, remedy = "does not see it", "give --out on a disk that all workers share"
                case _:
                    reason = f"cannot start ({type(found).__name__}: {found})"
                    remedy = f"look at what it printed: it needs unmask {__version__}, and memory"
            raise PredictionError(f"the worker {worker} {reason}", file=file, remedy=remedy)
        fingerprint = hashlib.sha256(file.read_bytes()).hexdigest()  # workers outlive jobs, files are replaced
        return partial(_loaded, file, fingerprint, self.engine, self.device, self.threads)

    def each(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[tuple[int, Result]]:
        """The result of every task with its number, as they come; a few tasks are on their way at once."""
        from distributed import as_completed

        waiting = enumerate(tasks)
        numbers: dict[Any, int] = {}

        def submitted(number: int, task: Task) -> Any:
            future = self.client.submit(_done, pickle.dumps((work, task)), pure=False)
            numbers[future.key] = number
            return future

        with _explained():
            first = islice(waiting, AHEAD * self.size)
            running = as_completed([submitted(*one) for one in first], loop=self.client.loop)
            for future in running:
                number, result = numbers.pop(future.key), future.result()
                running.update([submitted(*one) for one in islice(waiting, 1)])
                yield number, result

    def _run(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        with _explained():
            return dict(self.client.run(function, *arguments, on_error="return"))


@contextmanager
def _explained() -> Iterator[None]:
    """What Dask says of workers that die again and again, and of a scheduler that is gone, as an error of ours."""
    from concurrent.futures import CancelledError

    from distributed import KilledWorker
    from distributed.comm.core import CommClosedError

    try:
        yield
    except KilledWorker as error:
        problem = f"{error.allowed_failures + 1} workers died at the same block; finished blocks are kept"
        raise PredictionError(problem, remedy="give less --memory, or fewer workers") from None
    except RuntimeError as error:
        if "deserialization" not in str(error):
            raise
        problem = "the Dask scheduler runs in an environment without unmask"
        raise PredictionError(problem, remedy=f"start it where unmask {__version__} is installed") from None
    except (CommClosedError, TimeoutError, CancelledError):
        problem = "the Dask scheduler is gone; finished blocks are kept"
        raise PredictionError(problem, remedy="start it, and its workers") from None


def _done(packed: bytes) -> Any:
    """On a worker: the result of a piece of work on a task.

    Both come packed, as unpacking opens the image: an error there is that of a task here, while Dask loses the worker
    at a task that cannot be unpacked, and its scheduler need not see the image.

    Raises:
        PredictionError: this worker cannot open the image.
    """
    from distributed import get_worker

    try:
        work, task = pickle.loads(packed)
    except DataError as error:
        problem = f"the worker {get_worker().address} cannot read it: {error.problem}"
        remedy = "put the images on a disk that all workers share, under the same path"
        raise PredictionError(problem, file=error.file, remedy=remedy) from None
    return work(task)


def _seen(model: Path) -> str:
    """On a worker: its version of unmask, if it sees the file."""
    os.stat(model)
    return __version__


@lru_cache(maxsize=1)
def _loaded(model: Path, fingerprint: str, engine: EngineName, device: str | None, threads: int | None) -> Network:
    """On a worker: the network, loaded when it is first asked for."""
    if threads is not None:
        torch.set_num_threads(threads)
    found = Model.load(model)
    if found.fingerprint != fingerprint:
        raise PredictionError("another model is there by now", file=model, remedy="type the same command again")
    chosen = _own_gpu() if device in (None, "cuda") else device
    return open_network(found, open_engine(found, usable_device(chosen or device), engine))


def _own_gpu() -> str | None:
    """One GPU a worker where there are several, by the last number in the worker's name; None: the first."""
    from distributed import get_worker

    count, numbers = torch.cuda.device_count(), re.findall(r"\d+", str(get_worker().name))
    return f"cuda:{int(numbers[-1]) % count}" if count > 1 and numbers else None
