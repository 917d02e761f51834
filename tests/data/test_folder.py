import os
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from unmask.data.folder import read_folder, read_images, read_label_folder
from unmask.data.options import ReadOptions
from unmask.errors import DataError, MaskError, PairingError, UnmaskError, UnreadableFile

IMAGE = np.arange(240, dtype=np.uint8).reshape(12, 20)
LABELS = np.zeros((12, 20), np.uint16)
LABELS[1:4, 1:5], LABELS[1:4, 6:9], LABELS[6:9, 2:5], LABELS[6:9, 8:12], LABELS[6:10, 14:18] = 1, 2, 3, 4, 5


def put(path: Path, array: np.ndarray, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tifffile.imwrite(path, array, photometric="minisblack", **options)  # type: ignore[arg-type]
    else:
        Image.fromarray(array).save(path)


def fill(root: Path, names: tuple[str, ...] = ("a", "b"), images: str = "images", masks: str = "masks") -> Path:
    for name in names:
        put(root / images / f"{name}.png", IMAGE)
        put(root / masks / f"{name}.tif", LABELS)
    return root


@pytest.mark.parametrize(
    ("images", "masks"), [("images", "masks"), ("Images", "Labels"), ("image", "mask"), ("IMAGE", "label")]
)
def test_two_folders(tmp_path: Path, images: str, masks: str) -> None:
    dataset = read_folder(fill(tmp_path, images=images, masks=masks))
    assert dataset.names() == ["a", "b"]
    assert (dataset.kind, dataset.channels, dataset.class_names, dataset.class_values) == (
        "objects",
        1,
        ("object",),
        (),
    )
    assert dataset.pairing == f"2 images, paired by name, such as {images}/a.png with {masks}/a.tif."
    assert dataset.decision.startswith(
        "2 masks hold ids from 1 to 5, 10 of 10 objects in one connected piece: read as label"
    )
    for sample in dataset:
        np.testing.assert_array_equal(sample.image[..., 0], IMAGE)
        np.testing.assert_array_equal(sample.objects, LABELS)
        np.testing.assert_array_equal(sample.classes, LABELS > 0)


def test_side_by_side(tmp_path: Path) -> None:
    for name in ("a", "b"):
        put(tmp_path / f"{name}.tif", IMAGE)
        put(tmp_path / f"{name}_mask.png", (255 * (LABELS > 0)).astype(np.uint8))
    dataset = read_folder(tmp_path)
    assert (dataset.names(), dataset.kind, dataset.class_values) == (["a", "b"], "binary", (255,))
    assert dataset.load("b").objects is not None
    np.testing.assert_array_equal(dataset.load("b").objects, LABELS)
    images = read_images([tmp_path])
    assert images.names() == ["a", "b"]
    assert images.pairing == "2 images. Left out as masks of others: a_mask.png, b_mask.png."
    assert read_images([tmp_path / "a.tif", tmp_path / "a_mask.png"]).names() == ["a", "a_mask"]  # as asked


def test_hidden_and_other_files_are_ignored(tmp_path: Path) -> None:
    fill(tmp_path)
    for name in (".DS_Store", "._a.png", "Thumbs.db", "notes.txt"):
        (tmp_path / "images" / name).write_bytes(b"x")
        (tmp_path / "masks" / name).write_bytes(b"x")
    assert read_folder(tmp_path).names() == ["a", "b"]


def test_stacks_pair_page_by_page(tmp_path: Path) -> None:
    images, masks = np.stack([IMAGE, IMAGE + 1, IMAGE + 2]), np.stack([LABELS, LABELS * 0, LABELS])
    put(tmp_path / "images" / "s.tif", images)
    put(tmp_path / "masks" / "s_mask.tif", masks)
    dataset = read_folder(tmp_path)
    assert dataset.names() == ["s_001", "s_002", "s_003"]
    assert dataset.pairing.startswith("3 images in 1 file, paired")
    for sample, image, mask in zip(dataset, images, masks, strict=True):
        np.testing.assert_array_equal(sample.image[..., 0], image)
        np.testing.assert_array_equal(sample.objects, mask)
    put(tmp_path / "masks" / "s_mask.tif", masks[:2])
    with pytest.raises(PairingError, match=r"s_mask\.tif: has 2 pages, its image s\.tif has 3\. Give both"):
        read_folder(tmp_path)


def test_kind_overrules(tmp_path: Path) -> None:
    dataset = read_folder(fill(tmp_path), ReadOptions("classes"))
    assert (dataset.kind, dataset.class_values) == ("classes", (1, 2, 3, 4, 5))
    assert dataset.load("a").classes is not None
    np.testing.assert_array_equal(dataset.load("a").classes, LABELS)


def test_grey_saved_as_colour_is_one_channel_for_the_whole_set(tmp_path: Path) -> None:
    fill(tmp_path)
    put(tmp_path / "images" / "b.png", np.dstack([IMAGE] * 3))
    assert [sample.channels for sample in read_folder(tmp_path)] == [1, 1]
    put(tmp_path / "images" / "b.png", np.dstack([IMAGE, IMAGE, IMAGE + 1]))
    with pytest.raises(DataError, match=r"b\.png: has 3 channels, but a\.png has 1\. Make them all grey"):
        read_folder(tmp_path)


def test_split_csv_is_read(tmp_path: Path) -> None:
    (fill(tmp_path) / "split.csv").write_text("name,split\na,train\nb.png,test\n")
    assert read_folder(tmp_path).splits == {"a": "train", "b": "test"}


def broken(root: Path, case: str) -> None:
    """Puts one thing wrong into a sound folder."""
    image, mask = root / "images" / "b.png", root / "masks" / "b.tif"
    match case:
        case "no mask":
            mask.unlink()
        case "no image":
            image.unlink()
        case "size":
            put(mask, LABELS[:-2])
        case "swapped":
            put(mask, LABELS.T)
        case "float":
            put(mask, LABELS.astype(np.float32) / 5)
        case "smoothed":
            mask.unlink()
            small = Image.fromarray(((LABELS > 0) * 255).astype(np.uint8)).resize((14, 8), Image.Resampling.BILINEAR)
            small.resize((20, 12), Image.Resampling.BILINEAR).save(mask.with_suffix(".png"))
        case "empty masks":
            put(mask, 0 * LABELS)
            put(root / "masks" / "a.tif", 0 * LABELS)
        case "no images":
            for file in (root / "images").iterdir():
                file.rename(file.with_suffix(".czi"))
        case "no folder":
            (root / "masks").rename(root / "annotations")
        case "two folders":
            (root / "labels").mkdir()
        case "truncated image":
            image.write_bytes(image.read_bytes()[:20])
        case "truncated mask":
            mask.write_bytes(mask.read_bytes()[:-40])
        case "twins":
            put(image.with_suffix(".tif"), IMAGE)


@pytest.mark.parametrize(
    ("case", "kind", "message"),
    [
        ("no mask", PairingError, r"images/b\.png: is an image without a mask\. Draw its mask"),
        ("no image", PairingError, r"masks/b\.tif: is a mask without an image\. Put its image into .*images"),
        ("size", PairingError, r"b\.tif: is 10 x 20 pixels \(rows x columns\), its image 12 x 20\. Export the mask"),
        ("swapped", PairingError, r"b\.tif: is 20 x 12 pixels .*, its image 12 x 20: rows and columns are swapped"),
        ("float", MaskError, r"b\.tif: is a float mask \(0 to 1\); a mask holds whole numbers\. Convert it"),
        ("smoothed", MaskError, r"b\.png: is a mask with \d+ in-between values .*\. Export it again"),
        (
            "empty masks",
            MaskError,
            r"masks: holds only empty masks \(all 0\)\. Draw at least one object in one of them",
        ),
        ("no images", PairingError, r"images: holds no image that unmask reads \(2 \.czi\)\. Put PNG, .* export other"),
        (
            "no folder",
            PairingError,
            r": has images/ but no masks/ \(there: annotations/, images/\)\. Rename the folder",
        ),
        ("two folders", PairingError, r": has both labels/ and masks/\. Keep the one to use and rename the other"),
        ("truncated image", UnreadableFile, r"b\.png: is damaged or truncated .*\. Copy or export it again"),
        ("truncated mask", UnreadableFile, r"b\.tif: is truncated: pixel data are missing\. Copy or export it again"),
        ("twins", PairingError, r"images/b\.tif: has the same name as b\.png, .*\. Rename one of them"),
    ],
)
def test_wrong_folders_are_refused_in_one_line(
    tmp_path: Path, case: str, kind: type[UnmaskError], message: str
) -> None:
    broken(fill(tmp_path), case)
    with pytest.raises(kind, match=message) as caught:
        read_folder(tmp_path)
    assert "\n" not in str(caught.value)
    assert caught.value.file is not None


def test_folders_that_are_none_are_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    for path, message in {
        "nowhere": r"nowhere: does not exist\. Check the spelling",
        "images/a.png": r"a\.png: is a file where a folder is expected\. Give the folder",
        "images": r"images: is one of the two folders\. Give the folder above: .*",
    }.items():
        with pytest.raises(PairingError, match=message):
            read_folder(tmp_path / path)
    (tmp_path / "void").mkdir()
    with pytest.raises(
        PairingError, match=r"void: has no images/ and masks/ \(there: no folders\)\. Put the images into"
    ):
        read_folder(tmp_path / "void")


def test_images_to_predict(tmp_path: Path) -> None:
    fill(tmp_path / "x", ("a2", "a10"))
    put(tmp_path / "y" / "a2.tif", np.stack([IMAGE, IMAGE]))
    put(tmp_path / "y" / "deeper" / "z.png", IMAGE)
    dataset = read_images([tmp_path / "x", tmp_path / "y", tmp_path / "x" / "images" / "a2.png"])
    assert dataset.names() == ["images_a2", "a10", "y_a2_001", "y_a2_002"]
    assert (dataset.kind, dataset.class_names, dataset.decision) == (None, (), "There are no masks.")
    assert all(sample.objects is None for sample in dataset)


def test_a_link_is_called_by_its_own_name(tmp_path: Path) -> None:
    put(tmp_path / "store" / "8f3a.png", IMAGE)
    (tmp_path / "cell.png").symlink_to(tmp_path / "store" / "8f3a.png")
    assert read_images([tmp_path]).names() == ["cell"]


def test_images_to_predict_can_be_given_the_number_of_channels(tmp_path: Path) -> None:
    put(tmp_path / "a.png", np.dstack([IMAGE] * 3))
    assert read_images([tmp_path]).load("a").channels == 1
    assert read_images([tmp_path], channels=3).load("a").channels == 3
    with pytest.raises(DataError, match=r"a\.png: has 3 channels where 2 are wanted\. Convert it in Fiji"):
        read_images([tmp_path], channels=2).load("a")


def test_no_images_to_predict(tmp_path: Path) -> None:
    with pytest.raises(PairingError, match=r"holds no image that unmask reads \(it is empty\)\. Put PNG"):
        read_images([tmp_path])
    with pytest.raises(PairingError, match=r"nowhere\.png: does not exist\. Check the spelling"):
        read_images([tmp_path / "nowhere.png"])
    with pytest.raises(PairingError, match=r"^no image was given\. Name image files or folders"):
        read_images([])


@pytest.mark.parametrize("given", ["", "masks"])
def test_labels_of_a_data_folder(tmp_path: Path, given: str) -> None:
    put(tmp_path / "images" / "img_2.png", IMAGE)
    put(tmp_path / "masks" / "mask_2.tif", LABELS)
    labels = read_label_folder(tmp_path / given)
    assert labels.names == (["mask_2"] if given else ["img_2"])  # named after the image where it is known
    found = labels.load(labels.names[0])
    classes, objects = found.classes, found.objects
    np.testing.assert_array_equal(objects, LABELS)
    np.testing.assert_array_equal(classes, LABELS > 0)


def test_labels_that_predict_wrote(tmp_path: Path) -> None:
    put(tmp_path / "labels" / "a.tif", LABELS)
    put(tmp_path / "overlays" / "a.png", IMAGE)
    put(tmp_path / "labels" / "s_mask.tif", np.stack([LABELS, 0 * LABELS]))
    labels = read_label_folder(tmp_path)
    assert (labels.names, labels.kind) == (["a", "s_001", "s_002"], "objects")
    assert labels.load("s_002").objects.max() == 0
    with pytest.raises(PairingError, match=r": has no mask called b\. Add it, or compare only images .* look like a"):
        labels.load("b")


def test_label_folders_may_be_empty_of_objects_but_not_of_files(tmp_path: Path) -> None:
    put(tmp_path / "p" / "a.tif", 0 * LABELS)
    assert read_label_folder(tmp_path / "p").load("a").objects.max() == 0
    with pytest.raises(PairingError, match="holds no image that unmask reads"):
        read_label_folder(tmp_path)


def test_masks_of_one_name_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "a.tif", LABELS)
    put(tmp_path / "a_mask.tif", LABELS)
    assert read_label_folder(tmp_path).names == ["a"]  # as a.tif is the image of a_mask.tif
    (tmp_path / "a_mask.tif").unlink()
    put(tmp_path / "a.png", LABELS.astype(np.uint8))
    with pytest.raises(PairingError, match=r"a\.(tif|png): has the name of another mask there\. Remove or rename"):
        read_label_folder(tmp_path)


needs_data = pytest.mark.skipif("UNMASK_DATA" not in os.environ, reason="UNMASK_DATA is not set: no real data")


@needs_data
def test_dsb2018_is_read_in_under_four_seconds() -> None:
    start = time.perf_counter()
    dataset = read_folder(Path(os.environ["UNMASK_DATA"]) / "dsb2018")
    assert time.perf_counter() - start < 4
    assert (len(dataset), dataset.kind, dataset.channels) == (473, "objects", 1)
    assert (len(dataset.names("train")), len(dataset.names("test"))) == (382, 91)


@needs_data
@pytest.mark.parametrize(
    ("name", "kind", "channels"), [("isbi2012", "binary", 1), ("dsb2018_other", "objects", 3), ("vnc", "classes", 1)]
)
def test_real_folders(name: str, kind: str, channels: int) -> None:
    dataset = read_folder(Path(os.environ["UNMASK_DATA"]) / name)
    assert (dataset.kind, dataset.channels) == (kind, channels)
    sample = dataset.load(dataset.names()[0])
    assert sample.objects is not None
    assert sample.classes is not None
    assert sample.objects.max() > 5
    assert ((sample.objects > 0) == (sample.classes > 0)).all()
