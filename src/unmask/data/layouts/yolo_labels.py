"""What one of YOLO's label files says: a line an object, with its class and the corners of its outline.

    0 0.681 0.485 0.670 0.487 0.676 0.487

Classes count from 0; x and y are fractions of the image's width and height. A line of five numbers is a box.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from unmask.errors import DataError, UnreadableFile

__all__ = ["Line", "read_lines"]

BOX = 5  # numbers
FEWEST = 7  # numbers of an outline: a class and three corners
SLACK = 0.01  # that coordinates may leave 0..1, as YOLO itself lets them: rounding, and shapes that leave the image
PIXELS = 2.0  # coordinates beyond this are no fractions
EXPORT = "export it again as YOLO segmentation: a class, then x and y of each corner as fractions of the image's size"


@dataclass(frozen=True)
class Line:
    """An object as a line has it.

    Attributes:
        number: of the line, from 1.
        index: of the class, from 0.
        corners: x and y as fractions; None of a box.
    """

    number: int
    index: int
    corners: Float64[np.ndarray, "p 2"] | None

    @property
    def key(self) -> tuple[int, bytes]:
        """The same for lines that say the same."""
        return self.index, b"" if self.corners is None else self.corners.tobytes()


def read_lines(file: Path) -> tuple[Line, ...]:
    """The objects of a label file; none where it is not there.

    Raises:
        UnreadableFile: it is not text.
        DataError: a line that is no object; names the line.
    """
    if not file.exists():
        return ()
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"is not text ({' '.join(str(error).split())[:80]})"
        raise UnreadableFile(problem, file=file, remedy="export it again") from None
    return tuple(_line(number, line, file) for number, line in enumerate(text.splitlines(), start=1) if line.strip())


def _line(number: int, text: str, file: Path) -> Line:
    try:
        values = np.array([float(word) for word in text.split()])
    except ValueError:
        problem = f"line {number} is not numbers: {text.strip()[:40]}"
        raise DataError(problem, file=file, remedy=EXPORT) from None
    if not (values[0] >= 0 and values[0] == np.rint(values[0]) and values[0] < 2**31):
        problem = f"line {number} has the class {values[0]:g}; classes are 0, 1, 2 and so on"
        raise DataError(problem, file=file, remedy="correct it", code="ids")
    if len(values) == BOX:
        return Line(number, int(values[0]), None)
    _check_count(number, len(values), file)
    _check_range(number, values[1:], file)
    return Line(number, int(values[0]), values[1:].reshape(-1, 2))


def _check_count(number: int, count: int, file: Path) -> None:
    if count >= FEWEST and count % 2:
        return
    problem = f"line {number} has {count} numbers; an outline is a class and three or more pairs of x and y"
    confidence = count >= BOX and count % 2 == 0
    remedy = "leave out its last number if that is a confidence (save_conf=False)" if confidence else EXPORT
    raise DataError(problem, file=file, remedy=remedy)


def _check_range(number: int, values: Float64[np.ndarray, " n"], file: Path) -> None:
    wrong = values[~((values >= -SLACK) & (values <= 1 + SLACK))]  # NaN too
    if not wrong.size:
        return
    problem = f"line {number} has the coordinate {wrong[0]:g}, beyond 0 to 1"
    if np.nanmax(np.abs(values), initial=0) > PIXELS:
        problem += ": pixels, where fractions of the image's size are wanted"
        raise DataError(problem, file=file, remedy="divide x by the image's width and y by its height")
    raise DataError(problem, file=file, remedy=EXPORT)
