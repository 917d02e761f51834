import json
import pickle
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader

from unmask.data.formats.images import read_header, read_image
from unmask.data.formats.omezarr import open_level
from unmask.data.formats.omezarr_writer import write_omezarr
from unmask.data.streams import pyramid, tiff_pyramid
from unmask.data.streams.sinks import BlockSink, label_sink, map_sink
from unmask.data.streams.sources import open_source
from unmask.data.streams.tiff_pyramid import zarr_to_tiff
from unmask.errors import UnmaskError, UnreadableFile

RNG = np.random.default_rng(0)


def labels_of(*size: int, largest: int = 60_000) -> np.ndarray:
    return RNG.integers(0, largest + 1, size, np.int32)


def fill(sink: BlockSink, array: np.ndarray) -> BlockSink:
    for index in sink.indices():
        sink.write_block(index, array[(..., *sink.span(index))])
    return sink


def test_labels_and_their_pyramid_are_those_of_write_omezarr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by an independent reader; chunks of the levels are smaller here than the levels."""
    monkeypatch.setattr("unmask.data.formats.omezarr_writer.CHUNK", 32)
    monkeypatch.setattr(pyramid, "CHUNK", 32)
    labels = labels_of(131, 75)
    path = fill(label_sink(tmp_path / "a.zarr", (131, 75), (40, 24), 60_000, (0.5, 0.25)), labels).finish()
    write_omezarr(tmp_path / "b.zarr", labels[..., None], (0.5, 0.25), {"b": labels})
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []
    for level in range(4):
        ours, theirs = open_level(path, level), open_level(tmp_path / "b.zarr" / "labels" / "b", level)
        assert (ours.size, ours.pixel_size, ours.array.dtype) == (theirs.size, theirs.pixel_size, np.dtype("uint16"))
        whole = slice(None), slice(None)
        np.testing.assert_array_equal(ours.window(0, *whole), theirs.window(0, *whole))
    assert open_level(path).array.chunks == (40, 24)
    np.testing.assert_array_equal(read_image(path).planes[0][..., 0], labels)
    location = parse_url(path)
    assert location is not None
    [node] = list(Reader(location)())
    assert len(node.data) == 4
    np.testing.assert_array_equal(np.asarray(node.data[0]), labels)
    np.testing.assert_array_equal(np.asarray(node.data[1]), labels[::2, ::2])


def test_maps_and_their_pyramid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unmask.data.formats.omezarr_writer.CHUNK", 16)
    monkeypatch.setattr(pyramid, "CHUNK", 16)
    maps = RNG.random((3, 37, 50), np.float32)
    path = fill(map_sink(tmp_path / "a.zarr", (37, 50), (16, 16), 3), maps).finish()
    write_omezarr(tmp_path / "b.zarr", np.moveaxis(maps, 0, 2))
    for level in range(3):
        ours, theirs = open_level(path, level), open_level(tmp_path / "b.zarr", level)
        assert ours.size == theirs.size
        whole = slice(None), slice(None)
        np.testing.assert_array_equal(ours.window(0, *whole), theirs.window(0, *whole))
    header = read_header(path)
    assert (header.samples, header.dtype, header.pixel_size) == (3, np.dtype("float32"), None)


def test_metadata_say_that_it_is_a_label_image(tmp_path: Path) -> None:
    path = fill(label_sink(tmp_path / "a.zarr", (9, 8), (5, 5), 7), labels_of(9, 8, largest=7)).finish()
    attributes = json.loads((path / "zarr.json").read_text())["attributes"]["ome"]
    assert attributes["version"] == attributes["image-label"]["version"] == "0.5"
    assert attributes["multiscales"][0]["type"] == "nearest"
    stored = json.loads((path / "0" / "zarr.json").read_text())
    assert [codec["name"] for codec in stored["codecs"]] == ["bytes", "blosc", "crc32c"]


@settings(max_examples=12)
@given(st.data())
def test_blocks_of_any_size_in_any_order(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    size = data.draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    block = data.draw(st.tuples(st.integers(1, 14), st.integers(1, 14)))
    labels = labels_of(*size)
    sink = label_sink(tmp_path_factory.mktemp("sink") / "a.zarr", size, block, 60_000)
    indices = list(sink.indices())
    assert sum(np.prod([part.stop - part.start for part in sink.span(index)]) for index in indices) == labels.size
    for index in data.draw(st.permutations(indices)):
        sink.write_block(index, labels[sink.span(index)])
    row, column = (data.draw(st.integers(0, n - 1)) for n in size)
    window = (
        slice(row, data.draw(st.integers(row + 1, size[0]))),
        slice(column, data.draw(st.integers(column + 1, size[1]))),
    )
    np.testing.assert_array_equal(sink.read_window(*window), labels[window])


def test_the_largest_id_decides_the_type(tmp_path: Path) -> None:
    assert label_sink(tmp_path / "a.zarr", (2, 2), (2, 2), 65_535).dtype == "uint16"
    wide = label_sink(tmp_path / "b.zarr", (2, 2), (2, 2), 65_536)
    labels = np.array([[0, 65_536], [2**31 - 1, 5]], np.int32)
    np.testing.assert_array_equal(read_image(fill(wide, labels).finish()).planes[0][..., 0], labels)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    sink = label_sink(tmp_path / "a.zarr", (10, 10), (6, 6), 9)
    with pytest.raises(ValueError, match=r"a block of \(4, 6\) is wanted, not \(6, 6\)"):
        sink.write_block((1, 0), np.zeros((6, 6), np.int32))
    for wrong in (-1, 65_536):
        with pytest.raises(ValueError, match="labels are integers from 0 to 65535"):
            sink.write_block((0, 0), np.full((6, 6), wrong))
    with pytest.raises(ValueError, match="not float32"):
        sink.write_block((0, 0), np.zeros((6, 6), np.float32))
    with pytest.raises(IndexError, match=r"block \(2, 0\) of \(2, 2\)"):
        sink.span((2, 0))
    with pytest.raises(ValueError, match="has no pixel"):
        label_sink(tmp_path / "b.zarr", (0, 10), (6, 6), 9)


def chunk_of(sink: BlockSink, *index: int) -> Path:
    return sink.folder.joinpath("0", "c", *map(str, index))


@pytest.mark.parametrize("blank", [False, True])
def test_a_block_is_verified_by_its_checksum(tmp_path: Path, blank: bool) -> None:
    """Every damaged byte is found, in blank blocks too, and mended by writing the block again."""
    sink = label_sink(tmp_path / "a.zarr", (20, 20), (10, 10), 60_000)
    labels = np.zeros((20, 20), np.int32) if blank else labels_of(20, 20)
    assert not any(sink.verify(index) for index in sink.indices())
    fill(sink, labels)
    assert all(sink.verify(index) for index in sink.indices())
    chunk = chunk_of(sink, 1, 0)
    whole = chunk.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 20)):
        chunk.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert [sink.verify(index) for index in sink.indices()] == [True, True, False, True]
    for left in (b"", whole[: len(whole) // 2]):
        chunk.write_bytes(left)
        assert not sink.verify((1, 0))
    with pytest.raises(UnreadableFile, match=r"\.unmask-a\.zarr: is damaged or truncated"):
        sink.read_window(slice(9, 12), slice(0, 2))
    np.testing.assert_array_equal(sink.read_window(slice(0, 10), slice(0, 20)), labels[:10])
    sink.write_block((1, 0), labels[10:, :10])
    assert all(sink.verify(index) for index in sink.indices())


def test_a_block_of_maps_is_whole_with_all_channels(tmp_path: Path) -> None:
    sink = map_sink(tmp_path / "a.zarr", (8, 8), (8, 4), 2)
    fill(sink, np.ones((2, 8, 8), np.float32))
    assert sink.verify((0, 1))
    chunk_of(sink, 1, 0, 1).unlink()
    assert [sink.verify(index) for index in sink.indices()] == [True, False]


def test_missing_blocks_are_not_read_as_zeros(tmp_path: Path) -> None:
    sink = label_sink(tmp_path / "a.zarr", (20, 20), (10, 10), 9)
    sink.write_block((0, 0), np.ones((10, 10), np.int32))
    assert sink.read_window(slice(0, 10), slice(3, 10)).all()
    message = r"block \(0, 1\) of \(2, 2\) was not written\. Run the same command again"
    with pytest.raises(UnreadableFile, match=message):
        sink.read_window(slice(0, 10), slice(3, 11))
    message = r"is not whole: 3 of 4 blocks were not written, first \(0, 1\)\. Run the same command again"
    with pytest.raises(UnmaskError, match=message):
        sink.finish()
    assert not sink.path.exists()


def test_a_run_goes_on_where_it_was(tmp_path: Path) -> None:
    labels = labels_of(20, 20)
    begun = label_sink(tmp_path / "a.zarr", (20, 20), (10, 10), 60_000)
    for index in ((0, 0), (1, 1)):
        begun.write_block(index, labels[begun.span(index)])
    (chunk_of(begun, 0, 1).parent / "1.abc.partial").write_bytes(b"killed")
    again = label_sink(tmp_path / "a.zarr", (20, 20), (10, 10), 60_000, resume=True)
    left = [index for index in again.indices() if not again.verify(index)]
    assert left == [(0, 1), (1, 0)]
    for index in left:
        again.write_block(index, labels[again.span(index)])
    path = again.finish()
    np.testing.assert_array_equal(read_image(path).planes[0][..., 0], labels)
    assert not list(path.rglob("*.partial"))


@pytest.mark.parametrize("other", [((20, 21), (10, 10), 9), ((20, 20), (10, 9), 9), ((20, 20), (10, 10), 70_000)])
def test_a_run_of_another_kind_begins_anew(tmp_path: Path, other: tuple[tuple[int, int], tuple[int, int], int]) -> None:
    fill(label_sink(tmp_path / "a.zarr", (20, 20), (10, 10), 9), labels_of(20, 20, largest=9))
    again = label_sink(tmp_path / "a.zarr", *other, resume=True)
    assert not any(again.verify(index) for index in again.indices())
    fill(again, labels_of(*again.size, largest=9)).finish()
    fresh = label_sink(tmp_path / "a.zarr", *other)
    assert not any(fresh.verify(index) for index in fresh.indices())
    fresh.discard()
    assert [file.name for file in tmp_path.iterdir()] == ["a.zarr"]


def test_a_finished_image_of_another_size_stays_until_it_is_replaced(tmp_path: Path) -> None:
    before, after = labels_of(20, 20), labels_of(20, 21)
    path = fill(label_sink(tmp_path / "a.zarr", (20, 20), (10, 10), 60_000), before).finish()
    sink = label_sink(path, (20, 21), (10, 10), 60_000, resume=True)
    np.testing.assert_array_equal(read_image(path).planes[0][..., 0], before)
    fill(sink, after).finish()
    np.testing.assert_array_equal(read_image(path).planes[0][..., 0], after)


def test_a_finished_image_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = labels_of(20, 20)
    path = fill(label_sink(tmp_path / "a.zarr", (20, 20), (10, 10), 60_000), labels).finish()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", full)
        with pytest.raises(UnmaskError, match=r"a\.zarr: cannot be written \(No space left on device\)"):
            label_sink(path, (20, 20), (10, 10), 60_000, resume=True)
    sink = label_sink(path, (20, 20), (10, 10), 60_000, resume=True)
    assert all(sink.verify(index) for index in sink.indices())
    np.testing.assert_array_equal(read_image(sink.finish()).planes[0][..., 0], labels)


def test_the_final_name_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = labels_of(20, 20), labels_of(20, 20)
    path = fill(label_sink(tmp_path / "a.zarr", (20, 20), (10, 10), 60_000), before).finish()
    sink = fill(label_sink(path, (20, 20), (10, 10), 60_000), after)
    np.testing.assert_array_equal(read_image(path).planes[0][..., 0], before)
    rename = Path.rename
    calls = []

    def full(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        rename(Path(source), target)

    monkeypatch.setattr("os.rename", full)
    with pytest.raises(UnmaskError, match=r"a\.zarr: cannot be written \(No space left on device\)\. Check that"):
        sink.finish()
    np.testing.assert_array_equal(read_image(path).planes[0][..., 0], before)
    monkeypatch.undo()
    sink.finish()
    np.testing.assert_array_equal(read_image(path).planes[0][..., 0], after)
    assert [file.name for file in tmp_path.iterdir()] == ["a.zarr"]


def test_what_would_be_lost_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "notes.txt").write_text("mine")
    with pytest.raises(UnmaskError, match=r"results: is a folder that would be lost"):
        label_sink(tmp_path / "results", (2, 2), (2, 2), 1)
    (tmp_path / "a.zarr").write_text("mine")
    with pytest.raises(UnmaskError, match=r"a\.zarr: is a file that would be lost"):
        label_sink(tmp_path / "a.zarr", (2, 2), (2, 2), 1)
    with pytest.raises(UnmaskError, match=r"cannot be written \(Not a directory\)|cannot be written \(File exists\)"):
        label_sink(tmp_path / "a.zarr" / "b.zarr", (2, 2), (2, 2), 1)


def test_a_full_disk_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = label_sink(tmp_path / "a.zarr", (2, 2), (2, 2), 1)

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zarr.storage._local._put", full)
    with pytest.raises(UnmaskError, match=r"a\.zarr: cannot be written \(No space left on device\)"):
        sink.write_block((0, 0), np.ones((2, 2), np.int32))
    assert not sink.verify((0, 0))


def test_many_threads_write_at_once_and_a_copy_in_another_process_is_the_same(tmp_path: Path) -> None:
    labels = labels_of(64, 64)
    sink = pickle.loads(pickle.dumps(label_sink(tmp_path / "a.zarr", (64, 64), (8, 8), 60_000)))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda index: sink.write_block(index, labels[sink.span(index)]), sink.indices()))
    np.testing.assert_array_equal(sink.read_window(slice(0, 64), slice(0, 64)), labels)
    assert len(pickle.dumps(sink)) < 1_000


@pytest.mark.parametrize("channels", [None, 2])
def test_tiff_holds_the_same_levels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: int | None) -> None:
    """Read by tifffile and by `read_image`; several runs of tiles, tiles cut by the image's edge."""
    monkeypatch.setattr("unmask.data.formats.omezarr_writer.CHUNK", 100)
    monkeypatch.setattr(pyramid, "CHUNK", 100)
    monkeypatch.setattr(tiff_pyramid, "TILE", 16)
    if channels is None:
        array, sink = labels_of(301, 150), label_sink(tmp_path / "a.zarr", (301, 150), (64, 64), 60_000, (0.5, 0.25))
    else:
        array = RNG.random((channels, 301, 150), np.float32)
        sink = map_sink(tmp_path / "a.zarr", (301, 150), (64, 64), channels, (0.5, 0.25))
    folder, path, calls = fill(sink, array).finish(), tmp_path / "a.tif", []
    zarr_to_tiff(folder, path, lambda done, whole: calls.append((done, whole)))
    with tifffile.TiffFile(path) as tif:
        assert tif.is_bigtiff
        [series] = tif.series
        assert series.keyframe.tile == (16, 16)
        assert series.keyframe.compression == (8 if channels is None else 1)
        assert [level.shape[-2:] for level in series.levels] == [(301, 150), (151, 75), (76, 38)]
        for number, level in enumerate(series.levels):
            assert level.dtype == sink.dtype
            stored = np.asarray(zarr.open_array(folder / str(number), mode="r")[...])
            np.testing.assert_array_equal(level.asarray(), stored)
    file = read_image(path)
    assert file.pixel_size == (0.5, 0.25)
    np.testing.assert_array_equal(np.moveaxis(file.planes[0], 2, 0).squeeze(), array)
    source = open_source(path)
    assert source.levels == ((301, 150), (151, 75), (76, 38))
    assert open_source(path, level=2).pixel_size == pytest.approx((0.5 * 301 / 76, 0.25 * 150 / 38))
    assert calls[-1][0] == calls[-1][1] == (channels or 1) * sum(h * w for h, w in source.levels)


