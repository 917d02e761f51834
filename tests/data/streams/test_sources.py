import pickle
import tempfile
import threading
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from unmask.data.formats import reading
from unmask.data.formats.channels import common_channels
from unmask.data.formats.images import read_header, read_image
from unmask.data.formats.omezarr_writer import write_omezarr
from unmask.data.streams import mapped, tiff_lazy, tiff_segments
from unmask.data.streams.sources import ImageSource, open_source
from unmask.errors import DataError, UnmaskError, UnreadableFile

SIZE = (83, 70)


def noise(*shape: int, dtype: str = "uint16") -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, shape).astype(dtype)


def smooth(*shape: int) -> np.ndarray:
    """What JPEG keeps."""
    values = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) % 200
    return np.stack([values + 10 * i for i in range(shape[2])], axis=2).astype(np.uint8)


def tiff(path: Path, array: np.ndarray, **options: Any) -> Path:
    tifffile.imwrite(path, array, **{"photometric": "minisblack"} | options)
    return path


def pyramid(path: Path, array: np.ndarray, **options: Any) -> Path:
    with tifffile.TiffWriter(path, **options) as writer:
        settings = {"tile": (32, 16), "photometric": "minisblack", "compression": "zlib"}
        writer.write(array, subifds=2, metadata={"axes": "CYX"[-array.ndim :]}, **settings)
        for step in (2, 4):
            writer.write(array[..., ::step, ::step], subfiletype=1, **settings)
    return path


def flat_pyramid(path: Path, array: np.ndarray) -> Path:
    with tifffile.TiffWriter(path) as writer:
        for step in (1, 2, 4):
            options = {"metadata": None, "photometric": "minisblack", "tile": (32, 16)}
            writer.write(array[::step, ::step], subfiletype=int(step > 1), **options)
    return path


def png(path: Path, array: np.ndarray) -> Path:
    Image.fromarray(array).save(path)
    return path


TIFFS: dict[str, Callable[[Path], Path]] = {
    "strip": lambda p: tiff(p, noise(*SIZE)),
    "strips": lambda p: tiff(p, noise(*SIZE), rowsperstrip=7),
    "strips-lzw": lambda p: tiff(p, noise(*SIZE), rowsperstrip=7, compression="lzw"),
    "one-strip-zlib": lambda p: tiff(p, noise(*SIZE), rowsperstrip=83, compression="zlib"),
    "tiles": lambda p: tiff(p, noise(*SIZE), tile=(16, 32)),
    "tiles-zlib": lambda p: tiff(p, noise(*SIZE), tile=(32, 16), compression="zlib", predictor=True),
    "tiles-zstd": lambda p: tiff(p, noise(*SIZE, dtype="float32"), tile=(32, 16), compression="zstd", predictor=3),
    "tiles-in-one-piece": lambda p: tiff(p, noise(64, 48), tile=(32, 48)),
    "big": lambda p: tiff(p, noise(*SIZE), bigtiff=True, tile=(32, 32), compression="zlib"),
    "big-endian": lambda p: tiff(p, noise(*SIZE), byteorder=">"),
    "big-endian-tiles": lambda p: tiff(p, noise(*SIZE), byteorder=">", tile=(16, 16), compression="zlib"),
    "rgb": lambda p: tiff(p, noise(*SIZE, 3, dtype="uint8"), photometric="rgb", rowsperstrip=10),
    "rgb-jpeg": lambda p: tiff(p, smooth(*SIZE, 3), photometric="rgb", compression="jpeg", tile=(32, 32)),
    "rgb-planes": lambda p: tiff(
        p, noise(3, *SIZE), photometric="rgb", planarconfig="separate", tile=(32, 32), compression="zlib"
    ),
    "rgb-planes-strips": lambda p: tiff(p, noise(3, *SIZE), photometric="rgb", planarconfig="separate", rowsperstrip=9),
    "pages": lambda p: tiff(p, noise(4, *SIZE), metadata=None, compression="zlib", rowsperstrip=20),
    "imagej": lambda p: tiff(p, noise(2, 3, 2, *SIZE), imagej=True, metadata={"axes": "TZCYX"}),
    "ome": lambda p: tiff(p, noise(2, 3, *SIZE), ome=True, metadata={"axes": "ZCYX"}, tile=(32, 32)),
    "ome-channels-last": lambda p: tiff(p, noise(3, 2, *SIZE), ome=True, metadata={"axes": "CTYX"}, compression="zlib"),
    "ome-pyramid": lambda p: pyramid(p, noise(*SIZE), ome=True),
    "ome-pyramid-channels": lambda p: pyramid(p, noise(3, *SIZE), ome=True),
    "pyramid": lambda p: pyramid(p, noise(*SIZE)),
    "flat-pyramid": lambda p: flat_pyramid(p, noise(*SIZE)),
    "volume-tiles": lambda p: tiff(p, noise(16, *SIZE), volumetric=True, tile=(16, 32, 32), compression="zlib"),
    "one-channel-last": lambda p: tiff(p, noise(*SIZE, 1), tile=(32, 32), compression="zlib"),
    "one-channel-first": lambda p: tiff(p, noise(1, *SIZE), rowsperstrip=5, compression="lzw"),
    "one-row": lambda p: tiff(p, noise(1, 70, 1), compression="zlib"),
    "one-bit": lambda p: tiff(p, noise(*SIZE) > 100, rowsperstrip=10),
    "int8": lambda p: tiff(p, noise(*SIZE, dtype="int8"), tile=(16, 16)),
    "float16": lambda p: tiff(p, noise(*SIZE, dtype="float16"), rowsperstrip=10),
    "uint32": lambda p: tiff(p, noise(*SIZE, dtype="uint32"), tile=(16, 16), compression="zlib"),
    "float64": lambda p: tiff(p, noise(*SIZE, dtype="float64"), rowsperstrip=10),
    "int64": lambda p: tiff(p, noise(*SIZE, dtype="int64"), rowsperstrip=10),
    "min-is-white": lambda p: tiff(p, noise(*SIZE, dtype="uint8"), photometric="miniswhite"),
}
OTHERS: dict[str, Callable[[Path], Path]] = {
    "grey.png": lambda p: png(p, noise(*SIZE, dtype="uint8")),
    "deep.png": lambda p: png(p, noise(*SIZE)),
    "rgb.png": lambda p: png(p, noise(*SIZE, 3, dtype="uint8")),
    "grey.jpg": lambda p: png(p, smooth(*SIZE, 1)[..., 0]),
    "rgb.bmp": lambda p: png(p, smooth(*SIZE, 3)),
    "one-bit.png": lambda p: png(p, noise(*SIZE) > 100),
    "image.zarr": lambda p: written_zarr(p, noise(*SIZE, 2)),
    "old.zarr": lambda p: written_zarr(p, noise(*SIZE, 1), version="0.4"),
}


