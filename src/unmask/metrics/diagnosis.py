"""Which objects went wrong, and how: merged, split, missed, extra.

- A merge is a predicted object that covers more than half of each of two or more true objects.
- A split is a true object that holds more than half of each of two or more predicted objects.
- A true object is missed where it has no prediction of IoU .5 or more and is in no merge and no split.
- A predicted object is extra where it has no true object of IoU .5 or more and is in no merge and no split.

An object may be in a merge or a split and be matched all the same: a large cell that swallowed a small neighbour.
"""

from dataclasses import dataclass

import numpy as np

from unmask.arrays import AnyArray
from unmask.metrics.overlaps import Overlaps, overlaps

__all__ = ["Diagnosis", "Finding", "ObjectErrors", "diagnose", "object_errors"]


@dataclass(frozen=True)
class ObjectErrors:
    """Ids of the objects that went wrong, ascending.

    Attributes:
        merges: predicted object -> the true objects that it merges, two or more.
        splits: true object -> the predicted objects in it, two or more.
        missed: true objects.
        extra: predicted objects.
    """

    merges: dict[int, tuple[int, ...]]
    splits: dict[int, tuple[int, ...]]
    missed: tuple[int, ...]
    extra: tuple[int, ...]


@dataclass(frozen=True)
class Finding:
    """One error, and where it is.

    Attributes:
        object_id: the object concerned: predicted for a merge and an extra object, true for a split and a missed one.
        others: ids, in the other image, of what it merges or is split into; empty for missed and extra objects.
        y: row of the object's centroid, in pixels.
        x: column of the object's centroid, in pixels.
    """

    object_id: int
    others: tuple[int, ...]
    y: float
    x: float


@dataclass(frozen=True)
class Diagnosis:
    """The errors of one image, each in order of ids; `len()` of each is its count.

    Attributes:
        merges: predicted objects that merge true ones.
        splits: true objects that are split.
        missed: true objects that were not found.
        extra: predicted objects that are nothing.
    """

    merges: tuple[Finding, ...]
    splits: tuple[Finding, ...]
    missed: tuple[Finding, ...]
    extra: tuple[Finding, ...]


def diagnose(truth: AnyArray, prediction: AnyArray) -> Diagnosis:
    """Finds what is merged, split, missed and extra, with places to look at.

    Args:
        truth: (h, w) integers, 0 is background.
        prediction: (h, w) integers, likewise.

    Returns:
        The findings; the definitions stand at the head of this file.

    Raises:
        PairingError: the sizes differ.
        MaskError: an image is not of ids.
    """
    errors = object_errors(overlaps(truth, prediction))
    return Diagnosis(
        _located(prediction, errors.merges),
        _located(truth, errors.splits),
        _located(truth, dict.fromkeys(errors.missed, ())),
        _located(prediction, dict.fromkeys(errors.extra, ())),
    )


def object_errors(table: Overlaps) -> ObjectErrors:
    """Finds what is merged, split, missed and extra; ids only.

    Args:
        table: overlaps of truth and prediction.

    Returns:
        The ids; the definitions stand at the head of this file.
    """
    truth, prediction = table.truth_ids[table.truth], table.prediction_ids[table.prediction]
    covered = 2 * table.pixels > table.truth_areas[table.truth]
    inside = 2 * table.pixels > table.prediction_areas[table.prediction]
    merges = _groups(prediction[covered], truth[covered])
    splits = _groups(truth[inside], prediction[inside])
    found = table.iou >= 0.5
    explained_truth = {*truth[found].tolist(), *splits, *(part for parts in merges.values() for part in parts)}
    explained_prediction = {
        *prediction[found].tolist(),
        *merges,
        *(part for parts in splits.values() for part in parts),
    }
    return ObjectErrors(
        merges,
        splits,
        tuple(one for one in table.truth_ids.tolist() if one not in explained_truth),
        tuple(one for one in table.prediction_ids.tolist() if one not in explained_prediction),
    )


def _groups(owners: AnyArray, parts: AnyArray) -> dict[int, tuple[int, ...]]:
    """Owners with two or more parts, ascending."""
    groups: dict[int, tuple[int, ...]] = {}
    for owner, part in sorted(zip(owners.tolist(), parts.tolist(), strict=True)):
        groups[owner] = (*groups.get(owner, ()), part)
    return {owner: group for owner, group in groups.items() if len(group) > 1}


def _located(labels: AnyArray, found: dict[int, tuple[int, ...]]) -> tuple[Finding, ...]:
    """The objects with their centroids; ids ascend."""
    if not found:
        return ()
    ids = np.array(list(found))
    rows, columns = np.nonzero(np.isin(labels, ids))
    index = np.searchsorted(ids, labels[rows, columns])
    area = np.bincount(index)
    ys, xs = np.bincount(index, rows) / area, np.bincount(index, columns) / area
    return tuple(
        Finding(one, others, float(y), float(x)) for (one, others), y, x in zip(found.items(), ys, xs, strict=True)
    )
