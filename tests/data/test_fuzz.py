"""Readers of images and JSON on damaged input: a sound result or a clear error, within bounds of memory and time."""

import copy
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import imagecodecs
import numpy as np
import psutil
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from unmask.data.folder import read_folder
from unmask.data.formats.images import KEPT, ImageFile, read_header, read_image
from unmask.data.formats.omezarr import labels_of
from unmask.data.formats.omezarr_writer import write_omezarr
from unmask.data.listing import image_files
from unmask.data.sample import Sample
from unmask.data.streams.sources import open_source
from unmask.errors import UnreadableFile

Clear = Callable[..., Any]

FREE = 256 * 2**20  # bytes of memory that the machine has left, so that what it may read is bounded
STACK = np.random.default_rng(0).integers(0, 200, (3, 40, 30)).astype(np.uint16)
COLOUR = STACK.transpose(1, 2, 0).astype(np.uint8)

TIFFS: dict[str, dict[str, Any]] = {
    "plain": {},
    "pages": {"metadata": None},
    "strips": {"rowsperstrip": 7},
    "lzw": {"compression": "lzw"},
    "deflate": {"compression": "zlib", "predictor": True},
    "zstd": {"compression": "zstd"},
    "jpeg2000": {"compression": "jpeg2000"},
    "tiles": {"tile": (16, 16)},
    "deflated-tiles": {"tile": (16, 16), "compression": "zlib"},
    "ome": {"ome": True, "metadata": {"axes": "CYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}},
    "imagej": {"imagej": True, "metadata": {"axes": "ZYX"}, "resolution": (2, 2)},
    "big": {"bigtiff": True},
    "big-endian": {"byteorder": ">"},
    "big-big-endian": {"bigtiff": True, "byteorder": ">", "compression": "zlib"},
}


def written(folder: Path) -> dict[str, bytes]:
    """Sound files of every kind, as bytes by name."""
    grey = Image.fromarray(COLOUR[..., 0])
    for name, image in (("grey", grey), ("palette", grey.convert("P")), ("bit", grey.convert("1"))):
        image.save(folder / f"{name}.png")
        image.save(folder / f"{name}.bmp")
    for name in ("colour.png", "colour.jpg", "colour.bmp"):
        Image.fromarray(COLOUR).save(folder / name, dpi=(90, 90))
    grey.save(folder / "progressive.jpg", progressive=True)
    (folder / "deep.png").write_bytes(imagecodecs.png_encode(STACK.transpose(1, 2, 0).copy()))
    for name, options in TIFFS.items():
        tifffile.imwrite(folder / f"{name}.tif", STACK, photometric="minisblack", **options)
    tifffile.imwrite(folder / "jpeg.tif", COLOUR, photometric="rgb", compression="jpeg")
    tifffile.imwrite(folder / "float.tif", STACK[0].astype(np.float32), compression="zlib", predictor=3)
    arrays = {"grey": STACK[0], "stack": STACK, "turned": np.asfortranarray(COLOUR), "wide": STACK / 2}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return written(tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For damaged files; each takes the place of the one before."""
    return tmp_path_factory.mktemp("damaged")


@pytest.fixture(scope="module", autouse=True)
def small_machine() -> Iterator[None]:
    """Little memory and little patience, so that what is allowed is done soon."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=FREE))
        patch.setattr("unmask.data.formats.omezarr.MOST_CHUNKS", 1_000)
        yield


def fuzz(examples: int) -> Callable[[Any], Any]:
    """So many examples, the same ones in every run: a failure here is a failure anywhere."""
    return settings(
        max_examples=examples, derandomize=True, database=None, suppress_health_check=list(HealthCheck), deadline=None
    )


def read(path: Path) -> ImageFile:
    """Reads a file and checks that what comes is what all other code relies on."""
    header, file = read_header(path), read_image(path)
    assert file.header == header
    assert len(file.planes) == header.pages
    for plane in file.planes:
        assert plane.shape == (*header.size, header.samples)
        assert plane.dtype.name in KEPT
        assert plane.dtype.kind != "f" or np.isfinite(plane).all()
    assert header.pixel_size is None or all(0 < length < np.inf for length in header.pixel_size)
    return file


def read_twice(path: Path) -> ImageFile:
    """Reads an array whole and in windows, which must agree: the same values, or both refuse it."""
    try:
        file = read(path)
    except UnreadableFile as error:
        if "chunks" not in error.problem and not is_large(path):
            with pytest.raises(UnreadableFile) as caught:
                read_in_windows(path)
            assert all((caught.value.problem, caught.value.file, caught.value.remedy))
        raise
    if not is_large(path):
        for found, plane in zip(read_in_windows(path), file.planes, strict=True):
            np.testing.assert_array_equal(found, plane)
    return file


def read_in_windows(path: Path) -> list[np.ndarray]:
    header = read_header(path)
    return [open_source(path, page, header.samples).read() for page in range(header.pages)]


def is_large(path: Path) -> bool:
    """Whether all of its images are more than windows are made of here; not where that cannot be told."""
    try:
        header = read_header(path)
    except UnreadableFile:
        return False
    return header.pages > 3 or header.size[0] * header.size[1] * header.samples > 10**6


def test_sound_files_are_read(files: dict[str, bytes], folder: Path, assert_clear: Clear) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)
        assert isinstance(assert_clear(read, folder / name), ImageFile)


LINES = [b"\x93NUMPY", b"\x93NUMPY\x01\0v\0{'descr': '", b"\x93NUMPY\x02\0v\0\0\0{'descr': '<u2', 'shape': ("]


@pytest.mark.parametrize(
    "start",
    [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0", *LINES],
)
def test_random_bytes_behind_a_magic_number(start: bytes, folder: Path, assert_clear: Clear) -> None:
    @fuzz(150)
    @given(st.binary(max_size=400))
    def check(rest: bytes) -> None:
        (folder / "a.img").write_bytes(start + rest)
        assert_clear(read, folder / "a.img")

    check()


def test_truncated_files(files: dict[str, bytes], folder: Path, assert_clear: Clear) -> None:
    @fuzz(400)
    @given(st.sampled_from(sorted(files)), st.floats(0, 1, exclude_max=True))
    def check(name: str, share: float) -> None:
        content = files[name]
        (folder / name).write_bytes(content[: int(share * len(content))])
        assert_clear(read, folder / name)

    check()


# Bytes, and numbers of two and four bytes that are sizes, counts and offsets of something else.
NUMBERS = [0, 1, 2, 7, 8, 255, 256, 2**15, 2**16 - 1, 2**16, 10**6, 2**24, 2**31 - 1, 2**31, 2**32 - 1]
FLIPS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.one_of(
            st.binary(min_size=1, max_size=4),
            st.tuples(
                st.sampled_from(NUMBERS), st.sampled_from([(2, "little"), (4, "little"), (2, "big"), (4, "big")])
            ).map(lambda pair: (pair[0] % 256 ** pair[1][0]).to_bytes(*pair[1])),
        ),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize(("part", "examples"), [(200, 2_500), (10**9, 1_000)], ids=["header", "anywhere"])
def test_files_with_other_bytes_in_them(
    files: dict[str, bytes], folder: Path, assert_clear: Clear, part: int, examples: int
) -> None:
    @fuzz(examples)
    @given(st.sampled_from(sorted(files)), FLIPS)
    def check(name: str, flips: list[tuple[float, bytes]]) -> None:
        content = bytearray(files[name])
        for share, new in flips:
            place = int(share * min(part, len(content)))
            content[place : place + len(new)] = new
        (folder / name).write_bytes(content)
        assert_clear(read, folder / name)

    check()


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 50),
    st.sampled_from([10**6, 10**9, 2**31, 2**63, 10**30, 1e308, -1e308, 1e-300]),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(
        ["a" * 2_000, "../..", "/", "\0", "\ud800", "uint8", "<u2", "|O", "pickle", "blosc", "0", "polygon"]
    ),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["id", "name", "path", "size", "counts", "configuration"]), inner, max_size=3),
    ),
    max_leaves=6,
)
# Where, as shares of the way through all values of a document, and what comes there; None takes it out.
CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.one_of(st.none(), JSON)), min_size=1, max_size=3)


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Ways to all values within a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return ([way] if way else []) + [place for key, one in inner for place in places(one, (*way, key))]


