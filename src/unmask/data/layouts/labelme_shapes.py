"""What one labelme file says of its image: shapes with labels.

Polygons, rectangles (also turned ones), circles and masks are objects; shapes of one label and one group_id are the
parts of one object. Lines and points are left out, and so are shapes that labelme's __ignore__ and _background_ name:
the first are regions to ignore.
"""

import base64
import io
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pycocotools.mask as coco_masks
from jaxtyping import Float64
from PIL import Image

from unmask.arrays import MaskImage
from unmask.data.shapes.annotations import LeftOut, ListedObject, Polygons, RunLengths, run_lengths
from unmask.data.shapes.ellipse import ellipse
from unmask.errors import DataError

__all__ = ["is_labelme", "read_shapes"]

Corners: TypeAlias = Float64[np.ndarray, "p 2"]
Size: TypeAlias = tuple[int, int]

LINES = ("line or point", "lines and points")
OPEN_SHAPES = ("linestrip", "line", "point", "points")
ON_BACKGROUND = ("shape that marks background", "shapes that mark background")
BACKGROUND, IGNORE = "_background_", "__ignore__"  # labels with a meaning in labelme's own converters
NO_NAME = "object"
FARTHEST = 1e7  # pixels; no image is so large
SOUND = "open it in labelme, draw the shape again and save it"


def is_labelme(content: Any) -> bool:
    """Whether a JSON file is of this kind."""
    return isinstance(content, dict) and isinstance(content.get("shapes"), list) and "imagePath" in content


def read_shapes(
    file: Path, shapes: Sequence[Any], image: str, size: Size
) -> tuple[tuple[ListedObject, ...], list[LeftOut]]:
    """The objects of one file, and what was left out.

    Args:
        file: for messages.
        shapes: as the file has them.
        image: its name, for messages.
        size: its rows and columns.

    Raises:
        DataError: a shape without something that it should have; says which.
    """
    groups: defaultdict[tuple[str, object], list[Corners | RunLengths]] = defaultdict(list)
    left_out = []
    for index, shape in enumerate(shapes):
        label, kind = _label(shape, index, file), shape.get("shape_type") or "polygon"
        if kind in OPEN_SHAPES or label == BACKGROUND:
            left_out.append(LeftOut(LINES if kind in OPEN_SHAPES else ON_BACKGROUND, image))
            continue
        group = shape.get("group_id")
        groups[label, index if group is None else str(group)].append(_read(shape, kind, size, index, file))
    objects = (ListedObject(label, _joined(parts, size), label == IGNORE) for (label, _), parts in groups.items())
    return tuple(objects), left_out


def _label(shape: Any, index: int, file: Path) -> str:
    if not isinstance(shape, dict) or not isinstance(shape.get("label"), str | int):
        raise DataError(f"its shape {index + 1} has no label: {str(shape)[:80]}", file=file, remedy=SOUND)
    return str(shape["label"]).strip() or NO_NAME


def _read(shape: Any, kind: object, size: Size, index: int, file: Path) -> Corners | RunLengths:
    what = f"its shape {index + 1}, a {kind} of {shape['label']},"
    if kind == "mask":
        return _mask(shape, size, what, file)
    if not isinstance(kind, str) or kind not in READERS:
        remedy = f"draw it as one of {', '.join(READERS)} or mask"
        raise DataError(f"{what} is of a kind that unmask does not know", file=file, remedy=remedy)
    try:
        points = _points(shape)
        return READERS[kind](points)
    except (KeyError, OverflowError, TypeError, ValueError):
        raise DataError(f"{what} has no sound points", file=file, remedy=SOUND) from None


def _points(shape: Any) -> Corners:
    points = np.array(shape["points"], float).reshape(-1, 2)
    if not (np.abs(points) < FARTHEST).all():  # not true of NaN either
        raise ValueError("points must be numbers of pixels")
    return points


def _rectangle(points: Corners) -> Corners:
    """Two opposite corners, or all four."""
    if len(points) == 4:
        return points
    (x0, y0), (x1, y1) = points
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def _circle(points: Corners) -> Corners:
    """Its centre, and a point on it."""
    (x, y), other = points
    radius = float(np.hypot(*(other - points[0])))
    return ellipse(x, y, radius, radius)


def _turned(points: Corners) -> Corners:
    if len(points) != 4:
        raise ValueError("a turned rectangle has four corners")
    return points


READERS: dict[str, Callable[[Corners], Corners]] = {
    "polygon": lambda points: points,
    "rectangle": _rectangle,
    "circle": _circle,
    "oriented_rectangle": _turned,
    "rotation": _turned,  # X-AnyLabeling's name of it
}


def _mask(shape: Any, size: Size, what: str, file: Path) -> RunLengths:
    """A mask: the pixels in a box, whose first and last pixel are given, as a PNG in base64."""
    try:
        (left, top), (right, bottom) = np.rint(_points(shape)).astype(int).tolist()
        if right < left or bottom < top:
            raise ValueError("its corners are swapped")
        window = _decoded(shape["mask"], size)[: bottom - top + 1, : right - left + 1]
    except Exception as error:  # a damaged PNG can raise anything in its decoder
        reason = " ".join(str(error).split())[:80]
        raise DataError(f"{what} has no sound mask ({reason})", file=file, remedy=SOUND) from None
    return RunLengths(size, _runs(window, top, left, size))


def _decoded(text: str, size: Size) -> MaskImage:
    with Image.open(io.BytesIO(base64.b64decode(text)), formats=("PNG",)) as image:
        if image.height > size[0] + 1 or image.width > size[1] + 1:  # rounding may add one
            raise ValueError(f"it is {image.height} x {image.width} pixels, larger than the image")
        pixels = np.asarray(image) != 0
    return pixels if pixels.ndim == 2 else pixels.any(axis=2)


def _runs(window: MaskImage, top: int, left: int, size: Size) -> list[int]:
    """Run lengths, column by column, of an image with a window's pixels at a place; what lies outside is cut off."""
    rows, columns = size
    x, y = (where + start for where, start in zip(np.nonzero(window.T), (left, top), strict=True))
    inside = (x >= 0) & (y >= 0) & (x < columns) & (y < rows)
    place = (x * rows + y)[inside]
    first, last = np.diff(place, prepend=-2) != 1, np.diff(place, append=-2) != 1
    bounds = np.stack([place[first], place[last] + 1], axis=1).ravel()
    runs: list[int] = np.diff(bounds, prepend=0, append=rows * columns).tolist()
    return runs


def _joined(parts: Sequence[Corners | RunLengths], size: Size) -> Polygons | RunLengths:
    """One shape of all parts of an object."""
    outlines = tuple(part for part in parts if not isinstance(part, RunLengths))
    if len(outlines) == len(parts):
        return outlines
    if len(parts) == 1 and isinstance(parts[0], RunLengths):
        return parts[0]
    counts = [run_lengths(part if isinstance(part, RunLengths) else (part,), size) for part in parts]
    covered = [{"size": size, "counts": one} for one in counts if one]
    return RunLengths(size, coco_masks.merge(covered)["counts"]) if covered else ()
