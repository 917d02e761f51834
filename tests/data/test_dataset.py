from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from unmask.data.dataset import Dataset, Entry, check_sizes, split_dataset
from unmask.data.entry import MaskFile
from unmask.data.formats.images import write_labels
from unmask.data.masks.coding import Coding, Kind
from unmask.errors import DataError, PairingError, UnreadableFile


def made(names: list[str], splits: dict[str, str] | None = None) -> Dataset:
    entries = tuple(Entry(name, Path(f"{name}.tif")) for name in names)
    return Dataset(Path("cells"), entries, channels=1, splits=splits or {})


def saved(folder: Path, image: np.ndarray, mask: np.ndarray | None, kind: Kind = "objects") -> Dataset:
    tifffile.imwrite(
        folder / "a.tif", image, photometric="minisblack", resolution=(2e4, 1e4), resolutionunit="CENTIMETER"
    )
    if mask is not None:
        write_labels(folder / "m.tif", mask)
    entry = Entry("a", folder / "a.tif", None if mask is None else MaskFile(folder / "m.tif"))
    return Dataset(folder, (entry,), 1, Coding(kind, (7,) if kind == "binary" else (), ""))


def test_load_gives_the_sample(tmp_path: Path) -> None:
    image = np.arange(6, dtype=np.uint16).reshape(2, 3)
    sample = saved(tmp_path, image, np.array([[5, 0, 2], [5, 0, 2]])).load("a")
    assert (sample.name, sample.file, sample.size, sample.channels) == ("a", tmp_path / "a.tif", (2, 3), 1)
    assert sample.pixel_size == pytest.approx((1.0, 0.5))
    np.testing.assert_array_equal(sample.image[..., 0], image)
    assert sample.classes is not None
    assert sample.objects is not None
    assert sample.classes.tolist() == [[1, 0, 1]] * 2
    assert sample.objects.tolist() == [[1, 0, 2]] * 2


def test_load_honours_the_kind(tmp_path: Path) -> None:
    sample = saved(tmp_path, np.zeros((2, 3), np.uint8), np.array([[7, 0, 7], [7, 7, 7]]), kind="binary").load("a")
    assert sample.objects is not None
    assert sample.objects.tolist() == [[1, 0, 1], [1, 1, 1]]


def test_without_a_mask_there_is_no_annotation(tmp_path: Path) -> None:
    sample = saved(tmp_path, np.zeros((2, 3), np.uint8), None).load("a")
    assert sample.classes is None
    assert sample.objects is None


def test_images_are_checked_when_they_are_loaded(tmp_path: Path) -> None:
    dataset = saved(tmp_path, np.full((2, 3), np.nan, np.float32), None)
    with pytest.raises(UnreadableFile, match=r"a\.tif: has 6 values that are not finite"):
        dataset.load("a")
    dataset = saved(tmp_path, np.zeros((2, 3), np.uint8), np.zeros((2, 4), int))
    with pytest.raises(PairingError, match=r"m\.tif: is 2 x 4 pixels \(rows x columns\), its image 2 x 3\. Export"):
        next(iter(dataset))


def test_swapped_rows_and_columns_are_recognised() -> None:
    with pytest.raises(PairingError, match=r"its image 3 x 2: rows and columns are swapped\. Transpose the mask"):
        check_sizes(Path("m.tif"), (2, 3), (3, 2))
    check_sizes(Path("m.tif"), (2, 3), (2, 3))


def test_unknown_names_are_refused_with_the_closest() -> None:
    with pytest.raises(DataError, match=r"cells: has no image called cell_1\. The closest name is cell1"):
        made(["cell1", "other"]).load("cell_1")
    with pytest.raises(DataError, match=r"has no image called q\. Names look like cell1"):
        made(["cell1", "other"]).subset(["q"])


def test_two_images_of_one_name_are_refused() -> None:
    with pytest.raises(PairingError, match=r"a\.tif: gets the name a, which another image has\. Rename one"):
        made(["a", "b", "a"])


def test_subset_keeps_all_but_the_other_images() -> None:
    dataset = made(["a", "b", "c"], {"a": "train", "b": "val", "c": "test"})
    assert dataset.subset(["c", "a"]).names() == ["c", "a"]
    assert dataset.subset(["c", "a"]).names("test") == ["c"]
    assert len(dataset) == 3


NAMES = st.lists(st.text("abcxyz019", min_size=1, max_size=6), unique=True, min_size=1, max_size=60)


@given(NAMES, st.integers(0, 9))
def test_a_drawn_split_is_a_partition_of_the_right_size(names: list[str], seed: int) -> None:
    parts = split_dataset(made(names), seed)
    assert sorted(parts["train"] + parts["val"]) == sorted(names)
    assert parts["test"] == []
    assert len(parts["val"]) == (0 if len(names) == 1 else max(1, round(0.15 * len(names))))
    assert parts == split_dataset(made(names), seed)
    assert set(parts["val"]) == set(split_dataset(made(names[::-1]), seed)["val"])


@given(NAMES, st.integers(0, 9))
def test_one_image_more_moves_at_most_one_name_each_way(names: list[str], seed: int) -> None:
    before = set(split_dataset(made(names), seed)["val"])
    after = set(split_dataset(made([*names, "new"]), seed)["val"])
    assert len(before - after) <= 1
    assert len(after - before) <= 1


def test_the_draw_follows_the_seed_and_is_capped() -> None:
    dataset = made([f"n{i}" for i in range(400)])
    assert len(split_dataset(dataset, 0)["val"]) == 40
    assert split_dataset(dataset, 0)["val"] != split_dataset(dataset, 1)["val"]
    assert len(split_dataset(dataset, 0, val_fraction=0.05)["val"]) == 20


def test_split_csv_is_honoured() -> None:
    names = [f"n{i}" for i in range(20)]
    splits = {name: "test" if i < 5 else "train" for i, name in enumerate(names)}
    parts = split_dataset(made(names, splits), 3)
    assert parts["test"] == names[:5]
    assert len(parts["val"]) == 2
    assert sorted(parts["train"] + parts["val"]) == sorted(names[5:])
    parts = split_dataset(made(names, splits | {"n7": "val"}), 3)
    assert parts == {"train": [n for n in names[5:] if n != "n7"], "val": ["n7"], "test": names[:5]}


def test_a_split_without_training_images_is_refused() -> None:
    with pytest.raises(DataError, match=r"cells: has no image to train on \(1 as test\)\. Mark some as train"):
        split_dataset(made(["a"], {"a": "test"}), 0)
