"""unmask report."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["report"]


def report(
    run: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")],
    test: Annotated[
        Path | None, typer.Option(help="Predictions of unseen images, to be shown too; with --truth.", metavar="PRED")
    ] = None,
    truth: Annotated[Path | None, typer.Option(help="Their truth.", metavar="TRUTH")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write it; RUN/report.html unless given.")] = None,
) -> None:
    """Write RUN/report.html: data, recipe, curves, scores, and the best and worst images with outlines."""
    from unmask.cli.show import console
    from unmask.report.report import write_report

    if (test is None) != (truth is None):
        raise typer.BadParameter("--test and --truth go together")
    console.print(f"Written: {write_report(run, test=test, truth=truth, out=out)}")
