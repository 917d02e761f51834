import json
import pickle
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader

from unmask.data.formats.images import read_header, read_image
from unmask.data.formats.omezarr import labels_of, open_level
from unmask.data.formats.omezarr_writer import write_omezarr
from unmask.data.listing import holds_images, image_files, is_image_file, stem, unique_names
from unmask.errors import UnmaskError, UnreadableFile

RNG = np.random.default_rng(0)
VERSIONS: tuple[Literal["0.4", "0.5"], ...] = ("0.4", "0.5")
both_versions = pytest.mark.parametrize("version", VERSIONS)


def noise(*shape: int, dtype: str = "uint16") -> np.ndarray:
    return RNG.integers(0, 200, shape).astype(dtype)


def metadata_file(folder: Path) -> Path:
    return next(file for name in ("zarr.json", ".zattrs") if (file := folder / name).is_file())


def change(folder: Path, edit: Any) -> None:
    """Edits the attributes of a zarr group as 0.4 has them."""
    file = metadata_file(folder)
    content = json.loads(file.read_text())
    edit(content["attributes"]["ome"] if file.name == "zarr.json" else content)
    file.write_text(json.dumps(content))


def raw(
    folder: Path, array: np.ndarray, axes: list[Any], scale: list[float], version: str = "0.5", **more: Any
) -> Path:
    """An OME-Zarr image written with zarr alone."""
    is_3 = version == "0.5"
    transform = [{"type": "scale", "scale": scale}]
    multiscales = [{"axes": axes, "datasets": [{"path": "s0", "coordinateTransformations": transform}], **more}]
    attributes = {"ome": {"version": "0.5", "multiscales": multiscales}} if is_3 else {"multiscales": multiscales}
    group = zarr.create_group(folder, zarr_format=3 if is_3 else 2, attributes=attributes)
    chunks = tuple(max(1, n // 2) for n in array.shape)
    group.create_array("s0", shape=array.shape, chunks=chunks, dtype=array.dtype)[...] = array
    return folder


def axes_of(names: str, unit: str | None = "micrometer") -> list[dict[str, str]]:
    kinds = {"c": "channel", "t": "time"}
    units = {} if unit is None else {"unit": unit}
    return [{"name": name, "type": kinds.get(name, "space")} | (units if name in "zyx" else {}) for name in names]


def independent(path: Path) -> dict[str, Any]:
    """What ome-zarr reads: for the image and each of its labels the levels and the metadata."""
    location = parse_url(path)
    assert location is not None
    return {Path(str(node.zarr.path)).name: node for node in Reader(location)() if node.data}


@both_versions
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32"])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_come_back(tmp_path: Path, version: Literal["0.4", "0.5"], dtype: str, channels: int) -> None:
    image = noise(37, 53, channels, dtype=dtype) - np.dtype(dtype).type(0 if dtype.startswith("u") else 100)
    path = tmp_path / "a.ome.zarr"
    write_omezarr(path, image, (0.5, 0.25), version=version)
    file, header = read_image(path), read_header(path)
    assert file.header == header
    assert (header.pages, header.size, header.samples, header.dtype) == (1, (37, 53), channels, np.dtype(dtype))
    assert header.pixel_size == (0.5, 0.25)
    assert file.planes[0].dtype == np.dtype(dtype)
    np.testing.assert_array_equal(file.planes[0], image)
    found = independent(path)["a.ome.zarr"]
    np.testing.assert_array_equal(np.asarray(found.data[0]), np.moveaxis(image, 2, 0).squeeze())
    scale = found.metadata["coordinateTransformations"][0][0]["scale"]
    assert scale[-2:] == [0.5, 0.25]
    assert [axis["name"] for axis in found.metadata["axes"]] == (["c", "y", "x"] if channels > 1 else ["y", "x"])


@both_versions
def test_labels_lie_in_their_group(tmp_path: Path, version: Literal["0.4", "0.5"]) -> None:
    nuclei, cells = noise(30, 40, dtype="int32"), np.zeros((30, 40), np.int32)
    cells[:3] = 70_000
    path = tmp_path / "a.zarr"
    write_omezarr(path, noise(30, 40, 2), (1.5, 1.5), {"nuclei": nuclei, "cells": cells}, version)
    assert labels_of(path) == [path / "labels" / "nuclei", path / "labels" / "cells"]
    for folder, expected, dtype in zip(labels_of(path), (nuclei, cells), ("uint16", "uint32"), strict=True):
        file = read_image(folder)
        assert file.header.dtype == dtype
        assert file.pixel_size == (1.5, 1.5)
        np.testing.assert_array_equal(file.planes[0][..., 0], expected)
    found = independent(path)
    assert set(found) == {"a.zarr", "nuclei", "cells"}
    np.testing.assert_array_equal(np.asarray(found["nuclei"].data[0]), nuclei)
    content = json.loads(metadata_file(path / "labels" / "nuclei").read_text())
    attributes = content["attributes"]["ome"] if version == "0.5" else content
    assert attributes["image-label"] == {"version": version, "source": {"image": "../../"}}
    assert labels_of(path / "labels" / "nuclei") == []


@both_versions
def test_the_metadata_are_those_of_the_specification(tmp_path: Path, version: Literal["0.4", "0.5"]) -> None:
    write_omezarr(tmp_path / "a.zarr", noise(8, 9, 2), (0.5, 0.25), version=version)
    array = tmp_path / "a.zarr" / "0"
    group = json.loads(metadata_file(tmp_path / "a.zarr").read_text())
    if version == "0.4":
        assert json.loads((tmp_path / "a.zarr" / ".zgroup").read_text()) == {"zarr_format": 2}
        stored = json.loads((array / ".zarray").read_text())
        assert stored["dimension_separator"] == "/"
        assert stored["compressor"]["id"] == "blosc"
        attributes = group
        assert attributes["multiscales"][0]["version"] == "0.4"
    else:
        assert (group["zarr_format"], group["node_type"]) == (3, "group")
        stored = json.loads((array / "zarr.json").read_text())
        assert stored["dimension_names"] == ["c", "y", "x"]
        attributes = group["attributes"]["ome"]
        assert attributes["version"] == "0.5"
    assert attributes["multiscales"][0]["axes"] == [
        {"name": "c", "type": "channel"},
        {"name": "y", "type": "space", "unit": "micrometer"},
        {"name": "x", "type": "space", "unit": "micrometer"},
    ]
    scale = {"type": "scale", "scale": [1.0, 0.5, 0.25]}
    assert attributes["multiscales"][0]["datasets"] == [{"path": "0", "coordinateTransformations": [scale]}]


@both_versions
def test_a_pyramid_is_written(tmp_path: Path, version: Literal["0.4", "0.5"]) -> None:
    image = noise(2_051, 30, 1)
    labels = noise(2_051, 30)
    path = tmp_path / "a.zarr"
    write_omezarr(path, image, (0.5, 0.5), {"nuclei": labels}, version)
    levels = [open_level(path, level) for level in range(3)]
    assert [level.size for level in levels] == [(2_051, 30), (1_026, 15), (513, 8)]
    assert [level.pixel_size for level in levels] == [(0.5, 0.5), (1.0, 1.0), (2.0, 2.0)]
    assert levels[0].array.chunks == (1_024, 30)
    half = levels[1].window(0, slice(None), slice(None))[..., 0]
    assert half[3, 4] == np.floor(image[6:8, 8:10].mean() + 0.5)
    assert half[1_025, 4] == np.floor(image[2_050, 8:10].mean() + 0.5)  # the last row has no partner
    half = open_level(labels_of(path)[0], 1).window(0, slice(None), slice(None))[..., 0]
    np.testing.assert_array_equal(half, labels[::2, ::2])
    assert len(independent(path)["a.zarr"].data) == 3
    message = r"a\.zarr: has levels 0 to 2, not 3\. Give a level that it has"
    with pytest.raises(UnreadableFile, match=message):
        open_level(path, 3)


@settings(max_examples=25)
@given(
    hnp.arrays("int32", hnp.array_shapes(min_dims=3, max_dims=3, max_side=7), elements=st.integers(-(2**31), 2**31 - 1))
)
def test_any_image_comes_back(tmp_path_factory: pytest.TempPathFactory, image: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("image") / "a.zarr"
    write_omezarr(path, image)
    np.testing.assert_array_equal(read_image(path).planes[0], image)
    assert read_header(path).pixel_size is None


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("names", ["yx", "cyx", "zyx", "tczyx", "czyx", "yxc", "tzyx", "xy"])
def test_axes_by_name(tmp_path: Path, version: str, names: str) -> None:
    """C is the channels wherever it stands, every position along t and z an image, the last axis the fastest."""
    lengths = {"t": 2, "c": 3, "z": 4, "y": 10, "x": 7}
    array = noise(*(lengths[name] for name in names))
    path = raw(tmp_path / "a.zarr", array, axes_of(names), [1.0] * len(names), version)
    pages = [name for name in names if name in "tz"]
    order = [names.index(name) for name in [*pages, "y", "x", *("c" if "c" in names else "")]]
    expected = array.transpose(order).reshape(-1, 10, 7, 3 if "c" in names else 1)
    file = read_image(path)
    assert read_header(path).pages == len(expected) == len(file.planes)
    for page, image in enumerate(expected):
        np.testing.assert_array_equal(file.planes[page], image)
        np.testing.assert_array_equal(read_image(path, page).planes[0], image)


def test_a_channel_axis_is_told_by_its_type(tmp_path: Path) -> None:
    axes = [{"name": "stain", "type": "channel"}, {"name": "Y", "type": "space"}, {"name": "X", "type": "space"}]
    path = raw(tmp_path / "a.zarr", noise(2, 5, 6), axes, [1.0, 1.0, 1.0])
    assert read_header(path).samples == 2


@pytest.mark.parametrize(
    ("unit", "scale", "expected"),
    [
        ("micrometer", [0.5, 0.25], (0.5, 0.25)),
        ("nanometer", [65.0, 130.0], (0.065, 0.13)),
        ("millimeter", [0.001, 0.002], (1.0, 2.0)),
        ("angstrom", [10.0, 20.0], (0.001, 0.002)),
        ("second", [1.0, 1.0], None),
        (None, [0.5, 0.5], None),
        ("micrometer", [0.0, 1.0], None),
    ],
)
def test_pixel_size_has_the_unit_of_its_axes(
    tmp_path: Path, unit: str | None, scale: list[float], expected: tuple[float, float] | None
) -> None:
    path = raw(tmp_path / "a.zarr", noise(5, 6), axes_of("yx", unit), scale)
    assert read_header(path).pixel_size == (None if expected is None else pytest.approx(expected))


def test_scales_of_image_and_level_multiply(tmp_path: Path) -> None:
    whole = [{"type": "scale", "scale": [2.0, 4.0]}, {"type": "translation", "translation": [7.0, 7.0]}]
    path = raw(tmp_path / "a.zarr", noise(5, 6), axes_of("yx"), [0.5, 0.5], coordinateTransformations=whole)
    assert read_header(path).pixel_size == (1.0, 2.0)


@both_versions
def test_a_page_reads_only_its_chunks(tmp_path: Path, version: str) -> None:
    array = noise(4, 8, 8)
    path = raw(tmp_path / "a.zarr", array, axes_of("zyx"), [1.0, 1.0, 1.0], version)
    chunks = [file for file in (path / "s0").rglob("*") if file.is_file() and not file.name.startswith((".z", "zarr"))]
    assert len(chunks) == 8  # 2 x 2 x 2
    for file in chunks:
        parts = [
            int(part) for part in file.relative_to(path / "s0").as_posix().replace(".", "/").split("/") if part != "c"
        ]
        if parts != [0, 0, 1]:
            file.write_bytes(b"damaged")
    window = open_level(path).window(1, slice(0, 4), slice(4, 8))
    np.testing.assert_array_equal(window[..., 0], array[1, :4, 4:])
    with pytest.raises(UnreadableFile, match=r"a\.zarr: is damaged or truncated"):
        read_image(path, 1)
    with pytest.raises(IndexError, match="image 4 of 4"):
        open_level(path).window(4, slice(None), slice(None))


def test_chunks_that_are_not_stored_are_empty(tmp_path: Path) -> None:
    image = np.zeros((2_100, 40, 1), np.uint8)
    image[:10] = 3
    write_omezarr(tmp_path / "a.zarr", image)
    assert [file.name for file in (tmp_path / "a.zarr" / "0" / "c").iterdir()] == ["0"]
    np.testing.assert_array_equal(read_image(tmp_path / "a.zarr").planes[0], image)


def test_a_folder_counts_as_an_image_file(tmp_path: Path) -> None:
    for name in ("a2.ome.zarr", "a10.zarr", "bare"):
        write_omezarr(tmp_path / name, noise(8, 9, 1), labels={"nuclei": noise(8, 9)})
    (tmp_path / "plain").mkdir()
    (tmp_path / "a3.tif").write_bytes(b"")
    (tmp_path / ".unmask-1.zarr").mkdir()
    assert [file.name for file in image_files(tmp_path)] == ["a2.ome.zarr", "a3.tif", "a10.zarr", "bare"]
    assert is_image_file(tmp_path / "bare" / "labels" / "nuclei")
    assert not is_image_file(tmp_path / "bare" / "labels")
    assert not is_image_file(tmp_path / "bare" / "0")
    assert not holds_images(tmp_path / "plain")
    assert holds_images(tmp_path)
    assert [stem(Path(name)) for name in ("a.ome.zarr", "b.zarr", "c.OME.ZARR", "labels/nuclei")] == [
        "a",
        "b",
        "c",
        "nuclei",
    ]
    assert unique_names([tmp_path / "a2.ome.zarr", tmp_path / "a10.zarr"]) == ["a2", "a10"]


def test_an_array_in_a_sharded_file_is_read(tmp_path: Path) -> None:
    array = noise(64, 64)
    path = raw(tmp_path / "a.zarr", array[:2, :2], axes_of("yx"), [1.0, 1.0])
    group = zarr.open_group(path, mode="r+")
    group.create_array("s0", shape=(64, 64), chunks=(16, 16), shards=(32, 32), dtype="uint16", overwrite=True)[...] = (
        array
    )
    np.testing.assert_array_equal(read_image(path).planes[0][..., 0], array)


def test_an_empty_list_of_filters_is_no_warning(tmp_path: Path) -> None:
    array = noise(5, 6)
    path = raw(tmp_path / "a.zarr", array, axes_of("yx"), [1.0, 1.0], "0.4")
    content = json.loads((path / "s0" / ".zarray").read_text())
    (path / "s0" / ".zarray").write_text(json.dumps(content | {"filters": []}))
    np.testing.assert_array_equal(read_image(path).planes[0][..., 0], array)


def plate(folder: Path) -> Path:
    zarr.create_group(folder, zarr_format=2, attributes={"plate": {"wells": [{"path": "A/1"}]}})
    zarr.create_group(folder / "A", zarr_format=2)
    zarr.create_group(folder / "A" / "1", zarr_format=2, attributes={"well": {"images": [{"path": "0"}]}})
    raw(folder / "A" / "1" / "0", noise(5, 6), axes_of("yx"), [1.0, 1.0], "0.4")
    return folder


def collection(folder: Path) -> Path:
    zarr.create_group(folder, zarr_format=2, attributes={"bioformats2raw.layout": 3})
    (folder / "OME").mkdir()
    for name in ("0", "1", "10"):
        raw(folder / name, noise(5, 6), axes_of("yx"), [1.0, 1.0], "0.4")
    return folder


def test_what_is_not_one_image_says_which_folder_to_give(tmp_path: Path) -> None:
    plate(tmp_path / "p.zarr")
    collection(tmp_path / "s.zarr")
    write_omezarr(tmp_path / "i.zarr", noise(5, 6, 1), labels={"nuclei": noise(5, 6)})
    (tmp_path / "e.zarr").mkdir()
    for name, message in {
        "p.zarr": r"p\.zarr: is a plate of many images\. Give the folder of one image: .*p\.zarr/A/1/0\.",
        "p.zarr/A/1": r"is a well of a plate, with many images\. Give the folder of one image: .*p\.zarr/A/1/0\.",
        "s.zarr": r"s\.zarr: is a collection of images\. Give the folder of one image: .*s\.zarr/0\.",
        "i.zarr/labels": r"is a list of label images\. Give the folder of one image: .*i\.zarr/labels/nuclei\.",
        "i.zarr/0": r"is one array, without the metadata of an image\. Give the folder of one image: .*i\.zarr\.",
        "e.zarr": r"is not an OME-Zarr image: its metadata have no multiscales\. If it is an image, write it again",
    }.items():
        for read in (read_header, read_image):
            with pytest.raises(UnreadableFile, match=message):
                read(tmp_path / name)


@both_versions
@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda a: a["multiscales"][0].pop("axes"),
            r"is OME-Zarr of version .*unmask reads 0\.4 and 0\.5\. Write it again",
        ),
        (lambda a: a["multiscales"][0].update(axes=["y", "x"], version="0.3"), r"is OME-Zarr of version 0\.3"),
        (lambda a: a["multiscales"][0].update(axes=axes_of("zx")), r"its axes are z, x; an image has y and x"),
        (
            lambda a: a["multiscales"][0].update(axes=axes_of("yxx")),
            r"its axes are y, x, x; an image has y and x, each",
        ),
        (lambda a: a["multiscales"][0].update(axes=axes_of("cyx")), r"a scale has 2 numbers for 3 axes"),
        (lambda a: a["multiscales"][0].update(axes=[{"type": "space"}]), r"multiscales: axes\.0\.name: Field required"),
        (lambda a: a["multiscales"][0].update(datasets=[]), r"multiscales: datasets: List should have at least 1 item"),
        (
            lambda a: a["multiscales"][0]["datasets"][0].update(path="9"),
            r"a\.zarr/9: is no zarr array, though the image",
        ),
        (lambda a: a["multiscales"][0]["datasets"][0].update(path="../b/0"), r"its level \.\./b/0 lies elsewhere"),
        (lambda a: a["multiscales"][0]["datasets"][0].update(path="/b/0"), r"its level /b/0 lies elsewhere"),
        (lambda a: a.update(multiscales=[]), r"its metadata have no multiscales"),
    ],
)
def test_unsound_metadata_are_refused(tmp_path: Path, version: str, edit: Any, message: str) -> None:
    path = raw(tmp_path / "a.zarr", noise(5, 6), axes_of("yx"), [1.0, 1.0], version)
    change(path, edit)
    with pytest.raises(UnreadableFile, match=message):
        read_image(path)