def written_zarr(path: Path, image: np.ndarray, **options: Any) -> Path:
    write_omezarr(path, image, (0.5, 0.25), **options)
    return path


def check_like_read_image(path: Path) -> list[ImageSource]:
    """Every image of a file, whole and in windows, is what `read_image` gives."""
    header = read_header(path)
    sources = []
    for page in range(header.pages):
        plane = read_image(path, page).planes[0]
        source = open_source(path, page, channels=header.samples)
        assert (source.size, source.channels, source.dtype) == (header.size, header.samples, plane.dtype)
        assert source.pixel_size == header.pixel_size
        whole = source.read()
        assert (whole.dtype, whole.flags.c_contiguous) == (plane.dtype, True)
        np.testing.assert_array_equal(whole, plane)
        built = np.zeros_like(plane)
        for rows, columns in source.blocks():
            built[rows, columns] = source.read(rows, columns)
        np.testing.assert_array_equal(built, plane)
        for rows, columns in (
            (slice(15, 49), slice(30, 33)),
            (slice(82, 83), slice(0, 70)),
            (slice(0, 1), slice(69, 70)),
        ):
            if rows.stop <= header.size[0] and columns.stop <= header.size[1]:
                np.testing.assert_array_equal(source.read(rows, columns), plane[rows, columns])
        sources.append(source)
    return sources


@pytest.mark.parametrize("name", TIFFS)
def test_tiff_windows_are_those_of_the_whole_image(tmp_path: Path, name: str) -> None:
    sources = check_like_read_image(TIFFS[name](tmp_path / "a.tif"))
    assert all(bool(source.notes) == (name == "volume-tiles") for source in sources)


@pytest.mark.parametrize("name", OTHERS)
def test_windows_of_other_files(tmp_path: Path, name: str) -> None:
    check_like_read_image(OTHERS[name](tmp_path / name))


@pytest.fixture
def unpack_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Compressed TIFFs are unpacked, however small; gives the folder of temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(tiff_lazy, "MOST", 0)
    monkeypatch.setattr(tiff_lazy, "KEPT_BYTES", 0)
    return folder


@pytest.mark.parametrize("name", TIFFS)
def test_unpacked_windows_are_those_of_the_whole_image(tmp_path: Path, unpack_all: Path, name: str) -> None:
    check_like_read_image(TIFFS[name](tmp_path / "a.tif"))
    assert list(unpack_all.iterdir()) == []


