"""What the steps of gigapixel.py share: phantoms, the small net, the command under test, what was measured."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from process_tree import Watched, watch

from unmask.data.phantom import Phantom, write_folder
from unmask.data.phantom.large import write_large
from unmask.version import __version__

__all__ = ["SEED", "Bench"]

SEED = 11
UNMASK = (sys.executable, "-m", "unmask")
NET = ("--set", "network.width=8", "--set", "network.depth=3", "--minutes", "3")


@dataclass(frozen=True)
class Bench:
    """What was typed.

    Attributes:
        work: the folder for all files.
        side: of the large phantom, pixels.
        sides: of those of `cost`.
        workers: as `unmask predict --workers`; 0: left out.
        memory: as `unmask predict --memory`.
        docs: folder of the plot.
    """

    work: Path
    side: int
    sides: tuple[int, ...]
    workers: int
    memory: str
    docs: Path

    def __post_init__(self) -> None:
        self.work.mkdir(parents=True, exist_ok=True)

    def image(self, side: int) -> Path:
        """The phantom of that side, made where it is not there."""
        image = self.work / f"{side}.ome.zarr"
        made_of = {"seed": SEED}
        if not self.has(f"{side}", made_of):
            began = time.monotonic()
            phantom, truth, workers = Phantom("nuclei", (side, side), SEED), self.truth(side), max(1, self.workers)
            count = write_large(
                image, phantom, truth=truth, workers=workers, progress=partial(_tell, f"phantom {side}")
            )
            self.keep(f"{side}", made_of | {"objects": count, "seconds": round(time.monotonic() - began, 1)})
        return image

    def truth(self, side: int) -> Path:
        """The label image of a phantom's objects."""
        return self.work / f"{side}.truth.zarr"

    def model(self) -> Path:
        """The small net, trained where it is not there."""
        run, data = self.work / "model", self.work / "training"
        if not (run / "model.safetensors").exists():
            if not data.exists():
                write_folder(data, "nuclei", 12, 4, 384, SEED + 1)
            subprocess.run([*UNMASK, "train", str(data), "--out", str(run), *NET], check=True)
        return run

    def predict(self, image: Path, out: Path, kill_after: float | None = None) -> Watched:
        """`unmask predict` of an image into a folder, watched."""
        workers = ("--workers", str(self.workers)) if self.workers else ()
        options = ("--memory", self.memory, *workers, "--verify-seams", "--save", "labels,table")
        command = [*UNMASK, "predict", str(self.model()), str(image), "--out", str(out), *options]
        return watch(command, self.work / "log.txt", kill_after)

    def conditions(self) -> dict[str, int | str | None]:
        """What decides how long a prediction takes, as it stands in all that is kept of one."""
        weights = (self.model() / "model.safetensors").read_bytes()
        return {
            "workers": self.workers,
            "memory": self.memory,
            "unmask": __version__,
            "model": hashlib.sha256(weights).hexdigest(),
            "cores": os.cpu_count(),
        }

    def has(self, name: str, conditions: Mapping[str, Any]) -> bool:
        """Whether an earlier step measured it under these conditions."""
        if not (self.work / f"{name}.json").exists():
            return False
        return conditions.items() <= self.kept(name).items()

    def keep(self, name: str, values: dict[str, Any]) -> None:
        """Writes what was measured."""
        (self.work / f"{name}.json").write_text(json.dumps(values) + "\n", encoding="utf-8")

    def kept(self, name: str) -> dict[str, Any]:
        """What an earlier step measured."""
        values: dict[str, Any] = json.loads((self.work / f"{name}.json").read_text(encoding="utf-8"))
        return values


def _tell(what: str, done: int, of: int) -> None:
    """Progress, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r{what}: {done} of {of}", end="" if done < of else "\n", file=sys.stderr, flush=True)
