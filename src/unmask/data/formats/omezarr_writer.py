"""Writing OME-Zarr 0.4 and 0.5: an image with its label images, each as a pyramid of levels in chunks."""

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from zarr.codecs import BloscCodec

from unmask.arrays import AnyArray, RawImage
from unmask.data.formats.zarr_files import SUFFIX, holds_zarr
from unmask.errors import UnmaskError

__all__ = ["halved", "multiscales", "write_omezarr"]

CHUNK = 1_024  # pixels; also the size from which a level is the last
BLOSC: dict[str, Any] = {"cname": "zstd", "clevel": 5}  # which every reader of zarr has
ZARR_FORMAT: dict[str, Literal[2, 3]] = {"0.4": 2, "0.5": 3}


def write_omezarr(
    path: str | Path,
    image: RawImage,
    pixel_size: tuple[float, float] | None = None,
    labels: Mapping[str, AnyArray] | None = None,
    version: Literal["0.4", "0.5"] = "0.5",
) -> None:
    """Writes an image and its label images as OME-Zarr, Blosc-compressed; all or nothing.

    Every level is half as large as the one before, by the mean of 2 x 2 pixels in images, by every second pixel in
    label images, until one chunk holds it. An OME-Zarr folder that is there is replaced.

    Args:
        path: the folder, such as x.ome.zarr.
        image: (h, w, c).
        pixel_size: (y, x) in micrometres.
        labels: label images by name, each (h, w) integers, none negative: labels/NAME. uint16, or uint32 where an id
            exceeds 65,535.
        version: of OME-Zarr.

    Raises:
        ValueError: `image` is no image, or `labels` are no label images of its size, or have names that folders cannot
            have.
        UnmaskError: it cannot be written, or a folder of another kind is there.
    """
    labels = labels or {}
    _check(image, labels)
    with _whole_folder(Path(path)) as folder:
        planes = image[..., 0] if image.shape[2] == 1 else np.moveaxis(image, 2, 0)
        _write_pyramid(folder, planes, pixel_size, version, Path(path).name)
        if labels:
            _write_group(folder / "labels", {"labels": list(labels)}, version)
        for name, ids in labels.items():
            narrow = ids.astype(np.uint16 if not ids.size or ids.max() <= 65_535 else np.uint32)
            _write_pyramid(folder / "labels" / name, narrow, pixel_size, version, name, is_label=True)


def _check(image: RawImage, labels: Mapping[str, AnyArray]) -> None:
    if image.ndim != 3 or not image.size:
        raise ValueError(f"an image is (h, w, c), not {image.shape}")
    for name, ids in labels.items():
        if not name or name.startswith(".") or set(name) & set('/\\:*?"<>|'):
            raise ValueError(f"a label image cannot be called {name!r}")
        if ids.shape != image.shape[:2] or ids.dtype.kind not in "ui" or ids.min() < 0:
            raise ValueError(f"{name} is {ids.shape} {ids.dtype}, not {image.shape[:2]} integers from 0")


def _write_pyramid(
    folder: Path,
    array: AnyArray,
    pixel_size: tuple[float, float] | None,
    version: str,
    name: str,
    is_label: bool = False,
) -> None:
    """Writes the levels of a (h, w) or (c, h, w) array."""
    axes = "cyx"[-array.ndim :]
    levels = _levels(array, is_label)
    attributes: dict[str, Any] = {"multiscales": [multiscales(axes, len(levels), pixel_size, name, is_label)]}
    if version == "0.4":
        attributes["multiscales"][0]["version"] = version
    if is_label:
        attributes["image-label"] = {"version": version, "source": {"image": "../../"}}
    group = _write_group(folder, attributes, version)
    for index, level in enumerate(levels):
        _write_level(group, str(index), level, axes)


