"""unmask data."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from unmask.public.catalogue import PublicSet
    from unmask.public.fetch import Fetched

__all__ = ["data"]

COMMERCIAL = {
    "no": "Not for commercial use without permission.",
    "some": "Some of it is not for commercial use.",
    "unknown": "Nobody says that commercial use is allowed.",
}


def data(
    name: Annotated[
        str | None, typer.Argument(help="Of a public data set; all are listed unless given.", metavar="NAME")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Fetch it: the folder to make.", metavar="DIR", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List public data sets, show one's licence and citation, or fetch it. Stopped? The same command goes on."""
    import json as json_module

    from rich.console import Console

    from unmask.cli.show import console
    from unmask.public.sets import SETS, find_set

    say = Console(stderr=True, soft_wrap=True, highlight=False) if json else console
    if name is None:
        if out is not None:
            raise typer.BadParameter("name a data set to fetch; `unmask data` lists them")
        if json:
            print(json_module.dumps({"sets": [_tree(one) for one in SETS]}, indent=1, ensure_ascii=False))
        else:
            _list(console, SETS)
        return
    chosen = find_set(name)
    if out is None and json:
        print(json_module.dumps(_tree(chosen), indent=1, ensure_ascii=False))
        return
    _describe(say, chosen)
    if out is None:
        say.print(f"\nFetch it: unmask data {chosen.name} --out DIR")
        return
    fetched = _fetch(say, chosen, out)
    _tell(say, fetched)
    if json:
        found = {"folder": str(fetched.folder), "already_there": fetched.before, "images": fetched.images}
        print(json_module.dumps(found | fetched.source, indent=1, ensure_ascii=False))


def _list(console: "Console", sets: "tuple[PublicSet, ...]") -> None:
    from rich.table import Table

    from unmask.public.catalogue import megabytes

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column, justify in (("name", "left"), ("shows", "left"), ("images", "right"), ("download", "right")):
        table.add_column(column, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("licence", no_wrap=True)
    table.add_column("checked by", no_wrap=True)
    for one in sets:
        licence = one.licence + " *" * (one.commercial != "yes")
        size = "~" * any(not archive.exact for archive in one.archives) + megabytes(one.size)
        table.add_row(one.name, one.shows, f"{one.images:,}", size, licence, one.checked)
    console.print(table)
    console.print("\n* commercial use is not, or not surely, allowed. Terms and citation: unmask data NAME")
    console.print("unverified: no checksum is published; files, their number and size are checked instead.")
    console.print("Fetch one: unmask data NAME --out DIR")


def _describe(console: "Console", chosen: "PublicSet") -> None:
    """What it shows and on which terms, before anything is downloaded."""
    from rich.markup import escape

    from unmask.public.catalogue import megabytes

    console.print(f"[bold]{escape(chosen.title)}[/bold] ({chosen.homepage})")
    console.print(escape(chosen.about))
    console.print(f"[bold]Licence[/bold]: {escape(chosen.licence)}. {escape(chosen.terms)}")
    if chosen.commercial != "yes":
        console.print(f"[bold yellow]{COMMERCIAL[chosen.commercial]}[/bold yellow]")
    console.print(f"[bold]Cite[/bold]: {escape(chosen.citation)}.")
    for archive in chosen.archives:
        size = ("" if archive.exact else "about ") + megabytes(archive.size)
        console.print(f"[bold]Download[/bold]: {archive.url}, {size}. {archive.checked}: {escape(archive.source)}.")


def _fetch(console: "Console", chosen: "PublicSet", out: Path) -> "Fetched":
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from unmask.errors import FetchError
    from unmask.public.download import Listener
    from unmask.public.fetch import fetch

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, of: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=of, completed=done)  # a resumed one is not as fast as that
            bar.update(tasks[what], completed=done, total=of)

        try:
            return fetch(chosen, out, Listener(lambda sentence: console.print(escape(sentence)), tell))
        except KeyboardInterrupt:
            remedy = "type the same command again to go on"
            raise FetchError("stopped; what was downloaded is kept", file=out, remedy=remedy) from None


def _tell(console: "Console", fetched: "Fetched") -> None:
    from rich.markup import escape

    if fetched.before:
        console.print(f"{escape(str(fetched.folder))} is there already and whole: nothing was downloaded.")
        return
    for sentence in fetched.source["rearranged"]:
        console.print(escape(sentence))
    console.print(f"unmask reads it: {escape(fetched.understood)}")
    console.print(f"Fetched: {escape(str(fetched.folder))}. Next: unmask plan {escape(str(fetched.folder))}")


def _tree(chosen: "PublicSet") -> dict[str, Any]:
    """A set as a tree for machines."""
    archives = [
        {
            "url": one.url,
            "size": one.size,
            "size_is_exact": one.exact,
            "sha256": one.sha256,
            "md5": one.md5,
            "checked": one.checked,
            "source": one.source,
        }
        for one in chosen.archives
    ]
    words = ("name", "title", "about", "images", "size", "licence", "terms", "commercial", "citation", "homepage")
    return {word: getattr(chosen, word) for word in words} | {"checked": chosen.checked, "archives": archives}
