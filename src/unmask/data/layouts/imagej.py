"""ImageJ's regions of interest (ROI), filled to the pixel as ImageJ fills them.

Polygons, freehand and traced outlines, rectangles, ovals and composites with holes are objects; lines, angles, points,
texts and pictures are left out. A ROI's class is its property "class", as unmask writes it, or else its group.
"""

import logging
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from roifile import ROI_OPTIONS, ROI_SUBTYPE, ROI_TYPE, ImagejRoi

from unmask.data.layouts.sidecars import Sidecar
from unmask.data.shapes.annotations import ListedObject, Polygons, Rings
from unmask.data.shapes.ellipse import ellipse
from unmask.errors import DataError, UnreadableFile

__all__ = ["LINE", "SPLINE", "objects_of_rois"]

logging.getLogger("roifile").addHandler(logging.NullHandler())  # damaged names are nothing to print: none is used

NO_NAME = "object"
MARK = b"Iout"  # the first bytes of a ROI
TYPE, LAST_TYPE = 6, bytes([max(ROI_TYPE)])  # its byte with the type, and the largest that there is
FARTHEST = 2**24  # pixels from the image's corner
WIDEST = 2**20  # pixels of a rectangle or an oval
LONGEST = 2**22  # numbers of a path
OUTLINES = (ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED)
BOXES = (ROI_TYPE.RECT, ROI_TYPE.OVAL)
WRITING = (ROI_SUBTYPE.TEXT, ROI_SUBTYPE.IMAGE)
MOVE, LINE_TO, QUADRATIC, CUBIC, CLOSE = range(5)  # of a path, as java.awt.geom has them
NUMBERS = {MOVE: 2, LINE_TO: 2, QUADRATIC: 4, CUBIC: 6, CLOSE: 0}
STEPS = np.linspace(0, 1, 17)[1:, None]  # at which a curve is drawn

LINE = ("line, angle, point or text", "lines, angles, points and texts")
SPLINE = ("fitted spline, read as a polygon", "fitted splines, read as polygons")
AGAIN = "save it again from ImageJ's ROI Manager: More > Save"


def objects_of_rois(rois: Sequence[tuple[str, bytes]], file: Path) -> Sidecar:
    """The objects of one image.

    Args:
        rois: name and bytes of each, as ImageJ saves it.
        file: that they are from, for messages.

    Returns:
        Objects in order. `plane` is the last place in a stack that a ROI belongs to.

    Raises:
        UnreadableFile: a ROI is damaged; names it.
        DataError: a ROI belongs to another slice or frame than the first.
    """
    objects: list[ListedObject] = []
    left_out: list[tuple[str, str]] = []
    ranks: dict[str, int] = {}
    plane = 1
    for name, data in rois:
        roi, rings = _read(name, data, file)
        if rings is None:
            left_out.append(LINE)
            continue
        if roi.options & ROI_OPTIONS.SPLINE_FIT:
            left_out.append(SPLINE)
        plane = max(plane, _plane(roi, name, file))
        label = _label(roi)
        ranks.setdefault(label, roi.group)
        objects.append(ListedObject(label, Rings((rings,))))
    grouped = any(label == f"group_{rank}" for label, rank in ranks.items())
    return Sidecar(tuple(objects), tuple(left_out), "Groups of ROIs are classes." if grouped else "", ranks, plane)


def _read(name: str, data: bytes, file: Path) -> tuple[ImagejRoi, Polygons | None]:
    """A ROI and its outlines; None of what has no area."""
    try:
        if not data.startswith(MARK):
            raise ValueError(f"its first bytes are {data[:4].hex(' ') or 'none'}, not those of a ROI")
        if data[TYPE : TYPE + 1] > LAST_TYPE:
            raise ValueError(f"it is of the unknown type {data[TYPE]}")
        roi = ImagejRoi.frombytes(data)
        with np.errstate(invalid="ignore"):  # NaNs of a damaged file; they are refused below
            rings = _rings(roi)
        for ring in rings or ():
            _check_near(ring)
    except Exception as error:  # lengths and offsets in the file lead anywhere when it is damaged
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        problem = f"holds a ROI that cannot be read, {name[:80]!r} ({reason})"
        raise UnreadableFile(problem, file=file, remedy=AGAIN) from error
    return roi, rings


def _check_near(numbers: Float64[np.ndarray, "..."]) -> None:
    if not (np.abs(numbers) <= FARTHEST).all():
        raise ValueError("a coordinate is not finite, or further off than any image is large")


def _label(roi: ImagejRoi) -> str:
    pairs = [line.partition(":") for line in roi.props.splitlines()]
    said = next((value.strip() for key, _, value in pairs if key.strip() == "class"), "")
    return said or (f"group_{roi.group}" if roi.group else NO_NAME)


