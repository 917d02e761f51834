from pathlib import Path

import numpy as np
import pytest

from unmask.data.formats.header import Header
from unmask.data.formats.reading import check_header, in_bytes, readable
from unmask.errors import UnreadableFile


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (1_023, "1023 bytes"),
        (1_024, "1.0 KiB"),
        (3 * 2**29, "1.5 GiB"),
        (10**12, "931.3 GiB"),
        (2**60, "1,024.0 PiB"),
    ],
)
def test_bytes_in_words(count: int, words: str) -> None:
    assert in_bytes(count) == words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("bad\n  number of\tthings"), r"\(bad number of things\)"),
        (KeyError("shape"), r"\(KeyError 'shape'\)"),
        (AssertionError(), r"\(AssertionError\)"),
        (MemoryError(), r"is too large for the memory of this machine \(.* were not enough"),
        (FileNotFoundError(2, "No such file or directory"), "does not exist"),
        (PermissionError(13, "Permission denied"), r"cannot be opened \(Permission denied\)"),
        (ValueError("word " * 1_000), r"\(word word .{100,130}\)"),
    ],
)
def test_what_a_decoder_raises_becomes_a_clear_error(error: Exception, words: str) -> None:
    with pytest.raises(UnreadableFile, match=rf"^a\.png: .*{words}.*\. [A-Z].*\.$"), readable(Path("a.png")):
        raise error


@pytest.mark.parametrize(
    ("pages", "size", "samples", "message"),
    [
        (1, (0, 5), 1, r"holds no pixel \(1 image of 0 x 5 uint8 pixels\)"),
        (0, (4, 5), 1, "holds no pixel"),
        (1, (4, 5), 0, "holds no pixel"),
        (10**6 + 1, (4, 5), 1, r"holds 1,000,001 images by its header, more than 1,000,000"),
    ],
)
def test_headers_of_no_image_are_refused(pages: int, size: tuple[int, int], samples: int, message: str) -> None:
    header = Header(Path("a.tif"), pages, size, samples, False, False, np.dtype("uint8"), None)
    with pytest.raises(UnreadableFile, match=message):
        check_header(header)
