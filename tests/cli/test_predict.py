"""`unmask predict` on images larger than the memory, as a user types it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

# As if every pixel took 10 kB: workers are given gigabytes, and no test has images of that size.
LARGE = "from unmask.predict import large; large.DECODING = 10_000; from unmask.cli.main import main; main()"


def typed(*arguments: object, start: tuple[str, str] = ("-m", "unmask")) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    command = [sys.executable, *start, "predict", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory, make_discs) -> Path:  # type: ignore[no-untyped-def]
    """An image of 1.4 megapixels."""
    tile = np.block([[make_discs(seed + 4 * row)[0] for seed in range(4)] for row in range(4)])
    file = tmp_path_factory.mktemp("plate") / "plate.tif"
    tifffile.imwrite(file, np.tile(tile, (4, 5)), tile=(256, 256))
    return file


def test_workers_and_one_process_write_the_same(disc_run: Path, plate: Path, tmp_path: Path) -> None:
    common = (disc_run, plate, "--memory", "9GB", "--verify-seams", "--engine", "eager", "--tta", 8)
    code, out, err = typed(*common, "--out", tmp_path / "one", start=("-c", LARGE))
    assert code == 0, err
    assert "plate: 1,152 x 1,200 pixels in" in out
    assert "of the network's work is overlap" in out
    assert "8 windows across borders of blocks differ by at most" in out
    code, out, err = typed(*common, "--out", tmp_path / "two", "--workers", 2, start=("-c", LARGE))
    assert (code, err) == (0, "")
    assert "memory of 2 workers" in out
    one, two = (tifffile.imread(tmp_path / job / "labels" / "plate.tif") for job in ("one", "two"))
    np.testing.assert_array_equal(one, two)
    assert one.max() > 1000
    tables = [(tmp_path / job / "objects.csv").read_text() for job in ("one", "two")]
    assert tables[0] == tables[1]
    assert tables[0].count("\n") == 1 + one.max()


def test_small_images_need_no_workers(disc_run: Path, disc_folder: Path, tmp_path: Path) -> None:
    code, out, _ = typed(disc_run, disc_folder, "--out", tmp_path / "out", "--workers", 2, "--save", "labels")
    assert code == 0
    assert "No image is larger than the memory: they are predicted here, without workers." in out


def test_seams_where_there_are_none(disc_run: Path, disc_folder: Path, tmp_path: Path) -> None:
    common = (disc_run, disc_folder, "--out", tmp_path / "out", "--save", "labels", "--tta", 7, "--verify-seams")
    code, out, _ = typed(*common, "--workers", 2)
    assert code == 0
    assert (
        "Images averaged over 7 rotations are never predicted in blocks: they are predicted here, without work" in out
    )
    assert out.count("predicted in memory at once") == 1
    assert "disc0 and 5 more: predicted in memory at once, there are no seams." in out
    _, out, _ = typed(*common)
    assert "disc0 and 5 more: finished before, when nobody looked for seams." in out
    assert "in memory at once" not in out


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--workers", 0), 2, "should be greater than or equal to 1"),
        (("--workers", 2, "--scheduler", "tcp://x:1"), 2, "exclude each other"),
        (("--tta", 3), 1, "--tta 3 is not known. Choose from 1, 7, 8."),
        (("--engine", "fast"), 2, "'fast' is not one of"),
    ],
)
def test_wrong_options(
    disc_run: Path, plate: Path, tmp_path: Path, options: tuple[object, ...], code: int, message: str
) -> None:
    found, _, err = typed(disc_run, plate, "--out", tmp_path / "out", *options)
    assert found == code
    assert message in " ".join(err.replace("│", "").split())
    assert "Traceback" not in err


def test_a_job_goes_on_with_the_engine_that_it_began_with(disc_run: Path, disc_folder: Path, tmp_path: Path) -> None:
    assert typed(disc_run, disc_folder, "--out", tmp_path / "out", "--engine", "openvino", "--save", "labels")[0] == 0
    kept = tmp_path / "out" / ".records" / "engine"
    assert kept.read_text() == "openvino"
    assert typed(disc_run, disc_folder, "--out", tmp_path / "out", "--save", "labels,table")[0] == 0
    assert kept.read_text() == "openvino"
