"""What the axes of a bare array mean: by their names where it has them, else by its shape."""

from collections.abc import Sequence
from pathlib import Path

from unmask.errors import UnreadableFile

__all__ = ["axes_by_name", "axes_by_shape"]

MOST_CHANNELS = 16  # a longer axis without a name could as well be depth or time
CHANNEL = ("c", "channel", "channels")


def axes_by_name(names: Sequence[str | None], count: int) -> tuple[str, ...] | None:
    """The axes that an array's metadata name: "y", "x", "c" and others.

    Args:
        names: as they stand there; None of an axis without one.
        count: how many axes the array has.

    Returns:
        A name for each axis; None where y and x are not among them, each name once.
    """
    if len(names) != count:
        return None
    found = tuple("c" if str(name).lower() in CHANNEL else str(name).lower() for name in names)
    return found if {"y", "x"} <= set(found) and len(set(found)) == count else None


def axes_by_shape(path: Path, shape: tuple[int, ...], remedy: str) -> tuple[str, ...]:
    """The axes of an array without names: y x, and channels first or last, whichever of the two is shorter.

    Args:
        path: of the array.
        shape: its shape.
        remedy: what to do where the shape does not tell.

    Raises:
        UnreadableFile: neither two axes nor three of which the first or the last is at most 16 and shorter than the
            other.
    """
    if len(shape) == 2:
        return ("y", "x")
    if len(shape) == 3 and shape[0] != shape[2] and min(shape[0], shape[2]) <= MOST_CHANNELS:
        return ("c", "y", "x") if shape[0] < shape[2] else ("y", "x", "c")
    lengths = " x ".join(f"{n:,}" for n in shape)
    lengths = f"{lengths[:100]}..." if len(lengths) > 100 else lengths
    problem = f"is an array of {lengths or 'no axes'}, which does not tell its rows, columns and channels"
    raise UnreadableFile(problem, file=path, remedy=remedy)