def changed(document: Any, changes: list[tuple[float, Any]]) -> str:
    """The document with values replaced or taken out, as JSON."""
    document = copy.deepcopy(document)
    for share, new in changes:
        if ways := places(document):
            *way, last = ways[int(share * len(ways))]
            holder = document
            for key in way:
                holder = holder[key]
            if new is None:
                del holder[last]
            else:
                holder[last] = new
    return json.dumps(document)


WORDS = (
    "'descr' '<u2' '|O' '<f8' [('a','<u2')] 'fortran_order' True 'shape' (40,30) ( (3,40,30) (1,1,1200) (0,) () (-1,5)"
)
PARTS = (*WORDS.split(), "9" * 30, "1L", ",", ":", "{", "}", "\\", "0or", "\0")


def test_arrays_with_another_line_before_them(files: dict[str, bytes], folder: Path, assert_clear: Clear) -> None:
    names = sorted(name for name in files if name.endswith(".npy"))
    for name in names:
        (folder / name).write_bytes(files[name])
        assert isinstance(assert_clear(read_twice, folder / name), ImageFile)

    @fuzz(400)
    @given(
        st.sampled_from(names),
        st.lists(st.tuples(st.integers(10, 80), st.sampled_from(PARTS), st.booleans()), max_size=3),
    )
    def check(name: str, changes: list[tuple[int, str, bool]]) -> None:
        content = bytearray(files[name])
        for place, text, insert in changes:
            content[place : place + (0 if insert else len(text))] = text.encode()
        (folder / name).write_bytes(content)
        assert_clear(read_twice, folder / name)

    check()


