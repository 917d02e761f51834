"""Data sets whose masks are images, in all their variety; plain folder pairs are in test_folder.py."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from unmask.data.dataset import Dataset
from unmask.data.entry import header_of
from unmask.data.folder import read_folder, read_images, read_label_folder
from unmask.data.options import ReadOptions
from unmask.errors import DataError, MaskError, PairingError, UnmaskError

Samples = dict[str, tuple[np.ndarray, np.ndarray]]

PALETTE = np.array([(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)], np.uint8)
CLASS_DICT = "name,r,g,b\nbackground,0,0,0\nstrawberry,0,0,255\napple,255,0,0\npear,0,255,0\nkiwi,9,9,9\n"


def made(seed: int, size: tuple[int, int] = (40, 48)) -> tuple[np.ndarray, np.ndarray]:
    """An image, and label image of 12 squares that do not touch."""
    random = np.random.default_rng(seed)
    labels = np.zeros(size, np.uint16)
    for index in range(12):
        top, left = 3 + 12 * (index // 4), 2 + 12 * (index % 4)
        labels[top : top + random.integers(4, 9), left : left + random.integers(4, 9)] = index + 1
    return (40 + 100 * (labels > 0) + random.integers(0, 30, size)).astype(np.uint8), labels


SAMPLES: Samples = {name: made(seed) for seed, name in enumerate(("a", "b", "c"))}


def put(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tifffile.imwrite(path, array, photometric="rgb" if array.shape[-1] == 3 else "minisblack")
    else:
        Image.fromarray(array).save(path)


def write_layout(folder: Path, samples: Samples, image: str = "images/{}.tif", mask: str = "masks/{}.tif") -> Path:
    """The samples as files of these names."""
    for name, (pixels, labels) in samples.items():
        put(folder / image.format(name), pixels)
        put(folder / mask.format(name), labels)
    return folder


def kinds(labels: np.ndarray) -> np.ndarray:
    """Classes 1, 2 and 3 of objects 1, 2, 3, 4 ..."""
    return np.where(labels > 0, 1 + (labels - 1) % 3, 0).astype(np.uint8)


def check(dataset: Dataset, samples: Samples, names: list[str]) -> None:
    """Images and objects are those of the samples, in this order."""
    assert dataset.names() == names
    for sample, (image, labels) in zip(dataset, samples.values(), strict=True):
        np.testing.assert_array_equal(sample.image[..., 0], image)
        np.testing.assert_array_equal(sample.objects, labels)


def test_channel_files(tmp_path: Path) -> None:
    write_layout(tmp_path, SAMPLES, "images/{}_ch2.tif")
    for name, (image, _) in SAMPLES.items():
        put(tmp_path / f"images/{name}_ch1.tif", image + 1)
    dataset = read_folder(tmp_path)
    assert (dataset.names(), dataset.channels) == (["a", "b", "c"], 2)
    assert dataset.pairing == (
        "3 images, paired by name, channels ch1, ch2, such as images/a_ch1.tif + images/a_ch2.tif with masks/a.tif."
    )
    expected = np.dstack([SAMPLES["b"][0] + 1, SAMPLES["b"][0]])
    np.testing.assert_array_equal(dataset.load("b").image, expected)
    np.testing.assert_array_equal(dataset.load("b").objects, SAMPLES["b"][1])
    assert read_label_folder(tmp_path).names == ["a", "b", "c"]
    given = [tmp_path], [tmp_path / "images"], sorted((tmp_path / "images").iterdir())
    for paths in given:
        images = read_images(paths, channels=2)
        assert images.names() == ["a", "b", "c"]
        np.testing.assert_array_equal(images.load("b").image, expected)
    assert read_images(given[1], channels=2).pairing == "3 images, channels ch1, ch2."


def test_channel_files_side_by_side(tmp_path: Path) -> None:
    write_layout(tmp_path, SAMPLES, "{}_DAPI.tif", "{}_mask.tif")
    for name, (image, _) in SAMPLES.items():
        put(tmp_path / f"{name}_GFP.tif", image + 1)
    dataset = read_folder(tmp_path)
    assert (dataset.names(), dataset.channels) == (["a", "b", "c"], 2)
    assert read_images([tmp_path], channels=2).names() == ["a", "b", "c"]


def test_images_that_lack_a_channel(tmp_path: Path) -> None:
    for channel in (1, 2):
        write_layout(tmp_path, SAMPLES, f"images/{{}}_c{channel}.tif")
    (tmp_path / "images/b_c1.tif").unlink()
    message = r"images/b_c2\.tif: is of the image b, which lacks c1: images have the channels c1, c2\. Add it, or move"
    with pytest.raises(PairingError, match=message):
        read_folder(tmp_path)
    with pytest.raises(PairingError, match=message):
        read_images([tmp_path / "images"], channels=2)
    with pytest.raises(DataError, match=r"a_c1\.tif: has 1 channels where 4 are wanted|is one of 2 files of an image"):
        read_images([tmp_path / "images"], channels=4).load("a_c1")
    reported: list[UnmaskError] = []
    dataset = read_folder(tmp_path, ReadOptions(report=reported.append))
    assert dataset.names() == ["a", "c"]
    # Its mask has no image then, which is said too.
    assert [(error.code, error.file and error.file.name) for error in reported] == [
        ("unpaired", "b_c2.tif"),
        ("unpaired", "b.tif"),
    ]


def test_channels_of_different_sizes(tmp_path: Path) -> None:
    for channel in (1, 2):
        write_layout(tmp_path, SAMPLES, f"images/{{}}_c{channel}.tif")
    put(tmp_path / "images/b_c2.tif", np.zeros((9, 9), np.uint8))
    with pytest.raises(PairingError, match=r"b_c2\.tif: is 9 x 9 pixels .*, the channel b_c1\.tif is 40 x 48 of 1"):
        read_folder(tmp_path)


def test_grey_photographs_of_a_colour_model_are_not_channels(tmp_path: Path) -> None:
    for number in range(3):
        put(tmp_path / f"img_000{number}.jpg", SAMPLES["a"][0])
    assert read_images([tmp_path], channels=3).names() == ["img_0000", "img_0001", "img_0002"]


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("{}/images/x.tif", "{}/masks/x.tif"),
        ("images/{}/x.tif", "masks/{}/x.tif"),
        ("{}/x.tif", "{}/x_mask.tif"),
        ("{}/x.tif", "{}_labels/x_L.tif"),
    ],
)
def test_folders_of_splits(tmp_path: Path, image: str, mask: str) -> None:
    samples = dict(zip(("test", "train", "val"), SAMPLES.values(), strict=True))
    dataset = read_folder(write_layout(tmp_path, samples, image, mask))
    names = ["test_x", "train_x", "val_x"]
    check(dataset, samples, names)
    assert dataset.splits == {"test_x": "test", "train_x": "train", "val_x": "val"}
    assert read_images([tmp_path]).names() == names
    labels = read_label_folder(tmp_path)
    assert (labels.names, labels.splits) == (names, dataset.splits)
    (tmp_path / "split.csv").write_text("name,split\ntest_x,val\ntrain_x,train\nval_x,train\n")
    assert read_folder(tmp_path).splits == {"test_x": "val", "train_x": "train", "val_x": "train"}


def test_names_that_are_unique_stay_as_they_are(tmp_path: Path) -> None:
    samples = {"plate1/a": SAMPLES["a"], "plate1/b": SAMPLES["b"], "plate2/w3/c": SAMPLES["c"]}
    dataset = read_folder(write_layout(tmp_path, samples))
    check(dataset, samples, ["a", "b", "c"])
    assert dataset.splits == {}
    assert dataset.pairing == "3 images, paired by name, such as images/plate1/a.tif with masks/plate1/a.tif."


def test_a_split_without_masks(tmp_path: Path) -> None:
    write_layout(tmp_path, {"train": SAMPLES["a"], "val": SAMPLES["b"]}, "{}/images/x.tif", "{}/masks/x.tif")
    put(tmp_path / "test/images/x.tif", SAMPLES["c"][0])
    dataset = read_folder(tmp_path)
    assert dataset.names() == ["train_x", "val_x"]
    assert dataset.pairing.endswith("test/images/ has no masks: left out, 1 image.")
    assert read_images([tmp_path]).names() == ["test_x", "train_x", "val_x"]  # it can be predicted
    (tmp_path / "val/masks/x.tif").unlink()
    with pytest.raises(PairingError, match=r"val/images: holds 1 image, and there are no masks for val/images/\. Add"):
        read_folder(tmp_path)
    put(tmp_path / "train/masks/y.tif", SAMPLES["a"][1])
    reported: list[UnmaskError] = []
    assert read_folder(tmp_path, ReadOptions(report=reported.append)).names() == ["train_x"]
    assert len(reported) == 2


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_colours_are_classes_with_names(tmp_path: Path, suffix: str) -> None:
    coloured = {name: (image, PALETTE[kinds(labels)]) for name, (image, labels) in SAMPLES.items()}
    write_layout(tmp_path, coloured, mask="masks/{}." + suffix)
    plain = read_folder(tmp_path)
    assert (plain.kind, plain.class_names, plain.class_values) == (
        "classes",
        ("#0000ff", "#00ff00", "#ff0000"),
        (1, 2, 3),
    )
    (tmp_path / "class_dict.csv").write_text(CLASS_DICT)
    dataset = read_folder(tmp_path)
    assert (dataset.kind, dataset.class_names) == ("classes", ("strawberry", "apple", "pear"))
    assert "strawberry = #0000ff, apple = #ff0000, pear = #00ff00. If they are ids" in dataset.decision
    assert dataset.decision.endswith("1 class never occurs and is dropped.")
    order = np.array([0, 2, 3, 1], np.uint8)
    for sample, (_, labels) in zip(dataset, SAMPLES.values(), strict=True):
        np.testing.assert_array_equal(sample.classes, order[kinds(labels)])
        np.testing.assert_array_equal(sample.objects, labels)
    truth = read_label_folder(tmp_path)
    assert truth.coding.class_names == dataset.class_names
    np.testing.assert_array_equal(truth.load("a").classes, dataset.load("a").classes)
    (tmp_path / "class_dict.csv").rename(tmp_path / "masks" / "class_dict.csv")
    assert read_label_folder(tmp_path / "masks").coding.class_names == dataset.class_names
    assert read_folder(tmp_path).class_names == dataset.class_names


def test_a_palette_above_the_folders_of_splits(tmp_path: Path) -> None:
    for split, (image, labels) in zip(("train", "val"), SAMPLES.values(), strict=False):
        write_layout(tmp_path / split, {"x": (image, kinds(labels))})
    (tmp_path / "classes.txt").write_text("1 apple\n2 pear\n3 berry\n")
    for folder in (tmp_path, tmp_path / "train"):
        assert read_folder(folder).class_names == ("apple", "pear", "berry")


def test_random_colours_are_objects(tmp_path: Path) -> None:
    random = np.random.default_rng(3).integers(1, 256, (13, 3)).astype(np.uint8)
    random[0] = 0
    coloured = {name: (image, random[labels]) for name, (image, labels) in SAMPLES.items()}
    dataset = read_folder(write_layout(tmp_path, coloured, mask="masks/{}.png"))
    assert (dataset.kind, dataset.class_values) == ("objects", ())
    check(dataset, SAMPLES, ["a", "b", "c"])


def test_what_is_far_from_objects_can_be_ignored(tmp_path: Path) -> None:
    write_layout(tmp_path, SAMPLES)
    sample = read_folder(tmp_path, ReadOptions(ignore="outside")).load("a")
    labels = SAMPLES["a"][1]
    rows, columns = np.nonzero(labels)
    y, x = np.mgrid[:40, :48]
    distance = np.sqrt(((y[..., None] - rows) ** 2 + (x[..., None] - columns) ** 2).min(axis=2))
    np.testing.assert_array_equal(sample.ignore, distance > 3)
    np.testing.assert_array_equal(sample.objects, labels)


@pytest.mark.parametrize(("ignore", "names"), [("apple", ("strawberry", "pear")), ("#ff0000", ("strawberry", "pear"))])
def test_a_class_can_be_ignored(tmp_path: Path, ignore: str, names: tuple[str, ...]) -> None:
    coloured = {name: (image, PALETTE[kinds(labels)]) for name, (image, labels) in SAMPLES.items()}
    write_layout(tmp_path, coloured, mask="masks/{}.png")
    (tmp_path / "class_dict.csv").write_text(CLASS_DICT)
    dataset = read_folder(tmp_path, ReadOptions(ignore=ignore))
    assert dataset.class_names == names
    sample = dataset.load("a")
    np.testing.assert_array_equal(sample.ignore, kinds(SAMPLES["a"][1]) == 1)
    assert sample.classes is not None
    assert not sample.classes[kinds(SAMPLES["a"][1]) == 1].any()


PROBLEMS = ["unreadable", "no mask", "no image", "size", "transposed", "float", "smoothed", "not coded"]
CODES = {"no mask": "unpaired", "no image": "unpaired", "float": "mask-type", "not coded": "ids", "unreadable": ""}


def damage(root: Path, name: str, problem: str) -> None:
    image, mask = root / "images" / f"{name}.tif", root / "masks" / f"{name}.png"
    values = np.asarray(Image.open(mask))
    match problem:
        case "unreadable":
            image.write_bytes(image.read_bytes()[:100])
        case "no mask":
            mask.unlink()
        case "no image":
            image.unlink()
        case "size":
            put(mask, values[:-2])
        case "transposed":
            put(mask, values.T)
        case "float":
            mask.unlink()
            put(mask.with_suffix(".tif"), values.astype(np.float32) / 7)
        case "smoothed":
            blurred = Image.fromarray(((values > 0) * 255).astype(np.uint8)).resize((31, 27), Image.Resampling.BILINEAR)
            put(mask, np.asarray(blurred.resize((48, 40), Image.Resampling.BILINEAR)))
        case "not coded":
            put(mask, np.where(values == 2, 7, values).astype(np.uint8))


def damaged(folder: Path, problems: list[str]) -> Path:
    """A folder of classes in which each of the first images has a problem."""
    samples = {f"x{index}": made(index) for index in range(len(problems) + 2)}
    root = write_layout(
        folder, {name: (image, kinds(labels)) for name, (image, labels) in samples.items()}, mask="masks/{}.png"
    )
    (root / "classes.csv").write_text("value,name\n1,apple\n2,pear\n3,berry\n")
    for index, problem in enumerate(problems):
        damage(root, f"x{index}", problem)
    return root


@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_problem_of_a_file_can_be_reported(tmp_path: Path, problem: str) -> None:
    root = damaged(tmp_path, [problem])
    with pytest.raises(UnmaskError) as raised:
        read_folder(root)
    reported: list[UnmaskError] = []
    dataset = read_folder(root, ReadOptions(report=reported.append))
    assert dataset.names() == ["x1", "x2"]
    assert [str(error) for error in reported] == [str(raised.value)]
    assert reported[0].code == CODES.get(problem, problem)
    for _ in dataset:
        pass


def test_no_problem_hides_another(tmp_path: Path) -> None:
    reported: list[UnmaskError] = []
    dataset = read_folder(damaged(tmp_path, PROBLEMS), ReadOptions(report=reported.append))
    assert dataset.names() == ["x8", "x9"]
    assert sorted(error.code for error in reported) == sorted(CODES.get(one, one) for one in PROBLEMS)
    assert dataset.class_names == ("apple", "pear", "berry")


def test_nothing_but_problems(tmp_path: Path) -> None:
    root = write_layout(tmp_path, SAMPLES)
    for name in SAMPLES:
        put(root / f"masks/{name}.tif", SAMPLES[name][1].astype(np.float32) / 2)
    reported: list[UnmaskError] = []
    with pytest.raises(PairingError, match=r"holds no image with a sound mask\. Mend the first of them"):
        read_folder(root, ReadOptions(report=reported.append))
    assert len(reported) == 3


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("{}.png", "{}_masks.tif"),  # Cellpose
        ("{}.tif", "{}_cp_masks.png"),
        ("images/{}.tif", "masks/{}.tif"),  # StarDist
        ("images/IXMtest_A02_s{}_w1051DAA7C-7042.tif", "masks/IXMtest_A02_s{}_w1051DAA7C-7042.png"),  # BBBC039
        ("images/mcf-z-stacks_a01_{}_w1DC04412B-7042.tif", "masks/mcf-z-stacks_a01_{}_w1DC04412B-7042.tif"),
    ],
)
def test_names_as_other_tools_give_them(tmp_path: Path, image: str, mask: str) -> None:
    small = {name: (pixels, labels.astype(np.uint8)) for name, (pixels, labels) in SAMPLES.items()}
    dataset = read_folder(write_layout(tmp_path, small, image, mask))
    check(dataset, SAMPLES, [Path(image.format(name)).stem for name in SAMPLES])


@pytest.mark.parametrize("folder", ["", "images"])
def test_files_of_cellpose_are_not_loaded(tmp_path: Path, folder: str) -> None:
    put(tmp_path / folder / "a.png", SAMPLES["a"][0])
    (tmp_path / folder / "a_seg.npy").write_bytes(b"\x93NUMPY")
    message = (
        r"a_seg\.npy: holds masks as Python objects \(pickle\), which unmask never loads: .*\. In Cellpose, choose "
        r"File > Save masks as PNG/tif, which writes a_cp_masks\.png\."
    )
    with pytest.raises(PairingError, match=message):
        read_folder(tmp_path)
    put(tmp_path / folder / "b.png", SAMPLES["b"][0])
    put(tmp_path / ("masks/b.png" if folder else "b_masks.png"), SAMPLES["b"][1].astype(np.uint8))
    with pytest.raises(
        PairingError, match=r"a\.png: is an image without a mask\. In Cellpose, choose File > Save masks"
    ):
        read_folder(tmp_path)


def test_a_mask_of_many_pages_with_one_damaged(tmp_path: Path) -> None:
    """The file is left out, once."""
    image, labels = SAMPLES["a"]
    blurred = Image.fromarray(((labels > 0) * 255).astype(np.uint8)).resize((31, 27), Image.Resampling.BILINEAR)
    page = np.asarray(blurred.resize((48, 40), Image.Resampling.BILINEAR))
    put(tmp_path / "images/s.tif", np.stack([image, image]))
    tifffile.imwrite(tmp_path / "m.tif", np.stack([(labels > 0).astype(np.uint8), page]), photometric="minisblack")
    write_layout(tmp_path, {"a": (image, labels)})
    (tmp_path / "m.tif").rename(tmp_path / "masks/s.tif")
    reported: list[UnmaskError] = []
    assert read_folder(tmp_path, ReadOptions(report=reported.append)).names() == ["a"]
    assert [error.code for error in reported] == ["smoothed"]
    with pytest.raises(MaskError, match=r"s\.tif: is a mask with \d+ in-between values"):
        read_folder(tmp_path)


def test_channels_of_integers_and_floats_are_floats_of_32_bits(tmp_path: Path) -> None:
    for name, kind in (("a_ch1", np.int32), ("a_ch2", np.float32), ("b_ch1", np.int32), ("b_ch2", np.float32)):
        (tmp_path / "images").mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / "images" / f"{name}.tif", np.arange(480).reshape(20, 24).astype(kind))
    (tmp_path / "masks").mkdir()
    for name in "ab":
        mask = np.zeros((20, 24), np.uint8)
        mask[3:8, 4:9] = 1
        tifffile.imwrite(tmp_path / "masks" / f"{name}.tif", mask)
    dataset = read_folder(tmp_path)
    assert header_of(dataset.entries[0]).dtype == np.float32
    assert dataset.load("a").image.dtype == np.float32


def test_images_in_folders_that_take_no_part_are_told(tmp_path: Path) -> None:
    write_layout(tmp_path / "below", SAMPLES)
    for name in ("p2/x", "p2/y", "p3/a/b/c/d/z"):
        put(tmp_path / f"below/images/{name}.tif", SAMPLES["a"][0])
    assert read_folder(tmp_path / "below").pairing.endswith(
        " Left out, since other folders are paired: images/p2/ (2 images), images/p3/a/b/c/d/ (1 image)."
    )
    parts = {"train": SAMPLES["a"], "val": SAMPLES["b"]}
    write_layout(tmp_path / "flat", parts, "{}/images/x.tif", "{}/masks/x.tif")
    put(tmp_path / "flat/a.tif", SAMPLES["a"][0])
    put(tmp_path / "flat/a_mask.tif", SAMPLES["a"][1])
    assert read_folder(tmp_path / "flat").pairing.endswith(
        " Left out, since other folders are paired: train/images/ (1 image), val/images/ (1 image)."
    )
    (tmp_path / "flat/a_mask.tif").unlink()
    assert read_folder(tmp_path / "flat").pairing.endswith(" Left out, since other folders are paired: ./ (1 image).")
