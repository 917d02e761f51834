"""Sequences of the Cell Tracking Challenge."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unmask.data.folder import read_folder, read_label_folder
from unmask.data.options import ReadOptions
from unmask.errors import DataError, MaskError, PairingError, UnmaskError, UnreadableFile

IMAGE = np.arange(240, dtype=np.uint8).reshape(12, 20)
LABELS = np.zeros((12, 20), np.uint16)
LABELS[1:4, 1:5], LABELS[1:4, 6:9], LABELS[6:10, 14:18] = 1, 2, 7


def write_layout(folder: Path, samples: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Writes 01/t000.tif and 01_GT/SEG/man_seg000.tif, ...; images become 01_t000, ... whatever their names are."""
    for frame, (image, labels) in enumerate(samples.values()):
        put(folder / "01" / f"t{frame:03d}.tif", image)
        put(folder / "01_GT" / "SEG" / f"man_seg{frame:03d}.tif", labels)


def put(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, array, photometric="minisblack")


@pytest.fixture
def sequences(tmp_path: Path) -> Path:
    """Two sequences: of the first, two of three frames have masks; the second has silver truth only."""
    write_layout(tmp_path, {"a": (IMAGE, LABELS), "b": (IMAGE, LABELS), "c": (IMAGE + 1, LABELS)})
    (tmp_path / "01_GT" / "SEG" / "man_seg001.tif").unlink()
    for frame in range(3):
        put(tmp_path / "01_ST" / "SEG" / f"man_seg{frame:03d}.tif", 0 * LABELS)
        put(tmp_path / "01_GT" / "TRA" / f"man_track{frame:03d}.tif", LABELS)
    put(tmp_path / "02" / "t000.tif", IMAGE + 2)
    put(tmp_path / "02_ST" / "SEG" / "man_seg000.tif", LABELS)
    put(tmp_path / "03" / "t000.tif", IMAGE + 3)
    return tmp_path


def test_frames_with_masks(sequences: Path) -> None:
    dataset = read_folder(sequences)
    assert (dataset.layout, dataset.names()) == ("ctc", ["01_t000", "01_t002", "02_t000"])
    assert (dataset.kind, dataset.class_names, dict(dataset.splits)) == ("objects", ("object",), {})
    for plus, sample in zip((0, 1, 2), dataset, strict=True):
        np.testing.assert_array_equal(sample.image[..., 0], IMAGE + plus)
        np.testing.assert_array_equal(sample.objects, np.where(LABELS == 7, 3, LABELS))
    assert dataset.pairing == (
        "3 images, paired by frame, such as 01/t000.tif with 01_GT/SEG/man_seg000.tif. "
        "3 of 5 frames are annotated; the others are left out. "
        "Silver truth, made by programs, where there is no gold truth: 02_ST."
    )
    assert dataset.decision == (
        "3 masks with 9 outlined cells: read as label images, one object an id. If they are classes, say --classes."
    )
    np.testing.assert_array_equal(read_label_folder(sequences).load("02_t000").objects > 0, LABELS > 0)


def test_every_id_is_an_object_without_asking(tmp_path: Path) -> None:
    pieces = np.zeros((12, 20), np.uint16)
    pieces[1:3, ::4], pieces[5:7, ::4], pieces[9, :] = 1, 2, 3
    write_layout(tmp_path, {"t000": (IMAGE, pieces)})
    assert read_folder(tmp_path).load("01_t000").objects.max() == 3
    assert read_folder(tmp_path, ReadOptions("classes")).load("01_t000").objects.max() == 11


def test_all_frames_annotated(tmp_path: Path) -> None:
    put(tmp_path / "01" / "t0017.tif", IMAGE)
    put(tmp_path / "01_GT" / "SEG" / "man_seg0017.tif", LABELS)
    assert read_folder(tmp_path).pairing.endswith("man_seg0017.tif. 1 of 1 frame is annotated.")


def test_fewer_outlines_than_markers_are_told(sequences: Path) -> None:
    put(sequences / "01_GT" / "SEG" / "man_seg002.tif", np.where(LABELS == 2, LABELS, 0))
    told = "In 1 of these masks fewer cells are outlined than are tracked (1 of 3)"
    dataset = read_folder(sequences)
    assert dataset.decision.endswith(f" {told}; the others count as background unless you say --ignore outside.")
    assert dataset.load("01_t002").ignore is None
    dataset = read_folder(sequences, ReadOptions(ignore="outside"))
    assert dataset.decision.endswith(f" {told}.")
    ignore = dataset.load("01_t002").ignore
    assert ignore is not None
    assert ignore[8, 16]  # where an object is that is not outlined
    assert not ignore[2, 7]


