"""A command and all processes that it starts: their memory over time, and a sudden end of all of them."""

import contextlib
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        peaks: bytes of RSS at most, of each process in the order of their starts, by the kernel's own account
            (VmHWM): also what was there between two samples. What a process took after the last look at it is missing.
    """

    seconds: float
    killed: bool
    samples: tuple[Sample, ...]
    peaks: tuple[int, ...]


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
    peaks: dict[psutil.Process, int] = {}
    with open(log, "ab") as words, subprocess.Popen(command, stdout=words, stderr=words) as process:
        try:
            while process.poll() is None:
                spent = time.monotonic() - began
                if kill_after is not None and spent >= kill_after:
                    _kill(process)
                    return Watched(spent, True, tuple(samples), tuple(peaks.values()))
                tree = _tree(process.pid)
                memory = _memory(tree)
                samples += _sample(list(memory.values()), spent)
                peaks |= {one: max(used.rss, _peak(one.pid), peaks.get(one, 0)) for one, used in memory.items()}
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(PERIOD)
        finally:
            _kill(process)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(command))
    return Watched(time.monotonic() - began, False, tuple(samples), tuple(peaks.values()))


def _tree(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _memory(tree: Sequence[psutil.Process]) -> dict[psutil.Process, Any]:
    """What psutil says of each; those that have just ended are left out."""
    found = {}
    for process in tree:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            found[process] = process.memory_full_info()
    return found


def _sample(memory: Sequence[Any], seconds: float) -> Iterator[Sample]:
    """One sample; none where all processes have ended."""
    if memory:
        rss, pss, uss = (sum(getattr(one, kind) for one in memory) for kind in ("rss", "pss", "uss"))
        yield Sample(round(seconds, 1), len(memory), rss, pss, uss, max(one.rss for one in memory))


def _peak(pid: int) -> int:
    """The largest resident memory that a process ever had, bytes; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


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
