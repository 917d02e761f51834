"""AJI and SEG: cases by hand, and a plain version as the oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unmask.metrics.jaccard import aji, seg, seg_values
from unmask.metrics.overlaps import overlaps


def _plain_aji(truth, prediction):
    """Kumar's algorithm 1, line by line, on masks."""
    shared = either = 0
    used = set()
    others = [j for j in np.unique(prediction) if j]
    for i in (i for i in np.unique(truth) if i):
        g = truth == i
        ious = [np.sum(g & (prediction == j)) / np.sum(g | (prediction == j)) for j in others]
        if not ious or max(ious) == 0:
            either += g.sum()
            continue
        best = others[int(np.argmax(ious))]
        shared += np.sum(g & (prediction == best))
        either += np.sum(g | (prediction == best))
        used.add(best)
    either += sum(np.sum(prediction == j) for j in others if j not in used)
    return shared / either if either else None


def _plain_seg(truth, prediction):
    """Reference objects one by one."""
    values = []
    for i in (i for i in np.unique(truth) if i):
        r, value = truth == i, 0.0
        for j in (j for j in np.unique(prediction) if j):
            s = prediction == j
            if np.sum(r & s) > r.sum() / 2:
                value = np.sum(r & s) / np.sum(r | s)
        values.append(value)
    return values


@given(st.data())
def test_equal_to_the_plain_versions(data):
    shape = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 8)))
    labels = hnp.arrays(np.int32, shape, elements=st.integers(0, 4))
    truth, prediction = data.draw(labels), data.draw(labels)
    table = overlaps(truth, prediction)
    assert aji(table) == _plain_aji(truth, prediction)
    assert seg_values(table).tolist() == _plain_seg(truth, prediction)


@pytest.mark.parametrize(
    ("truth", "prediction", "aji_score", "seg_score"),
    [
        ([[1, 1, 0, 2, 2]], [[7, 7, 0, 3, 3]], 1, 1),
        # 1 takes 4 (shared 2, either 3); 2 is missed (2 pixels); 5 is nobody's (1 pixel)
        ([[1, 1, 0, 0, 2, 2, 0, 0]], [[4, 4, 4, 0, 0, 0, 0, 5]], 2 / (3 + 2 + 1), (2 / 3 + 0) / 2),
        # both take the one that merges them: shared 2 + 2, either 4 + 4; SEG 2/4 each
        ([[1, 1, 2, 2]], [[6, 6, 6, 6]], 4 / 8, 1 / 2),
        # halved: takes 6 (shared 2, either 4), 7 is left over; exactly half does not count in SEG
        ([[1, 1, 1, 1]], [[6, 6, 7, 7]], 2 / (4 + 2), 0),
        # halves of one size: superfluous objects lower AJI and not SEG
        ([[1, 1, 0]], [[6, 6, 7]], 2 / 3, 1),
        ([[1, 1]], [[0, 0]], 0, 0),
        ([[0, 0]], [[1, 1]], 0, None),
        ([[0, 0]], [[0, 0]], None, None),
    ],
)
def test_by_hand(truth, prediction, aji_score, seg_score):
    table = overlaps(np.array(truth), np.array(prediction))
    assert aji(table) == aji_score
    assert seg(table) == seg_score
