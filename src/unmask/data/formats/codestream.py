"""The size that a JPEG or JPEG 2000 stream in a TIFF declares for itself, which its decoder makes room for."""

import struct

__all__ = ["COMPRESSIONS", "HEAD", "declared_size"]

# Compression: JPEG, old and new, and JPEG 2000 by its numbers.
COMPRESSIONS = {6, 7, 33003, 33004, 33005, 33007, 34712, 34892}
HEAD = 65_536  # bytes of a stream in which its size stands

JPEG = b"\xff\xd8"
JPEG_2000 = b"\xff\x4f\xff\x51"  # start of codestream, SIZ
FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers of a frame's header: SOF0 to SOF15


def declared_size(stream: bytes) -> tuple[int, int] | None:
    """Rows and columns that a stream declares.

    Args:
        stream: its first `HEAD` bytes.

    Returns:
        The size; None where the stream is of another kind or does not say it in these bytes.
    """
    if stream.startswith(JPEG):
        return _frame(stream)
    place = stream.find(JPEG_2000)
    if place < 0 or len(stream) < place + 16:
        return None
    columns, rows = struct.unpack_from(">II", stream, place + 8)
    return rows, columns


def _frame(stream: bytes) -> tuple[int, int] | None:
    """The size in a JPEG's frame header, found by walking along its segments."""
    place = len(JPEG)
    while place + 9 <= len(stream) and stream[place] == 0xFF:
        if stream[place + 1] == 0xFF:  # padding
            place += 1
        elif stream[place + 1] in FRAMES:
            rows, columns = struct.unpack_from(">HH", stream, place + 5)
            return rows, columns
        else:
            place += 2 + int(struct.unpack_from(">H", stream, place + 2)[0])
    return None
