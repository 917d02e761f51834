"""A streamed prediction is that of the whole image: labels, classes, table; also after it was killed or damaged."""

import shutil
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from unmask.data.formats.images import read_image
from unmask.data.streams.sources import open_source
from unmask.instances.table import measure
from unmask.instances.table_files import read_parts
from unmask.model import Model
from unmask.predict.crew import Here
from unmask.predict.predictor import Predictor
from unmask.predict.stream import Streamed, StreamOptions, predict_stream

SIDE = 48
PLAIN = StreamOptions(SIDE)


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


def streamed(predictor: Predictor, image: Path, out: Path, options: StreamOptions = PLAIN, **more: object) -> Streamed:
    source = open_source(image, channels=1)
    return predict_stream(predictor.model, source, "a", out, Here(predictor.network), options, **more)  # type: ignore[arg-type]


def labels_of(found: Streamed) -> np.ndarray:
    return read_image(found.labels).planes[0][..., 0]


def table_of(found: Streamed) -> dict[str, np.ndarray]:
    parts = list(read_parts(found.parts))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def test_it_is_the_prediction_of_the_whole_image(predictor: Predictor, image: Path, tmp_path: Path) -> None:
    whole = predictor.predict(image)
    assert len(whole.objects) > 20
    found = streamed(predictor, image, tmp_path / "out", StreamOptions(SIDE, probabilities=True))
    np.testing.assert_array_equal(labels_of(found), whole.labels)
    assert found.probabilities is not None
    maps = np.moveaxis(read_image(found.probabilities).planes[0], 2, 0)
    assert np.abs(maps - whole.probabilities).max() < 1e-5
    expected = measure(whole.objects, whole.sample.image, "a", predictor.recipe.data.class_names)
    table = table_of(found)
    assert list(table) == list(expected)
    assert len(found.parts) > 2
    for key, column in expected.items():
        if column.dtype == object:
            assert (table[key] == column).all()
        else:
            np.testing.assert_allclose(table[key], column, rtol=1e-9, atol=1e-9, err_msg=key)
    there = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert [name.partition("-")[0] for name in there] == [".work", "labels.zarr", "table"]


@pytest.mark.parametrize("after", [1, 7, 27, 50, 70, 83])
def test_a_killed_run_goes_on(predictor: Predictor, image: Path, tmp_path: Path, after: int) -> None:
    whole = labels_of(streamed(predictor, image, tmp_path / "whole"))
    steps = count(1)

    def killed(done: int, of: int) -> None:
        if next(steps) == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        streamed(predictor, image, tmp_path / "out", progress=killed)
    found = streamed(predictor, image, tmp_path / "out")
    np.testing.assert_array_equal(labels_of(found), whole)
    assert found.computed == max(0, found.blocks - after)


def test_a_damaged_block_is_done_anew(predictor: Predictor, image: Path, tmp_path: Path) -> None:
    whole = labels_of(streamed(predictor, image, tmp_path / "whole"))

    steps = count(1)

    def killed(done: int, of: int) -> None:
        if next(steps) == 25:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        streamed(predictor, image, tmp_path / "out", progress=killed)
    work = tmp_path / "out" / ".work"
    for pattern, at in ((".unmask-seeds.zarr/0/c/1/1", 40), (".unmask-probabilities.zarr/0/c/0/2/1", 900)):
        file = work / pattern
        content = bytearray(file.read_bytes())
        content[min(at, len(content) - 9)] ^= 0xFF
        file.write_bytes(content)
    next(work.glob("grown-*/0_0.npz")).write_bytes(b"PK damaged")
    found = streamed(predictor, image, tmp_path / "out")
    np.testing.assert_array_equal(labels_of(found), whole)


def test_an_image_smaller_than_a_block(predictor: Predictor, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((5, 3), 9, np.uint8))
    found = streamed(predictor, tmp_path / "a.tif", tmp_path / "out")
    assert (labels_of(found).shape, found.blocks) == ((5, 3), 1)


