"""Pascal VOC's layout: folders, lists of images and of classes, what values mean, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unmask.data.dataset import split_dataset
from unmask.data.folder import read_folder, read_label_folder
from unmask.data.layouts.voc_classes import palette_colour
from unmask.data.options import OUTSIDE, ReadOptions
from unmask.errors import DataError, MaskError, PairingError, UnmaskError, UnreadableFile

PALETTE = [channel for index in range(256) for channel in palette_colour(index).to_bytes(3, "big")]


def save_mask(path: Path, mask: np.ndarray, how: str = "palette") -> None:
    """A mask with VOC's palette, in its colours as RGB, or as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(mask if how == "plain" else mask.astype(np.uint8))
    if how != "plain":
        image.putpalette(PALETTE)
    (image.convert("RGB") if how == "colours" else image).save(path)


def save_image(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def write_layout(folder: Path, samples: dict[str, tuple[np.ndarray, np.ndarray]]) -> Path:
    """Images and label images with a class map each, all of class "object"."""
    for name, (image, labels) in samples.items():
        save_image(folder / "JPEGImages" / f"{name}.png", image)
        save_mask(folder / "SegmentationObject" / f"{name}.png", labels, "palette" if labels.max() < 255 else "plain")
        save_mask(folder / "SegmentationClass" / f"{name}.png", (labels > 0).astype(np.uint8))
    (folder / "labels.txt").write_text("background\nobject\n")
    return folder


# Two objects of class 5 that touch, one of class 15, and a rim that is not known.
OBJECTS = np.array(
    [
        [1, 1, 2, 2, 255, 0],
        [1, 1, 2, 2, 255, 0],
        [255, 255, 255, 255, 255, 0],
        [3, 3, 0, 0, 0, 0],
        [3, 3, 0, 0, 0, 0],
    ],
    np.uint8,
)
CLASSES = np.where(np.isin(OBJECTS, (1, 2)), 5, np.where(OBJECTS == 3, 15, OBJECTS)).astype(np.uint8)


def voc(root: Path, names: tuple[str, ...] = ("a", "b"), how: str = "palette", parts: str = "oc") -> Path:
    """A sound data set with both kinds of masks, or one of them."""
    for name in names:
        save_image(root / "JPEGImages" / f"{name}.jpg", np.full((*OBJECTS.shape, 3), 90, np.uint8))
        if "o" in parts:
            save_mask(root / "SegmentationObject" / f"{name}.png", OBJECTS, how)
        if "c" in parts:
            save_mask(root / "SegmentationClass" / f"{name}.png", CLASSES, how)
    return root


def lists(root: Path, **names: str) -> None:
    folder = root / "ImageSets" / "Segmentation"
    folder.mkdir(parents=True, exist_ok=True)
    for split, text in names.items():
        (folder / f"{split}.txt").write_text(text)


def test_the_palette_is_vocs() -> None:
    """Some colours as VOC's development kit lists them."""
    colours = {0: 0, 1: 0x800000, 2: 0x008000, 5: 0x800080, 8: 0x400000, 15: 0xC08080, 20: 0x004080, 255: 0xE0E0C0}
    assert {index: palette_colour(index) for index in colours} == colours
    assert len({palette_colour(index) for index in range(256)}) == 256


@pytest.mark.parametrize("how", ["palette", "plain", "colours"])
def test_objects_and_classes(tmp_path: Path, how: str) -> None:
    dataset = read_folder(voc(tmp_path, how=how))
    assert (dataset.names(), dataset.layout, dataset.kind) == (["a", "b"], "voc", "objects")
    assert dataset.class_names == ("bottle", "person")
    sample = dataset.load("a")
    np.testing.assert_array_equal(sample.objects, np.where(OBJECTS == 255, 0, OBJECTS))
    np.testing.assert_array_equal(sample.classes, np.array([0, 1, 1, 2])[np.where(OBJECTS == 255, 0, OBJECTS)])
    np.testing.assert_array_equal(sample.ignore, OBJECTS == 255)
    void = "#e0e0c0" if how == "colours" else "255"
    assert dataset.decision == (
        "2 class maps hold 2 classes by Pascal VOC's list (bottle, person), and label images beside them the objects. "
        f"If only their classes matter, say --classes. {void} is ignored."
    )
    assert dataset.pairing == (
        "2 images, paired by name, such as JPEGImages/a.jpg with SegmentationObject/a.png and SegmentationClass/a.png."
    )
    truth = read_label_folder(tmp_path)
    assert truth.coding.class_names == ("bottle", "person")
    np.testing.assert_array_equal(truth.load("a").objects, sample.objects)


@pytest.mark.parametrize("how", ["palette", "colours"])
def test_classes_alone(tmp_path: Path, how: str) -> None:
    dataset = read_folder(voc(tmp_path, how=how, parts="c"))
    assert (dataset.kind, dataset.class_names) == ("classes", ("bottle", "person"))
    assert dataset.class_values == ((1, 2) if how == "colours" else (5, 15))
    sample = dataset.load("b")
    np.testing.assert_array_equal(sample.classes, np.array([0, 1, 1, 2])[np.where(OBJECTS == 255, 0, OBJECTS)])
    np.testing.assert_array_equal(sample.ignore, OBJECTS == 255)
    assert sample.objects is not None
    assert sample.objects.max() == 2  # the two bottles touch
    assert dataset.decision.startswith("2 class maps hold 2 classes by Pascal VOC's list (bottle, person): read as cl")


@pytest.mark.parametrize("how", ["palette", "colours"])
def test_objects_alone(tmp_path: Path, how: str) -> None:
    dataset = read_folder(voc(tmp_path, how=how, parts="o"))
    assert (dataset.kind, dataset.class_names) == ("objects", ("object",))
    sample = dataset.load("a")
    np.testing.assert_array_equal(sample.objects, np.where(OBJECTS == 255, 0, OBJECTS))
    np.testing.assert_array_equal(sample.ignore, OBJECTS == 255)


def test_as_written_by_the_helper(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    samples = {
        name: (random.integers(0, 255, size).astype(np.uint8), random.integers(0, 4, size).astype(np.uint16))
        for name, size in (("a", (30, 41)), ("b", (17, 9)))
    }
    samples["many"] = (np.zeros((20, 20), np.uint8), np.arange(1, 401, dtype=np.uint16).reshape(20, 20))
    dataset = read_folder(write_layout(tmp_path, samples))
    assert (dataset.names(), dataset.class_names, dataset.channels) == (["a", "b", "many"], ("object",), 1)
    for name, (image, labels) in samples.items():
        sample = dataset.load(name)
        np.testing.assert_array_equal(sample.image[..., 0], image)
        for label in np.unique(labels[labels > 0]):
            assert len(np.unique(sample.objects[labels == label])) == 1  # type: ignore[index]
        assert sample.objects is not None
        assert sample.objects.max() == len(np.unique(labels[labels > 0]))
        np.testing.assert_array_equal(sample.objects > 0, labels > 0)  # 255 is an id where there are more


def test_asked_for_classes(tmp_path: Path) -> None:
    dataset = read_folder(voc(tmp_path), ReadOptions("classes"))
    assert (dataset.kind, dataset.class_values) == ("classes", (5, 15))
    assert dataset.decision.endswith("(bottle, person): read as classes, as asked. 255 is ignored.")
    assert next(entry.masks for entry in dataset.entries) == (tmp_path / "SegmentationClass" / "a.png",)


@pytest.mark.parametrize(
    ("ignore", "left"), [("bottle", {3}), ("15", {1, 2}), (OUTSIDE, {1, 2, 3}), ("255", {1, 2, 3})]
)
def test_a_class_can_be_ignored(tmp_path: Path, ignore: str, left: set[int]) -> None:
    sample = read_folder(voc(tmp_path), ReadOptions(ignore=ignore)).load("a")
    assert sample.objects is not None
    assert sample.ignore is not None
    assert set(np.unique(OBJECTS[sample.objects > 0])) == left
    gone = np.isin(OBJECTS, list({1, 2, 3} - left))
    assert sample.ignore[gone].all()
    if ignore != OUTSIDE:
        np.testing.assert_array_equal(sample.ignore, gone | (OBJECTS == 255))


def test_an_object_is_of_the_class_of_most_of_its_pixels(tmp_path: Path) -> None:
    voc(tmp_path)
    classes = CLASSES.copy()
    classes[0, 0] = 15  # of the four pixels of object 1
    save_mask(tmp_path / "SegmentationClass" / "a.png", classes)
    sample = read_folder(tmp_path).load("a")
    assert sample.classes is not None
    assert sample.classes[:2, :2].tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("place", [".", "VOC2012", "VOCdevkit/VOC2012", "data"])
def test_the_folder_may_lie_deeper(tmp_path: Path, place: str) -> None:
    voc(tmp_path / place)
    lists(tmp_path / place, train="a\n", val="b\n")
    dataset = read_folder(tmp_path)
    assert dataset.names() == ["a", "b"]
    assert dataset.splits == {"a": "train", "b": "val"}
    assert split_dataset(dataset, seed=0) == {"train": ["a"], "val": ["b"], "test": []}


def test_two_data_sets_are_one_too_many(tmp_path: Path) -> None:
    for year in ("VOC2007", "VOC2012"):
        voc(tmp_path / "VOCdevkit" / year)
    with pytest.raises(
        PairingError, match=r": holds 2 data sets, VOCdevkit/VOC2007/ and VOCdevkit/VOC2012/\. Give one"
    ):
        read_folder(tmp_path)


def test_only_images_with_masks_take_part(tmp_path: Path) -> None:
    voc(tmp_path, ("a", "b", "c"))
    save_image(tmp_path / "JPEGImages" / "unlabelled.jpg", np.zeros((9, 9, 3), np.uint8))
    dataset = read_folder(tmp_path)
    assert dataset.names() == ["a", "b", "c"]
    assert dataset.pairing.startswith("3 images, those with masks of the 4 in JPEGImages/, paired by name, such as")


def test_lists(tmp_path: Path) -> None:
    voc(tmp_path, ("a", "b", "c"))
    lists(tmp_path, trainval="a\nb\nc\n", default="a\nb\nc\n")
    assert read_folder(tmp_path).splits == {}
    lists(tmp_path, train="a\n\n", val="b\n")
    dataset = read_folder(tmp_path)
    assert dataset.splits == {"a": "train", "b": "val", "c": "train"}
    assert dataset.pairing.endswith("No split is said of 1 image, such as c: it counts as train.")
    lists(tmp_path, train="/JPEGImages/a.jpg /SegmentationClass/a.png\nb.jpg", val="\n", test="c")
    assert read_folder(tmp_path).splits == {"a": "train", "b": "train", "c": "test"}


@pytest.mark.parametrize(
    ("file", "text", "names"),
    [
        ("labels.txt", "background\n" + "\n".join(f"k{index}" for index in range(1, 16)), ("k5", "k15")),
        ("classes.txt", "\n".join(f"k{index}" for index in range(1, 16)), ("k5", "k15")),
        ("class_names.txt", "_background_\n" + "\n".join(f"k{index}" for index in range(1, 16)), ("k5", "k15")),
        (
            "labelmap.txt",
            "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:128,0,128::\ndog:192,128,128::\n",
            ("cat", "dog"),
        ),
    ],
)
def test_names_of_classes(tmp_path: Path, file: str, text: str, names: tuple[str, ...]) -> None:
    voc(tmp_path, how="colours" if file == "labelmap.txt" else "palette")
    (tmp_path / file).write_text(text)
    dataset = read_folder(tmp_path)
    assert dataset.class_names == names
    assert f"2 classes by {file} ({names[0]}, {names[1]})" in dataset.decision


@pytest.mark.parametrize("how", ["palette", "colours"])
def test_two_values_of_one_name_are_one_class(tmp_path: Path, how: str) -> None:
    voc(tmp_path, how=how)
    lines = ["background:0,0,0::", "animal:128,0,128::", "animal:192,128,128::", "bus:0,128,128::"]
    if how == "palette":
        lines = [f"{value} {name}" for value, name in ((0, "background"), (5, "animal"), (15, "animal"), (6, "bus"))]
    (tmp_path / ("labelmap.txt" if how == "colours" else "labels.txt")).write_text("\n".join(lines))
    dataset = read_folder(tmp_path)
    assert dataset.class_names == ("animal",)
    found = {int(value) for name in dataset.names() for value in np.unique(dataset.load(name).classes)}
    assert found == {0, 1}


def test_classes_of_labelme_with_numpy_files_beside(tmp_path: Path) -> None:
    voc(tmp_path, parts="c")
    (tmp_path / "SegmentationClass").rename(tmp_path / "SegmentationClassPNG")
    (tmp_path / "SegmentationClass").mkdir()
    np.save(tmp_path / "SegmentationClass" / "a.npy", CLASSES)
    assert read_folder(tmp_path).names() == ["a", "b"]


def broken(root: Path, case: str) -> None:
    """Puts one thing wrong into a sound data set."""
    voc(root)
    match case:
        case "boxes":
            for folder in ("SegmentationObject", "SegmentationClass"):
                for file in (root / folder).iterdir():
                    file.unlink()
            (root / "Annotations").mkdir()
            (root / "Annotations" / "a.xml").write_text("<annotation><object><bndbox>1</bndbox></object></annotation>")
        case "nothing":
            for folder in ("SegmentationObject", "SegmentationClass"):
                for file in (root / folder).iterdir():
                    file.unlink()
        case "no image":
            (root / "JPEGImages" / "b.jpg").unlink()
        case "no objects":
            (root / "SegmentationObject" / "b.png").unlink()
        case "no classes":
            (root / "SegmentationClass" / "b.png").unlink()
        case "two images":
            save_image(root / "JPEGImages" / "b.png", np.zeros((5, 6, 3), np.uint8))
        case "size of classes":
            save_mask(root / "SegmentationClass" / "b.png", CLASSES[:4])
        case "size of objects":
            save_mask(root / "SegmentationObject" / "b.png", OBJECTS.T)
        case "cut off":
            file = root / "SegmentationClass" / "b.png"
            file.write_bytes(file.read_bytes()[:60])
        case "unknown class":
            save_mask(root / "SegmentationClass" / "b.png", np.where(CLASSES == 15, 21, CLASSES))
        case "unknown colour":
            voc(root, how="colours")
            mask = np.full((5, 6, 3), 7, np.uint8)
            mask[0, 0] = (8, 9, 10)
            save_image(root / "SegmentationClass" / "b.png", mask)
        case "only void":
            for name in ("a", "b"):
                save_mask(root / "SegmentationClass" / f"{name}.png", np.full((5, 6), 255, np.uint8))
        case "both lists":
            lists(root, train="a\nb", val="b")
        case "binary list":
            lists(root, train="a\nb")
            (root / "ImageSets" / "Segmentation" / "val.txt").write_bytes(b"\xff\xfe\x00")
        case "empty list of classes":
            (root / "labels.txt").write_text("\n")


@pytest.mark.parametrize(
    ("case", "kind", "message"),
    [
        ("boxes", MaskError, r"Annotations/a\.xml: holds boxes without outlines\. Annotate outlines, or make them"),
        ("nothing", PairingError, r": has JPEGImages/ and no masks\. Put masks into SegmentationObject/"),
        ("no image", PairingError, r"SegmentationClass/b\.png: is a mask without an image b in JPEGImages/\. Put its"),
        ("no objects", PairingError, r"SegmentationClass/b\.png: has no mask of its name in SegmentationObject/\. Add"),
        ("no classes", PairingError, r"SegmentationObject/b\.png: has no mask of its name in SegmentationClass/\. Add"),
        ("two images", PairingError, r"JPEGImages/b\.(png|jpg): has the same name as b\.(png|jpg), so that"),
        ("size of classes", PairingError, r"SegmentationClass/b\.png: is 4 x 6 pixels \(rows x columns\), its image 5"),
        ("size of objects", PairingError, r"SegmentationObject/b\.png: is 6 x 5 .*: rows and columns are swapped"),
        ("cut off", UnreadableFile, r"SegmentationClass/b\.png: is damaged or truncated"),
        (
            "unknown class",
            DataError,
            r"b\.png: holds the value 21, which is none of the 20 classes of Pascal VOC's list\. Name all classes in",
        ),
        ("unknown colour", DataError, r"b\.png: holds the colour #070707, which is none of the 20 classes of Pascal"),
        ("only void", MaskError, r"SegmentationClass: holds no mask with a class\. Draw at least one object"),
        ("both lists", DataError, r"val\.txt: names b, which train\.txt names too\. Take it out of one of the two"),
        ("binary list", UnreadableFile, r"val\.txt: is not text \(.*\)\. Save it as UTF-8"),
        ("empty list of classes", DataError, r"labels\.txt: names no class"),
    ],
)
def test_wrong_data_are_refused(tmp_path: Path, case: str, kind: type[UnmaskError], message: str) -> None:
    broken(tmp_path, case)
    with pytest.raises(kind, match=message) as caught:
        read_folder(tmp_path)
    assert caught.value.file is not None
    assert "\n" not in str(caught.value)
    if case in ("no image", "no objects", "no classes", "size of classes", "size of objects", "cut off"):
        seen: list[UnmaskError] = []
        assert read_folder(tmp_path, ReadOptions(report=seen.append)).names() == ["a"]
        assert [type(error) for error in seen] == [kind]


@pytest.mark.parametrize(("image", "file"), [("images/a.png", "annotations/a.xml"), ("a.png", "a.xml")])
def test_boxes_in_other_folders(tmp_path: Path, image: str, file: str) -> None:
    save_image(tmp_path / image, np.zeros((9, 9), np.uint8))
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("<annotation><object><bndbox>1</bndbox></object></annotation>")
    with pytest.raises(MaskError, match=r"a\.xml: holds boxes without outlines\. Annotate outlines"):
        read_folder(tmp_path)
    save_mask((tmp_path / image).parent / "a_mask.png", np.eye(9, dtype=np.uint8))
    (tmp_path / "masks").mkdir()
    save_mask(tmp_path / "masks" / "a.png", np.eye(9, dtype=np.uint8))
    with pytest.raises(PairingError, match="is not laid out as voc"):  # there is something better
        read_folder(tmp_path, ReadOptions(layout="voc"))


def test_coco_files_beside_jpegimages_are_coco(tmp_path: Path) -> None:
    save_image(tmp_path / "JPEGImages" / "a.jpg", np.zeros((9, 9, 3), np.uint8))
    outline = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 5, 1, 5, 5]]}
    image = {"id": 1, "file_name": "JPEGImages/a.jpg", "height": 9, "width": 9}
    content = {"images": [image], "annotations": [outline], "categories": [{"id": 1, "name": "cell"}]}
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    assert read_folder(tmp_path).layout == "coco"