@both_versions
def test_arrays_that_are_no_image_are_refused(tmp_path: Path, version: str) -> None:
    path = raw(tmp_path / "a.zarr", noise(5, 6), axes_of("yx"), [1.0, 1.0], version)
    file = path / "s0" / ("zarr.json" if version == "0.5" else ".zarray")
    content = json.loads(file.read_text())
    kind = "data_type" if version == "0.5" else "dtype"
    for changed, message in (
        (
            {kind: "complex64" if version == "0.5" else "<c8"},
            r"a\.zarr/s0: holds (complex64|<c8) values\. Write numbers",
        ),
        ({kind: "string" if version == "0.5" else "|O"}, r"a\.zarr/s0: holds (string|\|O) values\. Write numbers"),
        ({"shape": [5, 6, 7]}, r"a\.zarr: (has a level of 3 axes, its metadata name 2|is damaged)"),
        ({"shape": [5, 0]}, r"a\.zarr: holds no pixel \(1 image of 5 x 0 uint16 pixels"),
    ):
        file.write_text(json.dumps(content | changed))
        with pytest.raises(UnreadableFile, match=message):
            read_image(path)
    file.write_text("{")
    with pytest.raises(UnreadableFile, match=r"a\.zarr/s0: has a damaged"):
        read_image(path)