def _plane(roi: ImagejRoi, name: str, file: Path) -> int:
    """The place in a stack, from 1, where it can be that of a channel."""
    places = (("slice", roi.z_position), ("frame", roi.t_position))
    if elsewhere := [f"{word} {place}" for word, place in places if place > 1]:
        problem = f"has a ROI of another image of a stack, {name[:80]!r} ({', '.join(elsewhere)})"
        remedy = "save each image of the stack as a file of its own, with a file of its ROIs"
        raise DataError(problem, file=file, remedy=remedy)
    return max(roi.c_position, 1) if roi.c_position or roi.z_position or roi.t_position else max(roi.position, 1)


def _rings(roi: ImagejRoi) -> Polygons | None:
    """Outlines in COCO's coordinates, which are ImageJ's too."""
    if roi.roitype in OUTLINES:
        return (np.asarray(roi.coordinates(), float).reshape(-1, 2),)
    if roi.roitype not in BOXES or roi.subtype in WRITING:
        return None
    if roi.composite:
        return _path(roi)
    left, top, width, height = _box(roi)
    if width <= 0 or height <= 0:
        return ()
    if max(width, height) > WIDEST:
        raise ValueError(f"it is {width:,} x {height:,} pixels, larger than any image")
    corner = np.array([left, top])
    if roi.roitype == ROI_TYPE.OVAL:
        return (_oval(width, height) + corner,)
    return (_rectangle(width, height, roi.rounded_rect_arc_size) + corner,)


def _box(roi: ImagejRoi) -> tuple[int, int, int, int]:
    """Left, top, width and height in whole pixels: ImageJ rounds those of finer rectangles and ovals so."""
    if roi.subpixelrect:
        numbers = (roi.xd, roi.yd, np.ceil(roi.widthd), np.ceil(roi.heightd))
        _check_near(np.array(numbers))
        return int(numbers[0]), int(numbers[1]), int(numbers[2]), int(numbers[3])
    return roi.left, roi.top, roi.right - roi.left, roi.bottom - roi.top


def _rectangle(width: int, height: int, diameter: int) -> Float64[np.ndarray, "p 2"]:
    """A rectangle from (0, 0), its corners rounded to quarters of a circle where `diameter` is not 0."""
    half = np.array([width, height]) / 2
    if diameter <= 0:
        return half + half * [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    radius = np.minimum(diameter / 2, half)
    round_ = ellipse(0, 0, *radius)
    return half + round_ + np.sign(round_) * (half - radius)


def _oval(width: int, height: int) -> Float64[np.ndarray, "p 2"]:
    """The outline, along pixels, of those with their centre in an ellipse from (0, 0).

    Worked out as ImageJ does, in the same order, so that centres on the very edge fall the same way.
    """
    a, b = width / 2, height / 2
    x = np.arange(width)
    ends = np.sqrt(np.maximum(1 - ((x - (a - 0.5)) / a) ** 2, 0)) * b
    tops = np.ceil(b - 0.5 - ends) + np.array([[-1], [0], [1]])
    across, down = x - (a - 0.5), tops - (b - 0.5)
    within = across * across / (a * a) + down * down / (b * b) <= 1
    filled = within.any(axis=0)
    top = np.repeat(np.take_along_axis(tops, within.argmax(axis=0)[None], axis=0)[0][filled], 2)
    sides = np.stack([x, x + 1], axis=1)[filled].ravel()
    corners = [np.stack([sides, top], axis=1), np.stack([sides, height - top], axis=1)[::-1]]
    return np.concatenate(corners).astype(float)


def _path(roi: ImagejRoi) -> Polygons:
    """The closed outlines of a composite, given as commands with their coordinates."""
    if roi.multi_coordinates is None or roi.multi_coordinates.size > LONGEST:
        raise ValueError(f"its path has no numbers, or more than {LONGEST:,}")
    path = roi.multi_coordinates.tolist()
    rings: list[list[tuple[float, float]]] = []
    place = 0
    while place < len(path):
        command = path[place]
        if command not in NUMBERS:
            raise ValueError(f"its path has the unknown command {command}")
        numbers = path[place + 1 : place + 1 + NUMBERS[int(command)]]
        if len(numbers) < NUMBERS[int(command)] or (command != MOVE and not rings):
            raise ValueError("its path is cut off")
        place += 1 + len(numbers)
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        if command == MOVE:
            rings.append(points)
        elif command == CLOSE:
            rings.append(rings[-1][:1])  # what follows without a move begins there
        else:
            rings[-1] += points if command == LINE_TO else _curve([rings[-1][-1], *points])
    return tuple(np.array(ring) for ring in rings if len(ring) > 1)


def _curve(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points on a Bezier curve, given by its ends and what it bends towards; without its start."""
    between = [np.array(point) + 0 * STEPS for point in points]
    while len(between) > 1:
        between = [one + STEPS * (other - one) for one, other in pairwise(between)]
    return [(float(x), float(y)) for x, y in between[0]]
