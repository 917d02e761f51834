"""Files of the VGG Image Annotator (VIA), versions 1 and 2: regions of each image, exported as JSON or as project.

Polygons, rectangles, circles and ellipses are objects; lines and points are left out. A region's class is the value of
its attribute, where regions have exactly one attribute with few values.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from unmask.data.shapes.annotations import LeftOut, ListedImage, ListedObject, Listing
from unmask.data.shapes.ellipse import ellipse
from unmask.errors import DataError

__all__ = ["is_via", "read_via"]

LINES = ("line or point", "lines and points")
OPEN_SHAPES = ("polyline", "line", "point")
SOUND = "export it again from VIA: Annotation > Export Annotations (as json)"
# So many values of an attribute are classes; more are where each is on two regions or more.
FEW, MANY = 8, 32


def is_via(content: Any) -> bool:
    """Whether a JSON file is of this kind."""
    images = content.get("_via_img_metadata", content) if isinstance(content, dict) else None
    if not images or not isinstance(images, dict):
        return False
    return all(isinstance(one, dict) and {"filename", "regions"} <= set(one) for one in images.values())


def read_via(files: Mapping[Path, Any]) -> Listing:
    """What VIA files hold, without looking at images.

    Args:
        files: content by file.

    Returns:
        Images and their objects; classes in alphabetical order.

    Raises:
        DataError: a region without something that it should have; names the image.
    """
    listed = [
        (file, str(one["filename"]), _regions(one["regions"], file))
        for file, content in files.items()
        for one in content.get("_via_img_metadata", content).values()
    ]
    attribute, remark = _attribute([region for _, _, regions in listed for region in regions])
    images, left_out = [], []
    for file, name, regions in listed:
        closed = [region for region in regions if _kind(region) not in OPEN_SHAPES]
        left_out += [LeftOut(LINES, name)] * (len(regions) - len(closed))
        objects = tuple(ListedObject(_label(region, attribute), (_polygon(region, file, name),)) for region in closed)
        images.append(ListedImage(file, name, None, objects))
    classes = {one.label for image in images for one in image.objects}
    return Listing(tuple(images), tuple(sorted(classes)), tuple(left_out), remark)


def _regions(regions: Any, file: Path) -> list[Any]:
    """Version 1 has them in a dict, version 2 in a list."""
    if not isinstance(regions, dict | list):
        raise DataError("has regions that are no list", file=file, remedy=SOUND)
    return list(regions.values() if isinstance(regions, dict) else regions)


def _kind(region: Any) -> str:
    return str(_part(region, "shape_attributes").get("name"))


def _part(region: Any, part: str) -> dict[str, Any]:
    found = region.get(part) if isinstance(region, dict) else None
    return found if isinstance(found, dict) else {}


def _attribute(regions: list[Any]) -> tuple[str | None, str]:
    """The attribute that tells classes, if there is one, and a sentence that says so."""
    names = sorted({name for region in regions for name in _part(region, "region_attributes")})
    if not names:
        return None, ""
    if len(names) > 1:
        return None, f"Regions have the attributes {', '.join(names)}: they are not taken for classes."
    values = {_value(region, names[0]) for region in regions} - {""}
    if 1 <= len(values) <= (MANY if 2 * len(values) <= len(regions) else FEW):
        return names[0], f"The attribute {names[0]} is the class."
    return None, f"The attribute {names[0]} has {len(values)} values: it is not taken for the class."


def _value(region: Any, attribute: str) -> str:
    """The value of an attribute; of a group of checkboxes the one that is checked."""
    value = _part(region, "region_attributes").get(attribute, "")
    if isinstance(value, dict):
        checked = [name for name, on in value.items() if on]
        value = checked[0] if len(checked) == 1 else ""
    return str(value).strip()


def _label(region: Any, attribute: str | None) -> str:
    return (attribute is not None and _value(region, attribute)) or "object"


def _polygon(region: Any, file: Path, name: str) -> Float64[np.ndarray, "p 2"]:
    """The corners of a region, x and y."""
    shape = _part(region, "shape_attributes")
    try:
        match shape.get("name"):
            case "polygon":
                return np.stack([np.array(shape[key], float) for key in ("all_points_x", "all_points_y")], axis=1)
            case "rect":
                x, y, width, height = (float(shape[key]) for key in ("x", "y", "width", "height"))
                return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
            case "circle":
                radius = float(shape["r"])
                return ellipse(float(shape["cx"]), float(shape["cy"]), radius, radius, 0.0)
            case "ellipse":
                x, y, rx, ry = (float(shape[key]) for key in ("cx", "cy", "rx", "ry"))
                return ellipse(x, y, rx, ry, float(shape.get("theta", 0)))
    except (KeyError, TypeError, ValueError, OverflowError):
        problem = f"has a {shape['name']} without sound coordinates, in {name[:100]}"
        raise DataError(problem, file=file, remedy=SOUND) from None
    problem = f"has a region of the unknown shape {str(shape.get('name'))[:40]}, in {name[:100]}"
    raise DataError(problem, file=file, remedy=SOUND)
