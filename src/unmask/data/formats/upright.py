"""Photographs that are stored lying: a camera notes how they are to be turned (EXIF), and viewers do so.

unmask reads pixels as they are stored. Outlines drawn in a viewer that turns them do not fit those.
"""

from pathlib import Path

from PIL import Image

from unmask.errors import PairingError

__all__ = ["check_upright"]

JPEG = (".jpg", ".jpeg")  # other kinds hardly ever say it
ORIENTATION = 0x0112  # EXIF's own number
UPRIGHT, QUARTER_TURNS = 1, (5, 6, 7, 8)  # its values; 2 to 4 keep rows and columns


def check_upright(path: Path, said: tuple[int, int] | None = None) -> None:
    """Refuses a photograph that viewers turn, since its outlines are most likely of the turned image.

    Args:
        path: an image.
        said: rows and columns by its annotation, if known: they tell of a quarter turn, and are compared elsewhere.

    Raises:
        PairingError: it is to be turned.
    """
    turn = _orientation(path)
    told = said is not None and said[0] != said[1] and turn in QUARTER_TURNS
    if turn == UPRIGHT or told:
        return
    problem = f"is stored turned (EXIF orientation {turn}): viewers show it otherwise than its pixels lie"
    remedy = f"turn its pixels, with ImageMagick: mogrify -auto-orient {path}"
    raise PairingError(problem, file=path, remedy=remedy)


def _orientation(path: Path) -> int:
    if path.suffix.lower() not in JPEG:
        return UPRIGHT
    with Image.open(path) as image:
        try:
            turn = image.getexif().get(ORIENTATION, UPRIGHT)
        except Exception:  # damaged EXIF can raise anything, and viewers do without it
            return UPRIGHT
    return turn if turn in range(1, 9) else UPRIGHT
