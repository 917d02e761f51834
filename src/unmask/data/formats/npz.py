"""Named arrays in one file, in which every damaged byte is found: NumPy's .npz, and after it a checksum of all of it.

The archive has checksums too, but they are compared only where an array is read to the end that its own, perhaps
damaged, header says. Programs that read .npz pass over the four bytes at the end.
"""

import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from unmask.arrays import AnyArray
from unmask.data.files import atomic

__all__ = ["array_names", "read_arrays", "write_arrays"]

CHECKSUM = 4  # bytes: CRC-32, the lowest first


def write_arrays(path: Path, arrays: Mapping[str, AnyArray], *, compressed: bool = False) -> None:
    """Writes arrays, whole or not at all.

    Args:
        path: the file; missing parent folders are made.
        arrays: of any shapes, of numbers, booleans or text, by their names.
        compressed: smaller, and slower.

    Raises:
        ValueError: an array of Python objects, which only running them could read again.
        UnmaskError: the file cannot be written.
    """
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise ValueError(f"{name} is an array of Python objects")
    archive, save = BytesIO(), np.savez_compressed if compressed else np.savez
    save(archive, **dict[str, Any](arrays))
    content = archive.getvalue()
    with atomic(path) as temporary:
        temporary.write_bytes(content + zlib.crc32(content).to_bytes(CHECKSUM, "little"))


def read_arrays(path: Path) -> dict[str, AnyArray] | None:
    """What `write_arrays` wrote; None where it is not there or damaged. Nothing in the file is executed."""
    content = _content(path)
    if content is None:
        return None
    with np.load(content, allow_pickle=False) as arrays:
        return dict(arrays)


def array_names(path: Path) -> list[str] | None:
    """The names of the arrays, which are not unpacked; None as `read_arrays`."""
    content = _content(path)
    if content is None:
        return None
    with np.load(content, allow_pickle=False) as arrays:
        return list(arrays)


def _content(path: Path) -> BytesIO | None:
    """The archive; None unless it is there and sound."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    archive, checksum = content[:-CHECKSUM], content[-CHECKSUM:]
    # Nothing has the checksum 0: four zeros alone would pass.
    sound = bool(archive) and zlib.crc32(archive) == int.from_bytes(checksum, "little")
    return BytesIO(archive) if sound else None
