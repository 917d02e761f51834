"""Objects as GeoJSON that QuPath opens: detections with class, score and area, their outlines with holes."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from unmask.data.files import atomic
from unmask.instances.objects import Objects
from unmask.instances.outlines import Ring, pieces

__all__ = ["write_geojson"]

# Red, green and blue of classes in turn: those of Okabe and Ito (2008), black left out.
_COLOURS = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)


def write_geojson(path: str | Path, objects: Objects, class_names: Sequence[str]) -> None:
    """Writes the objects of one image, in the order of their labels, an object a line; whole or not at all.

    Coordinates are those of pixel corners in the image: what is filled of them are the very pixels.

    Args:
        path: the file, which ends in .geojson.
        objects: with `layers`, each object whole.
        class_names: without the background; class k is `class_names[k - 1]`.

    Raises:
        UnmaskError: the file cannot be written.
    """
    with atomic(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        separator = "\n"
        for feature in _features(objects, class_names):
            file.write(separator + json.dumps(feature))
            separator = ",\n"
        file.write("\n]}\n")


def _features(objects: Objects, class_names: Sequence[str]) -> Iterator[dict[str, Any]]:
    for label, top, left, mask in objects.crops():
        index = int(objects.classes[label - 1]) - 1
        score = float(str(objects.scores[label - 1]))  # as few digits as tell a float32
        yield {
            "type": "Feature",
            "geometry": _geometry(pieces(mask, top, left)),
            "properties": {
                "objectType": "detection",
                "name": str(label),
                "classification": {"name": class_names[index], "color": _COLOURS[index % len(_COLOURS)]},
                "measurements": {"score": score, "area": int(mask.sum())},
            },
        }


def _geometry(parts: list[list[Ring]]) -> dict[str, Any]:
    coordinates = [[[*ring.tolist(), ring[0].tolist()] for ring in rings] for rings in parts]
    if len(coordinates) == 1:
        return {"type": "Polygon", "coordinates": coordinates[0]}
    return {"type": "MultiPolygon", "coordinates": coordinates}
