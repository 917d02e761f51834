"""A learning curve as files: curve.csv for tables, curve.json with everything. No torch."""

import csv
import io
import json
from pathlib import Path
from statistics import fmean

from unmask.data.files import write_text
from unmask.errors import UnreadableFile
from unmask.training.learning_curve import Curve, Point

__all__ = ["read_curve", "write_curve"]


def write_curve(folder: Path, curve: Curve) -> None:
    """Write curve.csv, a row a training, and curve.json."""
    text = io.StringIO()
    columns = ["images", "repeat", "seed", "steps", "score", "standard_error", "ap_0.50", "folder"]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for point in curve.points:
        at_half = fmean(point.at_half.values()) if point.at_half else None
        cells = ["" if value is None else f"{value:.6g}" for value in (point.score, point.error, at_half)]
        writer.writerow([point.images, point.repeat, point.seed, point.steps, *cells, point.folder])
    write_text(folder / "curve.csv", text.getvalue())
    write_text(folder / "curve.json", json.dumps(curve.to_dict(), indent=1) + "\n")


def read_curve(folder: Path) -> Curve:
    """The curve of a run folder.

    Raises:
        UnreadableFile: there is none, it is damaged, or not all is trained yet.
    """
    file = folder / "curve.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return Curve(content["criterion"], tuple(Point(**point) for point in content["points"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise UnreadableFile(
            "not a learning curve that is finished",
            file=file,
            remedy=f"finish it: unmask train DATA --out {folder} --resume",
        ) from None
