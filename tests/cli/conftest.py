"""Commands as they are typed, in this process."""

import sys
from collections.abc import Callable

import pytest

import unmask.cli.main
import unmask.cli.show

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def unmask_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """What `unmask` does with arguments: exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["unmask", *map(str, arguments)])
        monkeypatch.setattr(unmask.cli.show.console, "quiet", False)
        with pytest.raises(SystemExit) as stop:
            unmask.cli.main.main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return run