def test_the_temporary_file_lives_as_long_as_its_source(tmp_path: Path, unpack_all: Path) -> None:
    path = TIFFS["rgb-planes"](tmp_path / "a.tif")
    source = open_source(path)
    [file] = unpack_all.iterdir()
    assert file.stat().st_size == 83 * 70 * 3 * 2
    assert source.notes == (
        "a.tif is compressed in pieces of 32 x 32 pixels, which cannot be read in parts: "
        f"unpacked once to {file} (34.0 KiB) until it has been read",
    )
    other = pickle.loads(pickle.dumps(source))
    assert [*unpack_all.iterdir()] == [file]
    assert other.notes == ()
    np.testing.assert_array_equal(other.read(), source.read())
    del other
    assert file.exists()
    sent = pickle.dumps(source)
    del source
    assert not file.exists()
    again = pickle.loads(sent)  # on another machine, or after the first has ended
    assert len([*unpack_all.iterdir()]) == 1
    np.testing.assert_array_equal(again.read(), read_image(path).planes[0])


def test_too_little_room_for_a_temporary_file(
    tmp_path: Path, unpack_all: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = TIFFS["strips-lzw"](tmp_path / "a.tif")
    monkeypatch.setattr(mapped, "disk_usage", lambda _: type("Usage", (), {"free": 20_000}))
    message = (
        r"a\.tif: is compressed in pieces of 7 x 70 pixels, which cannot be read in parts, and unpacked it takes "
        r"11\.3 KiB, more than half of what is free in .*temporary \(19\.5 KiB\)\. Save it as a tiled TIFF or as "
        r"OME-Zarr, or set TMPDIR to a folder with 22\.7 KiB free"
    )
    with pytest.raises(UnreadableFile, match=message):
        open_source(path)


def test_a_piece_larger_than_the_memory_is_refused(
    tmp_path: Path, unpack_all: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = TIFFS["one-strip-zlib"](tmp_path / "a.tif")
    monkeypatch.setattr(reading, "SMALL", 0)
    monkeypatch.setattr(reading.psutil, "virtual_memory", lambda: type("Memory", (), {"available": 40_000}))
    with pytest.raises(UnreadableFile, match=r"too large for the memory .*83 x 70 .*pixels.* takes 45\.4 KiB"):
        open_source(path)
    assert list(unpack_all.iterdir()) == []


def test_a_damaged_file_leaves_no_temporary_file(tmp_path: Path, unpack_all: Path) -> None:
    path = damaged(TIFFS["one-strip-zlib"](tmp_path / "a.tif"), 0)
    with pytest.raises(UnreadableFile, match=r"is damaged in rows 0 to 82 and columns 0 to 69") as caught:
        open_source(path)
    assert caught.value.remedy
    assert list(unpack_all.iterdir()) == []


@pytest.mark.parametrize(
    ("size", "chunk", "itemsize", "decoded", "kept"),
    [
        ((100_000, 100_000), (512, 512), 2, 4 * 4 * 512**2 / 1_536**2, 4 * 4 * 512**2 * 2),
        ((100_000, 100_000), (1, 100_000), 2, 100_000 / 1_536, 1_536 * 100_000 * 2),
        ((100_000, 100_000), (100_000, 100_000), 1, 100_000**2 / 1_536**2, 100_000**2),
        ((1_000, 1_000), (1_000, 1_000), 2, 1, 2_000_000),
    ],
)
def test_what_a_window_costs(
    size: tuple[int, int], chunk: tuple[int, int], itemsize: int, decoded: float, kept: int
) -> None:
    segments = object.__new__(tiff_segments.Segments)
    segments._rows, segments._columns = size
    segments.chunk, segments.samples, segments.dtype = chunk, 1, np.dtype(f"u{itemsize}")
    segments._grid = -(-size[0] // chunk[0]), -(-size[1] // chunk[1])
    assert segments.cost(1_536) == (pytest.approx(decoded), kept)


def damaged(path: Path, segment: int) -> Path:
    """The file with the middle of one tile or strip overwritten."""
    with tifffile.TiffFile(path) as tif:
        page = tif.pages.first
        offset, count = page.dataoffsets[segment], page.databytecounts[segment]
    data = bytearray(path.read_bytes())
    data[offset + count // 3 : offset + count // 3 * 2] = b"\xff" * (count // 3)
    path.write_bytes(data)
    return path


def test_only_the_tiles_that_a_window_touches_are_decoded(tmp_path: Path) -> None:
    path = TIFFS["tiles-zlib"](tmp_path / "a.tif")
    plane = read_image(path).planes[0]
    source = open_source(damaged(path, 1 * 5 + 2))  # rows 32 to 63, columns 32 to 47
    for window in (np.s_[:32, :], np.s_[64:, :], np.s_[:, :32], np.s_[:, 48:]):
        np.testing.assert_array_equal(source.read(*window), plane[window])
    message = r"a\.tif: is damaged in rows 32 to 63 and columns 32 to 47 \(.+\)\. Copy or export it again"
    for window in (np.s_[31:33, 40:41], np.s_[63:64, 47:48], np.s_[:, :]):
        with pytest.raises(UnreadableFile, match=message):
            source.read(*window)


def test_tiles_are_kept_for_the_next_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = TIFFS["strips-lzw"](tmp_path / "a.tif")
    decoded = []
    segment = tiff_segments.Segments._segment
    monkeypatch.setattr(
        tiff_segments.Segments,
        "_segment",
        lambda self, file, index: decoded.append(index) or segment(self, file, index),
    )
    source = open_source(path)
    for column in range(0, 70, 10):
        source.read(slice(5, 30), slice(column, column + 10))
    assert decoded == [0, 1, 2, 3, 4]


def test_no_more_than_the_limit_is_kept() -> None:
    recent = tiff_segments.Recent(250)
    made = []

    def make(key: int) -> Callable[[], tuple[np.ndarray, tuple[int, int]]]:
        return lambda: made.append(key) or (np.full(100, key, np.uint8), (0, 0))  # type: ignore[func-returns-value]

    for key in (1, 2, 1, 3, 1, 2):
        assert recent.get(key, make(key))[0][0] == key
    assert made == [1, 2, 3, 2]  # 2 was asked for longest ago when 3 came


@settings(max_examples=60)
@given(st.data())
def test_any_window_is_that_of_the_whole_image(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    rows, columns, samples = data.draw(st.tuples(st.integers(1, 50), st.integers(1, 50), st.sampled_from([1, 3])))
    image = noise(rows, columns, samples)
    path = tmp_path_factory.mktemp("image") / "a"
    planes = {"array": np.moveaxis(image, 2, 0), "metadata": {"axes": "CYX"}}
    match data.draw(st.sampled_from(["tiles", "strips", "plain", "npy", "zarr", "array"])):
        case "tiles":
            source = open_source(tiff(path, **planes, tile=(16, 32), compression="zlib"), channels=samples)
        case "strips":
            strips = data.draw(st.integers(1, 60))
            source = open_source(tiff(path, **planes, rowsperstrip=strips, compression="lzw"))
        case "plain":
            source = open_source(tiff(path, **planes))
        case "npy":
            file = path.with_suffix(".npy")
            np.save(file, image[..., 0])
            source, image = open_source(file), image[..., :1]
        case "zarr":
            source = open_source(written_zarr(path.with_suffix(".zarr"), image))
        case _:
            source = open_source(image)
    start = data.draw(st.integers(-2, rows + 1)), data.draw(st.integers(-2, columns + 1))
    stop = data.draw(st.integers(-2, rows + 2)), data.draw(st.integers(-2, columns + 2))
    window = slice(start[0], stop[0]), slice(start[1], stop[1])
    if 0 <= start[0] < stop[0] <= rows and 0 <= start[1] < stop[1] <= columns:
        np.testing.assert_array_equal(source.read(*window), image[window])
    else:
        with pytest.raises(ValueError, match=r"(rows|columns) -?\d+:-?\d+ are no window of 0:\d+"):
            source.read(*window)
    assert sum((r.stop - r.start) * (c.stop - c.start) for r, c in source.blocks()) == rows * columns


def test_steps_are_refused() -> None:
    with pytest.raises(ValueError, match=r"columns 0:4:2 are no window of 0:5"):
        open_source(noise(5, 5)).read(slice(0, 5), slice(0, 4, 2))


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    ("shape", "order"), [((40, 30), "yx"), ((3, 40, 30), "cyx"), ((40, 30, 2), "yxc"), ((16, 40, 30), "cyx")]
)
def test_bare_zarr_arrays_by_their_shape(tmp_path: Path, version: Any, shape: tuple[int, ...], order: str) -> None:
    array = noise(*shape)
    chunks = tuple(min(n, 16) for n in shape)
    zarr.create_array(tmp_path / "a.zarr", shape=shape, chunks=chunks, dtype="uint16", zarr_format=version)[...] = array
    source = open_source(tmp_path / "a.zarr")
    expected = array[..., None] if order == "yx" else np.moveaxis(array, order.index("c"), 2)
    np.testing.assert_array_equal(source.read(), expected)
    np.testing.assert_array_equal(source.read(slice(15, 18), slice(29, 30)), expected[15:18, 29:30])
    assert (source.pixel_size, source.levels) == (None, ((40, 30),))


def test_bare_zarr_arrays_by_their_names(tmp_path: Path) -> None:
    array = noise(3, 4, 5, 6)
    named = {"dimension_names": ("x", "t", "channel", "y")}
    zarr.create_array(tmp_path / "a.zarr", shape=array.shape, dtype="uint16", **named)[...] = array
    for page in range(4):
        np.testing.assert_array_equal(open_source(tmp_path / "a.zarr", page).read(), array[:, page].transpose(2, 0, 1))
    for key in ("axes", "_ARRAY_DIMENSIONS"):
        array = noise(4, 5, 4)
        made = zarr.create_array(tmp_path / key, shape=(4, 5, 4), dtype="uint16", zarr_format=2, overwrite=True)
        made[...] = array
        made.update_attributes({key: ["c", "y", "x"]})
        np.testing.assert_array_equal(open_source(tmp_path / key).read(), np.moveaxis(array, 0, 2))


@pytest.mark.parametrize("shape", [(5,), (40, 50, 60), (3, 40, 3), (2, 3, 40, 50)])
def test_arrays_whose_shape_does_not_tell(tmp_path: Path, shape: tuple[int, ...]) -> None:
    zarr.create_array(tmp_path / "a.zarr", shape=shape, dtype="uint16")[...] = 0
    lengths = " x ".join(map(str, shape))
    message = rf"a\.zarr: is an array of {lengths}, which does not tell its rows, columns and channels\. Name its axes"
    with pytest.raises(UnreadableFile, match=message):
        open_source(tmp_path / "a.zarr")
    np.save(tmp_path / "a.npy", np.zeros(shape))
    with pytest.raises(UnreadableFile, match=r"a\.npy: is an array of .*\. Save it as \(h, w\) or \(h, w, c\)"):
        open_source(tmp_path / "a.npy")


def test_a_damaged_chunk_is_an_error_where_it_lies(tmp_path: Path) -> None:
    array = zarr.create_array(tmp_path / "a.zarr", shape=(40, 30), chunks=(20, 30), dtype="uint16")
    array[...] = 1 + noise(40, 30)
    chunk = tmp_path / "a.zarr" / "c" / "1" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-5])
    source = open_source(tmp_path / "a.zarr")
    assert source.read(slice(0, 20)).all()
    with pytest.raises(UnreadableFile, match=r"a\.zarr: is damaged or truncated \(.+\)\. Copy or export it again"):
        source.read(slice(19, 21))


@pytest.mark.parametrize("fortran", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", ">u2", "int32", "float32", ">f8", "bool"])
def test_npy_is_mapped(tmp_path: Path, dtype: str, fortran: bool) -> None:
    array = noise(40, 30, 2).astype(dtype)
    np.save(tmp_path / "a.npy", np.asfortranarray(array) if fortran else array)
    source = open_source(tmp_path / "a.npy")
    assert source.dtype == {"bool": "uint8", ">f8": "float32", ">u2": "uint16"}.get(dtype, dtype)
    assert source.read().dtype == source.dtype
    np.testing.assert_array_equal(source.read(), array)
    np.testing.assert_array_equal(source.read(slice(7, 9), slice(29, 30)), array[7:9, 29:30])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).read(), array)


def test_npy_that_holds_no_image(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.array([["a", {}]], object), allow_pickle=True)
    with pytest.raises(UnreadableFile, match="holds Python objects or named fields, not numbers"):
        open_source(path)
    np.save(path, np.zeros((4, 4), "c8"))
    with pytest.raises(UnreadableFile, match="holds complex64 values"):
        open_source(path)
    np.save(path, noise(40, 40))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UnreadableFile, match="is damaged or truncated"):
        open_source(path)
    np.save(path, np.zeros((0, 40)))
    with pytest.raises(UnreadableFile, match="holds no pixel"):
        open_source(path)


