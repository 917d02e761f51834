"""Phantoms written block by block: the files hold what one window of the whole gives."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from unmask.data.formats.images import read_image
from unmask.data.formats.omezarr_writer import halved
from unmask.data.phantom import Phantom, large
from unmask.data.phantom.large import write_large
from unmask.data.streams.sources import open_source
from unmask.data.streams.whole_folder import publish
from unmask.errors import UnmaskError

SHAPE = (150, 210)  # no multiples of a block


@dataclass
class BrokenPhantom:
    """Fails at its last block."""

    shape: tuple[int, int]

    def window(self, y0: int, x0: int, height: int, width: int) -> object:
        if y0:
            raise MemoryError
        return Phantom("nuclei", self.shape, 3).window(y0, x0, height, width)


@pytest.mark.parametrize(
    ("kind", "block", "workers", "blocks"), [("nuclei", 64, 2, 12), ("cells", 100, 1, 6), ("membranes", 128, 1, 4)]
)
def test_image_truth_and_count_are_those_of_one_window(
    kind: str, block: int, workers: int, blocks: int, tmp_path: Path
) -> None:
    phantom = Phantom(kind, SHAPE, 3)  # type: ignore[arg-type]
    whole = phantom.window(0, 0, *SHAPE)
    done: list[tuple[int, int]] = []
    count = write_large(
        tmp_path / "x.ome.zarr",
        phantom,
        truth=tmp_path / "truth.ome.zarr",
        block=block,
        workers=workers,
        progress=lambda *now: done.append(now),
    )
    image, truth = open_source(tmp_path / "x.ome.zarr"), open_source(tmp_path / "truth.ome.zarr")
    np.testing.assert_array_equal(image.read(), whole.image)
    np.testing.assert_array_equal(truth.read()[..., 0], whole.objects)
    assert image.dtype == whole.image.dtype
    assert image.pixel_size == whole.pixel_size == truth.pixel_size
    assert count == len(np.unique(whole.objects)) - 1 > 10
    assert done == [(n, blocks) for n in range(1, blocks + 1)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["truth.ome.zarr", "x.ome.zarr"]


def test_an_object_in_several_blocks_is_counted_once(tmp_path: Path) -> None:
    phantom = Phantom("nuclei", (80, 80), 1)
    counts = {write_large(tmp_path / "x.zarr", phantom, block=block) for block in (19, 33, 80)}
    assert counts == {len(np.unique(phantom.sample().objects)) - 1}


def test_the_pyramid_is_that_of_every_ome_zarr(tmp_path: Path) -> None:
    phantom = Phantom("nuclei", (1_100, 40), 2)
    write_large(tmp_path / "x.zarr", phantom)
    assert open_source(tmp_path / "x.zarr").levels == ((1_100, 40), (550, 20))
    level = open_source(tmp_path / "x.zarr", level=1)
    np.testing.assert_array_equal(level.read()[..., 0], halved(phantom.sample().image[..., 0]))
    np.testing.assert_array_equal(read_image(tmp_path / "x.zarr").planes[0], phantom.sample().image)


def test_a_failed_writer_leaves_nothing_and_keeps_the_older_image(tmp_path: Path) -> None:
    write_large(tmp_path / "x.zarr", Phantom("nuclei", (20, 20), 1))
    with pytest.raises(MemoryError):
        write_large(tmp_path / "x.zarr", BrokenPhantom((90, 40)), truth=tmp_path / "t.zarr", block=64)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["x.zarr"]
    np.testing.assert_array_equal(
        open_source(tmp_path / "x.zarr").read(), Phantom("nuclei", (20, 20), 1).sample().image
    )


def test_a_killed_writers_folder_is_written_over(tmp_path: Path) -> None:
    write_large(tmp_path / "x.zarr", Phantom("nuclei", (1_100, 40), 2))
    (tmp_path / "x.zarr").rename(tmp_path / ".unmask-x.zarr")
    (tmp_path / ".unmask-x.zarr" / "zarr.json").unlink()
    write_large(tmp_path / "x.zarr", Phantom("nuclei", (20, 20), 1))
    assert [path.name for path in tmp_path.iterdir()] == ["x.zarr"]
    assert sorted(path.name for path in (tmp_path / "x.zarr").iterdir()) == ["0", "zarr.json"]  # no level of the other


@pytest.mark.parametrize("truth", ["x.zarr", "y/../x.zarr"])
def test_image_and_truth_have_names_of_their_own(tmp_path: Path, truth: str) -> None:
    message = r"x\.zarr: is the name of the image and of its truth\. Give the truth another one"
    with pytest.raises(UnmaskError, match=message):
        write_large(tmp_path / "x.zarr", Phantom("nuclei", (20, 20)), truth=tmp_path / truth)
    assert not list(tmp_path.iterdir())


def test_image_and_truth_appear_when_both_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The image first: a truth is never there without it."""
    names: list[str] = []

    def named(folder: Path, path: Path) -> None:
        levels = [sorted(file.name for file in part.iterdir()) for part in tmp_path.iterdir() if part.is_dir()]
        assert levels.count(["0", "1", "zarr.json"]) == 2
        names.append(path.name)
        publish(folder, path)

    monkeypatch.setattr(large, "publish", named)
    image, truth = tmp_path / "x.zarr", tmp_path / "t.zarr"
    write_large(image, Phantom("nuclei", (1_100, 40), 2), truth=truth, block=550)
    assert names == ["x.zarr", "t.zarr"]


def test_other_files_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "x.zarr").write_text("mine")
    with pytest.raises(UnmaskError, match="would be lost"):
        write_large(tmp_path / "x.zarr", Phantom("nuclei", (20, 20)))
    assert (tmp_path / "x.zarr").read_text() == "mine"
