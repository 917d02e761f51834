"""Recorder: what a run writes down as it goes. log.csv, loss.csv and TensorBoard events."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from unmask.data.files import write_text

__all__ = ["Recorder", "Row"]

Row = dict[str, float]

CURVE_POINTS = 100


class Recorder:
    """Writes a run's figures.

    Args:
        out: the run folder.
        writes: whether this process writes; of several devices' processes one does.

    Attributes:
        log: rows of log.csv, one a validation.
        losses: rows of loss.csv, one for each hundredth of the run: the mean loss since the last.
    """

    def __init__(self, out: Path, *, writes: bool) -> None:
        self.log: list[Row] = []
        self.losses: list[Row] = []
        self._recent: list[float] = []
        self._out = out
        self._events = SummaryWriter(str(out / "tensorboard")) if writes else None

    def restore(self, step: int, log: Sequence[Row], losses: Sequence[Row]) -> None:
        """Go on after `step`; events of later steps are dropped."""
        self.log, self.losses = list(log), list(losses)
        if self._events is not None:
            self._events.close()
            self._events = SummaryWriter(str(self._out / "tensorboard"), purge_step=step)

    def step(self, step: int, progress: float, loss: float, learning_rate: float) -> None:
        """A step was done; `progress` is 0 to 1."""
        self._scalars("train", step, {"loss": loss, "learning_rate": learning_rate})
        self._recent.append(loss)
        if progress >= (len(self.losses) + 1) / CURVE_POINTS:
            self.losses.append({"step": step, "loss": sum(self._recent) / len(self._recent)})
            self._recent = []

    def validation(self, row: Row, figures: Mapping[str, float]) -> None:
        """The validation images were predicted: `row` goes to log.csv, `figures` to TensorBoard."""
        self.log.append(row)
        self._scalars("validation", int(row["step"]), figures)
        _write(self._out / "log.csv", self.log)

    def write_losses(self) -> None:
        """Write loss.csv."""
        _write(self._out / "loss.csv", self.losses)

    def close(self) -> None:
        """End the events file."""
        if self._events is not None:
            self._events.close()

    def _scalars(self, group: str, step: int, values: Mapping[str, float]) -> None:
        if self._events is not None:
            for name, value in values.items():
                self._events.add_scalar(f"{group}/{name}", value, step)


def _write(path: Path, rows: Sequence[Row]) -> None:
    """Write all rows, whole or not at all; columns are the keys of the first row."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["step"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in rows)
    write_text(path, text.getvalue())
