import io
import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.data.formats import reading
from unmask.data.formats.images import KEPT, NARROWED, WIDENED, read_header, read_image
from unmask.data.formats.npy import holds_numbers
from unmask.data.streams.sources import open_source
from unmask.errors import UnreadableFile

RNG = np.random.default_rng(3)
SAVE_NUMBERS = r"Save an array of numbers, such as uint16 or float32, or rename it so that it does not end in \.npy"


def noise(*shape: int, dtype: str = "uint16") -> np.ndarray:
    return RNG.integers(0, 120, shape).astype(dtype)


def saved(path: Path, array: np.ndarray) -> Path:
    np.save(path, array)
    return path


def with_line(path: Path, line: str, values: bytes, version: int = 1) -> Path:
    """A .npy file whose line says what a test wants."""
    length = len(line).to_bytes(2 if version == 1 else 4, "little")
    path.write_bytes(b"\x93NUMPY" + bytes([version, 0]) + length + line.encode("latin-1") + values)
    return path


def whole(path: Path) -> np.ndarray:
    return read_image(path).planes[0]


def in_windows(path: Path) -> np.ndarray:
    return open_source(path, channels=read_header(path).samples).read()


BOTH = pytest.mark.parametrize("read", [whole, in_windows, read_header])
Read = Callable[[Path], object]


@settings(max_examples=60)
@given(st.data())
def test_any_array_of_two_or_three_axes(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whole and in windows it is what NumPy loads, channels last, in the type that holds all of its values."""
    dtype = data.draw(st.sampled_from([*KEPT, *WIDENED, *NARROWED, ">u2", ">i4", ">f4", ">f8", "<f2"]))
    axes = data.draw(st.sampled_from(["yx", "yxc", "cyx"]))
    y, x, c = data.draw(st.tuples(st.integers(4, 9), st.integers(4, 9), st.integers(1, 3)))
    array = noise(*({"y": y, "x": x, "c": c}[axis] for axis in axes), dtype=dtype)
    if data.draw(st.booleans()):
        array = np.asfortranarray(array)
    path = saved(tmp_path_factory.mktemp("npy") / "a.npy", array)
    expected = np.atleast_3d(np.load(path)) if axes != "cyx" else np.load(path).transpose(1, 2, 0)
    name = np.dtype(dtype).name
    header = read_header(path)
    assert (header.pages, header.size, header.samples, header.dtype) == (1, (y, x), expected.shape[2], dtype)
    assert (header.colour, header.alpha, header.pixel_size) == (False, False, None)
    for found in (whole(path), in_windows(path)):
        assert found.dtype == np.dtype(WIDENED.get(name) or NARROWED.get(name) or name)
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_versions_of_the_format(tmp_path: Path, version: tuple[int, int]) -> None:
    array, stream = noise(5, 7), io.BytesIO()
    np.lib.format.write_array(stream, array, version, allow_pickle=False)
    (tmp_path / "a.npy").write_bytes(stream.getvalue())
    np.testing.assert_array_equal(whole(tmp_path / "a.npy")[..., 0], array)


@pytest.mark.parametrize(
    "line",
    [
        "{'descr': '<u2', 'fortran_order': False, 'shape': (5L, 7L), }\n",  # Python 2
        '{"shape": (5, 7), "fortran_order": False, "descr": "<u2"}',
        "{'descr':'<u2','fortran_order':False,'shape':(5,7)}",
        "{'descr': '=u2', 'fortran_order': False, 'shape': (\n5,\n7,), }   \n",
    ],
)
def test_lines_of_other_writers(tmp_path: Path, line: str) -> None:
    array = noise(5, 7)
    path = with_line(tmp_path / "a.npy", line, array.tobytes() + b"and more", version=1 + len(line) % 3)
    np.testing.assert_array_equal(whole(path)[..., 0], array)
    np.testing.assert_array_equal(in_windows(path)[..., 0], array)


class Bomb:
    """Leaves a trace where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.trace,)


@BOTH
def test_pickles_are_never_loaded(tmp_path: Path, read: Read) -> None:
    trace = tmp_path / "trace"
    path = saved(tmp_path / "a.npy", np.array([[Bomb(trace), 1]], object))
    message = rf"a\.npy: holds Python objects or named fields, not numbers\. {SAVE_NUMBERS}"
    with pytest.raises(UnreadableFile, match=message):
        read(path)
    assert not trace.exists()
    path.write_bytes(pickle.dumps(Bomb(trace)))  # as NumPy itself would load it
    with pytest.raises(UnreadableFile, match=r"is not a PNG, JPEG, BMP, TIFF or \.npy image"):
        read(path)
    assert not trace.exists()
    np.load(saved(path, np.array([[Bomb(trace), 1]], object)), allow_pickle=True)
    assert trace.exists()  # the bomb is one


