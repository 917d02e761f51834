"""A command and all processes that it starts: their memory over time, and a sudden end of all of them."""

import contextlib
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["Sample", "Watched", "watch"]

PERIOD = 1.0  # seconds between two looks


@dataclass(frozen=True)
class Sample:
    """Resident memory at one moment, bytes, summed over the processes.

    Attributes:
        seconds: since the command began.
        processes: how many there were.
        rss: pages that each maps; those that several share (libraries) count as often as they are mapped.
        pss: the same, shared pages divided among those that share them: what the command really takes.
        uss: pages that nobody shares.
        largest: RSS of the largest process.
    """

    seconds: float
    processes: int
    rss: int
    pss: int
    uss: int
    largest: int


@dataclass(frozen=True)
class Watched:
    """What a command took.

    Attributes:
        seconds: wall time.
        killed: whether it was ended before it was done.
        samples: about one a second.
    """

    seconds: float
    killed: bool
    samples: tuple[Sample, ...]


def watch(command: Sequence[str], log: Path, kill_after: float | None = None) -> Watched:
    """Runs a command to its end, or kills it (SIGKILL) with all that it started.

    Args:
        command: as typed.
        log: what it says is added to this file.
        kill_after: seconds, or None.

    Raises:
        CalledProcessError: the command fails; its words are in `log`.
    """
    began = time.monotonic()
    samples: list[Sample] = []
    with open(log, "ab") as words, subprocess.Popen(command, stdout=words, stderr=words) as process:
        try:
            while process.poll() is None:
                spent = time.monotonic() - began
                if kill_after is not None and spent >= kill_after:
                    _kill(process)
                    return Watched(spent, True, tuple(samples))
                samples += _looked_at(process.pid, spent)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(PERIOD)
        finally:
            _kill(process)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(command))
    return Watched(time.monotonic() - began, False, tuple(samples))


def _tree(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _looked_at(pid: int, seconds: float) -> Iterator[Sample]:
    """One sample; none where the processes have just ended."""
    found = []
    for process in _tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            found.append(process.memory_full_info())
    if found:
        rss, pss, uss = (sum(getattr(one, kind) for one in found) for kind in ("rss", "pss", "uss"))
        yield Sample(round(seconds, 1), len(found), rss, pss, uss, max(one.rss for one in found))


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """The whole tree at once, the command itself first, so that nobody can tidy up; nothing where it has ended."""
    if process.poll() is not None:
        return
    tree = _tree(process.pid)
    for one in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait()
    psutil.wait_procs(tree, timeout=30)