def test_a_tiff_is_whole_or_not_there(tmp_path: Path) -> None:
    sink = label_sink(tmp_path / "a.zarr", (700, 700), (600, 600), 60_000)
    folder = fill(sink, labels_of(700, 700)).finish()
    chunk = folder / "0" / "c" / "1" / "1"
    chunk.write_bytes(chunk.read_bytes()[:-1])
    with pytest.raises(UnreadableFile, match=r"a\.zarr: is damaged or truncated"):
        zarr_to_tiff(folder, tmp_path / "a.tif")
    assert [file.name for file in tmp_path.iterdir()] == ["a.zarr"]


def test_memory_is_that_of_some_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """4 MiB of labels are written, halved and made a TIFF in a quarter of that."""
    monkeypatch.setattr("unmask.data.formats.omezarr_writer.CHUNK", 128)
    monkeypatch.setattr(pyramid, "CHUNK", 128)
    monkeypatch.setattr(tiff_pyramid, "TILE", 64)
    monkeypatch.setattr(tiff_pyramid, "BUFFER", 2**17)
    sink = label_sink(tmp_path / "a.zarr", (2_048, 512), (256, 256), 70_000)
    block = np.arange(256 * 256, dtype=np.int32).reshape(256, 256)
    tracemalloc.start()
    try:
        for index in sink.indices():
            sink.write_block(index, block)
        zarr_to_tiff(sink.finish(), tmp_path / "a.tif")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
