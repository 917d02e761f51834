"""Merges, splits, missed and extra objects: cases by hand."""

import numpy as np

from unmask.metrics.diagnosis import Finding, ObjectErrors, diagnose, object_errors
from unmask.metrics.overlaps import overlaps


def _errors(truth, prediction):
    return object_errors(overlaps(np.array(truth), np.array(prediction)))


def test_nothing_wrong():
    assert _errors([[1, 1, 0, 2]], [[5, 5, 0, 6]]) == ObjectErrors({}, {}, (), ())
    assert _errors([[0]], [[0]]) == ObjectErrors({}, {}, (), ())


def test_merge():
    assert _errors([[1, 1, 0, 2, 2, 2]], [[9, 9, 9, 9, 9, 0]]) == ObjectErrors({9: (1, 2)}, {}, (), ())


def test_a_merge_needs_more_than_half_of_both():
    assert _errors([[1, 1, 1, 1, 2, 2]], [[9, 9, 9, 9, 9, 0]]) == ObjectErrors({}, {}, (2,), ())


def test_split():
    assert _errors([[3, 3, 3, 3, 3]], [[7, 7, 0, 8, 8]]) == ObjectErrors({}, {3: (7, 8)}, (), ())


def test_a_split_needs_more_than_half_of_both_pieces():
    assert _errors([[3, 3, 3, 3, 0, 0]], [[7, 7, 7, 8, 8, 8]]) == ObjectErrors({}, {}, (), (8,))


def test_missed_and_extra():
    assert _errors([[1, 1, 0, 0, 2]], [[0, 0, 4, 0, 6]]) == ObjectErrors({}, {}, (1,), (4,))


def test_a_small_overlap_is_missed_and_extra():
    assert _errors([[1, 1, 1, 0, 0]], [[0, 0, 4, 4, 4]]) == ObjectErrors({}, {}, (1,), (4,))


def test_an_object_may_be_matched_and_merged():
    # 9 is 1 (IoU 6/7) and has swallowed 2
    assert _errors([[1, 1, 1, 1, 1, 1, 2]], [[9] * 7]) == ObjectErrors({9: (1, 2)}, {}, (), ())


def test_a_piece_may_be_merged_with_a_neighbour():
    # 3 is split into 7 and 8, and nothing is left to be missed or extra
    errors = _errors([[3, 3, 3, 3, 0, 4, 4]], [[7, 7, 8, 8, 0, 9, 9]])
    assert errors == ObjectErrors({}, {3: (7, 8)}, (), ())


def test_findings_stand_at_the_centroids():
    truth = np.zeros((6, 9), int)
    truth[0:2, 0:2], truth[0:2, 3:5] = 1, 2  # merged into 20
    truth[3:5, 0:4] = 4  # split into 11 and 12
    truth[5, 8] = 9  # missed
    prediction = np.zeros((6, 9), int)
    prediction[0:2, 0:5] = 20
    prediction[3:5, 0:2], prediction[3:5, 2:4] = 12, 11
    prediction[0, 6:9] = 5  # extra
    found = diagnose(truth, prediction)
    assert found.merges == (Finding(20, (1, 2), 0.5, 2.0),)
    assert found.splits == (Finding(4, (11, 12), 3.5, 1.5),)
    assert found.missed == (Finding(9, (), 5.0, 8.0),)
    assert found.extra == (Finding(5, (), 0.0, 7.0),)


def test_findings_are_in_order_of_ids():
    truth = np.array([[30, 0, 4, 0, 17]])
    found = diagnose(truth, np.zeros_like(truth))
    assert [(one.object_id, one.x) for one in found.missed] == [(4, 2), (17, 4), (30, 0)]
