"""How a data set is to be read, where the user says more than the files do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn, TypeVar

from unmask.errors import UnmaskError
from unmask.recipe import DataRecipe

__all__ = ["OUTSIDE", "TOLERANT", "ReadOptions", "attempt", "options_of"]

Part = TypeVar("Part")

OUTSIDE = "outside"
"""As `ReadOptions.ignore`: what is not annotated is not known to be background."""


def _refuse(error: UnmaskError) -> NoReturn:
    raise error


@dataclass(frozen=True)
class ReadOptions:
    """What the user says of a data set; everything is found out unless given.

    Attributes:
        kind: what the masks hold: "objects", one object a value, or "classes", one class a value.
        layout: the name of a layout, of those in `unmask.data.layouts.layouts`.
        ignore: what of the masks is neither learned from nor scored: a value (255), a colour (#808080), the name of a
            class, or `OUTSIDE`.
        split: a split.csv that lies elsewhere; the folder's own unless given.
        report: called with each problem that concerns a part of the data, which is then left out; raises it unless
            given, so that nothing is left out silently.
    """

    kind: Literal["objects", "classes"] | None = None
    layout: str | None = None
    ignore: str | None = None
    split: Path | None = None
    report: Callable[[UnmaskError], None] = field(default=_refuse, compare=False)


TOLERANT = ReadOptions(report=lambda _: None)
"""For images alone: what is wrong with their annotation is no matter."""


def attempt(options: ReadOptions, read: Callable[[], Part]) -> Part | None:
    """One part of the data; None where it has a problem, which was reported."""
    try:
        return read()
    except UnmaskError as error:
        options.report(error)
        return None


def options_of(data: DataRecipe) -> ReadOptions:
    """What must be said so that a data set is read as it was for this recipe."""
    return ReadOptions(
        kind=None if data.kind == "binary" else data.kind,
        layout=data.layout,
        ignore=data.ignore,
        split=None if data.split_file is None else Path(data.split_file),
    )