def test_volumes_are_refused(tmp_path: Path) -> None:
    write_layout(tmp_path, {"t000": (np.stack([IMAGE] * 4), np.stack([LABELS] * 4))})
    message = r"is a volume of 4 slices; of this challenge unmask reads 2-D sequences, not 3-D\. Save annotated slices"
    with pytest.raises(DataError, match=message):
        read_folder(tmp_path)
    shutil.rmtree(tmp_path / "01_GT")
    put(tmp_path / "01_GT" / "SEG" / "man_seg_000_005.tif", LABELS)
    with pytest.raises(
        DataError, match=r"man_seg_000_005\.tif: is the mask of a slice; of this challenge unmask reads"
    ):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (
            lambda root: (root / "01" / "t000.tif").unlink(),
            PairingError,
            r"man_seg000\.tif: is the mask of frame 0, which is not there\. Put its frame into .*01, or move",
        ),
        (
            lambda root: put(root / "01_GT" / "SEG" / "man_seg000.tif", LABELS[:-1]),
            PairingError,
            r"man_seg000\.tif: is 11 x 20 pixels \(rows x columns\), its image 12 x 20\. Export",
        ),
        (
            lambda root: (root / "01_GT" / "SEG" / "man_seg000.tif").write_bytes(b"II*\0"),
            UnreadableFile,
            r"man_seg000\.tif: is damaged or truncated",
        ),
        (
            lambda root: (root / "01_GT" / "TRA" / "man_track000.tif").write_bytes(b"II*\0"),
            UnreadableFile,
            r"man_track000\.tif: is damaged or truncated",
        ),
        (
            lambda root: [put(file, 0 * LABELS) for file in root.glob("*/SEG/*.tif")],
            MaskError,
            r"SEG: holds only empty masks \(all 0\)\. Draw",
        ),
    ],
)
def test_what_is_wrong_is_said(
    sequences: Path, change: Callable[[Path], Any], kind: type[UnmaskError], message: str
) -> None:
    change(sequences)
    with pytest.raises(kind, match=message):
        read_folder(sequences)


def test_problems_can_be_collected(sequences: Path) -> None:
    (sequences / "01" / "t000.tif").unlink()
    (sequences / "01_GT" / "SEG" / "man_seg002.tif").write_bytes(b"none")
    problems: list[UnmaskError] = []
    assert read_folder(sequences, ReadOptions(report=problems.append)).names() == ["02_t000"]
    assert [problem.file.name for problem in problems if problem.file] == ["man_seg000.tif", "man_seg002.tif"]


def test_sequences_without_masks_are_no_data_set(tmp_path: Path) -> None:
    put(tmp_path / "01" / "t000.tif", IMAGE)
    put(tmp_path / "01_GT" / "TRA" / "man_track000.tif", LABELS)
    with pytest.raises(PairingError, match=r"has no images/ and masks/ \(there: 01/, 01_GT/\)"):
        read_folder(tmp_path)


@given(st.data())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_told(
    tmp_path_factory: pytest.TempPathFactory, assert_clear: Callable[..., Any], data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("ctc")
    write_layout(root, {"t000": (IMAGE, LABELS), "t001": (IMAGE, LABELS)})
    file = data.draw(st.sampled_from(sorted(root.rglob("*.tif"))))
    content = bytearray(file.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    assert_clear(lambda: list(read_folder(root)))


def test_real_data(shared_data: Path) -> None:
    root = shared_data / "ctc_fluo_n2dh_sim"
    dataset = read_folder(root)
    assert (dataset.layout, len(dataset), dataset.kind) == ("ctc", 65, "objects")
    assert "65 of 65 frames are annotated." in dataset.pairing
    sample, mask = dataset.load("01_t017"), tifffile.imread(root / "01_GT" / "SEG" / "man_seg017.tif")
    np.testing.assert_array_equal(sample.objects > 0, mask > 0)
    assert sample.objects.max() == len(np.unique(mask)) - 1
