"""The sheet of suggestions: a row a crop, as it is, with the model's outlines, and where its copies disagree."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from unmask.arrays import RGBImage
from unmask.data.formats.images import write_png
from unmask.data.heat import heat_overlay
from unmask.data.picture import grey_stretch, overlay, thumbnail
from unmask.predict.suggest_files import Cut

__all__ = ["sheet", "write_sheet"]

PANEL, GAP, LINE = 280, 8, 40  # pixels: side of a picture, between pictures, of the words above a row
COLUMNS = 2  # crops beside each other
INK, PAPER = (31, 41, 51), (255, 255, 255)


def sheet(cuts: Sequence[Cut]) -> RGBImage:
    """Crops in order of rank, two in a row: image, outlines, disagreement, and above them rank, place, score and why.

    Args:
        cuts: at least one.

    Returns:
        (h, w, 3) uint8.
    """
    cell = LINE + PANEL + GAP, 3 * (PANEL + GAP) + 2 * GAP
    rows, columns = -(-len(cuts) // COLUMNS), min(COLUMNS, len(cuts))
    canvas = Image.new("RGB", (columns * cell[1] + GAP, rows * cell[0] + GAP), PAPER)
    for place, cut in enumerate(cuts):
        row, column = divmod(place, COLUMNS)
        _draw(canvas, cut, place + 1, (column * cell[1] + GAP, row * cell[0] + GAP))
    return np.asarray(canvas)


def write_sheet(cuts: Sequence[Cut], out: Path) -> Path:
    """Writes the sheet as OUT/suggestions.png.

    Raises:
        UnmaskError: it cannot be written.
    """
    write_png(out / "suggestions.png", sheet(cuts))
    return out / "suggestions.png"


def _draw(canvas: Image.Image, cut: Cut, rank: int, corner: tuple[int, int]) -> None:
    draw, (x, y) = ImageDraw.Draw(canvas), corner
    crop = cut.crop
    lines = f"{rank}.  {_short(crop.image)}  row {crop.y}, column {crop.x}", f"score {crop.score:.3g}: {crop.why}"
    for number, text in enumerate(lines):
        draw.text((x, y + number * LINE // 2), text, INK, ImageFont.load_default(14))
    outlined = overlay(cut.image, cut.draft.astype(np.int32))
    pictures = grey_stretch(cut.image), outlined, heat_overlay(cut.image, cut.heat)
    for number, picture in enumerate(pictures):
        canvas.paste(Image.fromarray(_fitted(picture)), (x + number * (PANEL + GAP), y + LINE))


def _fitted(picture: RGBImage) -> RGBImage:
    """Made smaller to a panel; small ones are enlarged by a whole factor first."""
    factor = max(1, -(-PANEL // max(picture.shape[:2])))
    return thumbnail(picture.repeat(factor, axis=0).repeat(factor, axis=1), PANEL)


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:24]}...{name[-13:]}"
