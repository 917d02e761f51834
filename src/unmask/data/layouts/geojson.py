"""GeoJSON as QuPath exports it: outlines of the objects of one image.

Polygons with holes, in pixels of the whole image, are objects; their classification is the class. As in QuPath, what is
of a class whose name ends in * is no object: it is ignored. Annotations around detections say where was looked, and are
left out, as are lines and points.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from unmask.data.layouts.sidecars import Sidecar
from unmask.data.shapes.annotations import FARTHEST, ListedObject, Polygons, Rings, outlines_of
from unmask.errors import DataError

__all__ = ["SOUND", "is_geojson", "objects_of_geojson"]

NO_NAME = "object"
DETECTIONS = ("detection", "cell", "tile", "PathDetectionObject", "PathCellObject", "PathTileObject")
CORES = ("tmaCore", "tma_core", "TMACoreObject", "root", "PathRootObject")
AREAS = ("Polygon", "MultiPolygon")
NO_AREA = ("Point", "MultiPoint", "LineString", "MultiLineString")
NO_OBJECTS = ("region*", "background*")  # where was looked, and where there is nothing; they are not unknown

LINE = ("line or point", "lines and points")
BARE = ("object without an outline", "objects without an outline")
CORE = ("TMA core", "TMA cores")
REGION = ("region that is no object", "regions that are no objects")
AROUND = ("annotation around detections", "annotations around detections")
SOUND = "export it again from QuPath: File > Export objects as GeoJSON"


@dataclass(frozen=True)
class _Shape:
    """An outline and what it is: `detection` of QuPath's objects that a person did not draw."""

    label: str
    rings: Rings
    detection: bool


def is_geojson(content: Any) -> bool:
    """Whether JSON is of this kind: a FeatureCollection, a Feature, or a list of these."""
    first = content[0] if isinstance(content, list) and content else content
    return isinstance(first, dict) and first.get("type") in ("FeatureCollection", "Feature")


def objects_of_geojson(content: Any, file: Path) -> Sidecar:
    """The objects of a file, in its order.

    Args:
        content: of the file, of which `is_geojson` is true.
        file: for messages.

    Raises:
        DataError: something is not as it should be; names the feature.
    """
    shapes, left_out, nuclei = [], [], False
    for number, feature in enumerate(_features(content), start=1):
        where = f"its {number}. feature"
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            raise DataError(f"holds something else where {where} should be", file=file, remedy=SOUND)
        shape = _shape(feature, file, where)
        nuclei |= bool(feature.get("nucleusGeometry"))
        if isinstance(shape, _Shape):
            shapes.append(shape)
        else:
            left_out.append(shape)
    objects, around = _told(shapes)
    return Sidecar(tuple(objects), (*left_out, *around), "Nuclei within cells are not used." if nuclei else "")


def _features(content: Any) -> Iterator[Any]:
    """All features of a file; those within others, as QuPath nests them, after them."""
    waiting = list(content) if isinstance(content, list) else [content]
    waiting.reverse()
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict) and one.get("type") == "FeatureCollection":
            inner = one.get("features")
        else:
            yield one
            properties = _dict(one, "properties")
            inner = properties.get("childObjects", properties.get("children"))
        waiting += reversed(inner) if isinstance(inner, list) else []


def _dict(record: Any, key: str) -> dict[str, Any]:
    found = record.get(key) if isinstance(record, dict) else None
    return found if isinstance(found, dict) else {}


def _shape(feature: Any, file: Path, where: str) -> _Shape | tuple[str, str]:
    """The outline of a feature; in words, why it is none of an object."""
    properties, geometry = _dict(feature, "properties"), _dict(feature, "geometry")
    kind = str(properties.get("objectType", properties.get("object_type", feature.get("id"))))
    if kind in CORES:
        return CORE
    if not geometry:
        return BARE
    _check_plane(geometry, file, where)
    pieces = _pieces(geometry, file, where)
    if pieces is None:
        return LINE
    label = _label(properties.get("classification"), file, where)
    return REGION if label.lower() in NO_OBJECTS else _Shape(label, Rings(pieces), kind in DETECTIONS)


