"""A Python environment of a benchmark's own, so that peers and their dependencies stay out of the project's."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["enter_environment"]

ROOT = Path(__file__).resolve().parent.parent


def enter_environment(folder: Path, requirements: Sequence[str]) -> None:
    """Go on only inside the environment: elsewhere it is made or brought up to date, and the script starts anew in it.

    Args:
        folder: of the environment; may be deleted at any time.
        requirements: as typed after `pip install` in the project's folder; installed again when they or the
            project's own do.
    """
    if Path(sys.prefix).resolve() == folder.resolve():  # either may be a link
        return
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    wanted = "\n".join([*requirements, (ROOT / "pyproject.toml").read_text()])
    if not installed.exists() or installed.read_text() != wanted:
        print(f"installing {' '.join(requirements)} into {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *requirements], check=True, cwd=ROOT)
        installed.write_text(wanted)
    os.execv(python, [str(python), *sys.argv])
