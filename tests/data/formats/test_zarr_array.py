from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
import zarr

from unmask.data.folder import read_images
from unmask.data.formats import reading
from unmask.data.formats.images import read_header, read_image
from unmask.data.formats.omezarr import open_level
from unmask.data.formats.omezarr_writer import write_omezarr
from unmask.data.listing import image_files, is_image_file
from unmask.data.streams.sources import open_source
from unmask.errors import UnreadableFile

RNG = np.random.default_rng(4)
VERSIONS = pytest.mark.parametrize("version", [2, 3])


def noise(*shape: int, dtype: str = "uint16") -> np.ndarray:
    return RNG.integers(0, 120, shape).astype(dtype)


def stored(path: Path, array: np.ndarray, version: Any = 3, **options: Any) -> Path:
    chunks = tuple(min(n, 16) for n in array.shape)
    made = zarr.create_array(path, shape=array.shape, chunks=chunks, dtype=array.dtype, zarr_format=version, **options)
    made[...] = array
    return path


def check(path: Path, expected: np.ndarray) -> None:
    """Read whole and in windows it is one image with these values, (h, w, c)."""
    header = read_header(path)
    assert (header.pages, header.size, header.samples) == (1, expected.shape[:2], expected.shape[2])
    assert (header.path, header.colour, header.alpha, header.pixel_size) == (path, False, False, None)
    source = open_source(path, channels=expected.shape[2])
    for found in (read_image(path).planes[0], source.read()):
        assert found.dtype == source.dtype
        np.testing.assert_array_equal(found, expected)


@VERSIONS
@pytest.mark.parametrize(
    ("shape", "order"), [((40, 30), "yx"), ((3, 40, 30), "cyx"), ((40, 30, 2), "yxc"), ((1, 40, 30), "cyx")]
)
@pytest.mark.parametrize("dtype", ["uint16", "bool", "int64", "float64"])
def test_axes_by_shape(tmp_path: Path, version: int, shape: tuple[int, ...], order: str, dtype: str) -> None:
    array = noise(*shape, dtype=dtype)
    expected = array[..., None] if order == "yx" else np.moveaxis(array, order.index("c"), 2)
    check(stored(tmp_path / "a.zarr", array, version), expected)


@VERSIONS
def test_axes_by_name(tmp_path: Path, version: int) -> None:
    """Names count more than the shape, which says channels last here."""
    array = noise(5, 4, 3)
    names: dict[str, Any] = (
        {"dimension_names": ("c", "y", "x")} if version == 3 else {"attributes": {"_ARRAY_DIMENSIONS": ["c", "y", "x"]}}
    )
    check(stored(tmp_path / "a.zarr", array, version, **names), np.moveaxis(array, 0, 2))
    stack = stored(tmp_path / "stack.zarr", noise(6, 5, 4), version, attributes={"axes": "zyx"})
    assert read_header(stack).pages == len(read_image(stack).planes) == 6
    np.testing.assert_array_equal(read_image(stack, 2).planes[0], open_source(stack, 2).read())
    assert read_images([stack]).names() == [f"stack_{page:03d}" for page in range(1, 7)]


@pytest.mark.parametrize("names", [(None, None, None), ("dim_0", "dim_1", "dim_2")])
def test_names_that_say_nothing_hide_no_others(tmp_path: Path, names: Any) -> None:
    array = noise(5, 4, 3)
    attributes = {"axes": ["t", "u", "v"], "_ARRAY_DIMENSIONS": ["c", "y", "x"]}
    path = stored(tmp_path / "a.zarr", array, dimension_names=names, attributes=attributes)
    check(path, np.moveaxis(array, 0, 2))
    check(stored(tmp_path / "b.zarr", array, dimension_names=names), array)  # by its shape: channels last


@pytest.mark.parametrize("read", [read_header, read_image, open_source])
@pytest.mark.parametrize("shape", [(5,), (40, 50, 60), (2, 3, 40, 50)])
def test_axes_that_are_not_known(tmp_path: Path, read: Callable[[Path], object], shape: tuple[int, ...]) -> None:
    message = rf"a\.zarr: is an array of {' x '.join(map(str, shape))}, which does not tell .*\. Name its axes in its"
    with pytest.raises(UnreadableFile, match=message):
        read(stored(tmp_path / "a.zarr", np.zeros(shape, np.uint8)))