class Bomb:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("place", ["compressor", "filters"])
def test_pickles_are_never_run(tmp_path: Path, place: str) -> None:
    path = raw(tmp_path / "a.zarr", noise(1, 1), axes_of("yx"), [1.0, 1.0], "0.4")
    content = json.loads((path / "s0" / ".zarray").read_text())
    codec: Any = {"id": "pickle", "protocol": 4}
    changed = {"compressor": None, "filters": None} | {place: codec if place == "compressor" else [codec]}
    (path / "s0" / ".zarray").write_text(json.dumps(content | changed))
    (chunk,) = [file for file in (path / "s0").iterdir() if file.name != ".zarray" and not file.name.startswith(".za")]
    chunk.write_bytes(pickle.dumps(Bomb(tmp_path / "mark")))
    with pytest.raises(UnreadableFile, match="is stored as Python pickles, which can run any program"):
        read_image(path)
    assert not (tmp_path / "mark").exists()


def test_labels_that_are_listed_must_be_there(tmp_path: Path) -> None:
    write_omezarr(tmp_path / "a.zarr", noise(5, 6, 1), labels={"nuclei": noise(5, 6)})
    labels = tmp_path / "a.zarr" / "labels"
    for missing in ("cells", "../..", "/etc"):
        change(labels, lambda attributes, name=missing: attributes.update(labels=["nuclei", name]))
        with pytest.raises(UnreadableFile, match=f"labels: lists the label image {missing}, which is not there"):
            labels_of(tmp_path / "a.zarr")
    change(labels, lambda attributes: attributes.pop("labels"))
    assert labels_of(tmp_path / "a.zarr") == [labels / "nuclei"]
    assert labels_of(tmp_path / "none.zarr") == []


