"""What the steps of gigapixel.py share: phantoms, the small net, the command under test, what was measured."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from process_tree import Watched, watch

from unmask.data.phantom import Phantom, write_folder
from unmask.data.phantom.large import write_large

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
        if not (self.work / f"{side}.json").exists():
            began = time.monotonic()
            phantom, truth, workers = Phantom("nuclei", (side, side), SEED), self.truth(side), max(1, self.workers)
            count = write_large(
                image, phantom, truth=truth, workers=workers, progress=partial(_tell, f"phantom {side}")
            )
            self.keep(f"{side}", {"objects": count, "seconds": round(time.monotonic() - began, 1)})
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