@pytest.mark.parametrize("read", [lambda path: read_image(path), lambda path: open_source(path).read()])
@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((4, 5), 0.1), r"holds float64 values that float32 cannot hold exactly.*\. Save it as 32-bit float"),
        (np.full((4, 5), 2**40), r"holds int64 values that int32 cannot hold exactly.*\. Save it as 16-bit integers"),
        (np.zeros((4, 5), "c8"), r"holds complex64 values\. Write numbers, such as uint16 or float32"),
        (np.diag([1.0, np.inf]), r"has 1 value that is not finite.* first inf at row 1, column 1\. Replace them"),
        (np.zeros((0, 5)), r"holds no pixel|is damaged"),
    ],
    ids=["float64", "int64", "complex", "infinite", "empty"],
)
def test_values_that_are_none(tmp_path: Path, read: Callable[[Path], object], array: np.ndarray, message: str) -> None:
    path = tmp_path / "a.zarr"
    made = zarr.create_array(path, shape=array.shape, chunks=(4, 5), dtype=array.dtype)
    made[...] = array
    with pytest.raises(UnreadableFile, match=rf"a\.zarr: {message}"):
        read(path)


def test_an_array_has_one_level(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.zarr", noise(4, 5))
    assert open_level(path).size == (4, 5)
    for read in (open_level, lambda path, level: open_source(path, level=level)):
        with pytest.raises(UnreadableFile, match=r"a\.zarr: has only level 0, not 1\. Give a level that it has"):
            read(path, 1)


def test_an_array_larger_than_the_memory_is_read_in_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = noise(40, 30)
    path = stored(tmp_path / "a.zarr", array)
    monkeypatch.setattr(reading, "SMALL", 0)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=9_000))
    with pytest.raises(UnreadableFile, match=r"a\.zarr: is too large for the memory .*40 x 30 uint16 pixels"):
        read_image(path)
    np.testing.assert_array_equal(open_source(path).read()[..., 0], array)


def test_an_array_in_too_many_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unmask.data.formats.omezarr.MOST_CHUNKS", 5)
    with pytest.raises(UnreadableFile, match=r"a\.zarr: has 6 chunks an image, more than 5"):
        read_image(stored(tmp_path / "a.zarr", noise(40, 30)))


@VERSIONS
@pytest.mark.parametrize("read", [read_header, read_image, open_source])
def test_part_of_an_image_is_not_read_for_it(tmp_path: Path, version: int, read: Callable[[Path], object]) -> None:
    """A level of a pyramid alone would have lost the size of its pixels."""
    image = tmp_path / "i.zarr"
    write_omezarr(image, noise(5, 6, 1), (0.5, 0.5), {"nuclei": noise(5, 6)}, "0.4" if version == 2 else "0.5")
    for part, whole in (("0", image), ("labels/nuclei/0", image / "labels" / "nuclei")):
        message = rf"is one array, without the metadata of an image\. Give the folder of one image: {whole}\."
        with pytest.raises(UnreadableFile, match=message):
            read(image / part)


@VERSIONS
def test_which_arrays_are_image_files(tmp_path: Path, version: Any) -> None:
    for name in ("a10.zarr", "a2.zarr", "a3"):
        stored(tmp_path / name, noise(8, 9), version)
    stored(tmp_path / ".hidden.zarr", noise(8, 9), version)
    zarr.create_group(tmp_path / "many", zarr_format=version)
    stored(tmp_path / "many" / "one", noise(8, 9), version)
    (tmp_path / "empty").mkdir()
    assert [path.name for path in image_files(tmp_path)] == ["a2.zarr", "a3", "a10.zarr"]
    assert not is_image_file(tmp_path / "many" / "one")
    assert read_images([tmp_path]).names() == ["a2", "a3", "a10"]
    assert read_images([tmp_path / "many" / "one"]).names() == ["one"]  # given by name it is meant


@VERSIONS
def test_a_group_of_arrays_says_which_to_give(tmp_path: Path, version: Any) -> None:
    zarr.create_group(tmp_path / "g.zarr", zarr_format=version)
    for name in ("image", "time"):
        stored(tmp_path / "g.zarr" / name, noise(8, 9), version)
    for read in (read_header, open_source):
        with pytest.raises(UnreadableFile, match=r"g\.zarr: is not .*no multiscales\. Give one .*g\.zarr/time\."):
            read(tmp_path / "g.zarr")
    check(tmp_path / "g.zarr" / "image", read_image(tmp_path / "g.zarr" / "image").planes[0])


def test_damaged_metadata(tmp_path: Path) -> None:
    path = stored(tmp_path / "a", noise(8, 9))
    (path / "zarr.json").write_text("{")
    assert is_image_file(path)
    for read in (read_header, read_image, open_source, lambda path: read_images([path])):
        with pytest.raises(UnreadableFile, match=r"a: has a damaged zarr\.json .*\. Copy or export it again"):
            read(path)
