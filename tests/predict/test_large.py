"""A job of images that do not fit the memory gives what a job of images that do gives."""

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile

from unmask.data.folder import read_images
from unmask.data.formats.images import read_image
from unmask.data.formats.omezarr_writer import write_omezarr
from unmask.errors import PredictionError
from unmask.model import Model
from unmask.predict.job import predict_job
from unmask.predict.predictor import Predictor


@pytest.fixture(autouse=True)
def images_of_tests_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unmask.predict.large.SMALL", 0)


SAVE = ["labels", "probabilities", "overlay", "table"]


def predictor(run: Path, memory: int | None = None) -> Predictor:
    return Predictor(Model.load(run), device="cpu", side=48, memory=memory)


@pytest.fixture
def image(make_discs) -> np.ndarray:  # type: ignore[no-untyped-def]
    return np.block([[make_discs(seed + 3 * row)[0] for seed in range(3)] for row in range(2)])


def rows(file: Path) -> list[dict[str, str]]:
    with open(file, newline="") as text:
        return list(csv.DictReader(text))


@pytest.mark.parametrize("kind", ["tif", "zarr"])
def test_the_same_as_in_memory(disc_run: Path, image: np.ndarray, tmp_path: Path, kind: str) -> None:
    place = tmp_path / f"a.{kind}"
    if kind == "tif":
        tifffile.imwrite(place, image, tile=(32, 32), compression="zlib")
    else:
        write_omezarr(place, image[..., None], (0.5, 0.5))
    images = read_images([place], 1)
    (whole,) = predict_job(predictor(disc_run), images, tmp_path / "whole", SAVE)  # type: ignore[arg-type]
    (large,) = predict_job(predictor(disc_run, 100_000), images, tmp_path / "large", SAVE, verify_seams=True)  # type: ignore[arg-type]
    assert large.seams is not None
    assert large.seams["largest"] < 1e-5
    assert large.objects == whole.objects > 5
    assert large.saved["labels"] == [f"labels/a.{kind}"]
    found, expected = (
        read_image(tmp_path / job.parts[0] / job.parts[1] / job.name).planes[0]
        for job in (Path("large/labels") / f"a.{kind}", Path("whole/labels/a.tif"))
    )
    np.testing.assert_array_equal(found, expected)
    one, other = (rows(tmp_path / job / "objects.csv") for job in ("large", "whole"))
    assert one == other
    assert (tmp_path / "large" / "overlays" / "a.png").exists()
    assert (tmp_path / "large" / "probabilities" / "a.zarr").exists()
    assert not (tmp_path / "large" / ".records" / "large" / "a").exists()
    (again,) = predict_job(predictor(disc_run, 100_000), images, tmp_path / "large", SAVE)  # type: ignore[arg-type]
    assert again.resumed


def test_what_large_images_do_not_have(disc_run: Path, image: np.ndarray, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", image)
    with pytest.raises(PredictionError, match=r"is too large for --save coco.*Leave it out, or give more memory"):
        predict_job(predictor(disc_run, 100_000), read_images([tmp_path / "a.tif"], 1), tmp_path / "out", ["coco"])


def test_what_another_version_of_the_image_left_is_not_used(disc_run: Path, image: np.ndarray, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", image)
    images, small = read_images([tmp_path / "a.tif"], 1), predictor(disc_run, 100_000)

    def killed(name: str, done: int, of: int) -> None:
        if done > of / 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_job(small, images, tmp_path / "out", ["labels"], killed)
    assert (tmp_path / "out" / ".records" / "large" / "a").exists()
    tifffile.imwrite(tmp_path / "a.tif", image[::-1])
    predict_job(small, images, tmp_path / "out", ["labels"])
    expected = predictor(disc_run).predict(tmp_path / "a.tif").labels
    np.testing.assert_array_equal(read_image(tmp_path / "out" / "labels" / "a.tif").planes[0][..., 0], expected)


def test_a_table_of_an_earlier_job_is_kept(disc_run: Path, image: np.ndarray, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", image)
    images, small = read_images([tmp_path / "a.tif"], 1), predictor(disc_run, 100_000)
    predict_job(small, images, tmp_path / "out", ["table"])
    before = rows(tmp_path / "out" / "objects.csv")
    predict_job(small, images, tmp_path / "out", ["labels"])
    assert rows(tmp_path / "out" / "objects.csv") == before != []
