from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.data.formats.omezarr_writer import write_omezarr
from unmask.data.picture import grey_stretch
from unmask.data.streams import overview
from unmask.data.streams.overview import downscaled
from unmask.data.streams.sources import open_source

RNG = np.random.default_rng(0)


def bright(picture: np.ndarray) -> np.ndarray:
    """Where a grey picture has colour."""
    return (picture != picture[..., :1]).any(axis=2)


@settings(max_examples=40)
@given(st.data())
def test_bins_are_means_and_largest_ids(data: st.DataObject) -> None:
    rows, columns, factor = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9)))
    image = np.random.default_rng(rows * columns).integers(0, 60_000, (rows, columns, 2)).astype(np.uint16)
    window = data.draw(st.tuples(st.integers(1, 20), st.integers(1, 20)))
    bins = [(i, j) for i in range(0, rows, factor) for j in range(0, columns, factor)]
    size = -(-rows // factor), -(-columns // factor), 2
    parts = [image[i : i + factor, j : j + factor].reshape(-1, 2) for i, j in bins]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overview, "WINDOW", window)
        source = open_source(image)
        means = overview._reduced(source, (rows, columns), factor, overview._mean, 2)
        ids = overview._reduced(source, (rows, columns), factor, overview._largest, 2)
    np.testing.assert_array_equal(means, np.rint([part.mean(axis=0) for part in parts]).reshape(size))
    np.testing.assert_array_equal(ids, np.array([part.max(axis=0) for part in parts]).reshape(size))


def test_small_images_stay_as_they_are() -> None:
    image = RNG.integers(0, 60_000, (30, 40, 1)).astype(np.uint16)
    np.testing.assert_array_equal(downscaled(open_source(image)), grey_stretch(image))


def test_the_picture_is_no_larger_than_asked(tmp_path: Path) -> None:
    image = RNG.integers(0, 255, (1_001, 300, 3)).astype(np.uint8)
    assert downscaled(open_source(image), side=1_001).shape == (1_001, 300, 3)
    assert downscaled(open_source(image), side=1_000).shape == (501, 150, 3)
    assert downscaled(open_source(image), side=100).shape == (91, 28, 3)
    assert downscaled(open_source(image), side=1).shape == (1, 1, 3)


def test_outlines_are_drawn_in_the_picture() -> None:
    """A square of 100 x 100 pixels is one of 10 x 10 in the picture, its line one pixel wide, as bright as it gets."""
    image = np.zeros((400, 300), np.uint16)
    image[::7] = 1_000
    labels = np.zeros((400, 300), np.uint16)
    labels[100:200, 50:150] = 7
    picture = downscaled(open_source(image), open_source(labels), side=40)
    expected = np.zeros((40, 30), bool)
    expected[10:20, 5:15] = True
    expected[11:19, 6:14] = False
    np.testing.assert_array_equal(bright(picture), expected)
    assert picture[expected].max() == 255


def test_objects_too_small_for_lines_of_their_own_are_outlined_together() -> None:
    """A field of 20 x 20 objects of 3 x 3 pixels of the picture, which touch: only its rim is drawn."""
    labels = np.zeros((1_000, 1_000), np.int32)
    labels[200:800, 100:700] = np.arange(1, 401).reshape(20, 20).repeat(30, 0).repeat(30, 1)
    image = np.zeros(labels.shape, np.uint8)
    image[::3] = 200
    expected = np.zeros((100, 100), bool)
    expected[20:80, 10:70] = True
    expected[21:79, 11:69] = False
    picture = downscaled(open_source(image), open_source(labels), side=100)
    np.testing.assert_array_equal(bright(picture), expected)
    assert len(np.unique(picture[expected], axis=0)) == 1
    large = downscaled(open_source(image), open_source(labels), side=200)
    assert bright(large)[50:150, 30:130].mean() > 0.4
    assert len(np.unique(large[bright(large)], axis=0)) > 1


def test_small_objects_are_seen() -> None:
    labels = np.zeros((1_000, 1_000), np.int32)
    places = RNG.permutation(100 * 100)[:50]
    for place in places:
        row, column = (int(i) * 10 + 4 for i in divmod(place, 100))
        labels[row : row + 2, column : column + 2] = place + 1
    image = np.zeros(labels.shape, np.uint8)
    image[:500] = 3
    found = bright(downscaled(open_source(image), open_source(labels), side=100))
    assert sorted(np.flatnonzero(found)) == sorted(places)


@pytest.mark.parametrize("side", [64, 100, 40])
def test_levels_give_nearly_the_same_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: int) -> None:
    monkeypatch.setattr("unmask.data.formats.omezarr_writer.CHUNK", 128)
    ramp = np.add.outer(np.arange(1_003) * 4, np.arange(517) * 3).astype(np.uint16)
    labels = np.zeros(ramp.shape, np.uint16)
    labels[200:700, 100:300] = 1
    write_omezarr(tmp_path / "a.zarr", ramp[..., None], labels={"x": labels})
    source, ids = open_source(tmp_path / "a.zarr"), open_source(tmp_path / "a.zarr" / "labels" / "x")
    assert len(source.levels) == 4
    read = []
    monkeypatch.setattr(overview, "open_source", lambda *given: read.append(given[3]) or open_source(*given))
    picture = downscaled(source, ids, side)
    assert read == {64: [3, 2], 100: [3, 1], 40: [3, 2]}[side]  # smaller by 16, 11 and 26
    direct = downscaled(open_source(ramp), open_source(labels), side)
    assert picture.shape == direct.shape
    grey = ~bright(picture) & ~bright(direct)
    assert grey.mean() > 0.8
    assert np.abs(picture[grey].astype(int) - direct[grey]).max() <= 8
    assert (bright(picture) != bright(direct)).mean() < 0.03


def test_many_channels_are_shown_as_the_first_three() -> None:
    image = RNG.integers(0, 255, (50, 60, 9)).astype(np.uint8)
    np.testing.assert_array_equal(downscaled(open_source(image)), grey_stretch(image))


def test_labels_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"labels of \(5, 4\) pixels do not fit an image of \(4, 5\)"):
        downscaled(open_source(np.ones((4, 5))), open_source(np.ones((5, 4), np.uint8)))