def test_an_image_without_stored_chunks_may_be_huge(tmp_path: Path) -> None:
    """Headers and windows of images of any size; a whole image only where the memory holds it."""
    path = raw(tmp_path / "a.zarr", noise(4, 4), axes_of("yx"), [1.0, 1.0])
    file = path / "s0" / "zarr.json"
    content = json.loads(file.read_text())
    content["shape"] = [10**6, 10**6]
    content["chunk_grid"]["configuration"]["chunk_shape"] = [1024, 1024]
    file.write_text(json.dumps(content))
    assert read_header(path).size == (10**6, 10**6)
    assert not open_level(path).window(0, slice(10**6 - 5, None), slice(3000, 3010)).any()
    message = r"is too large for the memory of this machine \(1,000,000 x 1,000,000 uint16 pixels, which takes 7\.3 TiB"
    with pytest.raises(UnreadableFile, match=message):
        read_image(path)
    content["chunk_grid"]["configuration"]["chunk_shape"] = [10**6, 10**6]
    file.write_text(json.dumps(content))
    with pytest.raises(
        UnreadableFile, match=r"\(tiles of 1,000,000 x 1,000,000, each of which takes 1\.8 TiB; .* are free"
    ):
        read_header(path)
    content["shape"], content["chunk_grid"]["configuration"]["chunk_shape"] = [10**9, 2, 2], [1, 2, 2]
    file.write_text(json.dumps(content))
    change(path, lambda a: a["multiscales"][0].update(axes=axes_of("zyx"), datasets=[{"path": "s0"}]))
    with pytest.raises(UnreadableFile, match=r"holds 1,000,000,000 images by its header, more than 1,000,000"):
        read_header(path)


