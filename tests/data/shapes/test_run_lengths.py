import numpy as np
import pycocotools.mask as coco_masks
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from unmask.data.shapes.run_lengths import check_runs, mask_of_runs, read_runs


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=70)))
def test_pycocotools_writes_what_is_read(mask: np.ndarray) -> None:
    counts = coco_masks.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"]
    runs = read_runs(counts)
    check_runs(runs, mask.shape)
    assert runs[1::2].sum() == mask.sum()
    if mask.any():
        crop, place = mask_of_runs(runs, len(mask))
        whole = np.zeros_like(mask)
        whole[place] = crop
        np.testing.assert_array_equal(whole, mask)
        assert crop[0].any()  # rows end where the object does
        assert crop[-1].any()


@given(st.lists(st.integers(0, 2**24 - 1), min_size=1))  # of longer ones pycocotools writes past its memory
def test_runs_of_any_length(runs: list[int]) -> None:
    counts = coco_masks.frPyObjects({"size": [1, 1], "counts": runs}, 1, 1)["counts"]
    assert read_runs(counts).tolist() == runs


def test_columns_come_one_after_another() -> None:
    # 2 rows, 3 columns: background, then the lower left pixel and the whole second column.
    crop, place = mask_of_runs(np.array([1, 3, 2]), 2)
    assert crop.tolist() == [[False, True], [True, True]]
    assert place == (slice(0, 2), slice(0, 2))


@pytest.mark.parametrize("counts", [b"", b"o", b"1o", b"\x00", b"\xff1", b"oooooooooooo1"])
def test_damaged_text_is_refused(counts: bytes) -> None:
    with pytest.raises(ValueError, match=r"^are damaged"):
        read_runs(counts)


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([5, 2], r"^cover 7 pixels, the image has 3 x 4 \(rows x columns\)"),
        ([5, 8], r"^cover 13 pixels"),
        ([14, -2], r"^are damaged: one is negative"),
    ],
)
def test_runs_must_fill_the_image(runs: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_runs(np.array(runs), (3, 4))
