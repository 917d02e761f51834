"""The layout of OME-Zarr images that hold their label images: a.zarr/labels/cells (ngff.openmicroscopy.org)."""

from functools import partial
from pathlib import Path

from unmask.data.dataset import Dataset
from unmask.data.entry import MaskFile
from unmask.data.formats.multiscale import is_omezarr
from unmask.data.formats.omezarr import labels_of
from unmask.data.layouts.masked import Masked, masked_dataset
from unmask.data.listing import natural, unique_names
from unmask.data.options import ReadOptions, attempt
from unmask.errors import PairingError

__all__ = ["read_zarr_labels"]


def read_zarr_labels(root: Path, options: ReadOptions) -> Dataset | None:
    """Reads OME-Zarr images with their label images.

    Args:
        root: one such image, or a folder of them.
        options: what the user says of the data.

    Returns:
        The data set; None where no image there has labels. Images without labels are reported.

    Raises:
        PairingError: several label images of one image.
        DataError: as `masked_dataset`.
    """
    if root.is_file():
        return None
    images = [root] if is_omezarr(root) else sorted(filter(_is_image, root.iterdir()), key=natural)
    if not any(labels_of(image) for image in images):
        return None
    names = dict(zip(images, unique_names(images), strict=True))
    items = [attempt(options, partial(_item, image, names[image])) for image in images]
    return masked_dataset(root, [item for item in items if item], options, how="with their label images")


def _is_image(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".") and is_omezarr(path)


def _item(image: Path, name: str) -> Masked:
    labels = labels_of(image)
    if not labels:
        raise PairingError(
            "is an image without labels", file=image, remedy="add a label image to its labels group", code="unpaired"
        )
    if len(labels) > 1:
        there = ", ".join(label.name for label in labels)
        remedy = f"say which in a CSV file: image,mask in its first line, then {image.name},{image.name}/labels/NAME"
        raise PairingError(f"holds {len(labels)} label images ({there})", file=image, remedy=remedy)
    return Masked(name, (image,), MaskFile(labels[0]))
