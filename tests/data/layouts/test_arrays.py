"""Data sets and images whose files are .npy files or zarr arrays."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from unmask.data.entry import read_pixels
from unmask.data.folder import read_folder, read_images, read_label_folder
from unmask.data.listing import image_files
from unmask.errors import MaskError, PairingError, UnreadableFile

IMAGES = {name: np.random.default_rng(seed).integers(0, 60, (30, 40, 3), np.uint8) for seed, name in enumerate("ab")}
LABELS = np.zeros((30, 40), np.int64)
LABELS[3:9, 4:12], LABELS[15:25, 20:30], LABELS[16:22, 31:38] = 1, 2, 3


def npy(path: Path, array: np.ndarray) -> None:
    np.save(path.with_suffix(".npy"), array)


def npy_turned(path: Path, array: np.ndarray) -> None:
    """Channels first, the first axis the fastest."""
    np.save(path.with_suffix(".npy"), np.asfortranarray(array.transpose(2, 0, 1) if array.ndim == 3 else array))


def tiff(path: Path, array: np.ndarray) -> None:
    smaller = array.astype(np.int32) if array.dtype == np.int64 else array
    tifffile.imwrite(path.with_suffix(".tif"), smaller, photometric="rgb" if array.ndim == 3 else "minisblack")


def png(path: Path, array: np.ndarray) -> None:
    Image.fromarray(array.astype(np.uint8)).save(path.with_suffix(".png"))


def zarr_of(version: Any, suffix: str = ".zarr") -> Callable[[Path, np.ndarray], None]:
    def write(path: Path, array: np.ndarray) -> None:
        chunks = tuple(min(n, 16) for n in array.shape)
        options: dict[str, Any] = {"chunks": chunks, "dtype": array.dtype, "zarr_format": version}
        zarr.create_array(path.with_suffix(suffix), shape=array.shape, **options)[...] = array

    return write


KINDS: dict[str, Callable[[Path, np.ndarray], None]] = {
    "npy": npy,
    "npy-turned": npy_turned,
    "zarr2": zarr_of(2),
    "zarr3": zarr_of(3),
    "zarr-without-suffix": zarr_of(3, ""),
    "tif": tiff,
    "png": png,
}
Write = Callable[[Path, np.ndarray], None]


def laid_out(root: Path, image: Write, mask: Write, places: tuple[str, str] = ("images/{}", "masks/{}")) -> Path:
    for name, pixels in IMAGES.items():
        for write, place, array in ((image, places[0], pixels), (mask, places[1], LABELS)):
            path = root / place.format(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, array)
    return root


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("npy", "npy"),
        ("npy-turned", "npy-turned"),
        ("npy", "png"),
        ("tif", "npy"),
        ("zarr2", "zarr2"),
        ("zarr3", "npy"),
        ("npy", "zarr3"),
        ("zarr3", "png"),
        ("zarr-without-suffix", "zarr-without-suffix"),
    ],
)
@pytest.mark.parametrize(
    "places", [("images/{}", "masks/{}"), ("{}", "{}_mask"), ("train/images/{}", "train/masks/{}")]
)
def test_pairs(tmp_path: Path, image: str, mask: str, places: tuple[str, str]) -> None:
    root = laid_out(tmp_path, KINDS[image], KINDS[mask], places)
    dataset = read_folder(root)
    assert (dataset.layout, dataset.names(), dataset.channels, dataset.kind) == ("pairs", ["a", "b"], 3, "objects")
    truth = read_label_folder(root)
    for name, pixels in IMAGES.items():
        sample = dataset.load(name)
        np.testing.assert_array_equal(sample.image, pixels)
        np.testing.assert_array_equal(sample.objects, LABELS)
        np.testing.assert_array_equal(truth.load(name).objects, LABELS)
    images = read_images([root])
    assert (images.names(), images.channels) == (["a", "b"], 3)


@pytest.mark.parametrize("kind", KINDS)
def test_images_of_a_folder_without_masks(tmp_path: Path, kind: str) -> None:
    for name, pixels in IMAGES.items():
        KINDS[kind](tmp_path / name, pixels)
    for given in ([tmp_path], sorted(tmp_path.iterdir())):
        dataset = read_images(given, 3)
        assert dataset.names() == ["a", "b"]
        for entry in dataset.entries:
            np.testing.assert_array_equal(read_pixels(entry, 3)[0], IMAGES[entry.name])


def test_channels_in_files_of_their_own(tmp_path: Path) -> None:
    for name, pixels in IMAGES.items():
        for channel in range(3):
            np.save(tmp_path / f"{name}_ch{channel + 1}.npy", pixels[..., channel])
    dataset = read_images([tmp_path], 3)
    assert dataset.names() == ["a", "b"]
    np.testing.assert_array_equal(read_pixels(dataset.entries[1], 3)[0], IMAGES["b"])


def test_a_table_of_arrays(tmp_path: Path) -> None:
    laid_out(tmp_path, zarr_of(3), npy, ("i/{}", "m/{}"))
    (tmp_path / "t.csv").write_text("image,mask\ni/a.zarr,m/a.npy\ni/b.zarr,m/b.npy\n")
    dataset = read_folder(tmp_path)
    assert (dataset.layout, dataset.names()) == ("table", ["a", "b"])
    np.testing.assert_array_equal(dataset.load("b").objects, LABELS)


def test_objects_of_python_are_refused_by_name(tmp_path: Path) -> None:
    laid_out(tmp_path, npy, npy)
    np.save(tmp_path / "images" / "c.npy", np.array({"a": 1}))
    np.save(tmp_path / "masks" / "c.npy", LABELS)
    with pytest.raises(UnreadableFile, match=r"c\.npy: holds Python objects or named fields, not numbers\. Save an"):
        read_folder(tmp_path)


def test_a_float_mask_says_how_to_convert_it(tmp_path: Path) -> None:
    """And what it says does so."""
    laid_out(tmp_path, npy, lambda path, array: npy(path, array.astype(np.float64)))
    with pytest.raises(MaskError, match=r"a\.npy: is a float mask \(0 to 3\)") as caught:
        read_folder(tmp_path)
    assert caught.value.remedy is not None
    command = caught.value.remedy.partition('python -c "')[2].rstrip('"')
    exec(command, {})
    mended = tifffile.imread(tmp_path / "masks" / "a.tif")
    np.testing.assert_array_equal(mended, LABELS)


def test_what_others_keep_beside_a_picture_is_no_image(tmp_path: Path) -> None:
    """Ultralytics keeps decoded images so, others features; a picture of that name is the image."""
    laid_out(tmp_path, png, png)
    for name in IMAGES:
        np.save(tmp_path / "images" / f"{name}.npy", np.zeros((2, 3, 4, 5)))
    assert read_folder(tmp_path).names() == ["a", "b"]
    assert read_images([tmp_path / "images"]).names() == ["a", "b"]
    assert [entry.image.suffix for entry in read_images([tmp_path]).entries] == [".png", ".png"]


@pytest.mark.parametrize("cache", ["a.npy", "a.ome.npy"])
def test_what_others_keep_beside_an_ome_tiff_is_no_image(tmp_path: Path, cache: str) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", LABELS.astype(np.uint8))
    np.save(tmp_path / cache, np.zeros((2, 3, 4, 5)))
    assert [path.name for path in image_files(tmp_path)] == ["a.ome.tif"]
    assert read_images([tmp_path]).names() == ["a"]


def test_an_array_that_is_no_image_says_how_to_hide_it(tmp_path: Path) -> None:
    laid_out(tmp_path, png, png)
    mean = tmp_path / "images" / "mean.npy"
    np.save(mean, np.zeros(3))
    hide = r", or rename it so that it does not end in \.npy if it is no image\.$"
    with pytest.raises(PairingError, match=rf"mean\.npy: is an image without a mask\. Draw its mask, .*{hide}"):
        read_folder(tmp_path)
    with pytest.raises(UnreadableFile, match=rf"mean\.npy: is an array of 3, .*\. Save it as \(h, w\) or .*{hide}"):
        read_images([tmp_path / "images"])
    mean.rename(mean.with_suffix(".npy.txt"))
    assert read_folder(tmp_path).names() == ["a", "b"]


def test_a_folder_without_images_says_what_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    message = r"\(1 \.gif\)\. Put PNG, TIFF, JPEG, BMP or \.npy images, OME-Zarr folders or zarr arrays there; export"
    with pytest.raises(PairingError, match=message):
        image_files(tmp_path)


def test_what_ultralytics_keeps_is_no_image_of_yolo(tmp_path: Path) -> None:
    laid_out(tmp_path, png, png, ("images/train/{}", "unused/{}"))
    for name in IMAGES:
        np.save(tmp_path / "images/train" / f"{name}.npy", np.zeros((30, 40, 3), np.uint8))
        (tmp_path / "labels/train").mkdir(parents=True, exist_ok=True)
        (tmp_path / "labels/train" / f"{name}.txt").write_text("0 .1 .1 .5 .1 .5 .5\n")
    for data in ("", "path: .\ntrain: images/train\nnames: [cell]\n"):
        if data:
            (tmp_path / "data.yaml").write_text(data)
        dataset = read_folder(tmp_path)
        assert (dataset.layout, dataset.names()) == ("yolo", ["a", "b"])
        assert read_images([tmp_path]).names() == ["a", "b"]


def test_masks_of_labelme_as_arrays_are_left_out(tmp_path: Path) -> None:
    """They hold -1 where nothing is known, which the pictures of the same masks do not."""
    laid_out(tmp_path, png, png, ("JPEGImages/{}", "SegmentationClassPNG/{}"))
    (tmp_path / "SegmentationClass").mkdir()
    for name in IMAGES:
        np.save(tmp_path / "SegmentationClass" / f"{name}.npy", LABELS - 1)
    dataset = read_folder(tmp_path)
    assert (dataset.layout, dataset.names()) == ("voc", ["a", "b"])
    assert {mask.suffix for entry in dataset.entries for mask in entry.masks} == {".png"}


def test_seg_npy_counts_where_it_holds_numbers(tmp_path: Path) -> None:
    laid_out(tmp_path, png, npy, ("{}", "{}_seg"))
    np.testing.assert_array_equal(read_folder(tmp_path).load("a").objects, LABELS)
    np.save(tmp_path / "b_seg.npy", np.array({"masks": LABELS}))
    with pytest.raises(PairingError, match=r"b\.png: is an image without a mask\. In Cellpose, choose File > Save"):
        read_folder(tmp_path)


def test_archives_in_a_folder(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", LABELS)
    message = r"holds no image that unmask reads \(1 \.npz\)\. Save each array of an \.npz as a \.npy file"
    for read in (read_folder, lambda path: read_images([path])):
        with pytest.raises(PairingError, match=message):
            read(tmp_path)
    with pytest.raises(UnreadableFile, match=r"a\.npz: is an archive of arrays"):
        read_images([tmp_path / "a.npz"])
