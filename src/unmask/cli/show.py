"""How commands talk: tables and progress bars on stderr's or stdout's console."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

if TYPE_CHECKING:
    from unmask.data.understood import Understood
    from unmask.metrics.scores import Scores
    from unmask.recipe import Recipe
    from unmask.training.loop import Progress as TrainingProgress
    from unmask.training.setup import Setup

__all__ = ["console", "recipe_table", "scores_table", "training_bar", "understood", "understood_table"]

# A file or pipe has no width of its own; 80 columns would break tables.
console = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else 160)


def understood(setup: "Setup", weights: str = "") -> None:
    """Print what was understood of a data set, and the weights that training starts from."""
    dataset, split = setup.dataset, setup.split
    if setup.understood is None:
        console.print(f"[bold]{escape(str(dataset.root))}[/bold]: {len(dataset)} images. {escape(dataset.pairing)}")
    else:
        console.print(understood_table(setup.understood))
    console.print(escape(dataset.decision))
    if not split["val"]:
        console.print("No image to validate on: figures below are of the training images.")
    if weights:
        console.print(escape(weights))


def understood_table(found: "Understood") -> Table:
    """A data set in a few numbers."""
    table = Table(box=None, pad_edge=False, show_header=False, title=escape(found.data), title_justify="left")
    table.add_column(style="dim")
    table.add_column()
    for label, value in found.rows():
        table.add_row(label, escape(value))
    return table


def recipe_table(recipe: "Recipe") -> Table:
    """Every value of a recipe with its reason."""
    from unmask.recipe import keys, used

    table = Table("value", "", "why", box=None, pad_edge=False, header_style="dim")
    values = used(recipe)
    reasons = dict(recipe.reasons)
    for key in keys(values):
        if key in ("reasons", "versions"):
            continue
        found: object = values
        for part in key.split("."):
            found = found[part]  # type: ignore[index]
        why = reasons.pop(key, "") or reasons.pop(key.partition(".")[0], "")
        table.add_row(f"[bold]{key}[/bold]" if why else key, escape(str(found)), escape(why))
    return table


def scores_table(scores: "dict[str, Scores]") -> Table:
    """Several predictions side by side, the best figure of each row in bold."""
    from unmask.metrics.comparison import compare_table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for name in scores:
        table.add_column(escape(name), justify="right")
    for row in compare_table(scores):
        cells = ["" if value is None else f"{value:.4g}" for value in row.values]
        cells = [f"[bold]{cell}[/bold]" if place in row.best else cell for place, cell in enumerate(cells)]
        table.add_row(f"{row.section} {row.key}", *cells)
    return table


@contextmanager
def training_bar() -> "Iterator[TrainingBar]":
    """A progress bar for training, with time left."""
    columns = ("[progress.description]{task.description}", "{task.fields[figures]}", "{task.fields[left]}")
    texts = [TextColumn(column) for column in columns]
    with Progress(texts[0], BarColumn(), *texts[1:], console=console) as progress:
        yield TrainingBar(progress)


class TrainingBar:
    """Draws training's progress; a line for every validation where nobody watches (a log file)."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("preparing", total=1.0, figures="", left="")
        self._loss: float | None = None
        self._best = float("-inf")

    def __call__(self, now: "TrainingProgress") -> None:
        """Show it."""
        if now.step == 1:  # of several trainings, another has begun
            self._loss, self._best = None, float("-inf")
        self._loss = now.loss if self._loss is None else 0.95 * self._loss + 0.05 * now.loss
        figures = f"step {now.step}  loss {self._loss:.3f}" + (f"  best {now.best:.3f}" if now.best > -1 else "")
        minutes, seconds = divmod(int(now.seconds_left), 60)
        left = f"{minutes}:{seconds:02d} left" if now.progress > 0 or now.seconds_left else ""
        self._progress.update(self._task, completed=now.progress, description=now.doing, figures=figures, left=left)
        if now.best > self._best and not console.is_terminal:
            console.print(f"step {now.step}: validation score {now.best:.4f}")
        self._best = max(self._best, now.best)