def test_a_file_that_shrinks_later_is_an_error(tmp_path: Path) -> None:
    path = TIFFS["strip"](tmp_path / "a.tif")
    source = open_source(path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UnreadableFile, match="is damaged or truncated"):
        source.read()
    path.unlink()
    with pytest.raises(UnreadableFile, match="does not exist"):
        source.read(slice(0, 1))


@pytest.mark.parametrize("shape", [(5,), (5, 4, 3, 2), (0, 5), (5, 5, 0)])
def test_arrays_that_are_no_image(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"an image is \(h, w\) or \(h, w, c\), not"):
        open_source(np.zeros(shape))


def test_an_array_is_one_image_of_one_level() -> None:
    for arguments, message in (
        ((noise(4, 5), 1), "has one image"),
        ((noise(4, 5), 0, 1, 2), "has only level 0, not 2"),
    ):
        with pytest.raises(UnreadableFile, match=message):
            open_source(*arguments)
    with pytest.raises(UnreadableFile, match="array: holds complex128 values"):
        open_source(np.zeros((4, 5), complex))
    with pytest.raises(DataError, match="array: has 1 channel where 3 are wanted"):
        open_source(noise(4, 5), channels=3)


def test_arrays_are_copied_and_sent_along() -> None:
    image = noise(6, 5)
    source = open_source(image)
    source.read()[...] = 0
    assert (source.file, source.size, source.channels) == (None, (6, 5), 1)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).read()[..., 0], image)
    assert image.any()


