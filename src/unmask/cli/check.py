"""unmask check."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unmask.cli.options import Classes, Data, Ignore, Layout, Objects, SplitFile, reading
from unmask.errors import UnmaskError

if TYPE_CHECKING:
    from unmask.check.doctor import Checkup
    from unmask.check.finding import Finding

__all__ = ["check"]

COLOURS = {"error": "bold red", "warning": "yellow", "note": "dim"}


def check(
    data: Data,
    fix: Annotated[
        Path | None,
        typer.Option("--fix", help="Write a mended copy of DATA to this new folder.", metavar="OUT"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write contact sheets (PNG, HTML) of DATA to this folder.", metavar="DIR"),
    ] = None,
    objects: Objects = False,
    classes: Classes = False,
    layout: Layout = None,
    ignore: Ignore = None,
    split_file: SplitFile = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what was found in DATA, what is wrong and what would mend it. Exit code 1: training would refuse it."""
    import json as json_module

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from unmask.check.doctor import check as run_check
    from unmask.check.mend import mend
    from unmask.check.sheet import write_sheet
    from unmask.cli.show import console

    options = reading(objects, classes, layout, ignore, split_file)
    say = Console(stderr=True) if json else console
    columns = (TextColumn("looking at images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=say, transient=True, disable=not say.is_terminal) as progress:
        task = progress.add_task("", total=None)
        found = run_check(data, options, on_progress=lambda n, of: progress.update(task, completed=n, total=of))
    if not json:
        show(found)
    written: dict[str, str] = {}
    if out is not None and found.dataset is not None:
        written["sheet"] = str(write_sheet(found, out))
    failed = None
    if fix is not None:
        try:
            written["fixed"] = f"{fix}, {mend(found, fix, options).sentence}"
        except UnmaskError as error:
            failed = error
            written["not_fixed"] = str(error)
    if json:
        print(json_module.dumps({**tree(found), **written}, indent=1))
    elif "sheet" in written:
        console.print(f"Pictures: {written['sheet']}")
    if not json and "fixed" in written:
        console.print(f"Mended copy: {written['fixed']}. The original is as it was.")
    if failed is not None:
        raise failed
    if found.count("error") and fix is None:
        raise typer.Exit(1)


def tree(found: "Checkup") -> dict[str, object]:
    """The object that `check --json` prints."""
    return {
        "data": str(found.root),
        "understood": None if found.understood is None else found.understood.to_dict(),
        "errors": found.count("error"),
        "warnings": found.count("warning"),
        "findings": [_finding(one) for one in found.findings],
    }


def _finding(one: "Finding") -> dict[str, object]:
    return {
        "code": one.code,
        "severity": one.severity,
        "title": one.title,
        "count": one.count,
        "amount": one.amount,
        "files": [str(file) for file in one.files],
        "details": list(one.details),
        "images": list(one.images),
        "effect": one.effect,
        "remedy": one.remedy,
    }


def show(found: "Checkup") -> None:
    """Print what was understood, and the findings."""
    from rich.markup import escape

    from unmask.cli.show import console, understood_table

    if found.understood is not None:
        console.print(understood_table(found.understood))
        console.print(escape(found.understood.decision))
    for one in found.findings:
        colour = COLOURS[one.severity]
        many = f"{one.count} {'file' if one.count == 1 else 'files'}"
        console.print(f"\n[{colour}]{one.severity}[/{colour}] [bold]{escape(one.title)}[/bold] ({many})")
        for file, detail in zip(one.files, one.details, strict=True):
            console.print(f"  {escape(str(file))}" + (f": {escape(detail)}" if detail else ""))
        if one.count > len(one.files):
            console.print(f"  and {one.count - len(one.files)} more")
        console.print(f"  [dim]In training:[/dim] {escape(one.effect)}.")
        console.print(f"  [dim]What to do:[/dim] {escape(one.remedy)}.")
    console.print(f"\n{_verdict(found)}")


def _verdict(found: "Checkup") -> str:
    errors, warnings = found.count("error"), found.count("warning")
    if errors:
        return f"{errors} {'error' if errors == 1 else 'errors'}: training would refuse these data."
    if warnings:
        return f"Training can start; {warnings} {'warning' if warnings == 1 else 'warnings'} above."
    return "Nothing is wrong: training can start."
