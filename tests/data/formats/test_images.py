import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import psutil
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from unmask.data.formats.images import read_header, read_image, write_float, write_labels, write_png
from unmask.errors import UnreadableFile

RNG = np.random.default_rng(0)


def noise(*shape: int, dtype: str = "uint8") -> np.ndarray:
    return RNG.integers(0, 200, shape).astype(dtype)


def read_one(path: Path) -> np.ndarray:
    """The only image of a file, whose header must have told its shape."""
    header, file = read_header(path), read_image(path)
    assert file.header == header
    assert len(file.planes) == header.pages == 1
    assert file.planes[0].shape == (*header.size, header.samples)
    return file.planes[0]


def check_planes(path: Path, expected: list[np.ndarray]) -> None:
    file = read_image(path)
    assert read_header(path).pages == len(expected) == len(file.planes)
    for page, image in enumerate(expected):
        np.testing.assert_array_equal(file.planes[page], image)
        np.testing.assert_array_equal(read_image(path, page).planes[0], image)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_any_depth_and_channels(tmp_path: Path, dtype: str, channels: int) -> None:
    image = RNG.integers(0, np.iinfo(dtype).max, (7, 5, channels), dtype=dtype, endpoint=True)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(image.squeeze()))
    got = read_one(tmp_path / "a.png")
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, image)
    assert read_header(tmp_path / "a.png").alpha == (channels in (2, 4))


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_one_bit_images_are_0_and_1(tmp_path: Path, suffix: str) -> None:
    image = np.eye(6, dtype=bool)
    Image.fromarray(image).save(tmp_path / f"a{suffix}")
    got = read_one(tmp_path / f"a{suffix}")
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got[..., 0], image)


def test_a_palette_means_colours_in_images_and_indices_in_masks(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 7])
    image.save(tmp_path / "a.png")
    assert read_one(tmp_path / "a.png").tolist() == [[[0, 0, 0], [128, 0, 0], [0, 128, 7]]]
    assert read_image(tmp_path / "a.png", indices=True).planes[0].tolist() == [[[0], [1], [2]]]


@pytest.mark.parametrize("indices", [True, False])
def test_a_palette_of_greys_means_its_greys(tmp_path: Path, indices: bool) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
    image.putpalette([255, 255, 255, 0, 0, 0, 128, 128, 128])
    image.save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png", indices=indices).planes[0].tolist() == [[[255], [0], [128]]]


def test_jpeg_and_bmp(tmp_path: Path) -> None:
    image = noise(9, 8, 3)
    Image.fromarray(image).save(tmp_path / "a.bmp")
    np.testing.assert_array_equal(read_one(tmp_path / "a.bmp"), image)
    flat = np.full((16, 8), 77, np.uint8)
    Image.fromarray(flat).save(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read_one(tmp_path / "a.jpg")[..., 0], flat)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "lzw"},
        {"compression": "zlib", "predictor": True},
        {"tile": (16, 16), "compression": "zlib"},
        {"rowsperstrip": 3},
        {"bigtiff": True},
        {"byteorder": ">"},
    ],
    ids=str,
)
def test_tiff_kept_types(tmp_path: Path, dtype: str, options: dict[str, Any]) -> None:
    image = noise(21, 18, dtype=dtype) - np.dtype(dtype).type(0 if dtype.startswith("u") else 100)
    tifffile.imwrite(tmp_path / "a.tif", image, **options)
    got = read_one(tmp_path / "a.tif")
    assert got.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(got[..., 0], image)


@pytest.mark.parametrize(
    ("stored", "kept", "values"),
    [
        ("int8", "int16", [-128, 127]),
        ("uint32", "int32", [0, 2**31 - 1]),
        ("int64", "int32", [-5, 2**31 - 1]),
        ("uint64", "int32", [0, 7]),
        ("float16", "float32", [0.5, -65504]),
        ("float64", "float32", [0.5, -3.0]),
    ],
)
def test_other_types_are_converted_where_nothing_is_lost(
    tmp_path: Path, stored: str, kept: str, values: list[float]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.array([values], stored))
    got = read_one(tmp_path / "a.tif")
    assert got.dtype == kept
    assert got[0, :, 0].tolist() == values


