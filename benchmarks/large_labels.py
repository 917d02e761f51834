"""Label images of any size compared, window by window."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unmask.arrays import AnyArray
from unmask.data.streams.blocks import blocks_of
from unmask.data.streams.sources import ImageSource, open_source
from unmask.metrics.overlaps import Overlaps, overlaps

__all__ = ["first_difference", "overlaps_of"]

SIDE = 1_024


def first_difference(one: Path, other: Path) -> str | None:
    """What is not equal, or None where sizes, types and all pixels of all levels are."""
    levels = len(open_source(one).levels)
    for level in range(levels):
        first, second = open_source(one, level=level), open_source(other, level=level)
        if (first.levels, first.dtype) != (second.levels, second.dtype):
            return f"{first.levels} {first.dtype}, {second.levels} {second.dtype}"
        for rows, columns in blocks_of(first.size, (SIDE, SIDE)):
            if not np.array_equal(first.read(rows, columns), second.read(rows, columns)):
                return f"level {level}, rows {rows.start} to {rows.stop}, columns {columns.start} to {columns.stop}"
    return None


def overlaps_of(truth: Path, prediction: Path) -> Overlaps:
    """The overlap table of two label images, from the tables of their blocks; memory grows with the objects only."""
    true, found = open_source(truth), open_source(prediction)
    tables = [
        overlaps(_labels(true, rows, columns), _labels(found, rows, columns))
        for rows, columns in blocks_of(true.size, (SIDE, SIDE))
    ]
    truth_ids, truth_areas = _summed([(table.truth_ids, table.truth_areas) for table in tables])
    prediction_ids, prediction_areas = _summed([(table.prediction_ids, table.prediction_areas) for table in tables])
    pairs = [(table.truth_ids[table.truth], table.prediction_ids[table.prediction]) for table in tables]
    keys, pixels = _summed([(a << 32 | b, table.pixels) for (a, b), table in zip(pairs, tables, strict=True)])
    return Overlaps(
        truth_ids,
        truth_areas,
        prediction_ids,
        prediction_areas,
        np.searchsorted(truth_ids, keys >> 32),
        np.searchsorted(prediction_ids, keys & 0xFFFFFFFF),
        pixels,
    )


def _labels(source: ImageSource, rows: slice, columns: slice) -> AnyArray:
    return source.read(rows, columns)[..., 0]


def _summed(parts: Sequence[tuple[AnyArray, AnyArray]]) -> tuple[AnyArray, AnyArray]:
    """Distinct keys, ascending, and the sum of values of each; keys are int64, ids below 2**31."""
    keys, values = (np.concatenate(column) for column in zip(*parts, strict=True))
    distinct, index = np.unique(keys, return_inverse=True)
    return distinct, np.bincount(index, values, minlength=distinct.size).astype(np.int64)