def _write_group(folder: Path, attributes: dict[str, Any], version: str) -> zarr.Group:
    held = attributes if version == "0.4" else {"ome": {"version": version} | attributes}
    return zarr.create_group(folder, zarr_format=ZARR_FORMAT[version], attributes=held)


def _write_level(group: zarr.Group, name: str, level: AnyArray, axes: str) -> None:
    is_3 = group.metadata.zarr_format == 3
    array = group.create_array(
        name,
        shape=level.shape,
        dtype=level.dtype,
        chunks=tuple(1 if axis == "c" else min(CHUNK, n) for axis, n in zip(axes, level.shape, strict=True)),
        compressors=BloscCodec(**BLOSC) if is_3 else {"id": "blosc", "shuffle": 1, **BLOSC},
        dimension_names=tuple(axes) if is_3 else None,
        chunk_key_encoding={"name": "default" if is_3 else "v2", "separator": "/"},
        fill_value=0,
    )
    array[...] = level


def _levels(array: AnyArray, is_label: bool) -> list[AnyArray]:
    levels = [array]
    while max(levels[-1].shape[-2:]) > CHUNK:
        levels.append(levels[-1][..., ::2, ::2] if is_label else halved(levels[-1]))
    return levels


def halved(array: AnyArray) -> AnyArray:
    """Means of 2 x 2 pixels, rounded where they are integers; at an odd edge of those that are there."""
    wide = np.float64 if array.dtype.kind == "f" else np.int64
    rows, columns = (n + n % 2 for n in array.shape[-2:])
    halved = np.empty((*array.shape[:-2], rows // 2, columns // 2), array.dtype)
    for index in np.ndindex(array.shape[:-2]):  # a channel at a time: the sums are wide
        even = np.pad(array[index], [(0, n % 2) for n in array.shape[-2:]], mode="edge")
        total = sum(even[row::2, column::2].astype(wide) for row in (0, 1) for column in (0, 1))
        halved[index] = total / 4 if wide is np.float64 else (total + 2) // 4
    return halved


def multiscales(
    axes: str, levels: int, pixel_size: tuple[float, float] | None, name: str, is_label: bool
) -> dict[str, Any]:
    size = dict(zip("yx", pixel_size or (1.0, 1.0), strict=True))
    unit = {} if pixel_size is None else {"unit": "micrometer"}
    return {
        "name": name,
        "type": "nearest" if is_label else "mean",
        "axes": [
            {"name": axis, "type": "channel"} if axis == "c" else {"name": axis, "type": "space"} | unit
            for axis in axes
        ],
        "datasets": [
            {
                "path": str(level),
                "coordinateTransformations": [
                    {"type": "scale", "scale": [1.0 if axis == "c" else float(size[axis]) * 2**level for axis in axes]}
                ],
            }
            for level in range(levels)
        ],
    }


@contextmanager
def _whole_folder(path: Path) -> Iterator[Path]:
    """Gives a temporary folder to make, which becomes `path` when the block ends without an error.

    Raises:
        UnmaskError: it cannot be written, or what is there is no OME-Zarr and would be lost.
    """
    temporary, old = (path.with_name(f".unmask-{secrets.token_hex(6)}{SUFFIX}") for _ in range(2))
    if path.exists() and not (path.is_dir() and (holds_zarr(path) or not any(path.iterdir()))):
        kind = "folder" if path.is_dir() else "file"
        raise UnmaskError(
            f"is a {kind} that would be lost", file=path, remedy="choose another name, or remove it first"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _to_disk(temporary)
        if path.exists():
            os.rename(path, old)
        os.rename(temporary, path)
    except OSError as error:
        if old.exists() and not path.exists():
            os.rename(old, path)
        remedy = "check that the folder exists, is writable and that its disk is not full, or choose another one"
        raise UnmaskError(f"cannot be written ({error.strerror or error})", file=path, remedy=remedy) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)


def _to_disk(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            with open(file, "rb+") as one:
                os.fsync(one.fileno())