@pytest.mark.parametrize(("version", "name"), [(2, "a"), (3, "a.zarr")])
def test_zarr_arrays_with_other_metadata(tmp_path: Path, assert_clear: Clear, version: Any, name: str) -> None:
    path = tmp_path / name
    options: dict[str, Any] = {"zarr_format": version, "attributes": {"axes": ["c", "y", "x"]}}
    zarr.create_array(path, shape=STACK.shape, chunks=(2, 16, 16), dtype="uint16", **options)[...] = STACK
    sound = {file: file.read_bytes() for file in path.iterdir() if file.name in (".zarray", ".zattrs", "zarr.json")}

    def everything() -> ImageFile:
        assert image_files(tmp_path) == [path]
        return read_twice(path)

    assert len(assert_clear(everything).planes) == 1

    @fuzz(150)
    @given(st.sampled_from(sorted(sound)), CHANGES)
    def check(file: Path, changes: list[tuple[float, Any]]) -> None:
        file.write_text(changed(json.loads(sound[file]), changes), encoding="utf-8")
        assert_clear(everything)
        file.write_bytes(sound[file])

    check()


def test_zarr_arrays_with_other_chunks(tmp_path: Path, assert_clear: Clear) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, shape=STACK.shape, chunks=(3, 20, 30), dtype="uint16")[...] = STACK
    chunk = path / "c" / "0" / "1" / "0"
    sound = chunk.read_bytes()

    @fuzz(100)
    @given(FLIPS, st.integers(0, len(sound)))
    def check(flips: list[tuple[float, bytes]], length: int) -> None:
        content = bytearray(sound)
        for share, new in flips:
            place = int(share**3 * len(content))
            content[place : place + len(new)] = new
        chunk.write_bytes(content[: length or None])
        assert_clear(read_twice, path)

    check()


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_with_other_metadata(tmp_path: Path, assert_clear: Clear, version: Any) -> None:
    sound, damaged = tmp_path / "sound.zarr", tmp_path / "data" / "damaged.zarr"
    write_omezarr(sound, COLOUR, (0.5, 0.5), {"nuclei": COLOUR[..., 0]}, version)
    shutil.copytree(sound, damaged)
    metadata = [file.relative_to(sound) for file in sorted(sound.rglob("*")) if file.name.startswith((".z", "zarr."))]

    def everything() -> None:
        assert image_files(damaged.parent) == [damaged]
        read(damaged)
        for labels in labels_of(damaged):
            read(labels)

    assert assert_clear(everything) is None

    @fuzz(150)
    @given(st.sampled_from(metadata), CHANGES)
    def check(name: Path, changes: list[tuple[float, Any]]) -> None:
        (damaged / name).write_text(changed(json.loads((sound / name).read_text()), changes), encoding="utf-8")
        assert_clear(everything)
        shutil.copy(sound / name, damaged / name)

    check()


