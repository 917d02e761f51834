"""unmask reproduce."""

import shlex
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unmask.errors import TrainingError

if TYPE_CHECKING:
    from unmask.reproduce.claim import Claim
    from unmask.reproduce.result import Result

__all__ = ["reproduce"]


def reproduce(
    name: Annotated[
        str | None, typer.Argument(help="Of a published result; all are listed unless given.", metavar="NAME")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Where its data are; fetched as unmask data does unless given.", metavar="DIR"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder to make; reproduce-NAME unless given.", metavar="DIR")
    ] = None,
    seeds: Annotated[int, typer.Option(help="How many trainings, to see their spread.", min=1)] = 1,
    minutes: Annotated[
        float | None, typer.Option(help="Training time of each; the recipe's unless given.", min=0.1)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Repeat a published result: paper, other tools and ours side by side. Killed? The same command goes on."""
    import json as json_module
    import sys

    from unmask.reproduce.claim import claim_names, read_claim

    if name is None:
        claims = [read_claim(one) for one in claim_names()]
        if json:
            print(json_module.dumps([one.model_dump(mode="json") for one in claims], indent=1, ensure_ascii=False))
        else:
            _list(claims)
        return
    claim = read_claim(name)
    if claim.simulated is not None and data is not None:
        raise typer.BadParameter(f"{claim.name} is simulated: leave --data out")
    place = out or Path(f"reproduce-{claim.name}")
    typed = ["unmask", "reproduce", claim.name]
    typed += [] if data is None else ["--data", str(data)]
    typed += ["--seeds", str(seeds)] if seeds > 1 else []
    typed += [] if minutes is None else ["--minutes", f"{minutes:g}"]
    with redirect_stdout(sys.stderr) if json else nullcontext():
        try:
            result = _run(claim, data, place, seeds, minutes, shlex.join(typed))
        except KeyboardInterrupt:
            remedy = "type the same command again to go on"
            raise TrainingError("stopped; what is finished is kept", file=place, remedy=remedy) from None
        _tell(claim, result, place)
    if json:
        print(json_module.dumps(result.to_dict(), indent=1, ensure_ascii=False))


def _run(claim: "Claim", data: Path | None, out: Path, seeds: int, minutes: float | None, typed: str) -> "Result":
    """Data fetched where they are not given, then every seed with its progress bar."""
    from unmask.cli.data import data as fetch
    from unmask.cli.show import console, training_bar, understood
    from unmask.reproduce.folder import claim_folder

    budget = claim.minutes if minutes is None else minutes
    console.print(f"[bold]{claim.title}[/bold]: {seeds} x {budget:g} minutes of training.")
    fetched = data is None and claim.public is not None
    if fetched:
        data = out / "public"
    claim_folder(claim, out, budget, data)
    if fetched:
        fetch(claim.public, data)
    from unmask.reproduce.run import Listener
    from unmask.reproduce.run import reproduce as run_claim

    listener = Listener(lambda sentence: console.print(f"{sentence}.", markup=False), understood, training_bar)
    return run_claim(claim, out, data=data, seeds=seeds, minutes=minutes, command=(typed,), listener=listener)


def _list(claims: "list[Claim]") -> None:
    from rich.markup import escape
    from rich.table import Table

    from unmask.cli.show import console
    from unmask.reproduce.side_by_side import expected_words

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column, justify in (("name", "left"), ("minutes", "right"), ("result", "left"), ("expected", "left")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for claim in claims:
        table.add_row(claim.name, f"{claim.minutes:g}", escape(claim.title), escape(expected_words(claim)))
    console.print(table)
    console.print(
        "\nMinutes are of one seed, on any machine; the score depends on it. Data: unmask data, or --data DIR."
    )
    console.print("Repeat one: unmask reproduce NAME --seeds 3")


def _tell(claim: "Claim", result: "Result", out: Path) -> None:
    """Side by side, what is not comparable, and where it is written."""
    from rich.markup import escape
    from rich.table import Table

    from unmask.cli.show import console
    from unmask.reproduce.page import caveats
    from unmask.reproduce.side_by_side import expected_words, rows

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for figure in claim.figures:
        table.add_column(escape(figure.head), justify="right", no_wrap=True)
    for row in rows(claim, [result]):
        table.add_row(escape(row.title), *row.cells)
    console.print(table)
    console.print(f"Expected: {escape(expected_words(claim))}.")
    for sentence in caveats(claim, result):
        console.print(f"- {escape(sentence)}")
    console.print(f"Written: {escape(str(out / 'result.json'))}, {escape(str(out / 'report.md'))}")
