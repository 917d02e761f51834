"""What is to be ignored: by hand, and beside panoptic quality's own rule, written down slowly."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.errors import MaskError, PairingError
from unmask.metrics.ignore import known_pair, known_pixels
from unmask.metrics.image_scores import score_image
from unmask.metrics.matching import match
from unmask.metrics.overlaps import overlaps
from unmask.metrics.scores import aggregate

#        columns:  0  1  2  3  4  5  6  7  8  9 10 11
TRUTH = np.array([[1, 1, 1, 0, 0, 0, 2, 2, 0, 0, 0, 0]], np.int32)
FOUND = np.array([[5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 7, 8]], np.int32)
IGNORE = np.array([[0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0]], bool)


def test_by_hand() -> None:
    """5 is as it was. 6 was half ignored, no more: its rest stays. 7 was ignored by three of five, and is true object 2
    exactly in what is left. 8 is wrong, and nobody asked to ignore it.
    """
    truth, found = known_pair(TRUTH, FOUND, IGNORE)
    assert truth.tolist() == TRUTH.tolist()
    assert found.tolist() == [[5, 5, 6, 6, 0, 0, 7, 7, 0, 0, 0, 8]]
    # Without 2 in the truth, 7 is nothing that could be judged. With a third pixel of the truth it would be IoU 2 / 3.
    nothing = np.where(TRUTH == 2, 0, TRUTH)
    assert known_pair(nothing, FOUND, IGNORE)[1].tolist() == [[5, 5, 6, 6, 0, 0, 0, 0, 0, 0, 0, 8]]


@pytest.mark.parametrize(("size", "kept"), [(4, True), (5, False)])
def test_what_is_left_must_match(size: int, kept: bool) -> None:
    """Two pixels are left of a predicted object that was mostly ignored, of a true object of four: IoU .5."""
    truth, found = np.zeros((2, 1, 12), np.int32)
    truth[0, :size], found[0, :2], found[0, 6:] = 1, 3, 3
    ignore = np.arange(12)[None] >= 6
    assert (known_pair(truth, found, ignore)[1] == 3).any() == kept


def test_truth_beneath_what_is_ignored_does_not_count() -> None:
    truth, found = known_pair(TRUTH, FOUND, np.ones_like(IGNORE))
    assert not truth.any()
    assert not found.any()


def test_nothing_to_ignore() -> None:
    truth, found = known_pair(TRUTH, FOUND, None)
    assert truth is TRUTH
    assert found is FOUND
    nothing = np.zeros_like(IGNORE)
    assert [one.tolist() for one in known_pair(TRUTH, FOUND, nothing)] == [TRUTH.tolist(), FOUND.tolist()]
    assert known_pixels(TRUTH, FOUND, None) == (TRUTH, FOUND)


def test_arguments_are_left_alone() -> None:
    before = FOUND.copy()
    known_pair(np.where(TRUTH == 2, 0, TRUTH), FOUND, IGNORE)
    assert np.array_equal(FOUND, before)


def panoptic(truth: np.ndarray, found: np.ndarray, void: np.ndarray) -> tuple[int, int, int, float]:
    """TP, FP, FN and the sum of IoU as COCO's panoptic API counts them, segment by segment."""
    matched: dict[int, float] = {}
    found_true = set()
    for one in set(truth[~void].tolist()) - {0}:
        for other in set(found.ravel().tolist()) - {0}:
            shared = int(((truth == one) & (found == other) & ~void).sum())
            union = int((found == other).sum() + ((truth == one) & ~void).sum()) - shared
            union -= int(((found == other) & void).sum())
            if shared and shared / union > 0.5:
                matched[other] = shared / union
                found_true.add(one)
    wrong = 0
    for other in set(found.ravel().tolist()) - {0} - set(matched):
        area, hidden = int((found == other).sum()), int(((found == other) & void).sum())
        wrong += hidden / area <= 0.5
    missed = len(set(truth[~void].tolist()) - {0} - found_true)
    return len(matched), wrong, missed, sum(matched.values())