def coloured(*shape: int) -> np.ndarray:
    return noise(*shape, 3, dtype="uint8")


def grey(*shape: int) -> np.ndarray:
    return noise(*shape, 1, dtype="uint8").repeat(3, axis=2)


def with_alpha(image: np.ndarray, alpha: int | np.ndarray = 255) -> np.ndarray:
    plane = np.full(image.shape[:2], 0, np.uint8)
    plane[...] = alpha
    return np.dstack([image, plane])


ALPHA = {"photometric": "rgb", "extrasamples": ["unassalpha"], "tile": (16, 16)}
LAST = np.zeros((*SIZE, 3), np.uint8)
LAST[-1, -1, 2] = 1  # the last pixel has a colour
SPOT = np.where(np.arange(83 * 70).reshape(SIZE) == 60 * 70 + 50, 254, 255)  # one pixel at row 60, column 50


@pytest.mark.parametrize(
    ("image", "options", "fewest"),
    [
        (coloured(*SIZE), {"photometric": "rgb", "tile": (16, 16)}, 3),
        (grey(*SIZE), {"photometric": "rgb", "tile": (16, 16)}, 1),
        (with_alpha(coloured(*SIZE)), ALPHA, 3),
        (with_alpha(grey(*SIZE)), ALPHA, 1),
        (with_alpha(coloured(*SIZE), SPOT), ALPHA, 4),
        (with_alpha(grey(*SIZE), SPOT), ALPHA, 4),
        (grey(*SIZE) + LAST, {"photometric": "rgb", "tile": (16, 16)}, 3),
    ],
)
def test_the_fewest_channels_that_lose_nothing(
    tmp_path: Path, image: np.ndarray, options: dict[str, Any], fewest: int
) -> None:
    path = tiff(tmp_path / "a.tif", image, **options)
    source = open_source(path)
    assert source.channels == fewest
    np.testing.assert_array_equal(source.read(slice(10, 83), slice(40, 70)), image[10:, 40:, :fewest])
    for channels in {3, fewest} if fewest < 4 else {4}:
        np.testing.assert_array_equal(open_source(path, channels=channels).read(), image[..., :channels])