def test_an_object_without_a_class(tmp_path: Path) -> None:
    voc(tmp_path)
    save_mask(tmp_path / "SegmentationClass" / "b.png", np.where(CLASSES == 15, 0, CLASSES))
    with pytest.raises(
        MaskError, match=r"SegmentationObject/b\.png: has an object of no class in b\.png, the 3\. from"
    ):
        read_folder(tmp_path).load("b")


@pytest.mark.parametrize(("parts", "kind", "message"), [("c", "objects", "--objects"), ("o", "classes", "--classes")])
def test_a_kind_that_is_not_there(tmp_path: Path, parts: str, kind: Any, message: str) -> None:
    with pytest.raises(MaskError, match=rf": {message}: Segmentation\w+/ holds .* Leave {message} out"):
        read_folder(voc(tmp_path, parts=parts), ReadOptions(kind))


def test_an_unknown_class_to_ignore(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--ignore yak: there is nothing .* Choose from bottle, person, or say"):
        read_folder(voc(tmp_path), ReadOptions(ignore="yak"))


@given(data=st.data())
def test_mutated_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, assert_clear: Callable[..., Any], data: st.DataObject
) -> None:
    root = voc(tmp_path_factory.mktemp("fuzz"))
    lists(root, train="a\n", val="b\n")
    (root / "labels.txt").write_text("background\n" + "\n".join(f"k{index}" for index in range(1, 16)))
    files = ["SegmentationClass/a.png", "SegmentationObject/a.png", "labels.txt", "ImageSets/Segmentation/train.txt"]
    file = root / data.draw(st.sampled_from(files))
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content)))
        content[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    file.write_bytes(bytes(content))
    assert_clear(lambda: list(read_folder(root)))


@pytest.mark.parametrize("ignore", ["cow", "Cow", "10"])
def test_a_class_to_ignore_may_never_occur(tmp_path: Path, ignore: str) -> None:
    dataset = read_folder(voc(tmp_path), ReadOptions(ignore=ignore))
    assert dataset.class_names == ("bottle", "person")
    assert dataset.decision.endswith(f" 255 is ignored. --ignore {ignore}: that never occurs.")
    assert read_folder(tmp_path, ReadOptions(ignore="BOTTLE")).class_names == ("person",)