def _check_plane(geometry: dict[str, Any], file: Path, where: str) -> None:
    plane = _dict(geometry, "plane")
    if elsewhere := [f"{axis} = {plane[axis]}" for axis in ("z", "t") if plane.get(axis) not in (None, 0)]:
        problem = f"has an outline in another plane than the first ({', '.join(elsewhere)} in {where})"
        raise DataError(problem, file=file, remedy="export each plane to a file of its own, with its image")


def _label(classification: Any, file: Path, where: str) -> str:
    """The name of a class: QuPath has written it in several ways, derived classes as several names."""
    names: list[Any] = []
    while isinstance(classification, dict):
        given = classification.get("names", classification.get("name"))
        names = [*(given if isinstance(given, list) else [given]), *names]
        classification = classification.get("parentClass")
    if isinstance(classification, str):
        names = [classification, *names]
    names = [name for name in names if name not in (None, "")]
    if not all(isinstance(name, str) for name in names):
        raise DataError(f"has a class that is no name, in {where}", file=file, remedy=SOUND)
    return ": ".join(name.strip() for name in names) or NO_NAME


def _pieces(geometry: dict[str, Any], file: Path, where: str) -> tuple[Polygons, ...] | None:
    """The pieces of an area, each with the outlines of its holes; None of what has no area."""
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    try:
        if kind == "Polygon":
            return (_rings(coordinates),)
        if kind == "MultiPolygon":
            return tuple(_rings(polygon) for polygon in list(coordinates or []))
    except (TypeError, ValueError, OverflowError):
        problem = f"has a {kind} without sound coordinates, in {where}"
        raise DataError(problem, file=file, remedy=SOUND) from None
    if kind == "GeometryCollection" and isinstance(geometry.get("geometries"), list):
        areas = [part for part in geometry["geometries"] if isinstance(part, dict) and part.get("type") in AREAS]
        return tuple(piece for part in areas for piece in _pieces(part, file, where) or ()) or None
    if kind in NO_AREA:
        return None
    raise DataError(f"has a geometry of the unknown type {str(kind)[:40]}, in {where}", file=file, remedy=SOUND)


def _rings(coordinates: Any) -> Polygons:
    """Outlines of an area and its holes: x and y of corners; a height is left out."""
    rings: list[Float64[np.ndarray, "p 2"]] = [
        np.array([(x, y) for x, y, *_ in ring], float).reshape(-1, 2) for ring in coordinates
    ]
    if any(not (np.abs(ring) <= FARTHEST).all() for ring in rings):
        raise ValueError("not finite, or further off than any image is large")
    return tuple(ring for ring in rings if len(ring))


def _told(shapes: list[_Shape]) -> tuple[list[ListedObject], list[tuple[str, str]]]:
    """Objects and regions to ignore, without annotations around detections, which are given in words."""
    boxes = [_box(shape.rings) for shape in shapes]
    inner = np.array([box for shape, box in zip(shapes, boxes, strict=True) if shape.detection]).reshape(-1, 2, 2)
    inner = inner[np.isfinite(inner).all(axis=(1, 2))]
    objects, around = [], []
    for shape, box in zip(shapes, boxes, strict=True):
        ignored = shape.label.endswith("*")
        if not shape.detection and not ignored and _holds(box, inner):
            around.append(AROUND)
        else:
            objects.append(ListedObject(shape.label, shape.rings, ignored))
    return objects, around


def _holds(box: Float64[np.ndarray, "2 2"], inner: Float64[np.ndarray, "n 2 2"]) -> bool:
    """Whether any of some boxes lies within another."""
    within = (inner[:, 0] >= box[0]).all(axis=1) & (inner[:, 1] <= box[1]).all(axis=1)
    return bool(within.any())


def _box(rings: Rings) -> Float64[np.ndarray, "2 2"]:
    """The smallest and the largest x and y."""
    corners = np.concatenate([np.empty((0, 2)), *outlines_of(rings)])
    return np.stack([corners.min(axis=0, initial=np.inf), corners.max(axis=0, initial=-np.inf)])
