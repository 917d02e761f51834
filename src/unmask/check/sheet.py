"""The contact sheet: pictures of a sample of the images and of every suspicious one, as PNG and as one HTML page."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image, ImageDraw, ImageFont

from unmask.arrays import RGBImage
from unmask.check.doctor import Checkup
from unmask.check.finding import Finding
from unmask.check.view import CLASS_COLOURS, view
from unmask.data.dataset import Dataset
from unmask.data.files import write_text
from unmask.data.formats.images import write_png
from unmask.errors import UnmaskError

__all__ = ["write_sheet"]

OURS = ("sample.png", "suspicious.png", "check.html")
SAMPLED = 12
SIDE = 300  # pixels of a thumbnail
COLUMNS = 4
CAPTION = 34
MOST_SUSPECTS = 60  # in one page; the rest are counted
GROUND, INK, FAINT = (24, 26, 30), (235, 235, 235), (150, 150, 150)


@dataclass(frozen=True)
class Tile:
    """A thumbnail: the image's name, what is written below it, and the picture."""

    name: str
    words: str
    picture: RGBImage

    @property
    def uri(self) -> str:
        """The picture as a PNG within the page."""
        buffer = io.BytesIO()
        Image.fromarray(self.picture).save(buffer, "PNG", optimize=True)
        return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def write_sheet(found: Checkup, out: Path) -> Path:
    """Writes sample.png, suspicious.png (where there is something suspicious) and check.html.

    Args:
        found: with a data set.
        out: the folder; made where it is not there.

    Returns:
        The page.

    Raises:
        UnmaskError: the folder is in use, lies in the data, or cannot be written.
        ValueError: the check found no data set to make pictures of.
    """
    if found.dataset is None:
        raise ValueError("a sheet needs a data set")
    _check_place(found.root, out)
    sampled = _tiles(found.dataset, _sampled(found.dataset), found.findings)
    suspicious = _suspicious(found.dataset, found.findings)
    suspects = _tiles(found.dataset, suspicious[:MOST_SUSPECTS], found.findings)
    sample, worst, page = (out / name for name in OURS)
    write_png(sample, _grid(sampled))
    worst.unlink(missing_ok=True)  # of an earlier check
    if suspects:
        write_png(worst, _grid(suspects))
    write_text(page, _page(found, sampled, suspects, len(suspicious)))
    return page


def _check_place(root: Path, out: Path) -> None:
    """Refuses a folder in which pictures could be taken for data, or take the place of something else."""
    base = root if root.is_dir() else root.parent
    if out.resolve().is_relative_to(base.resolve()):
        raise UnmaskError("lies in the data that were checked", file=out, remedy="give a folder beside them")
    if out.exists() and (not out.is_dir() or {path.name for path in out.iterdir()} - set(OURS)):
        raise UnmaskError("is in use", file=out, remedy="give the name of a new folder")


def _sampled(dataset: Dataset) -> list[str]:
    """Names of images, spread over the data set."""
    names = dataset.names()
    places = np.unique(np.linspace(0, len(names) - 1, min(SAMPLED, len(names))).round().astype(int))
    return [names[place] for place in places]


def _suspicious(dataset: Dataset, findings: Sequence[Finding]) -> list[str]:
    """Names of the images that errors and warnings are about, those of the worst first."""
    there = set(dataset.names())
    worth = [one for one in findings if one.severity != "note"]
    return [name for name in dict.fromkeys(name for one in worth for name in one.images) if name in there]


def _tiles(dataset: Dataset, names: Sequence[str], findings: Sequence[Finding]) -> list[Tile]:
    tiles = []
    for name in names:
        codes = [one.code for one in findings if name in one.images]
        try:
            picture = view(dataset.load(name), SIDE, filled=dataset.kind == "classes")
        except UnmaskError:  # it changed since it was checked
            continue
        tiles.append(Tile(name, ", ".join(codes), picture))
    return tiles


def _grid(tiles: Sequence[Tile]) -> RGBImage:
    """Thumbnails in rows, each with its name and its problems below."""
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    step = SIDE + 12
    canvas = Image.new("RGB", (columns * step + 12, rows * (step + CAPTION) + 12), GROUND)
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(12)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        left, top = 12 + column * step, 12 + row * (step + CAPTION)
        height, width = tile.picture.shape[:2]
        canvas.paste(Image.fromarray(tile.picture), (left + (SIDE - width) // 2, top + (SIDE - height) // 2))
        for line, (words, ink) in enumerate(((tile.name, INK), (tile.words, FAINT))):
            draw.text((left, top + SIDE + 3 + 15 * line), _fitting(words, font), fill=ink, font=font)
    return np.asarray(canvas)


def _fitting(words: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Words that fit below a thumbnail; the middle of long ones is left out."""
    while font.getlength(words) > SIDE:
        middle = len(words) // 2
        words = words[: middle - 2] + "\u2026" + words[middle + 1 :]
    return words


def _page(found: Checkup, sampled: Sequence[Tile], suspects: Sequence[Tile], suspicious: int) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    assert found.dataset is not None, "checked by the caller"
    colours = [CLASS_COLOURS[index % len(CLASS_COLOURS)] for index in range(len(found.dataset.class_names))]
    return environment.get_template("sheet.html.j2").render(
        found=found,
        understood=found.understood,
        classes=list(zip(found.dataset.class_names, colours, strict=True)),
        sampled=sampled,
        suspects=suspects,
        unseen=suspicious - len(suspects),
        zip=zip,
    )
