"""Images in .npy files and bare zarr arrays are predicted as the same images in TIFF are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from unmask.data.folder import read_images
from unmask.data.formats.images import read_image
from unmask.model import Model
from unmask.predict.job import predict_job
from unmask.predict.predictor import Predictor


def array(path: Path, image: np.ndarray, version: Any) -> None:
    options: dict[str, Any] = {"chunks": (50, 64), "dtype": image.dtype, "zarr_format": version}
    zarr.create_array(path, shape=image.shape, **options)[...] = image


@pytest.mark.parametrize("memory", [None, 100_000], ids=["whole", "in-blocks"])
def test_labels_are_those_of_the_tiff(
    disc_run: Path, make_discs: Callable[[int], tuple[np.ndarray, np.ndarray]], tmp_path: Path, memory: int | None
) -> None:
    image = np.block([[make_discs(seed + 3 * row)[0] for seed in range(3)] for row in range(2)])
    folder = tmp_path / "images"
    folder.mkdir()
    tifffile.imwrite(folder / "tiff.tif", image)
    np.save(folder / "c.npy", image)
    np.save(folder / "fortran.npy", np.asfortranarray(image.astype(np.float64)))
    np.save(folder / "one-channel.npy", image[None].astype(np.int64))
    array(folder / "two.zarr", image, 2)
    array(folder / "three.zarr", image, 3)
    predictor = Predictor(Model.load(disc_run), device="cpu", side=48, memory=memory)
    results = predict_job(predictor, read_images([folder], 1), tmp_path / "out", ["labels", "table"])
    assert len(results) == 6
    labels = {path.stem: read_image(path).planes[0] for path in (tmp_path / "out" / "labels").iterdir()}
    assert labels["tiff"].max() > 5
    assert set(labels) == {"tiff", "c", "fortran", "one-channel", "two", "three"}
    for found in labels.values():
        np.testing.assert_array_equal(found, labels["tiff"])
