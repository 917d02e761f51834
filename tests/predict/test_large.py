"""A job of images that do not fit the memory gives what a job of images that do gives."""

import csv
import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from torch import Tensor

from unmask.data.folder import read_images
from unmask.data.formats.images import read_image
from unmask.data.formats.omezarr_writer import write_omezarr
from unmask.errors import PredictionError
from unmask.model import Model
from unmask.predict.crew import Here
from unmask.predict.job import predict_job
from unmask.predict.predictor import Predictor
from unmask.predict.tiles import Network
from unmask.recipe import NormaliseRecipe


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


class Killed(BaseException):
    """Nobody catches it, as nobody catches kill -9."""


class Asked:
    """A predictor in blocks that counts how often its network is asked."""

    def __init__(self, run: Path, side: int = 48) -> None:
        self.predictor = Predictor(Model.load(run), device="cpu", side=side, memory=100_000)
        network, self.times = self.predictor.network, 0

        def counted(compute: Callable[[Tensor], Tensor] | None) -> Callable[[Tensor], Tensor]:
            assert compute is not None

            def logits(batch: Tensor) -> Tensor:
                self.times += 1
                return compute(batch)

            return logits

        self.predictor.network = replace(network, logits=counted(network.logits), inner=counted(network.inner))


def killed_at(step: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Kills before the step-th name that is given or folder that is removed; names those that there were."""
    seen: list[str] = []

    def watched(change: Callable[..., Any], at: int) -> Callable[..., Any]:
        def changed(*arguments: Any, **more: Any) -> Any:
            if threading.current_thread() is threading.main_thread():
                seen.append(Path(arguments[at]).name)
                if len(seen) == step:
                    raise Killed
            return change(*arguments, **more)

        return changed

    monkeypatch.setattr(os, "rename", watched(os.rename, 1))
    monkeypatch.setattr(os, "replace", watched(os.replace, 1))
    monkeypatch.setattr(shutil, "rmtree", watched(shutil.rmtree, 0))
    return seen


def test_a_kill_after_the_last_pass_costs_no_block(
    disc_run: Path, make_discs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every step at which a name is given or a folder removed, results of another version of the image beside."""
    place, out, asked = tmp_path / "a.zarr", tmp_path / "out", Asked(disc_run, side=80)  # one block: quick
    for seed in (0, 1):
        shutil.rmtree(place, ignore_errors=True)
        write_omezarr(place, make_discs(seed)[0][..., None], (0.5, 0.5))
        images = read_images([place], 1)
        if seed == 0:
            predict_job(asked.predictor, images, out, SAVE)  # type: ignore[arg-type]

    def killed(name: str, done: int, of: int) -> None:
        if done == of:
            raise Killed

    with pytest.raises(Killed):
        predict_job(asked.predictor, images, out, SAVE, killed)  # type: ignore[arg-type]
    shutil.copytree(out, tmp_path / "kept")
    (done,) = predict_job(asked.predictor, images, out, SAVE)  # type: ignore[arg-type]
    expected = {kind: contents(out / files[0]) for kind, files in done.saved.items()}
    asked.times, step, seen = 0, 0, ["a.json", ""]
    while len(seen) >= step:
        step += 1
        shutil.rmtree(out)
        shutil.copytree(tmp_path / "kept", out)
        with monkeypatch.context() as patch:
            seen = killed_at(step, patch)
            with suppress(Killed):
                predict_job(asked.predictor, images, out, SAVE)  # type: ignore[arg-type]
        (done,) = predict_job(asked.predictor, images, out, SAVE)  # type: ignore[arg-type]
        assert {kind: contents(out / files[0]) for kind, files in done.saved.items()} == expected
    assert asked.times == 0
    assert step > 12
    assert {"placing.json", "a.json", "a.zarr", ".unmask-old-a.zarr", ".unmask-old-a"} <= set(seen)
    assert sorted(path.name for path in (out / "labels").iterdir()) == ["a.zarr"]


def contents(place: Path) -> dict[str, bytes]:
    """Of a file, or of a folder's."""
    files = [path for path in place.rglob("*") if path.is_file()] if place.is_dir() else [place]
    return {str(path.relative_to(place)): path.read_bytes() for path in files}


def test_placed_results_are_not_lost_when_less_is_wanted(
    disc_run: Path, image: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", image)
    images, asked = read_images([tmp_path / "a.tif"], 1), Asked(disc_run)

    def killed(file: Path) -> None:
        raise Killed

    monkeypatch.setattr("unmask.predict.large.remove_other", killed)  # when all was placed
    with pytest.raises(Killed):
        predict_job(asked.predictor, images, tmp_path / "out", ["probabilities", "table"])
    monkeypatch.undo()
    monkeypatch.setattr("unmask.predict.large.SMALL", 0)
    asked.times = 0
    (done,) = predict_job(asked.predictor, images, tmp_path / "out", ["labels"])
    assert asked.times == 0
    assert set(done.saved) == {"labels", "probabilities", "table"}


@pytest.mark.parametrize("all_blocks", [True, False])
def test_smaller_tiles_than_before(disc_run: Path, make_discs, tmp_path: Path, all_blocks: bool) -> None:
    tifffile.imwrite(tmp_path / "a.tif", make_discs(0)[0])  # 72 x 60 pixels
    images, larger, smaller = read_images([tmp_path / "a.tif"], 1), Asked(disc_run), Asked(disc_run, side=16)

    def killed(name: str, done: int, of: int) -> None:
        if done > of * (0.7 if all_blocks else 0.4):  # the first pass is two thirds of the work
            raise Killed

    with pytest.raises(Killed):
        predict_job(larger.predictor, images, tmp_path / "out", ["labels"], killed)
    said: list[str] = []
    predict_job(smaller.predictor, images, tmp_path / "out", ["labels"], say=said.append)
    lost = [text for text in said if "3 of 4 blocks that an earlier run finished are done anew, as blocks of" in text]
    assert (len(lost), smaller.times) == ((0, 0) if all_blocks else (1, 5 * 4))
    assert ("in 4 blocks" if all_blocks else "in 20 blocks") in said[-1]
    expected = predictor(disc_run).predict(tmp_path / "a.tif").labels
    np.testing.assert_array_equal(read_image(tmp_path / "out" / "labels" / "a.tif").planes[0][..., 0], expected)


def test_small_files_that_were_cut_short(disc_run: Path, image: np.ndarray, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", image)
    images, small = read_images([tmp_path / "a.tif"], 1), predictor(disc_run, 100_000)

    class Elsewhere(Here):
        """Loads the network from the model's file, as workers do."""

        def network(self, model: Callable[[], Path]) -> Callable[[], Network]:
            loaded = Predictor(Model.load(model()), device="cpu", side=48).network
            return lambda: loaded

    def killed(name: str, done: int, of: int) -> None:
        if done > of / 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_job(small, images, tmp_path / "out", ["labels"], killed, crew=Elsewhere(small.network))
    (work,) = (tmp_path / "out" / ".records" / "large" / "a").glob("*/.work")
    for name in ("constants.json", "model.safetensors"):
        content = (work / name).read_bytes()
        (work / name).write_bytes(content[:-5])
    predict_job(small, images, tmp_path / "out", ["labels"], crew=Elsewhere(small.network))
    expected = predictor(disc_run).predict(tmp_path / "a.tif").labels
    np.testing.assert_array_equal(read_image(tmp_path / "out" / "labels" / "a.tif").planes[0][..., 0], expected)


def test_values_that_the_model_was_not_trained_on(disc_run: Path, image: np.ndarray, tmp_path: Path) -> None:
    """Refused in blocks in the words in which they are refused in memory."""
    tifffile.imwrite(tmp_path / "a.tif", image.astype(np.uint16))
    model = Model.load(disc_run)
    eight_bit = model.recipe.model_copy(update={"normalise": NormaliseRecipe(method="fixed", low=0, high=255)})
    for memory in (None, 100_000):
        small = Predictor(replace(model, recipe=eight_bit), device="cpu", side=48, memory=memory)
        with pytest.raises(
            PredictionError, match=r"a\.tif: the image is uint16, the model was trained on 8-bit colour"
        ):
            predict_job(small, read_images([tmp_path / "a.tif"], 1), tmp_path / "out", ["labels"])


def test_one_file_of_a_kind_is_left(disc_run: Path, image: np.ndarray, tmp_path: Path) -> None:
    """The same image in memory, in blocks, and in memory again, each time in another way."""
    write_omezarr(tmp_path / "z.zarr", image[..., None], (0.5, 0.5))
    images, model = read_images([tmp_path / "z.zarr"], 1), Model.load(disc_run)
    for memory, tta, suffix in ((None, 1, "tif"), (100_000, 8, "zarr"), (None, 1, "tif")):
        predict_job(Predictor(model, "cpu", side=48, memory=memory, tta=tta), images, tmp_path / "out", SAVE)  # type: ignore[arg-type]
        for kind in ("labels", "probabilities"):
            assert [path.name for path in (tmp_path / "out" / kind).iterdir()] == [f"z.{suffix}"]