def test_channels_as_channels_py_chooses_them(tmp_path: Path) -> None:
    for name, image in (("rgb", coloured(20, 20)), ("grey", grey(20, 20)), ("alpha", with_alpha(grey(20, 20), 7))):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
        path = tmp_path / f"{name}.png"
        assert open_source(path).channels == common_channels([read_header(path)])


def test_no_pixel_is_read_ahead_where_channels_are_given(tmp_path: Path) -> None:
    """All tiles but the first are damaged: opening does not see it, nor a window of the first."""
    path = tiff(tmp_path / "a.tif", with_alpha(grey(64, 64)), compression="zlib", **ALPHA)
    for segment in range(1, 16):
        damaged(path, segment)
    assert open_source(path, channels=1).read(slice(0, 16), slice(0, 16)).shape == (16, 16, 1)
    with pytest.raises(UnreadableFile, match="is damaged in rows 0 to 15 and columns 16 to 31"):
        open_source(path)


def test_blocks_are_read_until_colour_is_found(tmp_path: Path) -> None:
    image = coloured(2_100, 64)
    path = tiff(tmp_path / "a.tif", image, photometric="rgb", tile=(64, 64), compression="zlib")
    damaged(path, 32)
    assert open_source(path).channels == 3
    np.testing.assert_array_equal(open_source(path).read(slice(0, 100)), image[:100])