@pytest.mark.parametrize(
    ("stored", "value", "message"),
    [
        ("uint32", 2**31, r"a\.tif: holds uint32 values that int32 cannot hold exactly\. Save it as 16-bit integers"),
        ("int64", -(2**40), r"a\.tif: holds int64 values that int32 cannot hold exactly"),
        ("float64", 0.1, r"a\.tif: holds float64 values that float32 cannot hold exactly\. Save it as 32-bit float"),
        ("float64", 1e300, r"a\.tif: holds float64 values that float32 cannot"),
        ("complex64", 1j, r"a\.tif: holds complex64 values\. Save it as 8 or 16 bit or as 32-bit float"),
    ],
)
def test_other_types_are_refused_where_something_would_be_lost(
    tmp_path: Path, stored: str, value: complex, message: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.array([[0, value]], stored))
    with pytest.raises(UnreadableFile, match=message):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("shape", "options", "planes", "samples"),
    [
        ((5, 6, 3), {"photometric": "rgb"}, 1, 3),
        ((3, 5, 6), {"photometric": "rgb", "planarconfig": "separate"}, 1, 3),
        ((5, 6, 7), {"photometric": "minisblack", "planarconfig": "contig"}, 1, 7),
        ((4, 5, 6), {"photometric": "minisblack", "metadata": {"axes": "CYX"}}, 1, 4),
        ((4, 5, 6), {"photometric": "minisblack"}, 4, 1),
        ((4, 5, 6), {"photometric": "minisblack", "metadata": None}, 4, 1),
        ((2, 3, 5, 6), {"imagej": True, "metadata": {"axes": "ZCYX"}}, 2, 3),
        ((2, 3, 5, 6), {"imagej": True, "metadata": {"axes": "ZCYX"}, "truncate": True}, 2, 3),
        ((2, 3, 5, 6), {"ome": True, "metadata": {"axes": "TCYX"}}, 2, 3),
        ((3, 2, 5, 6), {"ome": True, "metadata": {"axes": "CZYX"}}, 2, 3),
        ((2, 2, 3, 5, 6), {"ome": True, "metadata": {"axes": "TZCYX"}, "compression": "zlib"}, 4, 3),
        ((2, 5, 6, 3), {"photometric": "rgb", "compression": "lzw"}, 2, 3),
        ((2, 3, 5, 6), {"photometric": "rgb", "planarconfig": "separate"}, 2, 3),
    ],
    ids=str,
)
def test_tiff_axes(tmp_path: Path, shape: tuple[int, ...], options: dict[str, Any], planes: int, samples: int) -> None:
    """C and S are channels, wherever they stand; every position along other axes is an image."""
    array = noise(*shape, dtype="uint16" if options.get("photometric") != "rgb" else "uint8")
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    axes = {(5, 6, 3): "YXC", (5, 6, 7): "YXC", (2, 5, 6, 3): "ZYXC", (3, 2, 5, 6): "CZYX"}.get(shape)
    if axes is None:  # the leading axes are planes, then channels
        expected = array.reshape(planes, samples, 5, 6).transpose(0, 2, 3, 1)
    else:
        target = [axes.index(axis) for axis in "ZYXC" if axis in axes]
        expected = array.transpose(target).reshape(planes, 5, 6, samples)
    check_planes(tmp_path / "a.tif", list(expected))


def test_a_file_of_an_ome_set_holds_its_own_images_only(tmp_path: Path) -> None:
    image = noise(1, 5, 6)
    tifffile.imwrite(tmp_path / "a.ome.tif", image, ome=True, metadata={"axes": "ZYX"}, photometric="minisblack")
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tif:
        xml = tif.ome_metadata
    assert xml is not None
    blocks = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{z}</UUID></TiffData>'
        for z, name in enumerate(["a.ome.tif", "b.ome.tif"])
    )
    start, end = xml.index("<TiffData"), xml.index("</Pixels>")
    xml = (xml[:start] + blocks + xml[end:]).replace('SizeZ="1"', 'SizeZ="2"')
    for name in ("a.ome.tif", "b.ome.tif"):
        tifffile.imwrite(tmp_path / name, image, description=xml, metadata=None, photometric="minisblack")
    check_planes(tmp_path / "a.ome.tif", [image[0, ..., None]])


