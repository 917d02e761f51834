"""Data sets whose objects are ImageJ's ROIs: one file an image, of the same name.

a.tif  a.roi                       a single ROI
a.tif  a.zip                       a set, as the ROI Manager saves it; also a_rois.zip, a_RoiSet.zip
a.tif  RoiSet.zip                  where there is only one image
images/a.tif  rois/a.zip           in folders, as `sidecars.py` finds them
"""

import re
import zipfile
from dataclasses import replace
from pathlib import Path

from unmask.data.dataset import Dataset
from unmask.data.formats.reading import in_bytes, readable
from unmask.data.layouts.imagej import objects_of_rois
from unmask.data.layouts.one_each import files_below
from unmask.data.layouts.sidecars import Sidecar, sidecar_dataset
from unmask.data.options import ReadOptions
from unmask.errors import UnmaskError, UnreadableFile

__all__ = ["read_rois"]

ROI, SET = ".roi", ".zip"
CALLED = re.compile(r"(?:^|[ _.-]+)roi(?:s|[ _-]?sets?)?$", re.IGNORECASE)  # at the end of a name: RoiSet, a_rois
LARGEST = 2**27  # bytes of all ROIs of an image: 32 million corners
OTHERS = ("__MACOSX", "._", ".DS_Store")  # what macOS adds to a zip file


def read_rois(root: Path, options: ReadOptions) -> Dataset | None:
    """Reads a data set whose objects are ImageJ's ROIs.

    Args:
        root: its folder; a file is of another layout.
        options: kind "classes" where only classes matter; what becomes of files with a problem.

    Returns:
        The data set; None where there are no ROIs. Objects are turned into pixels when an image is loaded.

    Raises:
        UnreadableFile: a file is damaged.
        PairingError: ROIs without their image, or an image without ROIs.
        MaskError: no object at all; more than 254 classes.
        DataError: ROIs of stacks; other files among ROIs; images with different numbers of channels.
    """
    files = [] if root.is_file() else files_below(root)
    ours = [file for file in files if _is_set(file) or file.suffix.lower() == ROI]
    if not ours:
        return None
    ours += [file for file in files if file.suffix.lower() == SET and _is_empty(file)]
    read = {file: _read(file) for file in sorted(ours)}
    return replace(sidecar_dataset(root, "ROI", read, _names, options), layout="rois")


def _names(file: Path) -> tuple[str, ...]:
    """The names of the image that a file's name points at: its own; what is before RoiSet, which may be nothing."""
    return tuple(dict.fromkeys([file.stem, CALLED.sub("", file.stem)]))


def _is_set(file: Path) -> bool:
    """Whether a file is a zip file with a ROI in it, or is called so."""
    if file.suffix.lower() != SET:
        return False
    return bool(CALLED.search(file.stem)) or any(name.lower().endswith(ROI) for name in _members(file) or ())


def _is_empty(file: Path) -> bool:
    """Whether a file is a zip file of nothing: the ROIs of an image without objects, as unmask writes them."""
    return _members(file) == []


def _members(file: Path) -> list[str] | None:
    """Names of what is in a zip file; None where that cannot be said."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.namelist()
    except Exception:  # of a damaged file anything may be raised; it is read, and refused, if it is one of ours
        return None


def _read(file: Path) -> Sidecar | UnmaskError:
    """The objects of a file, or what is wrong with it."""
    try:
        return objects_of_rois(_contents(file), file)
    except UnmaskError as error:
        return error


def _contents(file: Path) -> list[tuple[str, bytes]]:
    """Name and bytes of each ROI in a file."""
    if file.suffix.lower() == ROI:
        with readable(file):
            _check_size(file, file.stat().st_size)
            return [(file.name, file.read_bytes())]
    with readable(file), zipfile.ZipFile(file) as archive:
        members = [one for one in archive.infolist() if not one.is_dir() and not _is_other(one.filename)]
        _check_size(file, sum(one.file_size for one in members))
        _check_names(file, [one.filename for one in members])
        return [(one.filename, archive.read(one)) for one in members]


def _is_other(name: str) -> bool:
    return name.startswith(OTHERS) or name.rsplit("/", 1)[-1].startswith(OTHERS)


def _check_size(file: Path, size: int) -> None:
    """Before anything is unpacked: a small zip file can hold what no memory does."""
    if size > LARGEST:
        problem = f"holds {in_bytes(size)} of ROIs, more than {in_bytes(LARGEST)}"
        raise UnreadableFile(problem, file=file, remedy="give label images in masks/, or fewer and simpler ROIs")


def _check_names(file: Path, names: list[str]) -> None:
    others = [name for name in names if not name.lower().endswith(ROI)]
    if others:
        problem = f"holds {len(others)} files that are no ROIs, such as {others[0][:80]!r}"
        raise UnreadableFile(
            problem, file=file, remedy="take them out, or save the ROIs alone: ROI Manager, More > Save"
        )
