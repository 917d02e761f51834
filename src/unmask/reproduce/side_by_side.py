"""Papers, peers and measured results as rows of one table, in text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from unmask.reproduce.claim import Claim, Figure, Published
from unmask.reproduce.result import Result, Spread

__all__ = ["NOT_MEASURED", "Row", "decimal", "expected_words", "measured_row", "published_row", "rows", "with_spread"]

NOT_MEASURED = "not measured yet"


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        title: whose figures these are.
        cells: one a figure, in words; empty where there is none.
    """

    title: str
    cells: tuple[str, ...]


def rows(claim: Claim, results: Sequence[Result]) -> list[Row]:
    """Papers first, then peers, then results."""
    order = ("paper", "peer")
    published = sorted(claim.published, key=lambda one: order.index(one.kind))
    return [
        *(published_row(one, claim.figures) for one in published),
        *(measured_row(one, claim.figures) for one in results),
    ]


def published_row(published: Published, figures: Sequence[Figure]) -> Row:
    """Somebody's figures, as they wrote them."""
    cells = (published.figures.get(figure.key) for figure in figures)
    return Row(published.row, tuple("" if value is None else _written(value) for value in cells))


def measured_row(result: Result, figures: Sequence[Figure]) -> Row:
    """Figures of a result: mean, and spread where there are several seeds."""
    count = f", {len(result.seeds)} seeds" if len(result.seeds) > 1 else ", 1 seed"
    cells = (result.figure(figure.key) for figure in figures)
    title = f"{result.tool}, {result.minutes:g} {'minute' if result.minutes == 1 else 'minutes'}{count}"
    return Row(title, tuple("" if found is None else with_spread(found) for found in cells))


def with_spread(found: Spread) -> str:
    """Mean and standard deviation to as many decimals: .836 ± .004; of one seed the value alone."""
    places = _places(found.mean)
    return decimal(found.mean, places) + ("" if found.std is None else f" ± {decimal(found.std, places)}")


def decimal(value: float, places: int | None = None) -> str:
    """Three decimals, or three digits of what is below .1; without the 0 before the point: .836, .0611."""
    text = f"{value:.{_places(value) if places is None else places}f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def expected_words(claim: Claim) -> str:
    """What the recipe reaches, in words: each figure with its mean, or that nobody measured it."""
    expected = claim.expected
    head = {figure.key: figure.head for figure in claim.figures}
    known = [f"{head[key]} {decimal(value)}" for key, value in expected.figures.items() if value is not None]
    unknown = [head[key] for key, value in expected.figures.items() if value is None]
    seeds = "1 seed" if expected.seeds == 1 else f"mean of {expected.seeds} seeds"
    words = [f"{', '.join(known)} ({seeds}, {expected.machine})"] if known else []
    return "; ".join(words + ([f"{', '.join(unknown)} {NOT_MEASURED}"] if unknown else []))


def _places(value: float) -> int:
    """Decimals that show a value: three, or three digits of a small one."""
    return 3 if value == 0 or abs(value) >= 0.1 else 2 - math.floor(math.log10(abs(value)))


def _written(value: float) -> str:
    """A published value with all its digits, and as many as a measured one has."""
    digits = len(f"{value:.9f}".rstrip("0").partition(".")[2])
    return decimal(value, max(digits, _places(value)))