def test_what_a_window_would_lose_is_an_error_with_its_place(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", with_alpha(grey(*SIZE), SPOT), **ALPHA)
    source = open_source(path, channels=3)
    source.read(slice(0, 60))
    message = (
        r"a\.tif: has 4 channels where 3 are wanted: its alpha is not constant, first at row 60, column 50\. "
        r"Convert it in Fiji"
    )
    with pytest.raises(DataError, match=message):
        source.read(slice(58, 62), slice(40, 60))
    image = grey(*SIZE)
    image[70, 3, 1] += 1
    source = open_source(tiff(tmp_path / "b.tif", image, photometric="rgb"), channels=1)
    with pytest.raises(DataError, match=r"where 1 is wanted: it is not grey, first at row 70, column 3"):
        source.read(slice(70, 71))
    with pytest.raises(DataError, match=r"b\.tif: has 3 channels where 2 are wanted\. Convert it"):
        open_source(tmp_path / "b.tif", channels=2)


def test_a_grey_jpeg_may_have_three_channels(tmp_path: Path) -> None:
    path = OTHERS["grey.jpg"](tmp_path / "a.jpg")
    grey_plane = read_image(path).planes[0]
    assert open_source(path).channels == 1
    np.testing.assert_array_equal(open_source(path, channels=3).read(), grey_plane.repeat(3, axis=2))


def test_values_that_are_not_finite_are_located_in_the_whole_image(tmp_path: Path) -> None:
    image = noise(*SIZE, dtype="float32")
    image[50, 33] = np.nan
    image[61:63, 40] = np.inf
    source = open_source(tiff(tmp_path / "a.tif", image, tile=(16, 16)))
    source.read(slice(0, 50))
    message = (
        r"a\.tif: has 2 values that are not finite in rows 51 to 70 and columns 32 to 41, "
        r"first inf at row 61, column 40\. Replace them, in Python with numpy\.nan_to_num"
    )
    with pytest.raises(UnreadableFile, match=message) as caught:
        source.read(slice(51, 71), slice(32, 42))
    assert caught.value.code == "not-finite"
    with pytest.raises(UnreadableFile, match=r"has 1 value that is not finite in .*first nan at row 50, column 33"):
        source.read(slice(40, 60))


@pytest.mark.parametrize(
    ("dtype", "value", "message"),
    [
        (
            "uint32",
            2**31,
            r"uint32 values that int32 cannot hold exactly, such as at row 60, column 9\. Save it as 16-bit",
        ),
        ("float64", 0.1, r"float64 values that float32 cannot hold exactly, such as at row 60, column 9.*'float32'"),
    ],
)
def test_values_that_do_not_fit_are_located(tmp_path: Path, dtype: str, value: float, message: str) -> None:
    image = np.zeros(SIZE, dtype)
    image[60, 9] = value
    source = open_source(tiff(tmp_path / "a.tif", image))
    assert not source.read(slice(0, 60)).any()
    with pytest.raises(UnreadableFile, match=message):
        source.read(slice(50, 70), slice(5, 15))


def test_pages_and_levels_that_are_not_there(tmp_path: Path) -> None:
    pages, one = TIFFS["pages"](tmp_path / "a.tif"), TIFFS["pyramid"](tmp_path / "b.tif")
    with pytest.raises(
        UnreadableFile, match=r"holds 4 images, of which one is read at a time\. Say which, from page 0 to 3"
    ):
        open_source(pages)
    with pytest.raises(UnreadableFile, match=r"has images 0 to 3, not number 4\. Give a page that it has"):
        open_source(pages, 4)
    with pytest.raises(UnreadableFile, match="has one image, not number 1"):
        open_source(one, 1)
    with pytest.raises(UnreadableFile, match=r"has levels 0 to 2, not 3\. Give a level that it has"):
        open_source(one, level=3)
    for path in (OTHERS["grey.png"](tmp_path / "c.png"), OTHERS["old.zarr"](tmp_path / "c.zarr")):
        with pytest.raises(UnreadableFile, match="has only level 0, not 1"):
            open_source(path, level=1)


@pytest.mark.parametrize("name", ["ome-pyramid", "ome-pyramid-channels", "pyramid", "flat-pyramid"])
def test_levels_of_a_tiff(tmp_path: Path, name: str) -> None:
    path = TIFFS[name](tmp_path / "a.tif")
    whole = open_source(path)
    assert whole.levels == (SIZE, (42, 35), (21, 18))
    for level, step in enumerate((1, 2, 4)):
        source = open_source(path, level=level)
        assert (source.levels, source.level) == (whole.levels, level)
        np.testing.assert_array_equal(source.read(), whole.read()[::step, ::step])
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).read(), source.read())


@pytest.mark.parametrize("name", ["strip", "tiles-zlib", "rgb-jpeg", "imagej"])
def test_sources_are_small_to_send(tmp_path: Path, name: str) -> None:
    source = open_source(TIFFS[name](tmp_path / "a.tif"), page=0)
    sent = pickle.dumps(source)
    assert len(sent) < 1_000
    other = pickle.loads(sent)
    np.testing.assert_array_equal(other.read(), source.read())
    for name in ("file", "page", "size", "channels", "dtype", "pixel_size", "block", "levels"):
        assert getattr(other, name) == getattr(source, name)


