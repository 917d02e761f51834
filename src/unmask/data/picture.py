"""Pictures for people: images stretched to be seen, outlines of objects that hide nothing, comparisons with the truth.

Small images are enlarged by a whole factor first, so that an outline with its dark rim (by which it shows on bright
images) is no wider than a pixel of the image and lies just inside its object. Colours are from the palette of Okabe and
Ito (2008), some brightened for dark images: readers who confuse red and green tell them apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int
from PIL import Image, ImageColor, ImageDraw

from unmask.arrays import AnyArray, LabelImage, MaskImage, RawImage, RGBImage
from unmask.geometry.labels import areas, outlines, relabel

__all__ = ["CLASS_COLOURS", "LEGEND", "MARKS", "LegendEntry", "compare", "grey_stretch", "overlay", "thumbnail"]


@dataclass(frozen=True)
class LegendEntry:
    """A line of the legend of `compare`.

    Attributes:
        name: what is shown.
        colour: as #rrggbb.
        symbol: a character that looks like the drawn sign; a dash for outlines.
    """

    name: str
    colour: str
    symbol: str


MARKS = {
    "misses": LegendEntry("missed", "#f0e442", "\u25cb"),
    "extras": LegendEntry("not in the truth", "#f0e442", "\u00d7"),
    "merges": LegendEntry("several predicted as one", "#ff9ad5", "\u25c7"),
    "splits": LegendEntry("one predicted as several", "#ff9ad5", "+"),
}

_TRUTH = LegendEntry("truth", "#33b6ff", "\u2013")
_PREDICTION = LegendEntry("prediction", "#ff8a1f", "\u2013")
_BOTH = LegendEntry("truth and prediction agree", "#ffffff", "\u2013")
LEGEND = (_TRUTH, _PREDICTION, _BOTH, *MARKS.values())

# Okabe and Ito's colours, then lighter and darker ones of other hues.
CLASS_COLOURS = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
    "#999933",
    "#88ccee",
    "#882255",
    "#ddddff",
    "#661100",
)
_NEIGHBOURS = ("#ffe74a", "#3fc0ff", "#ff8a3d", "#ff86d8", "#4fe39a")  # one after another around a cluster
_TWO_CHANNELS = ((0, 1, 0), (1, 0, 1))  # green and magenta
_MANY_CHANNELS = ((0, 1, 1), (1, 0, 1), (1, 1, 0))  # cyan, magenta and yellow
_COMFORTABLE, _LARGEST_SCALE = 700, 4  # pixels that a picture's short side should have; never larger than this
_SAMPLE = 2**22  # pixels that decide the stretch of a large image


def grey_stretch(image: RawImage, low: float = 0.5, high: float = 99.8) -> RGBImage:
    """An image as it is best seen on a screen.

    One channel becomes grey. Three channels are red, green and blue: unchanged if uint8, else stretched together. Two
    channels become green and magenta, of four and more the first three cyan, magenta and yellow, each stretched alone
    and added up.

    Args:
        image: (h, w, c) of any type.
        low: the percentile that becomes black.
        high: the percentile that becomes white.

    Returns:
        (h, w, 3) uint8. A constant image, or channel, is black.
    """
    channels = image.shape[2]
    if channels == 3:
        return image.copy() if image.dtype == np.uint8 else _to_bytes(_stretched(image, low, high))
    if channels == 1:
        return np.repeat(_to_bytes(_stretched(image, low, high)), 3, axis=2)
    colours = _TWO_CHANNELS if channels == 2 else _MANY_CHANNELS
    mixed = np.zeros((*image.shape[:2], 3))
    for channel, colour in enumerate(colours):
        mixed += _stretched(image[..., channel, None], low, high) * np.array(colour)
    return _to_bytes(np.minimum(mixed, 1))


def overlay(
    image: RawImage,
    labels: LabelImage,
    *,
    colour: str | None = None,
    colours: Sequence[str] = (),
    thickness: int | None = None,
    scale: int | None = None,
) -> RGBImage:
    """An image with the outlines of its objects.

    Args:
        image: (h, w, c), stretched by `grey_stretch`.
        labels: (h, w), 0 is background.
        colour: as #rrggbb, for all; None gives objects that touch different ones.
        colours: of the labels 1, 2, ..., repeated where there are more labels, instead: where labels are classes.
        thickness: of a line, in pixels of the picture; it lies inside the object. None chooses 1 or 2 by the
            scale, more for large objects.
        scale: whole factor by which the picture is enlarged; None chooses 1 to 4 by the image's size.

    Returns:
        (h * scale, w * scale, 3) uint8.

    Raises:
        ValueError: `image` and `labels` differ in size.
    """
    _check_size(image, labels)
    scale = _comfortable_scale(image) if scale is None else scale
    picture = _enlarged(grey_stretch(image), scale)
    numbered = labels if colours else relabel(labels)
    ids = _enlarged(numbered, scale)
    if colours:
        palette = np.array([(0, 0, 0), *(_rgb(colours[at % len(colours)]) for at in range(labels.max()))], np.uint8)
    else:
        palette = _colours(numbered) if colour is None else np.full((numbered.max() + 1, 3), _rgb(colour), np.uint8)
    if thickness is None:
        thickness = _thickness(scale) if colours else max(_thickness(scale), _bold(numbered))
    line = outlines(ids, thickness)
    if scale > 1:
        _darken(picture, outlines(ids, thickness + 1))
    picture[line] = palette[ids[line]]
    return picture


def compare(
    image: RawImage,
    truth: LabelImage,
    prediction: LabelImage,
    marks: Mapping[str, Sequence[tuple[int, int]]],
    *,
    scale: int | None = None,
) -> RGBImage:
    """An image with the outlines of truth and prediction, and signs where objects went wrong; `LEGEND` explains them.

    Args:
        image: (h, w, c), stretched by `grey_stretch`.
        truth: (h, w), 0 is background.
        prediction: the same.
        marks: by kind ("misses", "extras", "merges", "splits") the (y, x) of objects, in pixels of the image.
        scale: whole factor by which the picture is enlarged; None chooses 1 to 4 by the image's size.

    Returns:
        (h * scale, w * scale, 3) uint8.

    Raises:
        ValueError: arrays of different sizes, or an unknown kind of mark.
    """
    _check_size(image, truth)
    _check_size(image, prediction)
    if unknown := set(marks) - set(MARKS):
        raise ValueError(f"marks are {', '.join(MARKS)}, not {', '.join(sorted(unknown))}")
    scale = _comfortable_scale(image) if scale is None else scale
    picture = _enlarged(grey_stretch(image), scale)
    truth, prediction = _enlarged(truth, scale), _enlarged(prediction, scale)
    thickness = _thickness(scale)
    in_truth, in_prediction = outlines(truth, thickness), outlines(prediction, thickness)
    if scale > 1:
        _darken(picture, outlines(truth, thickness + 1) | outlines(prediction, thickness + 1))
    picture[in_truth] = _rgb(_TRUTH.colour)
    picture[in_prediction] = _rgb(_PREDICTION.colour)
    picture[in_truth & in_prediction] = _rgb(_BOTH.colour)
    return _marked(picture, marks, scale)


def thumbnail(rgb: RGBImage, side: int) -> RGBImage:
    """The picture at a size that fits into a square of `side` pixels; never enlarged.

    Args:
        rgb: (h, w, 3) uint8.
        side: of the square.
    """
    height, width = rgb.shape[:2]
    factor = min(side / max(height, width), 1)
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))


def _stretched(image: AnyArray, low: float, high: float) -> Float64[np.ndarray, "h w c"]:
    """Values of 0..1 between two percentiles, or between the extremes where the percentiles are one (sparse images)."""
    step = max(round((image.shape[0] * image.shape[1] / _SAMPLE) ** 0.5), 1)
    black, white = (float(value) for value in np.percentile(image[::step, ::step], (low, high)))
    if black == white:
        black, white = float(image.min()), float(image.max())
    if black == white:
        return np.zeros(image.shape)
    return np.clip((image.astype(np.float64) - black) / (white - black), 0, 1)


def _to_bytes(values: Float64[np.ndarray, "h w c"]) -> AnyArray:
    return np.rint(values * 255).astype(np.uint8)


def _check_size(image: AnyArray, labels: AnyArray) -> None:
    if image.shape[:2] != labels.shape:
        raise ValueError(f"labels of {labels.shape} pixels do not fit an image of {image.shape[:2]}")


def _comfortable_scale(image: AnyArray) -> int:
    return min(-(-_COMFORTABLE // min(image.shape[:2])), _LARGEST_SCALE)


def _thickness(scale: int) -> int:
    """Of a line: with its dark rim it stays within one pixel of the image where that can be seen at all."""
    return 2 if scale >= 3 else 1


def _bold(labels: LabelImage) -> int:
    """Of a line around large objects, which are looked at from afar: a 40th of their median side, 5 at most."""
    found = areas(labels)
    found = found[found > 0]
    return min(5, int(np.sqrt(np.median(found)) / 40)) if found.size else 1


def _enlarged(array: AnyArray, scale: int) -> AnyArray:
    return array.repeat(scale, axis=0).repeat(scale, axis=1)


def _darken(picture: RGBImage, where: MaskImage) -> None:
    """Makes a rim on which a bright line shows, however bright the image."""
    picture[where] = picture[where] // 3


def _rgb(colour: str) -> tuple[int, ...]:
    return ImageColor.getrgb(colour)


def _colours(labels: LabelImage) -> AnyArray:
    """A colour for each of the ids 0..n, such that those that touch differ (unless one touches all colours before)."""
    count = int(labels.max())
    before: list[list[int]] = [[] for _ in range(count + 1)]
    for smaller, larger in _touching(labels):
        before[larger].append(smaller)
    chosen = np.zeros(count + 1, np.int64)
    for label in range(1, count + 1):
        taken = {int(chosen[other]) for other in before[label]}
        turns = [(label + turn) % len(_NEIGHBOURS) for turn in range(len(_NEIGHBOURS))]
        chosen[label] = next((turn for turn in turns if turn not in taken), turns[0])
    return np.array([_rgb(colour) for colour in _NEIGHBOURS], np.uint8)[chosen]


def _touching(labels: LabelImage) -> Int[np.ndarray, "n 2"]:
    """Pairs of ids that share a side or a corner, the smaller first."""
    views = [
        (labels[1:], labels[:-1]),
        (labels[:, 1:], labels[:, :-1]),
        (labels[1:, 1:], labels[:-1, :-1]),
        (labels[1:, :-1], labels[:-1, 1:]),
    ]
    pairs = []
    for one, other in views:
        touch = (one != other) & (one != 0) & (other != 0)
        pairs.append(np.stack([one[touch], other[touch]], axis=1))
    return np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)


def _marked(picture: RGBImage, marks: Mapping[str, Sequence[tuple[int, int]]], scale: int) -> RGBImage:
    """Draws the signs, each twice: wide and dark, then narrow and bright."""
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    for kind, places in marks.items():
        for y, x in places:
            centre = scale * x + scale // 2, scale * y + scale // 2
            _draw_sign(draw, kind, centre, "#000000", rim=2)
            _draw_sign(draw, kind, centre, MARKS[kind].colour, rim=0)
    return np.asarray(canvas)


def _draw_sign(draw: ImageDraw.ImageDraw, kind: str, centre: tuple[int, int], colour: str, rim: int) -> None:
    """One sign, `rim` pixels wider on each side."""
    x, y = centre
    r, width = 8, 3 + 2 * rim
    strokes: list[list[tuple[int, int]]] = []
    match kind:
        case "misses":
            draw.ellipse((x - r - rim, y - r - rim, x + r + rim, y + r + rim), outline=colour, width=width)
        case "extras":
            strokes = [[(x - r, y - r), (x + r, y + r)], [(x - r, y + r), (x + r, y - r)]]
        case "merges":
            top, right, bottom, left = (x, y - r - 2), (x + r + 2, y), (x, y + r + 2), (x - r - 2, y)
            strokes = [[left, top, right, bottom, left, top]]
        case "splits":
            strokes = [[(x - r, y), (x + r, y)], [(x, y - r), (x, y + r)]]
    for stroke in strokes:
        draw.line(stroke, fill=colour, width=width, joint="curve")
