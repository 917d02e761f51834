"""Result: what one tool reached on one data set within a budget, with all that says how; a JSON file.

    {"data": "dsb2018", "tool": "unmask U-Net", "command": ["unmask reproduce dsb2018"],
     "images": {"train": 342, "val": 40, "test": 91}, "minutes": 60.0, "machine": "...", "versions": {"torch": "..."},
     "date": "2025-01-31", "seeds": [{"seed": 0, "minutes": 59.8, "scores": {"objects": {"ap": {"0.50": 0.9}}}}],
     "notes": "..."}

`scores` is the tree of `unmask evaluate --json`. Peers in benchmarks/ write the same.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from unmask.data.files import write_text
from unmask.errors import UnreadableFile
from unmask.metrics.scores import Tree, flat

__all__ = ["Result", "SeedResult", "Spread", "read_result", "spread", "write_result"]


@dataclass(frozen=True)
class SeedResult:
    """One training of a tool.

    Attributes:
        seed: of weights, split and augmentation.
        minutes: wall time of the training, measured.
        scores: on the test images, as `unmask evaluate --json` gives them.
    """

    seed: int
    minutes: float
    scores: Tree

    def figure(self, key: str) -> float | None:
        """One score, such as "objects.ap_0.50" or "boundaries.v_rand"; None where there is none."""
        section, _, name = key.partition(".")
        tree = self.scores.get(section)
        return flat(tree).get(name) if isinstance(tree, dict) else None


@dataclass(frozen=True)
class Result:
    """Trainings of one tool with several seeds.

    Attributes:
        data: the data set, by the name that `unmask reproduce` knows.
        tool: which, with its version where it is not ours.
        command: what was typed, a line each.
        images: "train", "val" and "test" -> how many.
        minutes: the wall-time budget of each seed.
        machine: in words.
        versions: of packages.
        date: of the last seed, as 2025-01-31.
        seeds: one a training.
        notes: what a reader must know; may be empty.
    """

    data: str
    tool: str
    command: tuple[str, ...]
    images: dict[str, int]
    minutes: float
    machine: str
    versions: dict[str, str]
    date: str
    seeds: tuple[SeedResult, ...]
    notes: str = ""

    def figure(self, key: str) -> "Spread | None":
        """Mean and spread of a score over seeds; None where no seed has it."""
        values = [value for seed in self.seeds if (value := seed.figure(key)) is not None]
        return spread(values) if values else None

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)


@dataclass(frozen=True)
class Spread:
    """Mean, sample standard deviation (None of a single value) and number of values."""

    mean: float
    std: float | None
    count: int


def spread(values: Sequence[float]) -> Spread:
    """Mean and spread of at least one value."""
    return Spread(mean(values), stdev(values) if len(values) > 1 else None, len(values))


def write_result(file: Path, result: Result) -> None:
    """Write it, whole or not at all.

    Raises:
        UnmaskError: the file cannot be written.
    """
    write_text(file, json.dumps(result.to_dict(), indent=1, ensure_ascii=False) + "\n")


def read_result(file: Path) -> Result:
    """Read one.

    Raises:
        UnreadableFile: no such file, not JSON, or not a result; names the first part that is missing or wrong.
    """
    remedy = "write it again, with unmask reproduce or the script in benchmarks/ that made it"
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problem = f"is not a result ({(str(error).splitlines() or ['?'])[0]})"
        raise UnreadableFile(problem, file=file, remedy=remedy) from None
    try:
        return _result(values)
    except (KeyError, TypeError, ValueError) as error:
        part = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise UnreadableFile(f"is not a result ({part})", file=file, remedy=remedy) from None


def _result(values: Any) -> Result:
    """A result from plain values; KeyError, TypeError or ValueError says what of them is wrong."""
    if not isinstance(values, dict):
        raise TypeError("it is no object")
    if strange := values.keys() - {field.name for field in fields(Result)}:
        raise ValueError(f"it has {sorted(strange)[0]}, which nobody knows")
    seeds = tuple(SeedResult(int(one["seed"]), _positive(one["minutes"]), one["scores"]) for one in values["seeds"])
    if not seeds or len({one.seed for one in seeds}) < len(seeds):
        raise ValueError("it has no seeds, or one of them twice")
    if not isinstance(values["command"], list):
        raise TypeError("command is no list of lines")
    return Result(
        data=str(values["data"]),
        tool=str(values["tool"]),
        command=tuple(str(line) for line in values["command"]),
        images={word: int(values["images"][word]) for word in ("train", "val", "test")},
        minutes=_positive(values["minutes"]),
        machine=str(values["machine"]),
        versions={str(name): str(version) for name, version in values["versions"].items()},
        date=str(values["date"]),
        seeds=seeds,
        notes=str(values.get("notes", "")),
    )


def _positive(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"{value} is no number of minutes")
    return number
