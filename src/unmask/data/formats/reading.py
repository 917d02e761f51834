"""What can go wrong when an image is read: it is damaged, or larger than its file can hold or the machine can read.

Decoders make room for what a header says before they look at the pixels, so sizes are checked first.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil

from unmask.data.formats.header import Header
from unmask.errors import UnreadableFile

__all__ = [
    "AGAIN",
    "MOST_PAGES",
    "SMALL",
    "check_chunk",
    "check_header",
    "check_memory",
    "check_stored",
    "in_bytes",
    "readable",
]

# A byte of a file becomes at most 1,032 bytes in deflate, 1,024 in JPEG and 1,363 in LZW: a header that says more is
# damaged. zstd, LZMA and fax codes have no such bound, and a zarr need not store what is empty: there only the memory
# counts.
MOST_FROM_A_BYTE = 1_400
SMALL = 64 * 2**20  # bytes that any machine has: what is smaller is left to the decoder
COPIES = 4  # of one image that decoders and conversions hold at once: 2 for TIFF, 3 for PNG, 4 with a palette
MOST_PAGES = 1_000_000  # images of one file; each is listed by name before one is read
SMALLER = "cut it into parts and give those, or use a machine with more memory"
AGAIN = "copy or export it again"


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns whatever goes wrong in a decoder into an UnreadableFile: a damaged file can raise anything there."""
    try:
        yield
    except UnreadableFile:
        raise
    except MemoryError as error:
        raise _too_large(path, "") from error
    except FileNotFoundError as error:
        raise UnreadableFile("does not exist", file=path, remedy="check the spelling of its path") from error
    except (IsADirectoryError, PermissionError) as error:
        raise UnreadableFile(
            f"cannot be opened ({error.strerror})", file=path, remedy="give a readable file"
        ) from error
    except Exception as error:
        raise UnreadableFile(f"is damaged or truncated ({_words(error)})", file=path, remedy=AGAIN) from error


def check_header(header: Header) -> Header:
    """The header, if there can be such images.

    Raises:
        UnreadableFile: no pixel, or a million images and more.
    """
    if not (header.pages and math.prod(header.size) and header.samples):
        images = "1 image" if header.pages == 1 else f"{header.pages} images"
        problem = f"holds no pixel ({images} of {_shape(header)})"
        raise UnreadableFile(problem, file=header.path, remedy=AGAIN)
    if header.pages > MOST_PAGES:
        problem = f"holds {header.pages:,} images by its header, more than {MOST_PAGES:,}"
        raise UnreadableFile(problem, file=header.path, remedy=f"{AGAIN}, or split it if it is sound")
    return header


def check_stored(path: Path, size: tuple[int, ...], bits: int, stored: int) -> None:
    """Refuses an image that its file cannot hold, in a coding whose bound is known.

    Args:
        path: the file.
        size: rows, columns and what else an image has.
        bits: of one value, as stored before compression.
        stored: bytes that the file has for it.

    Raises:
        UnreadableFile: names both sizes.
    """
    packed = math.prod(size) * bits // 8
    if packed > max(SMALL, MOST_FROM_A_BYTE * stored):
        shape = " x ".join(f"{n:,}" for n in size)
        problem = f"is damaged or truncated: by its header it is {shape} ({in_bytes(packed)}), in {in_bytes(stored)}"
        raise UnreadableFile(problem, file=path, remedy=f"{AGAIN}; no image of that size fits into so small a file")


def check_memory(header: Header, pages: int = 1) -> None:
    """Refuses images that are larger than this machine can read.

    Args:
        header: of the file.
        pages: how many of its images are read at once.

    Raises:
        UnreadableFile: names what is needed and what is free.
    """
    need = (pages - 1 + COPIES) * math.prod(header.size) * header.samples * header.dtype.itemsize
    if need > SMALL and need > psutil.virtual_memory().available:
        images = _shape(header) if pages == 1 else f"{pages:,} images of {_shape(header)}"
        raise _too_large(header.path, f"{images}, which takes {in_bytes(need)}")


def check_chunk(path: Path, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
    """Refuses an image whose tiles or chunks are larger than this machine can read: each is decoded whole.

    Raises:
        UnreadableFile: names what is needed and what is free.
    """
    need = math.prod(shape) * dtype.itemsize
    if need > SMALL and need > psutil.virtual_memory().available:
        raise _too_large(path, f"tiles of {' x '.join(f'{n:,}' for n in shape)}, each of which takes {in_bytes(need)}")


def in_bytes(count: int) -> str:
    """A number of bytes in words, such as "3.0 GiB"."""
    power = min((max(count, 1).bit_length() - 1) // 10, 5)
    return f"{count} bytes" if power == 0 else f"{count / 1024**power:,.1f} {'KMGTP'[power - 1]}iB"


def _words(error: Exception) -> str:
    """What a decoder says, on one line, with the error's name where that is not a sentence."""
    said = " ".join(str(error).split())[:120]
    return said if " " in said else f"{type(error).__name__} {said}".strip()


def _shape(header: Header) -> str:
    rows, columns = header.size
    channels = "" if header.samples == 1 else f" in {header.samples} channels"
    return f"{rows:,} x {columns:,} {header.dtype} pixels{channels}"


def _too_large(path: Path, what: str) -> UnreadableFile:
    free = f"{in_bytes(psutil.virtual_memory().available)} {'are' if what else 'were not enough and are'} free"
    problem = f"is too large for the memory of this machine ({what}{'; ' if what else ''}{free})"
    return UnreadableFile(problem, file=path, remedy=SMALLER)