@pytest.mark.parametrize("name", ["tiles", "tiles-zlib", "strips-lzw", "rgb-jpeg", "image.zarr"])
def test_many_threads_read_at_once(tmp_path: Path, name: str) -> None:
    path = (TIFFS | OTHERS)[name](tmp_path / f"a{Path(name).suffix or '.tif'}")
    source, plane = open_source(path), read_image(path).planes[0]
    barrier = threading.Barrier(8)

    def read(seed: int) -> None:
        barrier.wait()
        for row, column in np.random.default_rng(seed).integers(0, (60, 50), (20, 2)):
            window = slice(int(row), int(row) + 23), slice(int(column), int(column) + 20)
            np.testing.assert_array_equal(source.read(*window), plane[window])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read, range(8)))


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_memory_is_that_of_a_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str | None) -> None:
    """8 MiB are read in a tenth of that, beyond what is kept on purpose."""
    monkeypatch.setattr(tiff_lazy, "KEPT_BYTES", 2**18)
    image = np.arange(2_048 * 2_048, dtype=np.uint16).reshape(2_048, 2_048)
    source = open_source(tiff(tmp_path / "a.tif", image, tile=(128, 128), compression=compression))
    del image
    tracemalloc.start()
    try:
        for row in range(0, 2_048, 256):
            for column in range(0, 2_048, 256):
                source.read(slice(row, row + 256), slice(column, column + 256))
        assert tracemalloc.get_traced_memory()[1] < 2**18 + 8 * 2**20 // 10
    finally:
        tracemalloc.stop()


def read_all(path: Path) -> list[np.ndarray]:
    return [open_source(path, page).read() for page in range(min(read_header(path).pages, 3))]


@pytest.mark.parametrize("name", ["strip", "strips-lzw", "tiles", "tiles-zlib", "rgb-jpeg", "ome", "imagej", "pyramid"])
def test_a_truncated_tiff_is_never_read_as_something_else(
    tmp_path: Path, assert_clear: Callable[..., Any], name: str
) -> None:
    path = TIFFS[name](tmp_path / "a.tif")
    whole, planes = path.read_bytes(), read_all(path)
    for length in [*range(0, len(whole), max(1, len(whole) // 12)), len(whole) - 1]:
        path.write_bytes(whole[:length])
        found = assert_clear(read_all, path)
        if not isinstance(found, UnmaskError):  # only trailing bytes that no pixel needs are gone
            assert all(np.array_equal(a, b) for a, b in zip(found, planes, strict=True))


@settings(max_examples=60)
@given(st.data())
def test_a_damaged_file_is_a_clear_error_or_an_image(
    tmp_path_factory: pytest.TempPathFactory, assert_clear: Callable[..., Any], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(["strips-lzw", "tiles-zlib", "tiles-zstd", "rgb-jpeg", "ome", "a.npy"]))
    path = tmp_path_factory.mktemp("damaged") / "a"
    if name == "a.npy":
        np.save(path.with_suffix(".npy"), noise(20, 20))
        path = path.with_suffix(".npy")
    else:
        TIFFS[name](path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = int(data.draw(st.floats(0, 1, exclude_max=True)) * len(content))
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    assert_clear(lambda: open_source(path, page=0).read())


@pytest.mark.parametrize("content", [None, b"", b"GIF89a"])
def test_what_is_no_image(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.tif"
    if content is not None:
        path.write_bytes(content)
    message = {
        None: "does not exist",
        b"": r"is empty \(0 bytes\)",
        b"GIF89a": r"is not a PNG, JPEG, BMP, TIFF or \.npy image",
    }
    with pytest.raises(UnreadableFile, match=message[content]):
        open_source(path)


def test_real_images(shared_data: Path) -> None:
    """One of every real data set that has images, in windows."""
    folders = [folder for folder in sorted(shared_data.iterdir()) if folder.is_dir() and folder.name != "weights"]
    firsts = [
        next((f for f in sorted(folder.rglob("*")) if f.suffix in (".tif", ".png", ".jpg")), None) for folder in folders
    ]
    found = [file for file in firsts if file is not None]
    assert len(found) >= 5
    for path in found:
        header = read_header(path)
        plane = read_image(path, 0).planes[0]
        source = open_source(path, 0, channels=header.samples)
        for rows, columns in source.blocks():
            np.testing.assert_array_equal(source.read(rows, columns), plane[rows, columns])


def test_another_process_reads_a_whole_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(np.arange(600, dtype=np.uint16).astype(np.uint8).reshape(20, 30)).save(tmp_path / "a.png")
    sent = pickle.dumps(open_source(tmp_path / "a.png"))
    monkeypatch.setattr("unmask.data.streams.sources.os.getpid", lambda: -1)  # as if it had been sent from elsewhere
    first = pickle.loads(sent)
    monkeypatch.setattr("unmask.data.streams.lazy_files.read_image", None)  # it is not asked again
    assert pickle.loads(sent) is first


def test_an_image_of_one_column_in_tiles(tmp_path: Path) -> None:
    image = np.arange(2, dtype=np.uint8).reshape(1, 2, 1)
    tifffile.imwrite(tmp_path / "a.tif", image, tile=(16, 32), compression="zlib", metadata={"axes": "CYX"})
    np.testing.assert_array_equal(open_source(tmp_path / "a.tif").read(), image.reshape(2, 1, 1))
