"""What the metadata of an OME-Zarr folder say: where its levels are, what their axes mean, how far pixels are apart.

x.zarr/zarr.json        0.5 (zarr 3): attributes.ome.multiscales
x.zarr/.zattrs          0.4 (zarr 2): multiscales
x.zarr/0, x.zarr/1      the levels of its pyramid, full resolution first
x.zarr/labels/nuclei    a label image: an OME-Zarr image of its own

Source: https://ngff.openmicroscopy.org/0.5/
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from unmask.data.formats.zarr_files import SUFFIX, holds_zarr, is_array, zarr_attributes
from unmask.errors import UnreadableFile

__all__ = ["Multiscale", "image_around", "is_omezarr", "read_multiscale"]

# What else a group can be, by the keys of its attributes.
GROUPS = {
    "plate": "is a plate of many images",
    "well": "is a well of a plate, with many images",
    "labels": "is a list of label images",
    "bioformats2raw.layout": "is a collection of images",
}
DEPTH = 3  # folders below a plate where its images are: row, column, field; below an image its label images' levels
OTHER_VERSION = "write it again as OME-Zarr 0.4 or 0.5, for example with bioformats2raw"


@dataclass(frozen=True)
class Multiscale:
    """An image at several resolutions.

    Attributes:
        folder: of the image.
        axes: names of the axes in the order of the arrays; "y", "x", "c" and "t" or whatever else is there.
        units: of each axis, such as "micrometer"; empty where there is none.
        paths: folders of the levels' arrays, full resolution first.
        scales: for each level the distance of pixels along each axis, in its unit.
    """

    folder: Path
    axes: tuple[str, ...]
    units: tuple[str, ...]
    paths: tuple[Path, ...]
    scales: tuple[tuple[float, ...], ...]


class _Axis(BaseModel):
    name: str
    type: str | None = None
    unit: str | None = None

    @property
    def role(self) -> str:
        return "c" if self.type == "channel" else self.name.lower()


class _Transform(BaseModel):
    type: str
    scale: list[float] | None = None


class _Dataset(BaseModel):
    path: str = Field(min_length=1)
    coordinateTransformations: list[_Transform] = []


class _Image(BaseModel):
    axes: list[_Axis]
    datasets: list[_Dataset] = Field(min_length=1)
    coordinateTransformations: list[_Transform] = []


def is_omezarr(path: Path) -> bool:
    """Whether a zarr folder counts as an image.

    It does if it is called x.zarr, has the metadata of an OME-Zarr image, or is an array in no other zarr folder.
    """
    if not holds_zarr(path):
        return False
    try:
        if path.suffix.lower() == SUFFIX or "multiscales" in zarr_attributes(path):
            return True
        return is_array(path) and not holds_zarr(path.parent)
    except (UnreadableFile, OSError):
        return True  # whoever reads it says what is wrong


def image_around(folder: Path) -> Path | None:
    """The OME-Zarr image that an array is part of, such as a level; None where it is in none."""
    return next((parent for parent in list(folder.parents)[:DEPTH] if _has_image(parent)), None)


def read_multiscale(folder: Path) -> Multiscale:
    """The metadata of an OME-Zarr image.

    Raises:
        UnreadableFile: it is something else, such as a plate (names a folder to give), or of another version than 0.4
            and 0.5; metadata that are damaged.
    """
    attributes = zarr_attributes(folder)
    listed = attributes.get("multiscales")
    if not (isinstance(listed, list) and listed and isinstance(listed[0], dict)):
        raise _no_image(folder, attributes)
    _check_version(folder, listed[0], attributes)
    try:
        image = _Image.model_validate(listed[0])
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _damaged(folder, f"multiscales: {place}: {first['msg']}") from error
    return _multiscale(folder, image)


def _multiscale(folder: Path, image: _Image) -> Multiscale:
    axes = tuple(axis.role for axis in image.axes)
    if not {"y", "x"} <= set(axes) or len(set(axes)) < len(axes):
        raise _damaged(folder, f"its axes are {', '.join(axes) or 'none'}; an image has y and x, each axis once")
    names = [Path(dataset.path) for dataset in image.datasets]
    outside = next((name for name in names if name.is_absolute() or ".." in name.parts), None)
    if outside is not None:
        raise _damaged(folder, f"its level {outside} lies elsewhere")
    whole = _scale(folder, image.coordinateTransformations, len(axes))
    scales = [_scale(folder, dataset.coordinateTransformations, len(axes)) for dataset in image.datasets]
    return Multiscale(
        folder=folder,
        axes=axes,
        units=tuple(axis.unit or "" for axis in image.axes),
        paths=tuple(folder / name for name in names),
        scales=tuple(tuple(a * b for a, b in zip(whole, scale, strict=True)) for scale in scales),
    )


def _scale(folder: Path, transforms: list[_Transform], axes: int) -> tuple[float, ...]:
    """The product of all scales in a list of transformations."""
    scale = [1.0] * axes
    for given in (one.scale for one in transforms if one.type == "scale" and one.scale is not None):
        if len(given) != axes:
            raise _damaged(folder, f"a scale has {len(given)} numbers for {axes} axes")
        scale = [a * b for a, b in zip(scale, given, strict=True)]
    return tuple(scale)


def _check_version(folder: Path, image: dict[str, Any], attributes: dict[str, Any]) -> None:
    """Versions before 0.4 have axes without types or none, later ones than 0.5 have coordinate systems."""
    axes = image.get("axes")
    if isinstance(axes, list) and all(isinstance(axis, dict) for axis in axes):
        return
    version = str(image.get("version", attributes.get("version", "unknown")))[:20]
    problem = f"is OME-Zarr of version {version}, or its axes are damaged; unmask reads 0.4 and 0.5"
    raise UnreadableFile(problem, file=folder, remedy=OTHER_VERSION)


def _damaged(folder: Path, what: str) -> UnreadableFile:
    return UnreadableFile(f"has unsound OME-Zarr metadata: {what[:200]}", file=folder, remedy="write it again")


def _no_image(folder: Path, attributes: dict[str, Any]) -> UnreadableFile:
    """What a zarr folder without multiscales is, and which folder to give instead."""
    words = next((words for key, words in GROUPS.items() if key in attributes), None)
    problem = words or "is not an OME-Zarr image: its metadata have no multiscales"
    if inner := next(_images(folder, DEPTH), None):
        return UnreadableFile(problem, file=folder, remedy=f"give the folder of one image: {inner}")
    if array := next(_arrays(folder), None):
        return UnreadableFile(problem, file=folder, remedy=f"give one of its arrays, if that is an image: {array}")
    return UnreadableFile(problem, file=folder, remedy=f"if it is an image, {OTHER_VERSION}")


def _images(folder: Path, depth: int) -> Iterator[Path]:
    """Images within a group; numbered ones in order."""
    for child in _inner(folder):
        if _has_image(child):
            yield child
        elif depth > 1 and not is_array(child):
            yield from _images(child, depth - 1)


def _arrays(folder: Path) -> Iterator[Path]:
    """Arrays in a group."""
    return (child for child in _inner(folder) if is_array(child))


def _inner(folder: Path) -> list[Path]:
    return sorted((child for child in folder.iterdir() if child.is_dir()), key=lambda child: (len(child.name), child))


def _has_image(folder: Path) -> bool:
    return holds_zarr(folder) and "multiscales" in zarr_attributes(folder)
