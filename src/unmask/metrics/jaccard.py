"""Scores of an image's objects from areas shared: AJI and SEG."""

import numpy as np
from jaxtyping import Float64

from unmask.metrics.overlaps import Overlaps

__all__ = ["aji", "seg", "seg_values"]


def aji(table: Overlaps) -> float | None:
    """Aggregated Jaccard index (Kumar et al. 2017, algorithm 1).

    Each true object takes the predicted object of largest IoU (of equal ones that of the smallest id; one may be taken
    more than once). Shared pixels of these pairs, over the pixels in either of a pair, plus true objects that nothing
    overlaps, plus predicted objects that nobody took.

    Args:
        table: overlaps of truth and prediction.

    Returns:
        0 to 1; None where there is no object in truth and prediction.
    """
    if not table.truth_ids.size + table.prediction_ids.size:
        return None
    order = np.lexsort((-table.iou, table.truth))  # stable: equal ones stay in order of their id
    best = order[np.unique(table.truth[order], return_index=True)[1]]
    untouched = np.delete(table.truth_areas, table.truth[best]).sum()
    unused = np.delete(table.prediction_areas, table.prediction[best]).sum()
    return float(table.pixels[best].sum() / (table.unions[best].sum() + untouched + unused))


def seg_values(table: Overlaps) -> Float64[np.ndarray, " n"]:
    """SEG of each true object (Cell Tracking Challenge; Maška et al. 2014).

    A predicted object S matches a true one R where it covers more than half of it: |R ∩ S| > |R| / 2. So there is at
    most one S, and the value is the Jaccard index |R ∩ S| / |R ∪ S|.

    Args:
        table: overlaps of truth and prediction.

    Returns:
        (n,) 0 to 1 in order of `table.truth_ids`; 0 where nothing matches.
    """
    values = np.zeros(table.truth_ids.size)
    matched = 2 * table.pixels > table.truth_areas[table.truth]
    values[table.truth[matched]] = table.iou[matched]
    return values


def seg(table: Overlaps) -> float | None:
    """Mean of `seg_values`; superfluous predicted objects cost nothing in SEG.

    Args:
        table: overlaps of truth and prediction.

    Returns:
        0 to 1; None where the truth has no object.
    """
    return float(seg_values(table).mean()) if table.truth_ids.size else None
