"""Many workers: the labels of one process, whoever did the work, and when a worker is killed half way."""

import copy
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from unmask.data.formats.images import read_image
from unmask.data.streams.sources import open_source
from unmask.errors import PredictionError, UnreadableFile
from unmask.instances.table_files import read_parts
from unmask.model import Model
from unmask.predict.cluster import Cluster
from unmask.predict.connecting import connected, local_workers
from unmask.predict.crew import Here
from unmask.predict.predictor import Predictor
from unmask.predict.stream import Streamed, StreamOptions, predict_stream

OPTIONS = StreamOptions(48, probabilities=True, verify=True)


@pytest.fixture(scope="module")
def predictor(disc_run: Path) -> Predictor:
    return Predictor(Model.load(disc_run), device="cpu", side=48)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory, make_discs) -> Path:  # type: ignore[no-untyped-def]
    file = tmp_path_factory.mktemp("image") / "a.tif"
    pixels = np.block([[make_discs(seed + 4 * row)[0] for seed in range(3)] for row in range(3)])
    tifffile.imwrite(file, pixels[:200, :171], tile=(32, 32))
    return file


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Cluster]:
    with local_workers(2, "eager", "cpu") as cluster:
        yield cluster


def streamed(predictor: Predictor, image: Path, out: Path, cluster: Cluster | None, **more: object) -> Streamed:
    crew = cluster or Here(predictor.network)
    return predict_stream(predictor.model, open_source(image, channels=1), "a", out, crew, OPTIONS, **more)  # type: ignore[arg-type]


def pixels(folder: Path | None) -> np.ndarray:
    assert folder is not None
    return read_image(folder).planes[0]


def same(one: Streamed, other: Streamed) -> bool:
    """Labels, probabilities and table, to the bit."""
    for mine, theirs in zip(read_parts(one.parts), read_parts(other.parts), strict=True):
        assert list(mine) == list(theirs)
        for name in mine:
            np.testing.assert_array_equal(mine[name], theirs[name], err_msg=name)
    return np.array_equal(pixels(one.labels), pixels(other.labels)) and np.array_equal(
        pixels(one.probabilities), pixels(other.probabilities)
    )


def test_two_workers_give_what_one_process_gives(
    predictor: Predictor, image: Path, tmp_path: Path, two_workers: Cluster
) -> None:
    here = streamed(predictor, image, tmp_path / "here", None)
    there = streamed(predictor, image, tmp_path / "there", two_workers)
    assert here.objects == there.objects > 20
    assert same(here, there)
    assert there.computed == there.blocks == 20
    assert there.seams is not None
    assert there.seams.largest < 1e-5


def test_a_worker_is_killed_half_way(predictor: Predictor, image: Path, tmp_path: Path) -> None:
    here = streamed(predictor, image, tmp_path / "here", None)
    killed: list[int] = []
    with local_workers(3, "eager", "cpu") as cluster:
        pids = list(cluster.client.run(os.getpid).values())

        def kill(done: int, of: int) -> None:
            if done > len(killed) * of / 3 and len(killed) < 2:
                os.kill(pids[len(killed)], signal.SIGKILL)
                killed.append(pids[len(killed)])

        there = streamed(predictor, image, tmp_path / "there", cluster, progress=kill)
    assert len(killed) == 2
    assert same(here, there)


def test_a_run_of_one_process_goes_on_with_workers(
    predictor: Predictor, image: Path, tmp_path: Path, two_workers: Cluster
) -> None:
    here = streamed(predictor, image, tmp_path / "here", None)

    def killed(done: int, of: int) -> None:
        if done > of / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        streamed(predictor, image, tmp_path / "there", None, progress=killed)
    there = streamed(predictor, image, tmp_path / "there", two_workers)
    assert there.computed < there.blocks
    assert same(here, there)


def test_an_error_of_a_worker_names_the_file(
    predictor: Predictor, image: Path, tmp_path: Path, two_workers: Cluster
) -> None:
    damaged = tmp_path / "damaged.tif"
    content = bytearray(image.read_bytes())
    damaged.write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadableFile, match=r"damaged\.tif"):
        streamed(predictor, damaged, tmp_path / "out", two_workers)