@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(2, 9), st.floats(0, 1))
def test_matches_are_those_of_panoptic_quality(seed: int, h: int, w: int, share: float) -> None:
    """Blocks of a few pixels, so that objects come half and wholly ignored, and overlap by much or little."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 4, (h, w))
    truth = np.kron(coarse, np.ones((2, 3), int)).astype(np.int32)
    found = np.where(random.random(truth.shape) < 0.8, np.roll(truth, random.integers(0, 2), 1), 5).astype(np.int32)
    void = np.kron(random.random((h, w)) < share, np.ones((2, 3), bool))
    expected = panoptic(truth, found, void)
    pair = known_pair(truth, found, void)
    table = overlaps(*pair)
    if (table.iou == 0.5).any():
        return  # matched here, not there
    counts = match(table, 0.5)
    assert (counts.true_positives, counts.false_positives, counts.false_negatives) == expected[:3]
    assert counts.iou_sum == pytest.approx(expected[3])


@given(st.integers(0, 10**6))
def test_scores_do_not_depend_on_what_is_ignored(seed: int) -> None:
    """Whatever truth says there. And where predicted objects end at its border, whatever the prediction says there."""
    random = np.random.default_rng(seed)
    truth = np.kron(random.integers(0, 4, (6, 8)), np.ones((3, 3), int)).astype(np.int32)
    found = np.kron(random.integers(0, 4, (6, 8)), np.ones((3, 3), int)).astype(np.int32)
    ignore = np.kron(random.random((6, 8)) < 0.4, np.ones((3, 3), bool))
    other = np.where(ignore, random.integers(0, 4, truth.shape), truth).astype(np.int32)
    beyond = np.where(ignore, random.integers(0, 4, truth.shape) + 10, found).astype(np.int32)
    inside = np.where(ignore, 0, found).astype(np.int32)

    def scored(true: np.ndarray, predicted: np.ndarray) -> object:
        maps = [(one > 0).astype(np.uint8) for one in (true, predicted)]
        return score_image("a", maps[0], true, maps[1], predicted, ("cell",), ignore=ignore)

    assert scored(other, found) == scored(truth, found)
    assert scored(other, beyond) == scored(truth, inside)


def test_all_scores_by_hand() -> None:
    classes = [(labels > 0).astype(np.uint8) for labels in (TRUTH, FOUND)]
    one = score_image("a", classes[0], TRUTH, classes[1], FOUND, ("cell",), ignore=IGNORE)
    # Known columns: 0-3, 6, 7, 11. Background: two found as cell; cell: five found.
    assert one.confusion == ((0, 2), (0, 5))
    scores = aggregate([one])
    # 5 matches 1 (IoU 2/3), 7 matches 2 (IoU 1); 6 and 8 are wrong. AP = 2 / 4.
    assert scores.objects["ap"]["0.50"] == 2 / 4  # type: ignore[index]
    assert scores.objects["ap"]["0.70"] == 1 / (1 + 3 + 1)  # type: ignore[index]
    assert scores.objects["panoptic_quality"] == pytest.approx((2 / 3 + 1) / (2 + 2 / 2))
    assert scores.objects["seg"] == pytest.approx((2 / 3 + 1) / 2)
    assert scores.semantic["dice"] == {"cell": pytest.approx(10 / 12)}
    # Borders are scored on the pixels of true objects: 5, 5, 6 of 1 and 7, 7 of 2, none of them ignored.
    assert scores.boundaries["rand_error"] == pytest.approx(1 - 2 * (2 + 2) / ((2 + 2) + (6 + 2)))
    whole = score_image("a", classes[0], TRUTH, classes[1], FOUND, ("cell",))
    assert whole.confusion == ((0, 7), (0, 5))
    assert aggregate([whole]).objects["ap"]["0.50"] == 1 / (1 + 3 + 1)  # type: ignore[index]


def test_ignoring_nothing_changes_nothing() -> None:
    classes = [(labels > 0).astype(np.uint8) for labels in (TRUTH, FOUND)]
    found = [
        score_image("a", classes[0], TRUTH, classes[1], FOUND, ("cell",), ignore=ignore)
        for ignore in (None, np.zeros_like(IGNORE))
    ]
    assert found[0] == found[1]


def test_an_image_of_which_nothing_is_known_has_no_scores() -> None:
    classes = [(labels > 0).astype(np.uint8) for labels in (TRUTH, FOUND)]
    nothing = score_image("b", classes[0], TRUTH, classes[1], FOUND, ("cell",), ignore=np.ones_like(IGNORE))
    assert (nothing.confusion, nothing.objects, nothing.boundaries) == (None, None, None)
    assert aggregate([nothing]).to_dict() == {"images": 1}
    known = score_image("a", classes[0], TRUTH, classes[1], FOUND, ("cell",))
    both, alone = aggregate([known, nothing]), aggregate([known])
    assert {**both.to_dict(), "images": 1} == alone.to_dict()


def test_masks_that_do_not_fit_are_refused() -> None:
    message = "cell_7: what is to be ignored has 12 x 1 pixels and the truth 1 x 12. Give a mask of the same image"
    with pytest.raises(PairingError, match=re.escape(message)):
        score_image("cell_7", None, TRUTH, None, FOUND, (), ignore=IGNORE.T)
    message = (
        "what is to be ignored is of type uint8, and must be true or false. Give booleans, for instance mask == 255"
    )
    with pytest.raises(MaskError, match=re.escape(message)):
        known_pair(TRUTH, FOUND, IGNORE.astype(np.uint8))
    with pytest.raises(PairingError, match="the prediction has 12 x 1 pixels and the truth 1 x 12"):
        known_pair(TRUTH, FOUND.T, IGNORE)
