"""What `unmask suggest` shows while it looks, and says when it is done."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from unmask.data.dataset import Dataset
    from unmask.predict.suggest import Suggestions

__all__ = ["looking", "tell_suggestions"]

MOST_NAMES = 3


@contextmanager
def looking(console: Console, images: "Dataset") -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar over images; gives what to call with (name, pixels done, pixels in all)."""
    places = {name: place for place, name in enumerate(images.names())}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("looking", total=len(images))
        yield lambda name, done, of: progress.update(task, completed=places[name] + done / of, description=name)


def tell_suggestions(chosen: "Suggestions", wanted: int, out: Path, data: str) -> None:
    """Print the crops, what was left out and what to do next.

    Args:
        chosen: the crops.
        wanted: how many were asked for.
        out: where they are.
        data: the folder that the model was trained on; empty where that is not known.
    """
    from rich.table import Table

    from unmask.cli.show import console

    if chosen.left_out:
        console.print(f"Left out, for the model's run had them with masks: {_named(chosen.left_out)}.", markup=False)
    if not chosen.crops:
        if not chosen.failed:
            console.print("No crop is left: all that would fit overlap crops that were annotated before.")
        return
    table = Table("", "image", "row", "column", "score", "why", box=None, pad_edge=False, header_style="dim")
    for rank, crop in enumerate(chosen.crops, start=1):
        table.add_row(str(rank), escape(crop.image), f"{crop.y}", f"{crop.x}", f"{crop.score:.3g}", crop.why)
    console.print(table)
    if len(chosen.crops) < wanted:
        console.print(f"There are no {wanted} crops of this size that do not overlap: {len(chosen.crops)} were found.")
    masks, place = out / "draft", shlex.quote(data) if data else "DATA"
    console.print(f"Look at them: {out / 'suggestions.png'}", markup=False)
    console.print(
        f"Next: correct the masks in {masks}, put them into masks/ and {out / 'crops'} into images/ of your data, and "
        f"train again: unmask train {place} --out NEW_RUN",
        markup=False,
    )


def _named(names: tuple[str, ...]) -> str:
    return ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")
