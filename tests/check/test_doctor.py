"""The whole check: every finding is found in a data set that has it, none in a clean one, and --fix mends it."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from unmask.check.doctor import Checkup, check
from unmask.check.finding import KINDS
from unmask.check.mend import mend
from unmask.check.sheet import write_sheet
from unmask.data.folder import read_folder
from unmask.data.formats.images import read_header
from unmask.data.options import ReadOptions
from unmask.errors import UnmaskError

Spoil = Callable[[Path], None]


def nuclei(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A uint8 image of bright discs on a noisy ground, and its label image: nothing is wrong with them."""
    random = np.random.default_rng(seed)
    labels = np.zeros((96, 80), np.uint16)
    rows, columns = np.indices(labels.shape)
    for number, place in enumerate(random.permutation(30)[: 7 + seed], start=1):
        y, x = 10 + 15 * (place // 5) + random.uniform(-2, 2), 9 + 15 * (place % 5) + random.uniform(-2, 2)
        labels[(rows - y) ** 2 + (columns - x) ** 2 < random.uniform(3, 5.5) ** 2] = number
    image = ndimage.gaussian_filter(40.0 + 110 * (labels > 0), 0.7) + random.normal(0, 9, labels.shape)
    return image.clip(0, 255).astype(np.uint8), labels


def mask(root: Path, name: str = "b") -> np.ndarray:
    return np.asarray(tifffile.imread(root / "masks" / f"{name}.tif"))


def image(root: Path, name: str = "b") -> np.ndarray:
    return np.asarray(tifffile.imread(root / "images" / f"{name}.tif"))


def put(root: Path, part: str, array: np.ndarray, name: str = "b", **more: object) -> None:
    tifffile.imwrite(root / part / f"{name}.tif", array, photometric="minisblack", **more)


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    root = tmp_path / "cells"
    for seed, name in enumerate("abcdef"):
        for part, array in zip(("images", "masks"), nuclei(seed), strict=True):
            (root / part).mkdir(parents=True, exist_ok=True)
            put(root, part, array, name)
    return root


def unreadable(root: Path) -> None:
    file = root / "images" / "b.tif"
    file.write_bytes(file.read_bytes()[:200])


def not_finite(root: Path) -> None:
    values = image(root).astype(np.float32)
    values[3, 4] = np.nan
    put(root, "images", values)
    for name in "acdef":
        put(root, "images", image(root, name).astype(np.float32), name)


def smoothed(root: Path) -> None:
    for name in "abcdef":
        soft = ndimage.gaussian_filter((mask(root, name) > 0) * 255.0, 1).astype(np.uint8)
        put(root, "masks", soft, name)


def jpeg(root: Path) -> None:
    for name in "abcdef":
        binary = ((mask(root, name) > 0) * 255).astype(np.uint8)
        (root / "masks" / f"{name}.tif").unlink()
        Image.fromarray(binary).save(root / "masks" / f"{name}.jpg", quality=60)


def two_objects(root: Path) -> None:
    labels = np.zeros_like(mask(root))
    labels[10:18, 8:16] = labels[70:78, 60:68] = 1
    labels[40:50, 30:40] = 2
    put(root, "masks", labels)


def pieces(root: Path) -> None:
    labels = mask(root)
    at = np.argwhere(labels == 1)
    row = int(at[:, 0].mean())
    labels[row][labels[row] == 1] = 0
    put(root, "masks", labels)


def crumbs(root: Path) -> None:
    labels = mask(root)
    free = np.argwhere(ndimage.minimum_filter(labels == 0, 7))
    row, column = free[len(free) // 2]
    labels[row, column] = 1
    put(root, "masks", labels)


def holes(root: Path) -> None:
    labels = mask(root)
    row, column = np.argwhere(ndimage.minimum_filter(labels == 1, 5) & (labels == 1))[0]
    labels[row, column] = 0
    put(root, "masks", labels)


def tiny(root: Path) -> None:
    labels = mask(root)
    free = np.argwhere(ndimage.minimum_filter(labels == 0, 9))
    row, column = free[len(free) // 2]
    labels[row : row + 3, column : column + 3] = 500
    put(root, "masks", labels)


def large(root: Path) -> None:
    random = np.random.default_rng(0)
    labels = np.zeros((700, 700), np.uint16)
    labels[60:640, 60:640] = 1
    put(root, "masks", labels)
    put(root, "images", (90 + 60 * labels + random.normal(0, 9, labels.shape)).astype(np.uint8))


def scaled(root: Path) -> None:
    for name in "abcdef":
        put(root, "masks", ((mask(root, name) > 0) * 255).astype(np.uint8), name)


def ambiguous(root: Path) -> None:
    for name in "abcdef":
        put(root, "masks", np.minimum(mask(root, name), 2), name)


def narrow(root: Path) -> None:
    for name in "abcdef":
        put(root, "images", image(root, name).astype(np.uint16), name)


def channel(root: Path) -> None:
    for name in "abcdef":
        both = np.stack([image(root, name), np.full_like(image(root, name), 7)])
        put(root, "images", both, name, metadata={"axes": "CYX"})


def saturated(root: Path) -> None:
    values = image(root)
    values[mask(root) > 0] = 255
    put(root, "images", values)


def duplicate(root: Path) -> None:
    for part, read in (("images", image), ("masks", mask)):
        put(root, part, read(root), "g")


def leak(root: Path) -> None:
    duplicate(root)
    words = {**dict.fromkeys("abcdef", "train"), "g": "test"}
    (root / "split.csv").write_text("name,split\n" + "".join(f"{name},{word}\n" for name, word in words.items()))


def pixel_size(root: Path) -> None:
    for name, per_cm in zip("abcdef", (20_000, 20_000, 20_000, 20_000, 20_000, 9_000), strict=True):
        put(root, "images", image(root, name), name, resolution=(per_cm, per_cm), resolutionunit="CENTIMETER")


def shifted(root: Path) -> None:
    for name in "abcdef":
        put(root, "masks", np.roll(mask(root, name), 4, axis=1), name)


def unfit(root: Path) -> None:
    """A mask of objects where the image has none."""
    free = ndimage.minimum_filter(mask(root) == 0, 9)
    places = np.argwhere(free)[:: max(1, int(free.sum()) // 4)][:3]
    labels = np.zeros_like(mask(root))
    for number, (row, column) in enumerate(places, start=1):
        labels[row - 2 : row + 3, column - 2 : column + 3] = number
    put(root, "masks", labels)


def continued(root: Path) -> None:
    top = 0
    for name in "abcdef":
        labels = mask(root, name)
        put(root, "masks", np.where(labels > 0, labels + top, 0).astype(np.uint16), name)
        top += int(labels.max())


def imbalance(root: Path) -> None:
    for name in "abcdef":
        classes = (mask(root, name) > 0).astype(np.uint8)
        if name == "a":
            row, column = np.argwhere(classes)[0]
            classes[row : row + 2, column : column + 2] = 2
        put(root, "masks", classes, name)
    (root / "classes.csv").write_text("value,name\n0,background\n1,cell\n2,rare\n")


SPOILT: dict[str, tuple[str, Spoil]] = {
    "unreadable": ("unreadable", unreadable),
    "not-finite": ("not-finite", not_finite),
    "unpaired": ("unpaired", lambda root: (root / "masks" / "b.tif").unlink()),
    "size": ("size", lambda root: put(root, "masks", mask(root)[:-3])),
    "transposed": ("transposed", lambda root: put(root, "masks", mask(root).T)),
    "smoothed": ("smoothed", smoothed),
    "jpeg": ("smoothed", jpeg),
    "float": ("mask-type", lambda root: put(root, "masks", mask(root).astype(np.float32))),
    "two-objects": ("two-objects", two_objects),
    "pieces": ("pieces", pieces),
    "crumbs": ("crumbs", crumbs),
    "holes": ("holes", holes),
    "tiny": ("tiny", tiny),
    "large": ("large", large),
    "empty": ("empty", lambda root: put(root, "masks", 0 * mask(root))),
    "scaled": ("scaled", scaled),
    "ambiguous": ("ambiguous", ambiguous),
    "narrow": ("narrow", narrow),
    "constant": ("constant", lambda root: put(root, "images", np.full_like(image(root), 9))),
    "constant-channel": ("constant-channel", channel),
    "saturated": ("saturated", saturated),
    "duplicate": ("duplicate", duplicate),
    "leak": ("leak", leak),
    "pixel-size": ("pixel-size", pixel_size),
    "shifted": ("shifted", shifted),
    "turned": ("turned", lambda root: put(root, "masks", mask(root)[::-1])),
    "unfit": ("unfit", unfit),
    "continued": ("continued", continued),
    "imbalance": ("imbalance", imbalance),
}
BY_HAND = {
    "pieces",
    "tiny",
    "large",
    "saturated",
    "ambiguous",
    "pixel-size",
    "shifted",
    "turned",
    "unfit",
    "imbalance",
    "empty",
}


def codes(found: Checkup) -> set[str]:
    return {one.code for one in found.findings}


def test_nothing_is_wrong_with_a_clean_set(clean: Path) -> None:
    found = check(clean)
    assert codes(found) == set()
    assert found.understood is not None
    assert (found.understood.images, found.understood.layout) == (6, "pairs")


@pytest.mark.parametrize("case", SPOILT)
def test_every_problem_is_found_and_mended(case: str, clean: Path, tmp_path: Path) -> None:
    code, spoil = SPOILT[case]
    spoil(clean)
    before = {path: path.read_bytes() for path in clean.rglob("*") if path.is_file()}
    found = check(clean)
    assert code in codes(found), [one.title for one in found.findings]
    finding = next(one for one in found.findings if one.code == code)
    assert finding.severity == KINDS[code].severity
    assert finding.remedy
    assert 1 <= len(finding.files) <= 3
    if finding.severity == "error":
        with pytest.raises(UnmaskError):
            [sample.size for sample in read_folder(clean)]
    mended = mend(found, tmp_path / "mended")
    assert {path: path.read_bytes() for path in clean.rglob("*") if path.is_file()} == before
    again = check(tmp_path / "mended")
    left = codes(again)
    if case not in BY_HAND:
        assert code not in left or code in ("scaled", "continued")
        assert code in ("scaled", "continued") or mended.changes
    assert not any(KINDS[one].severity == "error" for one in left)
    with open(tmp_path / "mended" / "changes.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(mended.changes)


def test_every_kind_is_tried() -> None:
    elsewhere = {"ids", "unusable", "outside", "degenerate", "left-out"}  # of files that are no masks: below
    assert {code for code, _ in SPOILT.values()} | elsewhere == set(KINDS)


def write_coco(root: Path, polygons: list[list[float]], category: int = 1) -> Path:
    root.mkdir()
    Image.fromarray(nuclei(0)[0]).save(root / "a.png")
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": 96, "width": 80}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [
            {"id": n, "image_id": 1, "category_id": category, "segmentation": [polygon]}
            for n, polygon in enumerate(polygons)
        ],
    }
    (root / "instances.json").write_text(json.dumps(content))
    return root


INSIDE = [10.0, 10, 40, 10, 40, 40, 10, 40]


def test_outlines(tmp_path: Path) -> None:
    assert not codes(check(write_coco(tmp_path / "sound", [INSIDE]))) & {"outside", "degenerate", "left-out", "ids"}
    leaves, flat = [60.0, 60, 120, 60, 120, 90, 60, 90], [5.0, 5, 9, 5, 7, 5]
    found = check(write_coco(tmp_path / "off", [INSIDE, leaves, flat]))
    assert {"outside", "degenerate"} <= codes(found)
    mended = mend(found, tmp_path / "mended")
    assert mended.images == 1
    assert not codes(check(tmp_path / "mended")) & {"outside", "degenerate"}


def test_ids_off_by_one(tmp_path: Path) -> None:
    found = check(write_coco(tmp_path / "off", [INSIDE], category=0))
    assert codes(found) == {"ids"}
    assert "off by one" in found.findings[0].remedy
    assert found.dataset is None


def test_a_folder_of_nothing(tmp_path: Path) -> None:
    found = check(tmp_path)
    assert (found.dataset, found.understood, found.count("error")) == (None, None, 1)
    assert "put the images into images/" in found.findings[0].remedy.lower()


def test_what_is_left_out_is_a_note(tmp_path: Path) -> None:
    root = write_coco(tmp_path / "other", [INSIDE])
    content = json.loads((root / "instances.json").read_text())
    content["annotations"].append({"id": 9, "image_id": 77, "category_id": 1, "segmentation": [INSIDE]})
    (root / "instances.json").write_text(json.dumps(content))
    assert "left-out" in codes(check(root))


def test_options_are_kept_when_mending(clean: Path, tmp_path: Path) -> None:
    """A value that is ignored stays ignored, in a COCO file, as a label image has no place for it."""
    for name in "abcdef":
        labels = mask(clean, name)
        labels[:, -8:] = 999
        put(clean, "masks", labels, name)
    options = ReadOptions("objects", ignore="999")
    mended = mend(check(clean, options), tmp_path / "mended", options)
    assert mended.form == "coco"
    sample = read_folder(tmp_path / "mended").load("b")
    assert sample.ignore is not None
    assert sample.ignore[:, -8:].all()
    assert not sample.ignore[:, :-8].any()


def test_the_sheet_shows_a_sample_and_every_suspicious_image(clean: Path, tmp_path: Path) -> None:
    crumbs(clean)
    page = write_sheet(check(clean), tmp_path / "pictures")
    text = page.read_text()
    assert text.count("<figure>") == 6 + 1
    assert "crumbs" in text
    assert read_header(tmp_path / "pictures" / "sample.png").size[1] > 900
    assert read_header(tmp_path / "pictures" / "suspicious.png").size[1] < 400


@pytest.mark.parametrize("place", ["cells/images", "cells/new", "other"])
def test_pictures_never_lie_in_the_data_or_over_other_files(clean: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(UnmaskError, match=r"lies in the data that were checked|is in use"):
        write_sheet(check(clean), tmp_path / place)


def test_a_used_folder_is_not_written_to(clean: Path) -> None:
    with pytest.raises(UnmaskError, match=r"is in use\. Give the name of a new folder"):
        mend(check(clean), clean)


def test_a_problem_without_a_name_is_called_unusable(tmp_path: Path) -> None:
    """Not masks of the wrong type: there are none."""
    put_image = np.zeros((9, 9, 3), np.uint8)
    Image.fromarray(put_image).save(tmp_path / "a.png")
    content = {
        "images": [{"id": 0, "file_name": "a.png", "height": 9, "width": 9}],
        "annotations": [{"id": 0, "image_id": 0, "category_id": 1, "bbox": [1, 1, 3, 3]}],
        "categories": [{"id": 1, "name": "cell"}],
    }
    (tmp_path / "cells.json").write_text(json.dumps(content))
    assert [finding.code for finding in check(tmp_path).findings] == ["unusable"]


def test_another_number_of_pages_is_no_other_size(clean: Path) -> None:
    put(clean, "masks", np.stack([mask(clean)] * 2), metadata={"axes": "ZYX"})
    assert [finding.code for finding in check(clean).findings] == ["unusable"]
