"""Run lengths, COCO's way of storing the pixels of one object.

Columns of the image are laid one after another, and runs of background and object take turns, background first. They
are written as text: five bits a character, each run from the third on as its difference from the run two before. Read
here and not by pycocotools, which reads past the end of runs that do not fill their image.
"""

import numpy as np
from jaxtyping import Int64

from unmask.arrays import AnyArray, MaskImage

__all__ = ["check_runs", "mask_of_runs", "read_runs"]

# Characters of one run, five bits each: enough for any image.
LONGEST = 8


def read_runs(counts: bytes) -> Int64[np.ndarray, " r"]:
    """The lengths of the runs, background first.

    Raises:
        ValueError: the text is no run lengths.
    """
    codes = np.frombuffer(counts, np.uint8).astype(np.int64) - 48
    last = np.flatnonzero((codes & 32) == 0)
    if not codes.size or codes.min() < 0 or codes.max() > 63 or last[-1:].tolist() != [codes.size - 1]:
        raise ValueError("are damaged or cut off")
    first = np.concatenate([[0], last[:-1] + 1])
    length = last - first + 1
    if length.max() > LONGEST:
        raise ValueError("are damaged")
    place = np.arange(codes.size) - np.repeat(first, length)
    runs: AnyArray = np.add.reduceat((codes & 31) << (5 * place), first)
    runs -= np.where(codes[last] & 16, 1 << (5 * length), 0)  # the highest bit is the sign
    for chain in (runs[1::2], runs[2::2]):
        np.cumsum(chain, out=chain)
    return runs


def check_runs(runs: Int64[np.ndarray, " r"], size: tuple[int, int]) -> None:
    """Refuses runs that do not fill an image of `size`, rows and columns.

    Raises:
        ValueError: says what is wrong.
    """
    if runs.size and runs.min() < 0:
        raise ValueError("are damaged: one is negative")
    if runs.sum() != size[0] * size[1]:
        raise ValueError(f"cover {runs.sum()} pixels, the image has {size[0]} x {size[1]} (rows x columns)")


def mask_of_runs(runs: Int64[np.ndarray, " r"], rows: int) -> tuple[MaskImage, tuple[slice, slice]]:
    """The object's pixels in a box around it, which keeps many small objects of a large image cheap.

    Args:
        runs: the lengths, background first; with at least one pixel of object.
        rows: of the image.

    Returns:
        (h, w) bool, and the rows and columns of the image where they lie.
    """
    inner = runs[: runs.size // 2 * 2].copy()  # without background at the end
    left, right = int(inner[0]) // rows, -(-int(inner.sum()) // rows)
    inner[0] -= left * rows
    flat = np.zeros((right - left) * rows, np.bool_)
    flat[: inner.sum()] = np.repeat(np.arange(inner.size) % 2 == 1, inner)
    columns = flat.reshape(right - left, rows).T
    filled = np.flatnonzero(columns.any(axis=1))
    box = slice(int(filled[0]), int(filled[-1]) + 1)
    return columns[box], (box, slice(left, right))