def test_ome_zarr_with_other_chunks(tmp_path: Path, assert_clear: Clear) -> None:
    path = tmp_path / "a.zarr"
    write_omezarr(path, COLOUR)
    chunk = path / "0" / "c" / "0" / "0" / "0"
    sound = chunk.read_bytes()

    @fuzz(100)
    @given(FLIPS, st.integers(0, len(sound)))
    def check(flips: list[tuple[float, bytes]], length: int) -> None:
        content = bytearray(sound)
        for share, new in flips:
            place = int(share**3 * len(content))  # mostly in the chunk's own header
            content[place : place + len(new)] = new
        chunk.write_bytes(content[: length or None])
        assert_clear(read, path)

    check()


def coco() -> dict[str, Any]:
    images = [
        {"id": index, "file_name": f"{name}.png", "height": 40, "width": 30} for index, name in enumerate("ab", 1)
    ]
    shapes: list[Any] = [
        [[2, 2, 10, 2, 10, 10, 2, 10]],
        {"size": [40, 30], "counts": [100, 20, 1080]},
        {"size": [40, 30], "counts": "Tm0"},
    ]
    annotations = [
        {"id": index, "image_id": 1, "category_id": 1 + index % 2, "segmentation": shape, "iscrowd": 0}
        for index, shape in enumerate(shapes[:2], 1)
    ]
    annotations.append({"id": 9, "image_id": 2, "category_id": 1, "segmentation": [[5, 5, 9, 5, 9, 30]], "iscrowd": 0})
    categories = [{"id": 1, "name": "cell"}, {"id": 2, "name": "nucleus"}]
    return {"images": images, "annotations": annotations, "categories": categories}


def via() -> dict[str, Any]:
    shapes = [
        {"name": "polygon", "all_points_x": [2, 10, 10, 2], "all_points_y": [2, 2, 10, 10]},
        {"name": "circle", "cx": 20, "cy": 20, "r": 5},
        {"name": "ellipse", "cx": 20, "cy": 20, "rx": 5, "ry": 3, "theta": 0.5},
        {"name": "rect", "x": 2, "y": 2, "width": 5, "height": 7},
    ]
    regions = [{"shape_attributes": shape, "region_attributes": {"type": "cell"}} for shape in shapes]
    return {
        "a.png1": {"filename": "a.png", "size": 1, "regions": regions[:2], "file_attributes": {}},
        "b.png1": {"filename": "b.png", "size": 1, "regions": {"0": regions[2], "1": regions[3]}},
    }


@pytest.mark.parametrize("document", [coco(), via()], ids=["coco", "via"])
def test_annotations_with_other_values(tmp_path: Path, assert_clear: Clear, document: Any) -> None:
    for name in "ab":
        Image.fromarray(COLOUR[..., 0]).save(tmp_path / f"{name}.png")
    file = tmp_path / "annotations.json"

    def everything() -> list[Sample]:
        return list(read_folder(tmp_path))

    file.write_text(json.dumps(document))
    assert len(assert_clear(everything)) == 2

    @fuzz(250)
    @given(CHANGES)
    def check(changes: list[tuple[float, Any]]) -> None:
        file.write_text(changed(document, changes), encoding="utf-8")
        assert_clear(everything)

    check()


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 5_000, '{"a": NaN', "\ufeff{}", '"' + "\\ud800" * 9 + '"', ""])
def test_text_that_no_json_reader_likes(tmp_path: Path, assert_clear: Clear, text: str) -> None:
    Image.fromarray(COLOUR[..., 0]).save(tmp_path / "a.png")
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    assert_clear(read_folder, tmp_path)
    write_omezarr(tmp_path / "a.zarr", COLOUR)
    (tmp_path / "a.zarr" / "zarr.json").write_text(text, encoding="utf-8")
    assert_clear(read, tmp_path / "a.zarr")
