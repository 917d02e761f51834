"""Working folders of large images: one for each key and side, found again, and never taken for another's."""

from pathlib import Path

import pytest

from unmask.predict.large_folder import Earlier, begin_work, earlier_work, place_results, take_back


def test_every_key_and_side_has_a_folder_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    first = begin_work(folder, "one", 48)
    assert begin_work(folder, "one", 48) == first
    for block in ("0_0", "0_1"):
        (first / ".work" / "seeds").mkdir(parents=True, exist_ok=True)
        (first / ".work" / "seeds" / f"{block}.npz").touch()
    assert earlier_work(folder, "one") == Earlier(48, 2)
    assert earlier_work(folder, "two") is None
    second, third = begin_work(folder, "two", 48), begin_work(folder, "two", 64)
    assert len({first, second, third}) == 3
    (first / ".work" / "seeds").mkdir(parents=True)  # a worker that outlives its command
    (first / ".work" / "seeds" / "0_2.npz").touch()
    (folder / "key.json").touch()  # of an earlier version
    assert earlier_work(folder, "two") == Earlier(64, 0)
    assert begin_work(folder, "two", 64) == third
    assert list(folder.iterdir()) == [third]


@pytest.mark.parametrize(
    "text", ["", '{"key": "one", "si', "null", "[1]", '{"key": "one"}', '{"key": "one", "side": 9}']
)
def test_a_key_that_was_cut_short_is_none(tmp_path: Path, text: str) -> None:
    work = begin_work(tmp_path / "a", "one", 48)
    (work / "key.json").write_text(text)
    assert earlier_work(tmp_path / "a", "one") is None
    assert begin_work(tmp_path / "a", "one", 48) == work
    assert earlier_work(tmp_path / "a", "one") == Earlier(48, 0)


def test_results_go_and_come_back(tmp_path: Path) -> None:
    work, place = begin_work(tmp_path / "a", "one", 48), tmp_path / "out" / "labels" / "a.zarr"
    (work / "labels.zarr").mkdir()
    (work / "labels.zarr" / "new").touch()
    place.mkdir(parents=True)
    (place / "old").touch()
    place_results(work, {"labels": work / "labels.zarr"}, {"labels": place})
    assert [path.name for path in place.iterdir()] == ["new"]
    assert [path.name for path in place.parent.iterdir()] == ["a.zarr"]
    assert take_back(work, {"labels": place, "table": tmp_path / "none"}) == ["labels"]
    assert [path.name for path in (work / "labels.zarr").iterdir()] == ["new"]
    assert not place.exists()
    place.mkdir()
    assert take_back(work, {"labels": place}) == []
    assert place.exists()
