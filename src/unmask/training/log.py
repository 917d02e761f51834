"""log.csv, a row for each validation, and loss.csv, a row for each hundredth of the run."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from unmask.data.files import write_text

__all__ = ["write_log"]


def write_log(path: Path, rows: Sequence[dict[str, float]]) -> None:
    """Write all rows, whole or not at all; columns are the keys of the first row."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["step"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in rows)
    write_text(path, text.getvalue())
