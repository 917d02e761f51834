"""Values of a window in one of the five types that unmask works with, finite: what `read_image` does for whole images.

What is wrong is reported with its place in the whole image.
"""

from pathlib import Path

import numpy as np

from unmask.arrays import AnyArray, RawImage
from unmask.data.formats.images import KEPT, NARROWED, WIDENED
from unmask.errors import UnreadableFile

__all__ = ["plain_type", "plain_window"]


def plain_type(path: Path, dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """The type that windows of an image get: uint8, uint16, int16, int32 or float32.

    Raises:
        UnreadableFile: values that none of them holds, such as complex ones.
    """
    name = dtype.name
    if name not in (*KEPT, *WIDENED, *NARROWED):
        raise UnreadableFile(f"holds {name} values", file=path, remedy="save it as 8 or 16 bit or as 32-bit float")
    return np.dtype(WIDENED.get(name) or NARROWED.get(name) or name)


def plain_window(path: Path, window: AnyArray, origin: tuple[int, int]) -> RawImage:
    """A window in its plain type.

    Args:
        path: of the image.
        window: (h, w, c), as stored.
        origin: row and column of its first pixel in the image.

    Raises:
        UnreadableFile: a value that is not finite, or that the plain type cannot hold exactly.
    """
    if window.dtype.kind == "f":
        _check_finite(path, window, origin)
    plain = plain_type(path, window.dtype)
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(window, dtype=plain)
    if window.dtype.name in NARROWED and not np.array_equal(converted, window):
        place = _place(np.argwhere(converted != window)[0], origin)
        problem = f"holds {window.dtype.name} values that {plain} cannot hold exactly, such as at {place}"
        raise UnreadableFile(problem, file=path, remedy=f"save it as {_advice(window.dtype)}")
    return converted


def _check_finite(path: Path, window: AnyArray, origin: tuple[int, int]) -> None:
    if np.isfinite(window).all():
        return
    wrong = np.argwhere(~np.isfinite(window))
    count = f"{len(wrong)} {'value that is' if len(wrong) == 1 else 'values that are'} not finite"
    rows, columns = (f"{start} to {start + n - 1}" for start, n in zip(origin, window.shape, strict=False))
    first = f"{window[tuple(wrong[0])]} at {_place(wrong[0], origin)}"
    raise UnreadableFile(
        f"has {count} in rows {rows} and columns {columns}, first {first}",
        file=path,
        remedy="replace them, in Python with numpy.nan_to_num(image), and save it again",
        code="not-finite",
    )


def _place(index: AnyArray, origin: tuple[int, int]) -> str:
    return f"row {origin[0] + int(index[0])}, column {origin[1] + int(index[1])}"


def _advice(dtype: np.dtype[np.generic]) -> str:
    return "32-bit float, in Python image.astype('float32')" if dtype.kind == "f" else "16-bit integers"
