"""Files that reading refuses, rewritten so that it does not: in a copy of the folder, never in place.

The copy is made of links, so that it costs nothing, whatever the layout; only files that are repaired are new.
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

from unmask.arrays import AnyArray
from unmask.data.formats.images import read_header, read_image
from unmask.errors import UnmaskError

__all__ = ["Change", "linked_copy", "repair"]

LOSSY = (".jpg", ".jpeg")


@dataclass(frozen=True)
class Change:
    """What was changed: the original file, and in words what."""

    file: Path
    what: str


def linked_copy(root: Path, out: Path) -> None:
    """A copy of a folder whose files are links; copies where the system knows no links."""
    for folder, folders, files in os.walk(root):
        place = out / Path(folder).relative_to(root)
        place.mkdir(parents=True, exist_ok=True)
        whole = [name for name in folders if name.lower().endswith(".zarr")]
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
        What was done, for each file.
    """
    changes = []
    for problem in problems:
        mend = REPAIRS.get(problem.code)
        if mend is None or problem.file is None or not problem.file.is_relative_to(root):
            continue
        what = mend(copy / problem.file.relative_to(root))
        if what:
            changes.append(Change(problem.file, what))
    return changes


def _transposed(file: Path) -> str:
    header = read_header(file)
    planes = [plane.transpose(1, 0, 2) for plane in read_image(file, indices=True).planes]
    _rewrite(file, planes, header.pages)
    return "rows and columns swapped"


def _thresholded(file: Path) -> str:
    header = read_header(file)
    planes = [plane[..., :1] for plane in read_image(file).planes]
    half = max(int(plane.max()) for plane in planes) // 2
    _rewrite(file, [((plane > half) * np.uint8(255)).astype(np.uint8) for plane in planes], header.pages)
    return f"values above {half} made 255, all others 0"


def _whole(file: Path) -> str:
    """Float masks made integers, where that is plain."""
    header = read_header(file)
    planes = [plane[..., :1] for plane in read_image(file).planes]
    if planes[0].dtype.kind != "f" or min(float(plane.min()) for plane in planes) < 0:
        return ""
    if all((plane == np.round(plane)).all() and plane.max() < 2**16 for plane in planes):
        _rewrite(file, [plane.astype(np.uint16) for plane in planes], header.pages)
        return "whole numbers stored as integers"
    top = max(float(plane.max()) for plane in planes)
    _rewrite(file, [(plane > top / 2).astype(np.uint8) for plane in planes], header.pages)
    return f"values above {top / 2:g} made 1, all others 0"


def _finite(file: Path) -> str:
    """Values that are not finite replaced by the nearest that is."""
    image = tifffile.imread(file)
    wrong = ~np.isfinite(image)
    if wrong.all():
        return ""
    nearest = ndimage.distance_transform_edt(wrong, return_distances=False, return_indices=True)
    file.unlink()
    tifffile.imwrite(file, image[tuple(nearest)], photometric="minisblack")
    count = int(wrong.sum())
    return f"{count} {'value' if count == 1 else 'values'} replaced by the nearest finite one"


REPAIRS: dict[str, Callable[[Path], str]] = {
    "transposed": _transposed,
    "smoothed": _thresholded,
    "mask-type": _whole,
    "not-finite": _finite,
}


def _rewrite(file: Path, planes: list[AnyArray], pages: int) -> None:
    """The link replaced by a file of the same name; without loss, so a JPEG becomes a PNG."""
    file.unlink()
    stack = np.stack([plane[..., 0] for plane in planes])
    if file.suffix.lower().startswith(".tif"):
        tifffile.imwrite(file, stack if pages > 1 else stack[0], photometric="minisblack")
        return
    png = file.with_suffix(".png")
    png.write_bytes(imagecodecs.png_encode(stack[0]))
