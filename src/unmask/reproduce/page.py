"""report.md: paper, peers and ours side by side, what is not comparable, and how it was made."""

from collections.abc import Sequence
from pathlib import Path

from unmask.data.files import write_text
from unmask.reproduce.claim import Claim
from unmask.reproduce.result import Result
from unmask.reproduce.side_by_side import Row, expected_words, rows

__all__ = ["caveats", "markdown_table", "page", "write_page"]


def write_page(file: Path, claim: Claim, result: Result) -> None:
    """Write it, whole or not at all.

    Raises:
        UnmaskError: the file cannot be written.
    """
    write_text(file, page(claim, result))


def page(claim: Claim, result: Result) -> str:
    """The page as Markdown."""
    images = f"{result.images['train']} images train, {result.images['val']} validate, {result.images['test']} test"
    reports = ", ".join(f"[seed {one.seed}](seed{one.seed}/run/report.html)" for one in result.seeds)
    taken = ", ".join(f"{one.minutes:g}" for one in result.seeds)
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    parts = [
        f"# {claim.title}",
        "\n".join(f"    {line}" for line in result.command),
        f"{images}. Trained for {taken} minutes on {result.machine}; {result.date}; {versions}.",
        markdown_table([figure.head for figure in claim.figures], rows(claim, [result])),
        f"Expected: {expected_words(claim)}.",
        *(f"- {sentence}" for sentence in caveats(claim, result)),
        f"Pictures, curves and the whole recipe: {reports}.",
    ]
    return "\n\n".join(parts).replace("\n\n- ", "\n- ").replace(".\n- ", ".\n\n- ", 1) + "\n"


def caveats(claim: Claim, result: Result | None = None) -> list[str]:
    """What is not comparable, where figures come from, and what else a reader must know: a sentence each."""
    told = [f"{one.row}: {one.source}. {one.unlike}".strip() for one in claim.published]
    many = [] if result is None or len(result.seeds) > 1 else ["One seed shows no spread: type it with --seeds 3."]
    return [*told, *claim.notes, *many, *([result.notes] if result is not None and result.notes else [])]


def markdown_table(heads: Sequence[str], table: Sequence[Row]) -> str:
    """Rows as a table of Markdown."""
    lines = ["| | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join((row.title, *row.cells)) + " |" for row in table)])
