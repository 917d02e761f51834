"""Data sets whose objects are in GeoJSON files: one an image, of the same name.

a.tif  a.geojson                   side by side, or in folders, as `sidecars.py` finds them
images/a.tif  annotations/a.json   JSON files of other kinds are left to other layouts
"""

import re
from dataclasses import replace
from pathlib import Path

from unmask.data.dataset import Dataset
from unmask.data.layouts.geojson import SOUND, is_geojson, objects_of_geojson
from unmask.data.layouts.json_file import read_json
from unmask.data.layouts.one_each import files_below
from unmask.data.layouts.sidecars import Sidecar, sidecar_dataset
from unmask.data.options import ReadOptions
from unmask.errors import DataError, UnmaskError

__all__ = ["read_geojson"]

SUFFIX = ".geojson"


def read_geojson(root: Path, options: ReadOptions) -> Dataset | None:
    """Reads a data set whose objects are in GeoJSON files.

    Args:
        root: its folder, or one such file.
        options: kind "classes" where only classes matter; what becomes of files with a problem.

    Returns:
        The data set; None where there is no such file. Objects are turned into pixels when an image is loaded.

    Raises:
        UnreadableFile: a file is damaged.
        PairingError: a file without its image, or an image without a file.
        MaskError: no object at all; more than 254 classes.
        DataError: a file that is not as it should be; images with different numbers of channels.
    """
    files = [root] if root.is_file() else files_below(root)
    read = {file: _read(file) for file in files if file.suffix.lower() in (SUFFIX, ".json")}
    if not any(isinstance(one, Sidecar) or file.suffix.lower() == SUFFIX for file, one in read.items()):
        return None
    ours = {file: one for file, one in read.items() if one is not None}
    return replace(sidecar_dataset(root, "GeoJSON", ours, _names, options), layout="geojson")


def _names(file: Path) -> tuple[str, ...]:
    """The names of the image that a file's name points at: a.tif of a.tif.geojson, a of a.ome.geojson."""
    return tuple(dict.fromkeys([file.stem, re.sub(r"\.ome$", "", file.stem, flags=re.IGNORECASE)]))


def _read(file: Path) -> Sidecar | UnmaskError | None:
    """What a file holds, or what is wrong with it; None where it is JSON of another kind."""
    named = file.suffix.lower() == SUFFIX
    try:
        content = read_json(file)
        if is_geojson(content) or (named and content == []):
            return objects_of_geojson(content, file)
    except UnmaskError as error:
        return error
    problem = "is JSON, but holds no Feature and no FeatureCollection"
    return DataError(problem, file=file, remedy=SOUND) if named else None