def test_an_image_in_a_million_chunks_is_refused(tmp_path: Path) -> None:
    path = raw(tmp_path / "a.zarr", noise(4, 4), axes_of("yx"), [1.0, 1.0])
    file = path / "s0" / "zarr.json"
    content = json.loads(file.read_text())
    content["shape"] = [1_000, 1_000]
    content["chunk_grid"]["configuration"]["chunk_shape"] = [1, 1]
    file.write_text(json.dumps(content))
    assert not open_level(path).window(0, slice(990, 995), slice(0, 3)).any()
    message = (
        r"a\.zarr: has 1,000,000 chunks an image, more than 200,000, .*\. Write it again in chunks of 1,024 x 1,024"
    )
    with pytest.raises(UnreadableFile, match=message):
        read_image(path)


@both_versions
def test_writing_is_all_or_nothing(
    tmp_path: Path, version: Literal["0.4", "0.5"], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.zarr"
    write_omezarr(path, noise(5, 6, 1), labels={"nuclei": noise(5, 6)}, version=version)
    before = read_image(path).planes[0]

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("unmask.data.formats.omezarr_writer._write_level", full)
        with pytest.raises(UnmaskError, match=r"a\.zarr: cannot be written \(No space left on device\)"):
            write_omezarr(path, noise(9, 9, 1))
    assert [file.name for file in tmp_path.iterdir()] == ["a.zarr"]
    np.testing.assert_array_equal(read_image(path).planes[0], before)
    new = noise(9, 9, 1)
    write_omezarr(path, new, version=version)
    np.testing.assert_array_equal(read_image(path).planes[0], new)
    assert labels_of(path) == []
    assert [file.name for file in tmp_path.iterdir()] == ["a.zarr"]


def test_nothing_else_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "precious.csv").write_text("1")
    with pytest.raises(UnmaskError, match=r"results: is a folder that would be lost\. Choose another name"):
        write_omezarr(tmp_path / "results", noise(5, 6, 1))
    (tmp_path / "file.zarr").write_text("1")
    with pytest.raises(UnmaskError, match="is a file that would be lost"):
        write_omezarr(tmp_path / "file.zarr", noise(5, 6, 1))
    assert (tmp_path / "results" / "precious.csv").read_text() == "1"


@pytest.mark.parametrize(
    ("image", "labels", "message"),
    [
        (np.zeros((4, 5)), {}, r"an image is \(h, w, c\), not \(4, 5\)"),
        (np.zeros((4, 5, 1)), {"../a": np.zeros((4, 5), int)}, "cannot be called '../a'"),
        (np.zeros((4, 5, 1)), {"": np.zeros((4, 5), int)}, "cannot be called ''"),
        (np.zeros((4, 5, 1)), {"a": np.zeros((4, 6), int)}, r"a is \(4, 6\) int64, not \(4, 5\) integers from 0"),
        (np.zeros((4, 5, 1)), {"a": np.full((4, 5), -1)}, "integers from 0"),
        (np.zeros((4, 5, 1)), {"a": np.zeros((4, 5))}, "integers from 0"),
    ],
)
def test_what_is_no_image_is_not_written(tmp_path: Path, image: Any, labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_omezarr(tmp_path / "a.zarr", image, labels=labels)
    assert not list(tmp_path.iterdir())
