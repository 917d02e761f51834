"""What all layouts share whose masks are images; what they mean: test_masks.py, test_folder.py."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from unmask.data.entry import MaskFile, MaskFiles, ObjectsAndClasses
from unmask.data.layouts.mask_files import files_coding
from unmask.data.layouts.masked import Masked, counted, masked_dataset
from unmask.data.masks.coding import Coding
from unmask.data.options import ReadOptions
from unmask.errors import MaskError, PairingError, UnmaskError

IMAGE = np.arange(240, dtype=np.uint8).reshape(12, 20)
LABELS = np.zeros((12, 20), np.uint8)
LABELS[1:4, 1:5], LABELS[1:4, 6:9], LABELS[6:10, 14:18] = 1, 2, 3


def put(path: Path, array: np.ndarray) -> Path:
    tifffile.imwrite(path, array, photometric="minisblack")
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """An image, its label image, a class map of it, and stacks of two of each."""
    arrays = {"image": IMAGE, "mask": LABELS, "kinds": (LABELS > 0) + (LABELS > 1).astype(np.uint8)}
    stacks = {f"{name}s": np.stack([array, array[::-1]]) for name, array in arrays.items()}
    return {name: put(tmp_path / f"{name}.tif", array) for name, array in (arrays | stacks).items()}


def test_every_page_is_an_image_of_all_its_channels(tmp_path: Path, files: dict[str, Path]) -> None:
    other = put(tmp_path / "other.tif", np.stack([IMAGE + 1, IMAGE + 2]))
    dataset = masked_dataset(tmp_path, [Masked("x", (files["images"], other), MaskFile(files["masks"]))], ReadOptions())
    assert (dataset.names(), dataset.channels) == (["x_001", "x_002"], 2)
    np.testing.assert_array_equal(dataset.load("x_002").image, np.dstack([IMAGE[::-1], IMAGE + 2]))
    np.testing.assert_array_equal(dataset.load("x_002").objects > 0, LABELS[::-1] > 0)
    assert dataset.pairing == "2 images in 1 file, paired by name, such as images.tif + other.tif with masks.tif."


def test_objects_with_a_class_map(tmp_path: Path, files: dict[str, Path]) -> None:
    for part, name in (("", "x"), ("s", "x_002")):
        source = ObjectsAndClasses(MaskFile(files[f"mask{part}"]), MaskFile(files[f"kinds{part}"]))
        items = [Masked("x", (files[f"image{part}"],), source)]
        dataset = masked_dataset(tmp_path, items, ReadOptions("classes"))
        turned = LABELS[::-1] if part else LABELS
        np.testing.assert_array_equal(dataset.load(name).classes, np.minimum(turned, 2))
        assert dataset.load(name).objects.max() == 3
        assert dataset.pairing.endswith(f"with mask{part}.tif and kinds{part}.tif.")


@pytest.mark.parametrize(
    ("splits", "kept", "told"),
    [
        (("train", "test"), ("train", "test"), ""),
        (("train", None), ("train", "train"), ""),
        (("test", None), ("test", "train"), "No split is said of 2 images, such as b_001: they count as train."),
        (("val", "test"), ("val", "test"), ""),
        (("test", "test"), ("test", "test"), ""),
        (("val", "val"), None, ""),
        ((None, None), None, ""),
    ],
)
def test_images_without_a_split_are_to_train_and_those_to_test_stay_so(
    tmp_path: Path,
    files: dict[str, Path],
    splits: tuple[str | None, str | None],
    kept: tuple[str, str] | None,
    told: str,
) -> None:
    items = [
        Masked(name, (files["images"],), MaskFile(files["masks"]), word)
        for name, word in zip("ab", splits, strict=True)
    ]
    dataset = masked_dataset(tmp_path, items, ReadOptions())
    pages = [f"{name}_{page:03}" for name in "ab" for page in (1, 2)]
    assert dict(dataset.splits) == (
        {} if kept is None else dict(zip(pages, [kept[0]] * 2 + [kept[1]] * 2, strict=True))
    )
    assert dataset.pairing.endswith(told or "images.tif with masks.tif.")


def test_masks_of_one_object_each_are_not_looked_at(tmp_path: Path, files: dict[str, Path]) -> None:
    items = [Masked("x", (files["image"],), MaskFiles((tmp_path / "gone.tif",), (1,)))]
    assert files_coding(items, ReadOptions()).decision.startswith("1 mask of 1 image, one object in each; if only")
    dataset = masked_dataset(tmp_path, items, ReadOptions(), coding=lambda _, options: files_coding(items, options))
    with pytest.raises(UnmaskError, match=r"gone\.tif: does not exist"):
        dataset.load("x")
    items = [Masked("x", (files["images"],), MaskFiles((files["mask"],), (1,)))]
    with pytest.raises(PairingError, match=r"images\.tif: holds 2 images; an image whose masks are files of their own"):
        masked_dataset(tmp_path, items, ReadOptions())
    items = [Masked("x", (files["image"],), MaskFiles((files["masks"],), (1,)))]
    dataset = masked_dataset(tmp_path, items, ReadOptions(), coding=lambda _, options: files_coding(items, options))
    with pytest.raises(MaskError, match=r"masks\.tif: holds 2 masks where one is expected\. Save each"):
        dataset.load("x")


def test_masks_of_a_class_are_looked_at(tmp_path: Path, files: dict[str, Path]) -> None:
    items = [Masked("x", (files["image"],), MaskFiles((files["masks"],), (1,), regions=True))]
    with pytest.raises(PairingError, match=r"masks\.tif: has 2 pages, its image image\.tif has 1"):
        masked_dataset(tmp_path, items, ReadOptions())
    source = MaskFiles(
        (files["mask"],), (2,), ignored=(put(tmp_path / "dirt.tif", 9 * (LABELS[::-1] > 0)),), regions=True
    )
    items = [Masked("x", (files["image"],), source)]
    coding = files_coding(items, ReadOptions(), ("apple", "pear"))
    sample = masked_dataset(tmp_path, items, ReadOptions(), coding=lambda _, __: coding).load("x")
    np.testing.assert_array_equal(sample.objects, LABELS)
    np.testing.assert_array_equal(sample.classes, 2 * (LABELS > 0))
    np.testing.assert_array_equal(sample.ignore, (LABELS[::-1] > 0) & (LABELS == 0))


def test_what_is_reported_while_values_are_told_is_left_out(tmp_path: Path, files: dict[str, Path]) -> None:
    problems: list[UnmaskError] = []
    items = [Masked(name, (files["image"],), MaskFile(files[mask])) for name, mask in (("a", "mask"), ("b", "kinds"))]

    def coding(facts: object, options: ReadOptions) -> Coding:
        options.report(MaskError("is odd", file=files["kinds"], remedy="mend it"))
        return Coding("objects", (), "")

    dataset = masked_dataset(tmp_path, items, ReadOptions(report=problems.append), coding=coding)
    assert (dataset.names(), len(problems)) == (["a"], 1)
    with pytest.raises(PairingError, match=r"holds no image with a sound mask\. Mend the first"):
        masked_dataset(tmp_path, items[1:], ReadOptions(report=problems.append), coding=coding)


def test_numbers_with_their_nouns() -> None:
    assert [counted(n, "image") for n in (0, 1, 1200)] == ["0 images", "1 image", "1,200 images"]
