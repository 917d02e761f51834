"""A streamed prediction is that of the whole image: labels, classes, table; also after it was killed or damaged."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from unmask.data.formats.images import read_image
from unmask.data.streams.sources import open_source
from unmask.instances.table import measure
from unmask.model import Model
from unmask.predict import stream
from unmask.predict.predictor import Predictor
from unmask.predict.stream import predict_stream

SIDE = 48


@pytest.fixture(scope="module")
def predictor(disc_run: Path) -> Predictor:
    return Predictor(Model.load(disc_run), device="cpu", side=SIDE)


@pytest.fixture
def image(tmp_path: Path, make_discs) -> Path:  # type: ignore[no-untyped-def]
    tiles = [[make_discs(seed + 4 * row)[0] for seed in range(3)] for row in range(3)]
    pixels = np.block(tiles)[:200, :171]
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, tile=(32, 32), compression="zlib", resolution=(2e4, 4e4), resolutionunit=3
    )
    return tmp_path / "a.tif"


def streamed(predictor: Predictor, image: Path, out: Path, **more: object) -> stream.Streamed:
    source = open_source(image, channels=1)
    return predict_stream(predictor.model, predictor.net, source, "a", out, side=SIDE, **more)  # type: ignore[arg-type]


def labels_of(found: stream.Streamed) -> np.ndarray:
    return read_image(found.labels).planes[0][..., 0]


def test_it_is_the_prediction_of_the_whole_image(predictor: Predictor, image: Path, tmp_path: Path) -> None:
    whole = predictor.predict(image)
    assert len(whole.objects) > 20
    found = streamed(predictor, image, tmp_path / "out", probabilities=True)
    np.testing.assert_array_equal(labels_of(found), whole.labels)
    assert found.probabilities is not None
    maps = np.moveaxis(read_image(found.probabilities).planes[0], 2, 0)
    assert np.abs(maps - whole.probabilities).max() < 1e-5
    expected = measure(whole.objects, whole.sample.image, "a", predictor.recipe.data.class_names)
    assert list(found.table) == list(expected)
    for key, column in expected.items():
        if column.dtype == object:
            assert (found.table[key] == column).all()
        else:
            np.testing.assert_allclose(found.table[key], column, rtol=1e-9, atol=1e-9, err_msg=key)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["labels.zarr", "probabilities.zarr"]


@pytest.mark.parametrize("after", [1, 7, 19, 30])
def test_a_killed_run_goes_on(
    predictor: Predictor, image: Path, tmp_path: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = labels_of(streamed(predictor, image, tmp_path / "whole"))

    def killed(done: int, of: int) -> None:
        if done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        streamed(predictor, image, tmp_path / "out", progress=killed)
    found = streamed(predictor, image, tmp_path / "out")
    np.testing.assert_array_equal(labels_of(found), whole)
    assert found.computed == max(0, found.blocks - after)


def test_a_damaged_block_is_done_anew(predictor: Predictor, image: Path, tmp_path: Path) -> None:
    whole = labels_of(streamed(predictor, image, tmp_path / "whole"))

    def killed(done: int, of: int) -> None:
        if done == 25:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        streamed(predictor, image, tmp_path / "out", progress=killed)
    work = tmp_path / "out" / ".work"
    for pattern, at in ((".unmask-seeds.zarr/0/c/1/1", 40), (".unmask-probabilities.zarr/0/c/0/2/1", 900)):
        file = work / pattern
        content = bytearray(file.read_bytes())
        content[min(at, len(content) - 9)] ^= 0xFF
        file.write_bytes(content)
    (work / "grown" / "0_0.npz").write_bytes(b"PK damaged")
    found = streamed(predictor, image, tmp_path / "out")
    np.testing.assert_array_equal(labels_of(found), whole)


def test_an_image_smaller_than_a_block(predictor: Predictor, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((5, 3), 9, np.uint8))
    found = streamed(predictor, tmp_path / "a.tif", tmp_path / "out")
    assert (labels_of(found).shape, found.blocks) == ((5, 3), 1)


def test_rounding_does_not_depend_on_threads() -> None:
    assert torch.get_num_threads() == 1  # as conftest.py wants it: sums in another order would differ in the last bit


def test_a_kill_while_the_labels_are_used_costs_no_block(predictor: Predictor, image: Path, tmp_path: Path) -> None:
    def killed(labels: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        streamed(predictor, image, tmp_path / "out", use=killed, probabilities=True)
    assert streamed(predictor, image, tmp_path / "out", probabilities=True).computed == 0
