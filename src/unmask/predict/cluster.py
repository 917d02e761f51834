"""Many workers: blocks as Dask tasks, done by processes on this machine or by a cluster that runs already.

Pixels never travel: every worker reads the image and writes its blocks in files that all of them see. With a task goes
the job, with its result come the few numbers of a block. Dask gives a task to another worker when one dies; what was
half written then is written anew, to the same bytes.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from multiprocessing import set_forkserver_preload
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from unmask.errors import PredictionError
from unmask.model import Model
from unmask.predict.crew import Crew, Here
from unmask.predict.engines import EngineName, open_engine, open_network
from unmask.predict.predictor import Predictor
from unmask.predict.tiles import Network, usable_device
from unmask.version import __version__

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Cluster", "connected", "crew_of", "local_workers"]

AHEAD = 3  # tasks a worker: it never waits for the next
ANSWER, WAIT = 10.0, 60.0  # seconds for a scheduler to answer, and for its first worker
# Workers that are forked from one process share the memory that PyTorch takes, and start at once.
START = "forkserver" if sys.platform == "linux" else "spawn"
ON = "finished blocks are kept: type the same command again to go on"

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Cluster:
    """Workers of a Dask cluster.

    Attributes:
        client: the connection to its scheduler.
        engine: what computes the network there.
        device: where; None for a GPU if a worker has one, each worker its own where there are several.
        threads: that a worker computes with; None leaves it to PyTorch there.
    """

    client: "Client"
    engine: EngineName
    device: str | None
    threads: int | None = None

    @property
    def size(self) -> int:
        """Workers, as many as are there now."""
        return max(1, sum(self.client.nthreads().values()))

    def network(self, model: Path) -> Callable[[], Network]:
        """What loads the network once a worker, from the model's file.

        Raises:
            PredictionError: a worker does not see the file, or runs another version.
        """
        for worker, found in self._run(_seen, model).items():
            if isinstance(found, Exception) or found != __version__:
                reason = "does not see it" if isinstance(found, Exception) else f"runs unmask {found}"
                remedy = f"give --out on a disk that all workers share, and all of them unmask {__version__}"
                raise PredictionError(f"the worker {worker} {reason}", file=model, remedy=remedy)
        return partial(_loaded, model, self.engine, self.device, self.threads)

    def each(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[tuple[int, Result]]:
        """The result of every task with its number, as they come; a few tasks are on their way at once."""
        from distributed import as_completed

        waiting = enumerate(tasks)
        numbers: dict[Any, int] = {}

        def submitted(number: int, task: Task) -> Any:
            future = self.client.submit(work, task, pure=False)
            numbers[future.key] = number
            return future

        with _explained():
            first = islice(waiting, AHEAD * self.size)
            running = as_completed([submitted(*one) for one in first])
            for future in running:
                number, result = numbers.pop(future.key), future.result()
                running.update([submitted(*one) for one in islice(waiting, 1)])
                yield number, result

    def _run(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        with _explained():
            return dict(self.client.run(function, *arguments, on_error="return"))


@contextmanager
def crew_of(predictor: Predictor, workers: int | None, scheduler: str | None, device: str | None) -> Iterator[Crew]:
    """Who works for a predictor: so many processes on this machine, a cluster, or else this process.

    Raises:
        PredictionError: as `local_workers` and `connected`.
    """
    engine = predictor.engine.name
    if workers is not None:
        with local_workers(workers, engine, device) as cluster:
            yield cluster
    elif scheduler is not None:
        with connected(scheduler, engine, device) as cluster:
            yield cluster
    else:
        yield Here(predictor.network, max(2, torch.get_num_threads()))


@contextmanager
def local_workers(count: int, engine: EngineName, device: str | None) -> Iterator[Cluster]:
    """Processes on this machine, which share its cores.

    Args:
        count: of processes.
        engine: what computes the network.
        device: as for `Predictor`.

    Raises:
        PredictionError: they cannot be started.
    """
    import dask
    from distributed import Client, LocalCluster

    threads = max(1, torch.get_num_threads() // count)
    set_forkserver_preload([__name__, "unmask.predict.block_job"])
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": START}),
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            memory_limit=None,  # --memory is what holds it down; a pause or a kill in between would help nobody
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield Cluster(client, engine, device, threads)


@contextmanager
def connected(address: str, engine: EngineName, device: str | None, wait: float = WAIT) -> Iterator[Cluster]:
    """A Dask cluster that runs already.

    Args:
        address: of its scheduler, such as tcp://10.0.0.1:8786; or a scheduler file.
        engine: as for `local_workers`.
        device: of every worker.
        wait: seconds for its first worker.

    Raises:
        PredictionError: nobody answers there, or it has no worker.
    """
    from distributed import Client

    where: dict[str, Any] = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
    try:
        client = Client(**where, timeout=ANSWER, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        problem = f"--scheduler {address}: no Dask scheduler answers there ({error})"
        raise PredictionError(problem, remedy="start one: dask scheduler; docs/cluster.md says how") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=wait)
        except TimeoutError:
            problem = f"--scheduler {address}: no worker has joined it"
            raise PredictionError(problem, remedy=f"start some: dask worker {address} --nthreads 1") from None
        yield Cluster(client, engine, device)


@contextmanager
def _explained() -> Iterator[None]:
    """What Dask says of workers that die again and again, and of a scheduler that is gone, as an error of ours."""
    from distributed import KilledWorker
    from distributed.comm.core import CommClosedError

    try:
        yield
    except KilledWorker as error:
        workers = f"{error.allowed_failures + 1} workers died at the same block"
        raise PredictionError(workers, remedy=f"give less --memory, or fewer workers; {ON}") from None
    except (CommClosedError, TimeoutError) as error:
        raise PredictionError(f"the Dask scheduler is gone ({error})", remedy=f"start it; {ON}") from None


def _seen(model: Path) -> str:
    """On a worker: its version of unmask, if it sees the file."""
    os.stat(model)
    return __version__


@lru_cache(maxsize=1)
def _loaded(model: Path, engine: EngineName, device: str | None, threads: int | None) -> Network:
    """On a worker: the network, loaded when it is first asked for."""
    if threads is not None:
        torch.set_num_threads(threads)
    found = Model.load(model)
    return open_network(found, open_engine(found, usable_device(device or _own_gpu()), engine))


def _own_gpu() -> str | None:
    """One GPU a worker where there are several: that of the worker's number on this machine."""
    from distributed import get_worker

    count, name = torch.cuda.device_count(), get_worker().name
    return f"cuda:{int(name) % count}" if count > 1 and str(name).isdigit() else None