def test_a_kill_while_the_labels_are_used_costs_no_block(predictor: Predictor, image: Path, tmp_path: Path) -> None:
    def killed(labels: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        streamed(predictor, image, tmp_path / "out", StreamOptions(SIDE, probabilities=True), use=killed)
    assert streamed(predictor, image, tmp_path / "out", StreamOptions(SIDE, probabilities=True)).computed == 0


@pytest.mark.parametrize("threads", [1, 3])
def test_averaged_over_flips_and_turns(disc_run: Path, image: Path, tmp_path: Path, threads: int) -> None:
    predictor = Predictor(Model.load(disc_run), device="cpu", side=SIDE, tta=8)
    options = StreamOptions(SIDE, symmetries=8, verify=True)
    source, here = open_source(image, channels=1), Here(predictor.network, threads)
    found = predict_stream(predictor.model, source, "a", tmp_path / "out", here, options)
    whole = predictor.predict(image)
    np.testing.assert_array_equal(labels_of(found), whole.labels)
    assert found.seams is not None
    assert found.seams.largest < 1e-5
    assert np.abs(whole.probabilities - Predictor(predictor.model, "cpu").predict(image).probabilities).max() > 1e-3


def test_blank_blocks_are_left_out(disc_run: Path, image: Path, tmp_path: Path) -> None:
    slide = np.full((200, 300), 40, np.uint8)  # the background of the discs
    slide[:200, :171] = tifffile.imread(image)
    tifffile.imwrite(tmp_path / "slide.tif", slide)
    predictor = Predictor(Model.load(disc_run), device="cpu", side=SIDE, skip_blank=True)
    options = StreamOptions(SIDE, skip_blank=True, verify=True)
    found = streamed(predictor, tmp_path / "slide.tif", tmp_path / "out", options)
    assert found.seams is not None
    whole = predictor.predict(tmp_path / "slide.tif")
    assert found.blank == whole.blank > 2
    assert found.computed == found.blocks - found.blank
    np.testing.assert_array_equal(labels_of(found), whole.labels)


def test_models_of_classes(disc_run: Path, image: Path, tmp_path: Path) -> None:
    model = Model.load(disc_run)
    data = model.recipe.data.model_copy(update={"kind": "classes", "class_values": (200,)})
    predictor = Predictor(replace(model, recipe=model.recipe.model_copy(update={"data": data})), "cpu", side=SIDE)
    found, whole = streamed(predictor, image, tmp_path / "out"), predictor.predict(image)
    np.testing.assert_array_equal(labels_of(found), whole.mask)
    assert set(np.unique(whole.mask)) == {0, 200}
    assert found.objects == len(whole.objects) > 20
    assert list(table_of(found)["area"]) == list(whole.table["area"])


def test_what_was_made_of_other_seeds_is_not_used(predictor: Predictor, image: Path, tmp_path: Path) -> None:
    """A block that is done anew may differ by rounding, and the numbers of all seeds after it with it."""
    steps = count(1)

    def killed(done: int, of: int) -> None:
        if next(steps) == 35:  # of 20 blocks: half way through growth
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        streamed(predictor, image, tmp_path / "out", progress=killed)
    work = tmp_path / "out" / ".work"
    (work / "seeds" / "0_0.npz").unlink()
    shutil.rmtree(work / ".unmask-probabilities.zarr" / "0" / "c" / "0" / "0" / "0", ignore_errors=True)
    (work / ".unmask-probabilities.zarr" / "0" / "c" / "0" / "0" / "0").unlink(missing_ok=True)
    net = predictor.network

    def without_objects(batch: torch.Tensor) -> torch.Tensor:
        logits = net.logits(batch)
        logits[:, 0] += 100
        return logits

    other = replace(net, logits=without_objects, inner=without_objects)
    source = open_source(image, channels=1)
    found = predict_stream(predictor.model, source, "a", tmp_path / "out", Here(other), PLAIN)
    whole = labels_of(streamed(predictor, image, tmp_path / "whole"))
    labels = labels_of(found)
    assert not labels[:40, :40].any()
    far = labels[100:, :] > 0  # seeds that the change does not reach
    np.testing.assert_array_equal(far, whole[100:, :] > 0)
    assert len(np.unique(labels[100:])) == len(np.unique(whole[100:]))