def test_workers_that_do_not_see_the_folder(two_workers: Cluster, tmp_path: Path) -> None:
    with pytest.raises(
        PredictionError, match=r"does not see it\. Give --out on a disk that all workers share"
    ) as caught:
        two_workers.network(lambda: tmp_path / "nowhere.safetensors")
    assert caught.value.file == tmp_path / "nowhere.safetensors"


def test_nobody_answers() -> None:
    with (
        pytest.raises(PredictionError, match=r"no Dask scheduler answers there.*dask scheduler"),
        connected("tcp://127.0.0.1:9", "eager", None),
    ):
        pass


def test_a_cluster_that_runs_already(predictor: Predictor, image: Path, tmp_path: Path, two_workers: Cluster) -> None:
    here = streamed(predictor, image, tmp_path / "here", None)
    with connected(two_workers.client.scheduler.address, "eager", "cpu") as cluster:  # type: ignore[union-attr]
        assert same(here, streamed(predictor, image, tmp_path / "there", cluster))


def test_a_scheduler_without_workers() -> None:
    from distributed import LocalCluster

    with (
        LocalCluster(n_workers=0, processes=False, protocol="tcp", dashboard_address=":0") as empty,
        pytest.raises(PredictionError, match=r"no worker has joined it.*dask worker"),
        connected(empty.scheduler_address, "eager", None, wait=1),
    ):
        pass


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("10.0.0.1:8786", "such as tcp://10.0.0.1:8786"),
        ("tcp://10.0.0.1", "such as tcp://10.0.0.1:8786"),
        ("ftp://10.0.0.1:8786", "unknown address scheme"),
        ("tls://10.0.0.1:8786", "no certificates"),
        ("nowhere.json", "No such file"),
        ("empty.json", "Expecting value"),
        ("other.json", "address"),
    ],
)
def test_not_a_scheduler(address: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.json").touch()
    Path("other.json").write_text("{}")
    with (
        pytest.raises(
            PredictionError, match=rf"neither an address of a Dask scheduler nor its file.*{reason}.*dask sch"
        ),
        connected(address, "eager", None),
    ):
        pass


def test_a_worker_that_does_not_see_the_image(image: Path, tmp_path: Path, two_workers: Cluster) -> None:
    moved = tmp_path / "moved.tif"
    moved.write_bytes(image.read_bytes())
    source = open_source(moved)
    moved.unlink()
    with pytest.raises(PredictionError, match=r"the worker tcp://.* cannot read it.*a disk that all workers share"):
        list(two_workers.each(type, [source]))
    assert dict(two_workers.each(abs, [-1, -2])) == {0: 1, 1: 2}  # they are still there


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are not forked")
def test_local_workers_share_what_was_loaded_before(two_workers: Cluster) -> None:
    parents = two_workers.client.run(
        lambda: "unmask.predict.cluster" in Path(f"/proc/{os.getppid()}/cmdline").read_text()
    )
    assert all(parents.values())


def test_local_workers_do_not_hear_ctrl_c(two_workers: Cluster) -> None:
    heard = two_workers.client.run(lambda: signal.getsignal(signal.SIGINT))
    assert set(heard.values()) == {signal.SIG_IGN}


def test_a_cluster_takes_the_model_that_is_there_now(predictor: Predictor, image: Path, two_workers: Cluster) -> None:
    """Workers outlive jobs: another model under the same path is another model."""
    folder = image.parent / "again"
    first = streamed(predictor, image, folder, two_workers)
    before = pixels(first.probabilities)
    shutil.rmtree(folder)
    other = copy.deepcopy(predictor.model.net)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(0.7)
    changed = Predictor(replace(predictor.model, net=other), device="cpu", side=48)
    second = streamed(changed, image, folder, two_workers)
    assert np.abs(pixels(second.probabilities) - before).max() > 1e-3
    here = streamed(changed, image, image.parent / "here", None)
    np.testing.assert_array_equal(pixels(second.probabilities), pixels(here.probabilities))


@pytest.mark.parametrize("count", [1, 4])
def test_any_number_of_workers(predictor: Predictor, image: Path, tmp_path: Path, count: int) -> None:
    here = streamed(predictor, image, tmp_path / "here", None)
    with local_workers(count, "eager", "cpu") as cluster:
        assert same(here, streamed(predictor, image, tmp_path / "there", cluster))
