"""Files that reading refuses, rewritten so that it does not: in a copy of the folder, never in place.

The copy is made of links, so that it costs nothing, whatever the layout. A repaired file takes the place of its link,
under the same name: readers go by what a file holds, and lists that name it stay true.
"""

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from scipy import ndimage

from unmask.arrays import AnyArray, MaskImage, RawImage
from unmask.data.files import atomic
from unmask.data.formats.images import read_image, write_image
from unmask.data.formats.multiscale import is_omezarr
from unmask.data.masks.read import look_at
from unmask.errors import UnmaskError

__all__ = ["Change", "linked_copy", "repair"]

CLEAR = 0.25  # of the highest value: what is nearer to 0 or to it is plainly background or object
RIM = 4  # pixels: so far from what is plainly an object smoothing may reach


@dataclass(frozen=True)
class Change:
    """What was changed: the original file, and in words what."""

    file: Path
    what: str


def linked_copy(root: Path, out: Path) -> None:
    """A copy of a folder whose files are links; copies where the system knows no links.

    Folders are real, also where the original has a link to one, but for OME-Zarr images, which are not repaired.
    """
    seen: set[Path] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        if Path(folder).resolve() in seen:  # links that lead in a circle
            folders.clear()
            continue
        seen.add(Path(folder).resolve())
        place = out / Path(folder).relative_to(root)
        place.mkdir(parents=True, exist_ok=True)
        whole = [name for name in folders if is_omezarr(Path(folder, name))]
        for name in [*files, *whole]:
            _link(Path(folder, name).resolve(), place / name)
        folders[:] = [name for name in folders if name not in whole]


def _link(file: Path, place: Path) -> None:
    try:
        place.symlink_to(file, target_is_directory=file.is_dir())
    except OSError:
        (shutil.copytree if file.is_dir() else shutil.copy2)(file, place)


def repair(copy: Path, root: Path, problems: Iterable[UnmaskError]) -> list[Change]:
    """Rewrites files of a linked copy that have one of the problems that can be mended.

    Args:
        copy: made by `linked_copy`.
        root: the original, which is not touched.
        problems: of files in it.

    Returns:
        What was done, for each file; files of which it is not plain how to mend them stay as they are.
    """
    changes = []
    for problem in problems:
        mend = REPAIRS.get(problem.code)
        if mend is None or problem.file is None or not problem.file.is_relative_to(root):
            continue
        file = copy / problem.file.relative_to(root)
        # What lies in a linked folder is the original.
        if file.parent.resolve().is_relative_to(copy.resolve()) and file.is_file() and (what := mend(file)):
            changes.append(Change(problem.file, what))
    return changes


def _transposed(file: Path) -> str:
    planes = [plane.transpose(1, 0, 2) for plane in read_image(file, indices=True).planes]
    return _rewritten(file, planes, "rows and columns swapped")


def _thresholded(file: Path) -> str:
    """Masks of background and one kind of object, smoothed: cut half way. Of others nobody can say what they were."""
    read = read_image(file)
    grey = [_grey(plane) for plane in read.planes]
    if not all(seen.between for seen in look_at([file])[0]) or any(plane is None for plane in grey):
        return ""
    masks = [plane for plane in grey if plane is not None]
    if not all(_two_levels(mask) for mask in masks):
        return ""
    half = max(int(mask.max()) for mask in masks) // 2
    planes = [((mask > half) * np.uint8(255)).astype(np.uint8)[..., None] for mask in masks]
    return _rewritten(file, planes, f"values above {half} made 255, all others 0")


def _grey(plane: RawImage) -> AnyArray | None:
    """(h, w) where the channels are one, else None."""
    colours = plane[..., :3] if plane.shape[2] > 3 else plane
    return plane[..., 0] if (colours == colours[..., :1]).all() else None


def _two_levels(mask: AnyArray) -> bool:
    """Whether the mask holds two values, smoothed: what is in between lines what is plainly an object."""
    top = float(mask.max())
    between: MaskImage = (mask > CLEAR * top) & (mask < (1 - CLEAR) * top)
    far = ndimage.distance_transform_edt(mask < (1 - CLEAR) * top) > RIM
    return bool(20 * np.count_nonzero(between & far) <= np.count_nonzero(between))


def _whole(file: Path) -> str:
    """Float masks made integers, where it is plain which: whole numbers, probabilities, two values."""
    planes = [plane for plane in read_image(file).planes if _grey(plane) is not None]
    values = np.unique(np.concatenate([plane.ravel() for plane in planes])) if planes else np.zeros(0)
    if not planes or values.dtype.kind != "f" or values[0] < 0:
        return ""
    if (values == np.round(values)).all() and values[-1] < 2**16:
        return _rewritten(file, [plane[..., :1].astype(np.uint16) for plane in planes], "stored as whole numbers")
    # Ids over their largest, as some scripts save them, are not between two values.
    if values.size > 2 and not (values[-1] <= 1 and all(_two_levels(plane[..., 0]) for plane in planes)):
        return ""
    half = values[-1] / 2
    ones = [(plane[..., :1] > half).astype(np.uint8) for plane in planes]
    return _rewritten(file, ones, f"values above {half:g} made 1, all others 0")


def _finite(file: Path) -> str:
    """Values that are not finite replaced by the nearest that is, channel by channel."""
    read = read_image(file, finite=False)
    if len(read.planes) > 1:
        return ""
    image, count = read.planes[0].copy(), 0
    for channel in np.moveaxis(image, 2, 0):
        wrong = ~np.isfinite(channel)
        if wrong.all():
            return ""
        nearest = ndimage.distance_transform_edt(wrong, return_distances=False, return_indices=True)
        channel[...] = channel[tuple(nearest)]
        count += int(wrong.sum())
    with atomic(file) as place:
        write_image(place, image, read.pixel_size)
    return f"{count} {'value' if count == 1 else 'values'} replaced by the nearest finite one"


REPAIRS: dict[str, Callable[[Path], str]] = {
    "transposed": _transposed,
    "smoothed": _thresholded,
    "mask-type": _whole,
    "not-finite": _finite,
}


def _rewritten(file: Path, planes: list[RawImage], what: str) -> str:
    """The link replaced by a file of the same name, without loss."""
    with atomic(file) as place:  # a rename takes the link's place: nothing is written through it
        if len(planes) == 1 and planes[0].dtype in (np.uint8, np.uint16):
            image = planes[0] if planes[0].shape[2] > 1 else planes[0][..., 0]
            place.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(image)))
        else:
            pages = np.stack([plane[..., 0] for plane in planes])
            tifffile.imwrite(place, pages, photometric="minisblack", metadata={"axes": "QYX"})
    return what
