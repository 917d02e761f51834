"""Every set, as its makers pack it but small: what unmask reads when it is laid out."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from unmask.data.dataset import Dataset
from unmask.data.folder import read_folder
from unmask.public.arrange import CAMVID, arrange
from unmask.public.catalogue import Shape

LABELS = np.pad(np.kron([[1, 0], [0, 2]], np.ones((6, 6), np.uint8)), 4)
NOISE = np.random.default_rng(0).integers(0, 255, LABELS.shape).astype(np.uint8)


@pytest.fixture
def laid_out(tmp_path: Path) -> Callable[[Shape, dict[str, Any]], Dataset]:
    """Files of an archive, arrays or text, to the data set that is read in the end."""

    def make(shape: Shape, files: dict[str, Any]) -> Dataset:
        raw, done = tmp_path / "raw", tmp_path / "done"
        for name, content in files.items():
            file = raw / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, np.ndarray) and file.suffix == ".tif":
                tifffile.imwrite(file, content, photometric="minisblack")
            else:
                file.write_bytes(content if isinstance(content, bytes) else content.encode())
        arrange(shape, raw, done)
        return read_folder(done)

    return make


def objects(dataset: Dataset) -> list[int]:
    """How many each image has."""
    return [int(sample.objects.max()) for sample in dataset if sample.objects is not None]


def test_isbi2012(laid_out: Any) -> None:
    """Two stacks; those to test are never trained on."""
    cells = np.stack([(LABELS > 0).astype(np.uint8) * 255] * 3)
    stacks = {
        f"{part}-{name}.tif": array
        for part in ("train", "test")
        for name, array in (("volume", np.stack([NOISE] * 3)), ("labels", cells))
    }
    dataset = laid_out("isbi2012", {f"ISBI-2012-challenge/{name}": array for name, array in stacks.items()})
    assert (len(dataset.names("train")), len(dataset.names("test"))) == (3, 3)
    assert dataset.kind == "binary"
    assert objects(dataset) == [2] * 6


def test_dsb2018(laid_out: Any, png: Any) -> None:
    files = {f"{name}/images/{name}.png": png(NOISE) for name in ("0a", "1b")}
    files |= {f"{name}/masks/{one}.png": png((one == LABELS) * 255) for name in ("0a", "1b") for one in (1, 2)}
    dataset = laid_out("dsb2018", files)
    assert len(dataset) == 2
    assert objects(dataset) == [2, 2]


def test_ctc(laid_out: Any) -> None:
    """Frames without a mask are left out, tracks are no masks."""
    labels = LABELS.astype(np.uint16)
    files = {f"Fluo/{at}/t{frame:03d}.tif": NOISE for at in ("01", "02") for frame in range(3)}
    files |= {"Fluo/01_GT/SEG/man_seg000.tif": labels, "Fluo/02_GT/SEG/man_seg002.tif": labels}
    files |= {f"Fluo/{at}_GT/TRA/man_track{frame:03d}.tif": labels for at in ("01", "02") for frame in range(3)}
    files |= {f"Fluo/{at}_ST/SEG/man_seg{frame:03d}.tif": labels for at in ("01", "02") for frame in range(3)}
    dataset = laid_out("ctc", files | {"Fluo/01_GT/TRA/man_track.txt": "1 0 2 0\n"})
    assert len(dataset) == 2
    assert objects(dataset) == [2, 2]


def test_penn_fudan(laid_out: Any, png: Any) -> None:
    files = {
        "PennFudanPed/PNGImages/P1.png": png(np.dstack([NOISE, NOISE.T, NOISE])),
        "PennFudanPed/PedMasks/P1_mask.png": png(LABELS),
    }
    dataset = laid_out("penn-fudan", files)
    assert (dataset.kind, dataset.channels) == ("objects", 3)
    assert objects(dataset) == [2]


def test_camvid(laid_out: Any, png: Any) -> None:
    """Classes have their names; what is void is not known."""
    order = [name for name, _ in CAMVID]
    numbers = np.full(LABELS.shape, order.index("Void"))
    numbers[:, :6] = order.index("Sky")
    numbers[:, 10:] = order.index("Car")
    files = {f"camvid/images/{name}.png": png(np.dstack([NOISE, NOISE.T, NOISE])) for name in ("a", "b")}
    files |= {f"camvid/labels/{name}_P.png": png(numbers) for name in ("a", "b")}
    dataset = laid_out("camvid", files | {"camvid/codes.txt": "\n".join(order), "camvid/valid.txt": "b.png"})
    assert (dataset.names("train"), dataset.names("val")) == (["a"], ["b"])
    assert {"Sky", "Car"} <= set(dataset.class_names)
    assert "Void" not in dataset.class_names
    sample = dataset.load("a")
    assert sample.classes is not None
    assert dataset.class_names[sample.classes[0, 0] - 1] == "Sky"
    assert dataset.class_names[sample.classes[0, -1] - 1] == "Car"
    assert sample.ignore is not None
    assert sample.ignore[:, 6:10].all()
    assert not sample.ignore[:, :6].any()


def test_coco(laid_out: Any, png: Any) -> None:
    """The one set whose files all say val is trained on nevertheless."""
    annotations = [
        {"id": 1, "image_id": 7, "category_id": 18, "segmentation": [[2, 2, 9, 2, 9, 9, 2, 9]], "iscrowd": 0}
    ]
    content = {
        "images": [{"id": 7, "file_name": "000000000007.jpg", "height": 20, "width": 20}],
        "annotations": annotations,
        "categories": [{"id": 18, "name": "dog"}],
    }
    files = {"val2017/000000000007.jpg": png(NOISE), "annotations/instances_val2017.json": json.dumps(content)}
    dataset = laid_out("coco", files)
    assert dataset.class_names == ("dog",)
    assert not dataset.splits
    assert objects(dataset) == [1]
