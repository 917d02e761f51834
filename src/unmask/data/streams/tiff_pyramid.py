"""OME-Zarr to tiled BigTIFF with its levels, tile by tile: any size in the memory of a band of tiles."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from unmask.arrays import AnyArray
from unmask.data.files import atomic
from unmask.data.formats.multiscale import read_multiscale
from unmask.data.formats.omezarr import ZarrLevel, open_level
from unmask.data.formats.reading import readable
from unmask.data.streams.blocks import blocks_of

__all__ = ["zarr_to_tiff"]

TILE = 512
RUN = 8  # tiles of a row that are read at once
BUFFER = 16 * 2**20  # bytes of tiles that are compressed at once


def zarr_to_tiff(folder: str | Path, path: str | Path, progress: Callable[[int, int], None] | None = None) -> None:
    """Writes an OME-Zarr image as an OME-TIFF: a BigTIFF in tiles, its levels as SubIFDs; all or nothing.

    Integers are deflate-compressed, floats are not.

    Args:
        folder: of the OME-Zarr image, one image of one or more channels.
        path: the file.
        progress: called with (pixels done, pixels in all).

    Raises:
        UnreadableFile: the image is damaged.
        UnmaskError: the file cannot be written.
    """
    folder = Path(folder)
    levels = [open_level(folder, level) for level in range(len(read_multiscale(folder).paths))]
    first = levels[0]
    if first.pages != 1:
        raise ValueError(f"{folder} holds {first.pages} images; one is written")
    done, whole = 0, sum(level.size[0] * level.size[1] * level.samples for level in levels)

    def counted(level: ZarrLevel) -> Iterator[AnyArray]:
        nonlocal done
        for tile in _tiles(level):
            done += tile.size
            if progress is not None:
                progress(done, whole)
            yield tile

    with atomic(path) as temporary, tifffile.TiffWriter(temporary, bigtiff=True, ome=True) as writer:
        for number, level in enumerate(levels):
            more = {"subifds": len(levels) - 1} | _description(first) if number == 0 else {"subfiletype": 1}
            writer.write(counted(level), **_layout(level), **more)


def _layout(level: ZarrLevel) -> dict[str, Any]:
    return {
        "shape": level.size if level.samples == 1 else (level.samples, *level.size),
        "dtype": np.dtype(level.array.dtype),
        "tile": (TILE, TILE),
        "photometric": "minisblack",
        "compression": "zlib" if level.array.dtype.kind in "ui" else None,
        "buffersize": BUFFER,
    }


def _description(level: ZarrLevel) -> dict[str, Any]:
    """What the file says of axes and pixel size, as OME-XML and as resolution tags."""
    axes = {"axes": "YX" if level.samples == 1 else "CYX"}
    if level.pixel_size is None:
        return {"metadata": axes}
    sizes: dict[str, Any] = {}
    for axis, size in zip("YX", level.pixel_size, strict=True):
        sizes |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    per_cm = 1e4 / level.pixel_size[1], 1e4 / level.pixel_size[0]  # x first, as tifffile wants it
    return {"metadata": axes | sizes, "resolution": per_cm, "resolutionunit": "CENTIMETER"}


def _tiles(level: ZarrLevel) -> Iterator[AnyArray]:
    """The tiles of every channel, in the order of the file; read in runs, so that few chunks are decoded twice."""
    for channel in range(level.samples):
        for rows, columns in blocks_of(level.size, (TILE, RUN * TILE)):
            run = _channel(level, channel, rows, columns)
            for start in range(0, run.shape[1], TILE):
                yield np.ascontiguousarray(run[:, start : start + TILE])


def _channel(level: ZarrLevel, channel: int, rows: slice, columns: slice) -> AnyArray:
    """A window of one channel, (h, w)."""
    place: dict[str, int | slice] = {"y": rows, "x": columns, "c": channel}
    with readable(level.path):
        window = np.asarray(level.array[tuple(place.get(axis, 0) for axis in level.axes)])
    order = [axis for axis in level.axes if axis in ("y", "x")]
    return window if order == ["y", "x"] else window.T
