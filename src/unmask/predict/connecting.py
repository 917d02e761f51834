"""Workers for blocks: processes that are started on this machine, or a Dask cluster that runs already."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import set_forkserver_preload
from pathlib import Path
from signal import SIG_IGN, SIGINT, signal
from threading import current_thread, main_thread

import torch

from unmask.errors import PredictionError
from unmask.predict.cluster import Cluster
from unmask.predict.crew import Crew, Here
from unmask.predict.engines import EngineName
from unmask.predict.predictor import Predictor

__all__ = ["connected", "crew_of", "local_workers"]

ANSWER, WAIT = 10.0, 60.0  # seconds for a scheduler to answer, and for its first worker
# Workers that are forked from one process share the memory that PyTorch takes, and start at once.
START = "forkserver" if sys.platform == "linux" else "spawn"


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
        yield Here(predictor.network, min(4, max(2, torch.get_num_threads())))


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
    from distributed.utils import get_mp_context

    threads = max(1, torch.get_num_threads() // count)
    with dask.config.set({"distributed.worker.multiprocessing-method": START}):
        get_mp_context()  # Dask names its own modules the first time, in place of ours
        set_forkserver_preload(["unmask.predict.cluster", "unmask.predict.block_job"])
        with _deaf():
            cluster = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                memory_limit=None,  # --memory is what holds it down; a pause or a kill in between would help nobody
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            )
        with cluster, Client(cluster, set_as_default=False) as client:
            yield Cluster(client, engine, device, threads)


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that are started here do not hear Ctrl-C, which a terminal sends to all: this one ends them."""
    if current_thread() is not main_thread():  # no other may say so
        yield
        return
    before = signal(SIGINT, SIG_IGN)
    try:
        yield
    finally:
        signal(SIGINT, before)


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
    from distributed.utils import silence_logging_cmgr

    where = _address(address)
    try:
        client = Client(where, timeout=ANSWER, set_as_default=False)
    except (OSError, TimeoutError) as error:
        problem = f"--scheduler {address}: no Dask scheduler answers there ({error})"
        raise PredictionError(problem, remedy="start one: dask scheduler; docs/cluster.md says how") from None
    with silence_logging_cmgr(logging.CRITICAL), client:  # connections that break are told once, by `_explained`
        try:
            client.wait_for_workers(1, timeout=wait)
        except TimeoutError:
            problem = f"--scheduler {address}: no worker has joined it"
            place = address if "://" in address else f"--scheduler-file {address}"
            raise PredictionError(problem, remedy=f"start some: dask worker {place} --nthreads 1") from None
        yield Cluster(client, engine, device, elsewhere=True)


def _address(scheduler: str) -> str:
    """The address of a scheduler, or that in its file; looked at here, as a client that fails half-built hangs.

    Raises:
        PredictionError: neither an address nor a scheduler file, or TLS without certificates.
    """
    from distributed.comm.registry import get_backend
    from distributed.security import Security

    address = scheduler
    try:
        if "://" not in scheduler and (scheduler.endswith(".json") or Path(scheduler).exists()):
            address = json.loads(Path(scheduler).read_text(encoding="utf-8"))["address"]
        protocol, found, place = address.partition("://")
        if not found or not place.rpartition(":")[2].isdigit():
            raise ValueError("such as tcp://10.0.0.1:8786, or the file of dask scheduler --scheduler-file")
        get_backend(protocol)
        if protocol == "tls" and Security().get_connection_args("client")["ssl_context"] is None:
            raise ValueError("no certificates are configured")
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "strerror", None) or error
        problem = f"--scheduler {scheduler} is neither an address of a Dask scheduler nor its file ({reason})"
        raise PredictionError(problem, remedy="start one: dask scheduler; docs/cluster.md says how") from None
    return str(address)
