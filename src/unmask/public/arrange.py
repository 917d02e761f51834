"""From what a set's archives hold to a folder that `unmask train` reads; each step is said in a sentence."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.measure import label

from unmask.arrays import AnyArray
from unmask.data.files import atomic, write_text
from unmask.data.formats.images import write_labels
from unmask.errors import FetchError
from unmask.public.catalogue import Shape

__all__ = ["arrange"]

# The makers' colours of CamVid's classes, in their order, which is also that of fast.ai's numbers.
CAMVID = (
    ("Animal", (64, 128, 64)),
    ("Archway", (192, 0, 128)),
    ("Bicyclist", (0, 128, 192)),
    ("Bridge", (0, 128, 64)),
    ("Building", (128, 0, 0)),
    ("Car", (64, 0, 128)),
    ("CartLuggagePram", (64, 0, 192)),
    ("Child", (192, 128, 64)),
    ("Column_Pole", (192, 192, 128)),
    ("Fence", (64, 64, 128)),
    ("LaneMkgsDriv", (128, 0, 192)),
    ("LaneMkgsNonDriv", (192, 0, 64)),
    ("Misc_Text", (128, 128, 64)),
    ("MotorcycleScooter", (192, 0, 192)),
    ("OtherMoving", (128, 64, 64)),
    ("ParkingBlock", (64, 192, 128)),
    ("Pedestrian", (64, 64, 0)),
    ("Road", (128, 64, 128)),
    ("RoadShoulder", (128, 128, 192)),
    ("Sidewalk", (0, 0, 192)),
    ("SignSymbol", (192, 128, 128)),
    ("Sky", (128, 128, 128)),
    ("SUVPickupTruck", (64, 128, 192)),
    ("TrafficCone", (0, 0, 64)),
    ("TrafficLight", (0, 64, 64)),
    ("Train", (192, 64, 128)),
    ("Tree", (128, 128, 0)),
    ("Truck_Bus", (192, 128, 192)),
    ("Tunnel", (64, 0, 64)),
    ("VegetationMisc", (192, 192, 0)),
    ("Void", (0, 0, 0)),
    ("Wall", (64, 192, 0)),
)


def arrange(shape: Shape, raw: Path, done: Path) -> list[str]:
    """Lays a set out.

    Args:
        shape: how the files lie in its archives.
        raw: the folder that they were unpacked to; its files are moved.
        done: the folder to make.

    Returns:
        What was rearranged, a sentence each; empty where nothing was.

    Raises:
        FetchError: a file or folder that should be there is not.
    """
    match shape:
        case "dsb2018":
            return _dsb2018(raw, done)
        case "bbbc039":
            return _bbbc039(raw, done)
        case "penn-fudan":
            return _penn_fudan(raw, done)
        case "camvid":
            return _camvid(raw, done)
        case "coco":
            return _coco(raw, done)
        case "isbi2012":
            _home(raw, "train-volume.tif").rename(done)
        case "ctc":
            _home(raw, "01_GT").rename(done)
        case "balloon":
            _home(raw, "train").rename(done)
    return []


def _dsb2018(raw: Path, done: Path) -> list[str]:
    inner = raw / "stage1_train"
    done.mkdir()
    (inner if inner.is_dir() else raw).rename(done / "stage1_train")
    return []


def _bbbc039(raw: Path, done: Path) -> list[str]:
    originals = _home(raw, "masks") / "masks"
    images = _home(raw, "images") / "images"
    lists = _home(raw, "training.txt")
    done.mkdir()
    (done / "masks").mkdir()
    _in_parallel(_bbbc039_mask, [(file, done / "masks" / f"{file.stem}.tif") for file in originals.glob("*.png")])
    images.rename(done / "images")
    originals.rename(done / "masks_png")
    words = {"train": "training.txt", "val": "validation.txt", "test": "test.txt"}
    rows = [(Path(name).stem, word) for word, file in words.items() for name in _lines(lists / file)]
    _write_split(done, rows)
    lists.rename(done / "metadata")
    return [
        "masks/: label images made of the red channel of the original PNG files, which lie in masks_png/; pixels of "
        "one value that touch, also at corners, are one nucleus, as the makers decode them.",
        "split.csv: from metadata/training.txt, validation.txt and test.txt.",
    ]


def _bbbc039_mask(file: Path, to: Path) -> None:
    red = np.asarray(Image.open(file))[..., 0]
    write_labels(to, label(red, background=0, connectivity=2))  # type: ignore[no-untyped-call]


def _penn_fudan(raw: Path, done: Path) -> list[str]:
    _home(raw, "PNGImages").rename(done)
    for before, after in (("PNGImages", "images"), ("PedMasks", "masks")):
        _home(done, before).joinpath(before).rename(done / after)
    return ["PNGImages/ and PedMasks/ are called images/ and masks/."]


def _camvid(raw: Path, done: Path) -> list[str]:
    home = _home(raw, "codes.txt")
    names = _lines(home / "codes.txt")
    colours = dict(CAMVID)
    if sorted(names) != sorted(colours):
        raise FetchError("does not name the 32 classes of CamVid", file=home / "codes.txt", remedy="report it")
    palette = np.array([colours[name] for name in names], np.uint8)
    labels = sorted((home / "labels").glob("*_P.png"))
    done.mkdir()
    (done / "masks").mkdir()
    tasks = [(file, done / "masks" / f"{file.stem.removesuffix('_P')}.png", palette) for file in labels]
    _in_parallel(_camvid_mask, tasks)
    validation = {Path(name).stem for name in _lines(home / "valid.txt")}
    (home / "images").rename(done / "images")
    stems = sorted(file.stem for file in (done / "images").glob("*.png"))
    _write_split(done, [(stem, "val" if stem in validation else "train") for stem in stems])
    lines = [f"{red} {green} {blue}\t\t{name}\n" for name, (red, green, blue) in CAMVID]
    write_text(done / "label_colors.txt", "".join(lines))
    return [
        "masks/: fast.ai's class numbers turned back into the makers' colours, which label_colors.txt names, each file "
        "called as its image.",
        "split.csv: from fast.ai's valid.txt.",
    ]


def _camvid_mask(file: Path, to: Path, palette: AnyArray) -> None:
    numbers = np.asarray(Image.open(file))
    if numbers.ndim != 2 or numbers.max() >= len(palette):
        raise FetchError("is no image of class numbers from 0 to 31", file=file, remedy="report it")
    with atomic(to) as temporary:
        Image.fromarray(palette[numbers]).save(temporary, format="PNG")


def _coco(raw: Path, done: Path) -> list[str]:
    name = "instances_val2017.json"
    home = _home(raw, name)
    done.mkdir()
    (home / name).rename(done / name)
    (_home(raw, "val2017") / "val2017").rename(done / "val2017")
    return [f"{name}: moved out of annotations/; the other files there (captions, key points, training) are left out."]


def _home(folder: Path, name: str) -> Path:
    """The folder that holds a file or folder of this name, the outermost one.

    Raises:
        FetchError: there is none.
    """
    found = sorted(folder.rglob(name), key=lambda path: len(path.parts))
    if not found:
        there = ", ".join(sorted(path.relative_to(folder).as_posix() for path in folder.glob("*"))[:5]) or "nothing"
        problem = f"what was downloaded holds no {name} (there: {there})"
        raise FetchError(problem, remedy="the makers changed it; report it, or lay it out by hand")
    return found[0].parent


def _lines(file: Path) -> list[str]:
    return [line.strip() for line in io.StringIO(file.read_text(encoding="utf-8-sig")) if line.strip()]


def _write_split(folder: Path, rows: Iterable[tuple[str, str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("name", "split"), *rows])
    write_text(folder / "split.csv", text.getvalue())


def _in_parallel(work: Callable[..., None], tasks: Sequence[tuple[object, ...]]) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda task: work(*task), tasks))
