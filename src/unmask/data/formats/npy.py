"""NumPy's .npy files: an array as it lies in memory, behind a line that says its type, order and shape.

Files of Python objects are refused by that line: only running them (pickle) could read them. The line is a Python
expression, and is searched for its three values, never evaluated.

Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from unmask.arrays import AnyArray
from unmask.data.formats.axes import axes_by_shape
from unmask.data.formats.header import Header
from unmask.data.formats.reading import check_header, check_memory, in_bytes
from unmask.errors import UnreadableFile

__all__ = ["NO_IMAGE", "NPY_START", "NpyArray", "holds_numbers", "npy_header", "open_npy", "read_npy"]

NPY_START = b"\x93NUMPY"
LENGTHS = {1: 2, 2: 4, 3: 4}  # bytes that say how long the line is, by the version of the format
LONGEST = 2**16  # characters of the line of an array of numbers: it takes one or two hundred
LENGTH = 18  # digits of the longest axis
TYPE = re.compile(r"""['"]descr['"]\s*:\s*(?:['"]([^'"]*)['"]|(\[))""")
ORDER = re.compile(r"""['"]fortran_order['"]\s*:\s*(True|False)""")
SHAPE = re.compile(r"""['"]shape['"]\s*:\s*\(([0-9L,\s]*)\)""")  # Python 2 wrote 5L
NUMBER = re.compile(r"[<>|=]?(?:[biufc]\d{1,2}|\?)")
NO_IMAGE = ", or rename it so that it does not end in .npy if it is no image"  # in folders each is taken for one
REMEDY = f"save an array of numbers, such as uint16 or float32{NO_IMAGE}"


@dataclass(frozen=True)
class NpyArray:
    """The array of a .npy file, nothing of it read.

    Attributes:
        header: of the file: one image.
        shape: of the array.
        axes: names of its axes: "y", "x" and "c".
        offset: of the first value, in bytes.
        order: "C", or "F" where the first axis is the fastest.
    """

    header: Header
    shape: tuple[int, ...]
    axes: tuple[str, ...]
    offset: int
    order: Literal["C", "F"]


@dataclass(frozen=True)
class _Line:
    """What the line says: a type as NumPy writes it (empty where there are named fields), order, shape; its end."""

    descr: str
    order: Literal["C", "F"]
    shape: tuple[int, ...]
    end: int


def open_npy(path: Path) -> NpyArray:
    """Opens the array of a .npy file, (h, w), or (h, w, c) or (c, h, w) as `axes_by_shape` has it.

    Raises:
        UnreadableFile: it holds Python objects, which only their unpickling could read, named fields or other values
            that are no numbers; a shape that does not tell the axes; no pixel.
        ValueError: damaged, or shorter than its header says.
    """
    line = _line(path)
    if line.descr.endswith("O") or not line.descr:
        raise UnreadableFile("holds Python objects or named fields, not numbers", file=path, remedy=REMEDY)
    if not NUMBER.fullmatch(line.descr):
        raise UnreadableFile(f"holds {line.descr[:40]} values", file=path, remedy=REMEDY)
    dtype = np.dtype(line.descr)
    axes = axes_by_shape(path, line.shape, f"save it as (h, w) or (h, w, c){NO_IMAGE}")
    length = dict(zip(axes, line.shape, strict=True))
    size, samples = (length["y"], length["x"]), length.get("c", 1)
    header = check_header(Header(path, 1, size, samples, colour=False, alpha=False, dtype=dtype, pixel_size=None))
    stored, needed = os.path.getsize(path) - line.end, math.prod(line.shape) * dtype.itemsize
    if stored < needed:
        raise ValueError(f"{in_bytes(needed)} by its header, of which {in_bytes(max(stored, 0))} are there")
    return NpyArray(header, line.shape, axes, line.end, line.order)


def npy_header(path: Path) -> Header:
    """The header of a .npy file; errors as `open_npy`."""
    return open_npy(path).header


def read_npy(path: Path) -> tuple[Header, AnyArray]:
    """Reads the array of a .npy file.

    Returns:
        The header, and the image, (h, w, c).

    Raises:
        UnreadableFile: as `open_npy`; larger than the memory.
        ValueError: as `open_npy`.
    """
    found = open_npy(path)
    check_memory(found.header)
    values = np.fromfile(path, found.header.dtype, math.prod(found.shape), offset=found.offset)
    array = values.reshape(found.shape, order=found.order)
    array = array.transpose([found.axes.index(axis) for axis in "yxc" if axis in found.axes])
    return found.header, np.ascontiguousarray(array.reshape(*found.header.size, found.header.samples))


def holds_numbers(path: Path) -> bool:
    """Whether a .npy file holds numbers, by its header; not where it holds Python objects or cannot be read."""
    try:
        return NUMBER.fullmatch(_line(path).descr) is not None
    except (OSError, ValueError):
        return False


def _line(path: Path) -> _Line:
    """What stands before the values.

    Raises:
        ValueError: damaged.
    """
    with open(path, "rb") as file:
        start = file.read(len(NPY_START) + 2)
        wide = LENGTHS.get(start[-2]) if len(start) == len(NPY_START) + 2 and start.startswith(NPY_START) else None
        if wide is None:
            raise ValueError("no .npy file of version 1 to 3")
        length = int.from_bytes(file.read(wide), "little")
        text = file.read(min(length, LONGEST)).decode("latin-1")
    found, order, shape = TYPE.search(text), ORDER.search(text), SHAPE.search(text)
    if not (found and order and shape) and not (found and found[2]):
        raise ValueError("its header does not say type, order and shape")
    numbers = [number for number in re.split(r"[L,\s]+", shape[1] if shape else "") if number]
    if any(len(number) > LENGTH for number in numbers):
        raise ValueError("an axis in its header is longer than any array")
    fortran = order is not None and order[1] == "True"
    end = len(NPY_START) + 2 + wide + length
    return _Line(found[1] or "", "F" if fortran else "C", tuple(map(int, numbers)), end)
