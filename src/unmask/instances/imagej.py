"""Objects as a set of ROIs that ImageJ and Fiji open: one ROI an object, its group the class."""

from collections.abc import Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
from jaxtyping import Float32
from roifile import ROI_OPTIONS, ROI_TYPE, ImagejRoi

from unmask.data.files import atomic
from unmask.errors import MaskError
from unmask.instances.objects import Objects
from unmask.instances.outlines import Ring, pieces

__all__ = ["check_size", "write_rois"]

_VERSION = 228  # of the format: the first that has groups
_LARGEST_SHORT = 60_535  # coordinate that is stored as a whole number: what is larger is taken for a negative one
_LARGEST = 2**24  # coordinate that float32 holds exactly


def check_size(size: tuple[int, int]) -> None:
    """Refuses rows and columns of an image whose pixels ROIs cannot tell apart: to be asked before hours of prediction.

    Raises:
        MaskError: the image is too large.
    """
    if max(size) > _LARGEST:
        problem = f"an image of {size[0]} x {size[1]} pixels is too large for ROIs, which end at {_LARGEST:,}"
        raise MaskError(problem, remedy="save label images or geojson")


def write_rois(path: str | Path, objects: Objects, class_names: Sequence[str]) -> None:
    """Writes the objects of one image as a zip file for ImageJ's ROI Manager; whole or not at all.

    Each ROI has the label as its name, and as properties its class and score. Outlines follow pixel corners; objects
    in several pieces or with holes are composites. Their pixels are the very pixels of the objects.

    Args:
        path: the file, which ends in .zip.
        objects: with `layers`, each object whole.
        class_names: without the background; class k is `class_names[k - 1]`, and group k.

    Raises:
        MaskError: as `check_size`.
        UnmaskError: the file cannot be written.
    """
    check_size((objects.labels.shape[0], objects.labels.shape[1]))
    with atomic(path) as temporary, ZipFile(temporary, "w", ZIP_DEFLATED) as archive:
        for label, top, left, mask in objects.crops():
            index = int(objects.classes[label - 1])
            roi = _roi(pieces(mask, top, left))
            roi.name, roi.group, roi.version = str(label), index, _VERSION
            roi.properties = {"class": class_names[index - 1], "score": str(objects.scores[label - 1])}
            archive.writestr(ZipInfo(f"{label}.roi"), roi.tobytes(), ZIP_DEFLATED)  # without the time: always the same


def _roi(parts: list[list[Ring]]) -> ImagejRoi:
    rings = [ring for part in parts for ring in part]
    low, high = np.concatenate(rings).min(axis=0), np.concatenate(rings).max(axis=0)
    roi = ImagejRoi(left=int(low[0]), top=int(low[1]), right=int(high[0]), bottom=int(high[1]))
    if len(rings) > 1:
        roi.roitype, roi.multi_coordinates = ROI_TYPE.RECT, np.concatenate([_path(ring) for ring in rings])
        roi.shape_roi_size = roi.multi_coordinates.size
        return roi
    roi.roitype, roi.n_coordinates = ROI_TYPE.TRACED, len(rings[0])
    roi.integer_coordinates = (rings[0] - low).astype(np.int32)
    if high.max() > _LARGEST_SHORT:
        roi.roitype, roi.options = ROI_TYPE.POLYGON, ROI_OPTIONS.SUB_PIXEL_RESOLUTION
        roi.subpixel_coordinates = rings[0].astype(np.float32)
    return roi


def _path(ring: Ring) -> Float32[np.ndarray, " numbers"]:
    """An outline as commands with coordinates: move, line, ..., close."""
    commands = np.ones((len(ring), 3), np.float32)
    commands[0, 0] = 0
    commands[:, 1:] = ring
    return np.append(commands.ravel(), np.float32(4))
