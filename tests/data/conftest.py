"""What tests of readers share: a call of a reader on damaged input, and what must come of it."""

import faulthandler
import os
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from unmask.errors import UnmaskError

MEMORY = 768 * 2**20  # bytes that a reader may take for a small damaged file
SECONDS = 5.0  # of processor time that it may take
HANG = 60.0  # seconds after which the test run ends with the stacks of all threads: it hangs in a decoder
LONGEST = 1_000  # characters of a message; a longer one has the damaged data in it

STATUS, REFERENCES = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@pytest.fixture(scope="session")
def assert_clear(pytestconfig: pytest.Config) -> Iterator[Callable[..., Any]]:
    """`assert_clear(function, *args)`: what it returned or the UnmaskError it raised; see `_clear`."""
    with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        stderr = os.dup(2)  # the real one: what pytest has captured is lost when the run ends at once
    yield partial(_clear, stderr)
    os.close(stderr)


def _clear(stderr: int, function: Callable[..., Any], *args: Any) -> Any:
    """Calls a reader on input that may be damaged, and checks that it ends well.

    Args:
        stderr: where stacks go when it hangs.
        function: the reader; must itself read all that would else be read later.
        args: its arguments.

    Returns:
        What the reader returned, or the UnmaskError that it raised.

    Raises:
        AssertionError: another exception, a warning, an error without file or remedy or with a message too long, more
            memory than `MEMORY` or more time than `SECONDS`.
    """
    before, start = _peak(reset=True), time.process_time()
    faulthandler.dump_traceback_later(HANG, exit=True, file=stderr)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            result = function(*args)
    except UnmaskError as error:
        result = error
    except Exception as error:
        raise AssertionError(f"{type(error).__name__} instead of an UnmaskError: {error}") from error
    finally:
        faulthandler.cancel_dump_traceback_later()
    taken, seconds = _peak() - before, time.process_time() - start
    assert not warned, f"warns: {warned[0]}"
    if isinstance(result, UnmaskError):
        assert all((result.problem, result.file, result.remedy)), f"says too little: {result}"
        assert len(str(result)) < LONGEST, f"says too much: {result}"
    assert taken < MEMORY, f"took {taken:,} bytes of memory"
    assert seconds < SECONDS, f"took {seconds:.1f} s"
    return result


def _peak(reset: bool = False) -> int:
    """The most memory, in bytes, that this process held since the last reset; 0 where /proc does not say it."""
    if not STATUS.exists():
        return 0
    if reset:
        REFERENCES.write_text("5")
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