@BOTH
@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 5), [("a", "u1"), ("b", "u2")]), "holds Python objects or named fields, not numbers"),
        (np.full((4, 5), "word"), r"holds <U4 values"),
        (np.zeros((4, 5), "M8[s]"), r"holds <M8\[s\] values"),
        (np.array(7), r"is an array of no axes, which does not tell its rows, columns and channels"),
        (np.zeros(5), r"is an array of 5, which does not tell .*\. Save it as \(h, w\) or \(h, w, c\), or rename it"),
        (np.zeros((2, 3, 40, 50)), r"is an array of 2 x 3 x 40 x 50, which does not tell"),
        (np.zeros((40, 50, 60)), r"is an array of 40 x 50 x 60, which does not tell"),
        (np.zeros((0, 5)), r"holds no pixel \(1 image of 0 x 5 float64 pixels\)"),
    ],
    ids=["fields", "words", "dates", "nothing", "line", "four", "volume", "empty"],
)
def test_arrays_that_are_no_image(tmp_path: Path, read: Read, array: np.ndarray, message: str) -> None:
    with pytest.raises(UnreadableFile, match=rf"a\.npy: {message}"):
        read(saved(tmp_path / "a.npy", array))


@pytest.mark.parametrize("read", [whole, in_windows])
@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((4, 5), 0.1), r"holds float64 values that float32 cannot hold exactly.*\. Save it as 32-bit float"),
        (np.full((4, 5), 2**40), r"holds int64 values that int32 cannot hold exactly.*\. Save it as 16-bit integers"),
        (np.zeros((4, 5), "c8"), r"holds complex64 values\. Save it as 8 or 16 bit or as 32-bit float"),
        (np.diag([1.0, np.nan]), r"has 1 value that is not finite.* first nan at row 1, column 1\. Replace them"),
    ],
    ids=["float64", "int64", "complex", "nan"],
)
def test_values_that_are_none(tmp_path: Path, read: Read, array: np.ndarray, message: str) -> None:
    with pytest.raises(UnreadableFile, match=rf"a\.npy: {message}"):
        read(saved(tmp_path / "a.npy", array))


@BOTH
def test_a_file_that_ends_too_early(tmp_path: Path, read: Read) -> None:
    path = saved(tmp_path / "a.npy", noise(40, 30))
    content = path.read_bytes()
    for length in (6, 8, 9, 60, 128, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(UnreadableFile, match=r"a\.npy: is damaged or truncated \(.+\)\. Copy or export it again"):
            read(path)
    with pytest.raises(UnreadableFile, match=r"\(2\.3 KiB by its header, of which 2\.3 KiB are there\)"):
        read(path)


@BOTH
@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "{'descr': '<u2', 'fortran_order': False, 'shape': (99999999, 99999999), }",
            r"\(17\.8 PiB by .* 40 bytes are",
        ),
        (f"{{'descr': '<u2', 'fortran_order': False, 'shape': (4, {'9' * 5_000}), }}", "is longer than any array"),
        (
            f"{{'descr': '<u2', 'fortran_order': False, 'shape': ({'1,' * 9_000}), }}",
            r"is an array of (1 x ){25}\.\.\., which",
        ),
        ("{'descr': '<u2', 'fortran_order': False, 'shape': (-4, 5), }", "does not say type, order and shape"),
        ("{'descr': '<u2', 'fortran_order': 0, 'shape': (4, 5), }", "does not say type, order and shape"),
        ("{'descr': '<i3', 'fortran_order': False, 'shape': (4, 5), }", "damaged or truncated"),
        ("__import__('os').abort()", "does not say type, order and shape"),
    ],
    ids=["large", "long", "many", "negative", "order", "type", "program"],
)
def test_lines_that_are_damaged(tmp_path: Path, read: Read, line: str, message: str) -> None:
    path = with_line(tmp_path / "a.npy", line, bytes(40))
    with pytest.raises(UnreadableFile, match=message):
        read(path)


def test_arrays_larger_than_the_memory_are_read_in_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.npy", noise(40, 30))
    monkeypatch.setattr(reading, "SMALL", 0)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=9_000))
    message = r"a\.npy: is too large for the memory of this machine \(40 x 30 uint16 pixels, which takes 9\.4 KiB"
    with pytest.raises(UnreadableFile, match=message):
        read_image(path)
    assert read_header(path).size == (40, 30)
    np.testing.assert_array_equal(in_windows(path)[..., 0], np.load(path))


@pytest.mark.parametrize("read", [whole, read_header, open_source])
def test_archives_are_refused(tmp_path: Path, read: Read) -> None:
    np.savez(tmp_path / "cells.npz", noise(4, 5))
    message = (
        r"cells\.npz: is an archive of arrays, of which each can be an image\. Save each array as a file, in Python "
        r"numpy\.save\('cells\.npy', numpy\.load\('cells\.npz'\)\['NAME'\]\)\."
    )
    with pytest.raises(UnreadableFile, match=message):
        read(tmp_path / "cells.npz")


def test_what_holds_numbers(tmp_path: Path) -> None:
    assert holds_numbers(saved(tmp_path / "a.npy", noise(4, 5)))
    assert not holds_numbers(saved(tmp_path / "b.npy", np.array({"masks": 1})))
    (tmp_path / "c.npy").write_bytes(b"\x93NUMPY")
    assert not holds_numbers(tmp_path / "c.npy")
    assert not holds_numbers(tmp_path / "d.npy")
