"""Arrays in one file: they come back, and every damaged byte is found."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from unmask.data.formats.npz import array_names, read_arrays, write_arrays
from unmask.errors import UnmaskError

COMPRESSED = pytest.mark.parametrize("compressed", [False, True])
ARRAYS = {"areas": np.arange(7), "flat.blank": np.array(True), "class": np.array(["cell", "µ"])}


@settings(max_examples=30)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z_.]{0,8}", fullmatch=True).filter(lambda name: name not in ("file", "allow_pickle")),
        arrays_of.arrays(
            st.one_of(arrays_of.integer_dtypes(), arrays_of.floating_dtypes(), arrays_of.unicode_string_dtypes()),
            arrays_of.array_shapes(min_dims=0, min_side=0, max_side=4),
        ),
        max_size=3,
    ),
    st.booleans(),
)
def test_arrays_come_back(tmp_path_factory: pytest.TempPathFactory, arrays: dict, compressed: bool) -> None:
    path = tmp_path_factory.mktemp("npz") / "new" / "a.npz"
    write_arrays(path, arrays, compressed=compressed)
    found = read_arrays(path)
    assert found is not None
    assert list(found) == array_names(path) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert [file.name for file in path.parent.iterdir()] == ["a.npz"]


@COMPRESSED
def test_every_flipped_byte_is_found(tmp_path: Path, compressed: bool) -> None:
    """Also those that make a shorter array, another type or another name of it."""
    path = tmp_path / "a.npz"
    write_arrays(path, ARRAYS, compressed=compressed)
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in (1, 32, 255):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            assert read_arrays(path) is None, (place, bit)
            assert array_names(path) is None, (place, bit)
    path.write_bytes(whole)
    assert array_names(path) == list(ARRAYS)


@COMPRESSED
def test_every_cut_is_found(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "a.npz"
    write_arrays(path, ARRAYS, compressed=compressed)
    whole = path.read_bytes()
    for stop in range(len(whole)):
        path.write_bytes(whole[:stop])
        assert read_arrays(path) is None, stop
    for content in (bytes(4), bytes(len(whole)), b"no archive", whole + b"\0"):
        path.write_bytes(content)
        assert read_arrays(path) is None


def test_other_writers_files_are_not_taken(tmp_path: Path) -> None:
    """Those of NumPy have no checksum at their end; NumPy reads ours."""
    np.savez(tmp_path / "a.npz", a=np.arange(3))
    assert read_arrays(tmp_path / "a.npz") is None
    assert read_arrays(tmp_path / "b.npz") is None
    assert read_arrays(tmp_path) is None
    write_arrays(tmp_path / "c.npz", ARRAYS)
    with np.load(tmp_path / "c.npz") as found:
        np.testing.assert_array_equal(found["areas"], ARRAYS["areas"])
    content = (tmp_path / "c.npz").read_bytes()
    assert zlib.crc32(content[:-4]) == int.from_bytes(content[-4:], "little")


def test_python_objects_are_not_written(tmp_path: Path) -> None:
    for objects in (np.array(["a", None], object), np.zeros(2, [("a", object)])):
        with pytest.raises(ValueError, match="names is an array of Python objects"):
            write_arrays(tmp_path / "a.npz", {"names": objects})
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(UnmaskError, match=r"a\.npz: cannot be written"):
        write_arrays(tmp_path / "taken" / "a.npz", ARRAYS)
