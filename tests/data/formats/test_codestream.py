import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from unmask.data.formats.codestream import declared_size
from unmask.data.formats.images import read_image
from unmask.errors import UnreadableFile

IMAGE = np.random.default_rng(0).integers(0, 255, (21, 34, 3), np.uint8)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"exif": b"Exif\0\0" + bytes(5_000)}, {"comment": "a"}])
def test_the_size_of_a_jpeg(tmp_path: Path, options: dict[str, object]) -> None:
    Image.fromarray(IMAGE).save(tmp_path / "a.jpg", **options)
    assert declared_size((tmp_path / "a.jpg").read_bytes()) == (21, 34)


@pytest.mark.parametrize("codecformat", ["J2K", "JP2"])
def test_the_size_of_a_jpeg_2000(codecformat: str) -> None:
    assert declared_size(imagecodecs.jpeg2k_encode(IMAGE, codecformat=codecformat)) == (21, 34)


@pytest.mark.parametrize(
    "stream", [b"", b"\xff\xd8", b"\xff\xd8\xff\xc0\0", b"\xff\xd8" + b"\xff" * 50, b"\xff\x4f\xff\x51"]
)
def test_a_stream_that_does_not_say_it(stream: bytes) -> None:
    assert declared_size(stream) is None


@pytest.mark.parametrize(
    ("compression", "mark", "place", "size"),
    [
        ("jpeg", b"\xff\xc0", 5, struct.pack(">HH", 65_000, 65_000)),
        ("jpeg2000", b"\xff\x51", 6, struct.pack(">II", 65_000, 65_000)),
    ],
)
def test_a_tile_of_absurd_size_is_refused(
    tmp_path: Path, compression: str, mark: bytes, place: int, size: bytes
) -> None:
    """The TIFF's own tags are sound; the decoder would make room for what the tile says."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, IMAGE, compression=compression, photometric="rgb")
    assert read_image(path).planes[0].shape == IMAGE.shape
    content = bytearray(path.read_bytes())
    start = content.index(mark) + place
    content[start : start + len(size)] = size
    path.write_bytes(content)
    with pytest.raises(
        UnreadableFile, match=r"is damaged: a tile declares 65,000 x 65,000 pixels in [\d,]+ bytes\. Copy"
    ):
        read_image(path)
