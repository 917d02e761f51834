"""The overlap table: against a plain count, and what it refuses."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unmask.errors import MaskError, PairingError
from unmask.metrics import overlaps as module
from unmask.metrics.overlaps import check_labels, overlaps, row_bands

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def _labels(shape):
    return hnp.arrays(np.int32, shape, elements=st.sampled_from([0, 0, 1, 2, 3, 7, 70_000]))


@given(st.data(), st.sampled_from([1, 5, 1 << 22]))
def test_counts_equal_those_of_every_pair_of_masks(data, band):
    shape = data.draw(SIZES)
    truth, prediction = data.draw(_labels(shape)), data.draw(_labels(shape))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BAND", band)
        table = overlaps(truth, prediction)
    assert table.truth_ids.tolist() == sorted(set(truth.ravel().tolist()) - {0})
    assert table.prediction_ids.tolist() == sorted(set(prediction.ravel().tolist()) - {0})
    assert table.truth_areas.tolist() == [np.sum(truth == one) for one in table.truth_ids]
    assert table.prediction_areas.tolist() == [np.sum(prediction == one) for one in table.prediction_ids]
    expected = {
        (i, j): int(np.sum((truth == one) & (prediction == other)))
        for i, one in enumerate(table.truth_ids)
        for j, other in enumerate(table.prediction_ids)
    }
    found = dict(
        zip(zip(table.truth.tolist(), table.prediction.tolist(), strict=True), table.pixels.tolist(), strict=True)
    )
    assert found == {pair: pixels for pair, pixels in expected.items() if pixels}
    assert list(found) == sorted(found)


def test_iou_by_hand():
    truth = np.array([[1, 1, 1, 0, 2]])
    prediction = np.array([[0, 5, 5, 5, 0]])
    table = overlaps(truth, prediction)
    assert table.iou.tolist() == [2 / 4]
    assert table.unions.tolist() == [4]


def test_ids_up_to_32_bits_do_not_collide():
    largest = 2**32 - 1
    truth = np.array([[largest, largest, 1]], np.uint32)
    prediction = np.array([[1, largest, largest]], np.int64)
    table = overlaps(truth, prediction)
    assert table.truth_ids.tolist() == table.prediction_ids.tolist() == [1, largest]
    assert list(zip(table.truth, table.prediction, table.pixels, strict=True)) == [(0, 1, 1), (1, 0, 1), (1, 1, 1)]


def test_thousands_of_objects_make_thousands_of_pairs():
    rows, columns = np.divmod(np.arange(300 * 300).reshape(300, 300), 300)
    truth = 1 + rows // 3 * 100 + columns // 3  # 10,000 objects
    table = overlaps(truth, np.roll(truth, 1, 1))
    assert table.pixels.size == 20_000
    assert table.pixels.sum() == truth.size


def test_row_bands_cover_an_image_once(monkeypatch):
    monkeypatch.setattr(module, "_BAND", 20)
    assert list(row_bands((5, 9))) == [slice(0, 2), slice(2, 4), slice(4, 6)]
    assert list(row_bands((2, 50))) == [slice(0, 1), slice(1, 2)]


@pytest.mark.parametrize(
    ("truth", "prediction", "error", "message"),
    [
        (
            np.zeros((3, 4), int),
            np.zeros((4, 3), int),
            PairingError,
            "a.tif: the prediction has 4 x 3 pixels and the truth 3 x 4. Compare masks of one and the same image, "
            "neither cropped nor resized.",
        ),
        (
            np.zeros((1, 3, 4), int),
            np.zeros((1, 3, 4), int),
            PairingError,
            "a.tif: masks have 1 x 3 x 4 pixels. Give label images of rows and columns, one an image.",
        ),
        (
            np.zeros((0, 3), int),
            np.zeros((0, 3), int),
            PairingError,
            "a.tif: masks have 0 x 3 pixels. Give label images of rows and columns, one an image.",
        ),
        (
            np.zeros((3, 4), int),
            np.zeros((3, 4), np.float32),
            MaskError,
            "a.tif: the prediction is of type float32, and ids must be integers. "
            "Give a label image: 0 for background and one integer an object.",
        ),
        (
            np.full((3, 4), -1),
            np.zeros((3, 4), int),
            MaskError,
            "a.tif: the truth has ids from -1 to -1. Number objects from 1 to at most 4294967295, background 0.",
        ),
        (
            np.zeros((3, 4), int),
            np.full((3, 4), 2**32),
            MaskError,
            "a.tif: the prediction has ids from 4294967296 to 4294967296. "
            "Number objects from 1 to at most 4294967295, background 0.",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(truth, prediction, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        check_labels(truth, prediction, "a.tif")
    with pytest.raises(error, match=re.escape(message.removeprefix("a.tif: "))):
        overlaps(truth, prediction)