def ome_xml(path: Path) -> str:
    with tifffile.TiffFile(path) as tif:
        assert tif.ome_metadata is not None
        return tif.ome_metadata


def ome_set(folder: Path, array: np.ndarray, split: str, companion: bool = False) -> list[Path]:
    """Writes a (Z, C, Y, X) array as a set of OME-TIFF files, one for each position along `split`."""
    tifffile.imwrite(
        folder / "whole.ome.tif",
        array,
        ome=True,
        photometric="minisblack",
        metadata={"axes": "ZCYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25},
    )
    xml = ome_xml(folder / "whole.ome.tif")
    (folder / "whole.ome.tif").unlink()
    sizes = {"Z": len(array), "C": array.shape[1]}
    other = "C" if split == "Z" else "Z"
    blocks = "".join(
        f'<TiffData First{split}="{i}" First{other}="{j}" IFD="{j}" PlaneCount="1">'
        f'<UUID FileName="{split}{i}.ome.tif">urn:uuid:{i}</UUID></TiffData>'
        for i in range(sizes[split])
        for j in range(sizes[other])
    )
    start, end = xml.index("<TiffData"), xml.index("</Pixels>")
    xml = xml[:start] + blocks + xml[end:]
    files = []
    for i in range(sizes[split]):
        path = folder / f"{split}{i}.ome.tif"
        own = xml
        if companion:
            (folder / "set.companion.ome").write_text(xml)
            binary = '<BinaryOnly MetadataFile="set.companion.ome" UUID="urn:uuid:set"/>'
            own = f'<OME xmlns="a" UUID="urn:uuid:{i}">{binary}</OME>'
        pages = array[i] if split == "Z" else array[:, i]
        tifffile.imwrite(path, pages, description=own, metadata=None, photometric="minisblack")
        files.append(path)
    return files


@pytest.mark.parametrize("companion", [False, True])
def test_channels_of_an_image_in_a_file_of_an_ome_set_stay_together(tmp_path: Path, companion: bool) -> None:
    array = noise(2, 3, 5, 6)
    for path, image in zip(ome_set(tmp_path, array, "Z", companion), array, strict=True):
        check_planes(path, [image.transpose(1, 2, 0)])
        assert read_header(path).pixel_size == (0.25, 0.5)


def test_a_file_of_an_ome_set_with_one_channel_holds_that_channel(tmp_path: Path) -> None:
    array = noise(2, 3, 5, 6)
    for channel, path in enumerate(ome_set(tmp_path, array, "C")):
        check_planes(path, list(array[:, channel, :, :, None]))


def test_a_file_of_an_ome_set_may_be_renamed(tmp_path: Path) -> None:
    """Its own id tells which planes it holds; without one every page is an image."""
    array = noise(2, 3, 5, 6)
    path = ome_set(tmp_path, array, "Z", companion=True)[1].rename(tmp_path / "renamed.tif")
    check_planes(path, [array[1].transpose(1, 2, 0)])
    path = ome_set(tmp_path, array, "Z")[1].rename(tmp_path / "renamed.tif")
    check_planes(path, list(array[1, :, :, :, None]))


def test_of_an_ome_pyramid_the_full_level_is_read(tmp_path: Path) -> None:
    image = noise(2, 64, 48)
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        options: dict[str, Any] = {"tile": (16, 16), "compression": "zlib", "photometric": "minisblack"}
        writer.write(image, subifds=2, metadata={"axes": "CYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}, **options)
        for step in (2, 4):
            writer.write(image[:, ::step, ::step], subfiletype=1, **options)
    check_planes(tmp_path / "a.ome.tif", [image.transpose(1, 2, 0)])
    assert read_header(tmp_path / "a.ome.tif").pixel_size == (0.5, 0.5)


def test_images_of_different_sizes_in_one_file_are_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(noise(8, 9), metadata=None)
        writer.write(noise(7, 3), metadata=None)
    message = r"different sizes or types \(8 x 9 x 1 uint8, 7 x 3 x 1 uint8\)\. Save each in a file of its own"
    with pytest.raises(UnreadableFile, match=message):
        read_header(tmp_path / "a.tif")


def test_a_reduced_copy_in_the_file_is_no_image_of_its_own(tmp_path: Path) -> None:
    image = noise(8, 9)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(image, metadata=None)
        writer.write(image[::2, ::2], metadata=None, subfiletype=1)
    check_planes(tmp_path / "a.tif", [image[..., None]])


def written(folder: Path, name: str) -> Path:
    """A file of noise of the kind that its name says."""
    path = folder / name
    kind, suffix = name.split(".")
    stack = noise(3, 40, 30, dtype="uint16")
    if suffix == "tif":
        options: dict[str, dict[str, Any]] = {
            "lzw": {"compression": "lzw"},
            "tiled": {"tile": (16, 16), "compression": "zlib"},
            "pages": {"metadata": None},
            "imagej": {"imagej": True, "metadata": {"axes": "ZYX"}},
            "ome": {"ome": True, "metadata": {"axes": "ZYX"}},
        }
        tifffile.imwrite(path, stack, photometric="minisblack", **options.get(kind, {}))
    elif kind == "deep":
        path.write_bytes(imagecodecs.png_encode(stack[0, :, :, None].repeat(3, 2)))
    else:
        image = Image.fromarray(stack[0].astype(np.uint8))
        image.save(path, **({"progressive": True} if kind == "progressive" else {}))
    return path


KINDS = ["plain.png", "deep.png", "plain.jpg", "progressive.jpg", "plain.bmp"]
KINDS += ["plain.tif", "lzw.tif", "tiled.tif", "pages.tif", "imagej.tif", "ome.tif"]


def read_or_error(path: Path) -> tuple[np.ndarray, ...] | UnreadableFile:
    try:
        return read_image(path).planes
    except UnreadableFile as error:
        return error


@pytest.mark.parametrize("name", KINDS)
def test_a_truncated_file_is_never_read_as_something_else(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name)
    whole, planes = path.read_bytes(), read_image(path).planes
    refused = 0
    for length in [*range(0, len(whole), max(1, len(whole) // 25)), *range(len(whole) - 9, len(whole))]:
        path.write_bytes(whole[:length])
        got = read_or_error(path)
        if isinstance(got, UnreadableFile):
            assert str(got).startswith(f"{path}: is ")
            assert got.remedy
            refused += 1
        else:  # only trailing bytes that no pixel needs are gone
            assert len(got) == len(planes)
            assert all(np.array_equal(a, b) for a, b in zip(got, planes, strict=True))
    assert refused >= 20


def test_a_damaged_png_is_found(tmp_path: Path) -> None:
    path = written(tmp_path, "plain.png")
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    path.write_bytes(bytes(damaged))
    with pytest.raises(UnreadableFile, match=r"plain\.png: is damaged or truncated .*\. Copy or export it again\."):
        read_image(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"a\.png: does not exist\. Check the spelling of its path"),
        (b"", r"a\.png: is empty \(0 bytes\)\. Copy or export it again"),
        (b"GIF89a nonsense", r"a\.png: is not a PNG, JPEG, BMP, TIFF or \.npy image\. Save it as TIFF or PNG"),
        (b"\x89PNG nonsense", r"a\.png: is damaged or truncated"),
        (b"II*\0 nonsense", r"a\.png: is damaged or truncated"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "a.png").write_bytes(content)
    for read in (read_header, read_image):
        with pytest.raises(UnreadableFile, match=message):
            read(tmp_path / "a.png")


def test_a_folder_is_not_an_image(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"cannot be opened \(Is a directory\)"):
        read_image(tmp_path)


def test_cmyk_is_refused(tmp_path: Path) -> None:
    Image.new("CMYK", (4, 4)).save(tmp_path / "a.jpg")
    with pytest.raises(UnreadableFile, match=r"a\.jpg: holds CMYK colours.*\. Save it as grey or RGB"):
        read_image(tmp_path / "a.jpg")


def test_values_that_are_not_finite_are_counted_and_located(tmp_path: Path) -> None:
    image = np.zeros((4, 5), np.float32)
    image[2, 3], image[3, 1] = np.nan, np.inf
    tifffile.imwrite(tmp_path / "a.tif", image)
    message = r"a\.tif: has 2 values that are not finite, first nan at row 2, column 3\. Replace them"
    with pytest.raises(UnreadableFile, match=message):
        read_image(tmp_path / "a.tif")


@given(hnp.arrays("uint32", hnp.array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.integers(0, 2**31 - 1)))
def test_labels_come_back(tmp_path_factory: pytest.TempPathFactory, labels: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("labels") / "a.tif"
    write_labels(path, labels)
    np.testing.assert_array_equal(read_one(path)[..., 0], labels)
    assert read_header(path).dtype == ("uint32" if labels.max() > 65_535 else "uint16")


def test_labels_are_deflated_and_keep_the_pixel_size(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.tif", np.ones((50, 60), np.int32), pixel_size=(0.25, 0.13))
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.pages.first.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
    assert read_image(tmp_path / "a.tif").pixel_size == pytest.approx((0.25, 0.13), rel=1e-6)


@pytest.mark.parametrize("labels", [np.zeros((2, 2)), np.zeros((2, 2, 2), int), np.array([[-1]])], ids=str)
def test_what_is_no_label_image_is_not_written(tmp_path: Path, labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a label image is"):
        write_labels(tmp_path / "a.tif", labels)
    assert not list(tmp_path.iterdir())


def test_float_maps_are_channels(tmp_path: Path) -> None:
    maps = RNG.random((3, 5, 6), np.float32)
    write_float(tmp_path / "a.tif", maps, pixel_size=(1.5, 0.5))
    np.testing.assert_array_equal(read_one(tmp_path / "a.tif"), maps.transpose(1, 2, 0))
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.series[0].axes == "CYX"
    assert read_image(tmp_path / "a.tif").pixel_size == pytest.approx((1.5, 0.5), rel=1e-6)


def test_pictures_come_back(tmp_path: Path) -> None:
    picture = noise(5, 6, 3)
    write_png(tmp_path / "a.png", picture)
    np.testing.assert_array_equal(read_one(tmp_path / "a.png"), picture)


def test_a_large_picture_is_read_without_a_warning(tmp_path: Path) -> None:
    Image.new("1", (20_000, 10_000)).save(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_header(tmp_path / "a.png").size == (10_000, 20_000)


def png_of(rows: int, columns: int, depth: int = 8, colour: int = 0) -> bytes:
    """A PNG whose header says this size, with the data of one row."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", columns, rows, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")
    )


def bmp_of(rows: int, columns: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, columns, rows, 1, 24, 0, 0, 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 64, 0, 0, 54) + header + bytes(64)


def jpeg_of(folder: Path, rows: int, columns: int) -> bytes:
    """A JPEG of 16 x 16 pixels whose header says this size."""
    Image.new("L", (16, 16)).save(folder / "small.jpg")
    data = bytearray((folder / "small.jpg").read_bytes())
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", rows, columns)
    return bytes(data)


def tiff_of(path: Path, size: int, **options: Any) -> None:
    """A TIFF of 64 x 64 pixels whose tags say this size."""
    tifffile.imwrite(path, noise(64, 64), metadata=None, **options)
    with tifffile.TiffFile(path, mode="r+") as tif:
        for name in ("ImageWidth", "ImageLength"):
            tif.pages.first.tags[name].overwrite(size, dtype="I")


@pytest.mark.parametrize(("depth", "colour"), [(8, 0), (8, 2), (16, 2)])
def test_a_png_of_absurd_size_is_refused(tmp_path: Path, depth: int, colour: int) -> None:
    (tmp_path / "a.png").write_bytes(png_of(10**6, 10**6, depth, colour))
    for read in (read_header, read_image):
        with pytest.raises(
            UnreadableFile, match=r"a\.png: is damaged or truncated: by its header it is 1,000,000 x 1,000,"
        ):
            read(tmp_path / "a.png")


def test_a_bmp_of_absurd_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.bmp").write_bytes(bmp_of(10**6, 10**6))
    message = r"by its header it is 1,000,000 x 1,000,000 x 3 \(2\.7 TiB\), in 118 bytes\. Copy"
    for read in (read_header, read_image):
        with pytest.raises(UnreadableFile, match=message):
            read(tmp_path / "a.bmp")


def test_a_jpeg_of_absurd_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg_of(tmp_path, 65_000, 65_000))
    with pytest.raises(UnreadableFile, match=r"by its header it is 65,000 x 65,000 x 1 \(503\.7 MiB\), in \d+ bytes"):
        read_image(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib"},
        {"compression": "lzw"},
        {"compression": "jpeg"},
        {"rowsperstrip": 8},
        {"tile": (16, 16)},
        {"tile": (16, 16), "compression": "packbits"},
    ],
    ids=str,
)
def test_a_tiff_of_absurd_size_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    tiff_of(tmp_path / "a.tif", 10**6, **options)
    message = r"by its header it is 1,000,000 x 1,000,000 \(931\.3 GiB\), in .* no image of that size"
    for read in (read_header, read_image):
        with pytest.raises(UnreadableFile, match=message):
            read(tmp_path / "a.tif")


def test_a_coding_without_a_bound_is_limited_by_the_memory(tmp_path: Path) -> None:
    tiff_of(tmp_path / "a.tif", 10**6, compression="zstd")
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as tif:
        tif.pages.first.tags["RowsPerStrip"].overwrite(10**6, dtype="I")
    message = r"too large .* \(tiles of 1,000,000 x 1,000,000, each of which takes 931\.3 GiB; .* are free\)\. Cut it"
    for read in (read_header, read_image):
        with pytest.raises(UnreadableFile, match=message):
            read(tmp_path / "a.tif")


def test_an_image_larger_than_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sound file: what it needs and what is free decide."""
    image = np.zeros((3, 5_000, 5_000), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image, compression="zlib", photometric="minisblack")
    Image.fromarray(image[0]).save(tmp_path / "a.png")

    class Memory:
        available = 100 * 2**20

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    assert len(read_image(tmp_path / "a.tif", 0).planes) == 1
    message = r"is too large .* \(3 images of 5,000 x 5,000 uint8 pixels, which takes 143\.1 MiB; 100\.0 MiB are free"
    with pytest.raises(UnreadableFile, match=message):
        read_image(tmp_path / "a.tif")
    Memory.available = 90 * 2**20
    with pytest.raises(
        UnreadableFile, match=r"a\.png: is too large .* \(5,000 x 5,000 uint8 pixels, which takes 95\.4"
    ):
        read_image(tmp_path / "a.png")


def test_a_lack_of_memory_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.png")

    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("unmask.data.formats.images._plain", full)
    with pytest.raises(
        UnreadableFile, match=r"a\.png: is too large for the memory of this machine \(.* were not enough"
    ):
        read_image(tmp_path / "a.png")


def test_blank_images_as_small_as_codes_make_them_are_read(tmp_path: Path) -> None:
    """The bound refuses no sound file: deflate, LZW and JPEG at their best."""
    blank = np.zeros((4_800, 4_800, 3), np.uint8)
    Image.fromarray(blank).save(tmp_path / "a.png", compress_level=9)
    Image.fromarray(blank).save(tmp_path / "a.jpg", progressive=True, optimize=True)
    tifffile.imwrite(tmp_path / "a.tif", blank, compression="lzw", rowsperstrip=4_800, photometric="rgb")
    for name in ("a.png", "a.jpg", "a.tif"):
        assert (tmp_path / name).stat().st_size < blank.size / 100
        assert not read_image(tmp_path / name).planes[0].any()


def test_ome_xml_that_declares_a_million_planes_is_refused(tmp_path: Path) -> None:
    image = noise(3, 5, 6)
    tifffile.imwrite(tmp_path / "a.tif", image, ome=True, metadata={"axes": "ZYX"})
    xml = ome_xml(tmp_path / "a.tif")
    for old, new in (('SizeZ="3"', 'SizeZ="90000000"'), ('PlaneCount="3"', 'PlaneCount="90000000"')):
        text = xml.replace(old, new)
        tifffile.imwrite(tmp_path / "b.tif", image, description=text, metadata=None, photometric="minisblack")
        with pytest.raises(
            UnreadableFile, match=r"b\.tif: holds 90,000,000 planes by its OME-XML, more than 1,000,000"
        ):
            read_header(tmp_path / "b.tif")
