"""Zarr folders, formats 2 and 3: their metadata, and arrays that are read chunk by chunk."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import LocalStore, StorePath

from unmask.data.formats.reading import AGAIN, check_chunk
from unmask.errors import UnreadableFile

__all__ = ["SUFFIX", "holds_zarr", "is_array", "open_array", "zarr_attributes"]

SUFFIX = ".zarr"
METADATA = ("zarr.json", ".zattrs", ".zgroup", ".zarray")
NUMBER = re.compile(r"[<>|][biuf][1248]|bool|u?int(8|16|32|64)|float(16|32|64)")  # as formats 2 and 3 name types


def holds_zarr(path: Path) -> bool:
    """Whether a path is a folder in zarr format, or is called so."""
    return os.path.isdir(path) and (path.suffix.lower() == SUFFIX or any(_has(path, name) for name in METADATA))


def is_array(folder: Path) -> bool:
    """Whether a zarr folder is an array; else it is a group.

    Raises:
        UnreadableFile: damaged metadata.
    """
    if _has(folder, "zarr.json"):
        return _content(folder, "zarr.json").get("node_type") == "array"
    return _has(folder, ".zarray")


def zarr_attributes(folder: Path) -> dict[str, Any]:
    """The attributes of a zarr folder, those of OME-Zarr 0.5 as 0.4 has them; empty where there are none.

    Raises:
        UnreadableFile: damaged metadata.
    """
    if not _has(folder, "zarr.json"):
        return _content(folder, ".zattrs") if _has(folder, ".zattrs") else {}
    attributes = _content(folder, "zarr.json").get("attributes")
    attributes = attributes if isinstance(attributes, dict) else {}
    inner = attributes.get("ome")
    return attributes | inner if isinstance(inner, dict) else attributes


def open_array(folder: Path) -> zarr.Array[Any]:
    """An array of numbers, nothing of it read.

    Raises:
        UnreadableFile: there is none, or what it holds are no numbers; chunks larger than the memory.
        Exception: whatever zarr raises at damaged metadata.
    """
    if not is_array(folder):
        raise UnreadableFile("is no zarr array, though the image's metadata name it", file=folder, remedy=AGAIN)
    content = _content(folder, "zarr.json" if _has(folder, "zarr.json") else ".zarray")
    _check_codecs(folder, content)
    kind = str(content.get("data_type", content.get("dtype")))
    if not NUMBER.fullmatch(kind):
        raise UnreadableFile(
            f"holds {kind[:40]} values", file=folder, remedy="write numbers, such as uint16 or float32"
        )
    if content.get("filters") == []:
        content["filters"] = None  # the same; zarr warns of the empty list
    array = zarr.Array.from_dict(StorePath(LocalStore(folder, read_only=True)), content)
    check_chunk(folder, array.chunks, np.dtype(array.dtype))
    return array


def _check_codecs(folder: Path, content: dict[str, Any]) -> None:
    """Refuses data that are read by running what they say: Python's pickle is one of the codecs of zarr 2.

    Not all versions of zarr refuse it.
    """
    codecs = [content.get("compressor"), *(content.get("filters") or [])]
    if any(isinstance(codec, dict) and codec.get("id") == "pickle" for codec in codecs):
        problem = "is stored as Python pickles, which can run any program when they are read"
        raise UnreadableFile(problem, file=folder, remedy="write it again with another codec, such as Blosc")


def _has(folder: Path, name: str) -> bool:
    return os.path.isfile(folder / name)  # also False where the folder cannot be entered


def _content(folder: Path, name: str) -> dict[str, Any]:
    """The JSON object in a metadata file."""
    try:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # also text that is not UTF-8
        problem = f"has a damaged {name} ({' '.join(str(error).split())[:120]})"
        raise UnreadableFile(problem, file=folder, remedy=AGAIN) from error
    if not isinstance(content, dict):
        raise UnreadableFile(f"has a {name} that is no JSON object", file=folder, remedy=AGAIN)
    return content
