"""Every way in which unmask knows images and their annotation to be laid out.

A layout's reader looks at a folder or file and gives a data set, or None where it is laid out otherwise. The first in
the list that knows a folder reads it: the more a layout demands, the earlier it stands.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from unmask.data.dataset import Dataset
from unmask.data.layouts.annotation_files import read_annotated, read_via_alone
from unmask.data.layouts.ctc import ctc_images, read_ctc
from unmask.data.layouts.geojson_files import read_geojson
from unmask.data.layouts.imagej_files import read_rois
from unmask.data.layouts.labelme import read_labelme
from unmask.data.layouts.nnunet import nnunet_images, read_nnunet
from unmask.data.layouts.paired import read_paired
from unmask.data.layouts.parts import parts_images, read_parts
from unmask.data.layouts.stacks import read_stacks, stacks_images
from unmask.data.layouts.table import read_table, tabled_images
from unmask.data.layouts.voc import read_voc, voc_images
from unmask.data.layouts.yolo import read_yolo
from unmask.data.layouts.yolo_files import yolo_images
from unmask.data.layouts.zarr_labels import read_zarr_labels
from unmask.data.options import ReadOptions
from unmask.errors import DataError

__all__ = ["LAYOUTS", "Layout", "listed_images", "read_layout"]


@dataclass(frozen=True)
class Layout:
    """A way in which data are laid out.

    Attributes:
        name: as `--layout` takes it.
        words: what it looks like, for lists.
        read: a folder or file to its data set; None where it is laid out otherwise. Raises DataError where it is laid
            out so, and something is wrong.
        images: a folder or file to the files of its images, annotated or not, by what each is named after; None where
            it is laid out otherwise. Not there where any image file that is no mask is an image.
    """

    name: str
    words: str
    read: Callable[[Path, ReadOptions], Dataset | None]
    images: Callable[[Path], Mapping[Path, tuple[Path, ...]] | None] | None = None


LAYOUTS: tuple[Layout, ...] = (
    Layout("table", "a CSV or TSV of paths, with the columns image and mask", read_table, tabled_images),
    Layout("nnunet", "dataset.json, imagesTr/a_0000.png and labelsTr/a.png (nnU-Net)", read_nnunet, nnunet_images),
    Layout("ctc", "01/t000.tif with 01_GT/SEG/man_seg000.tif (Cell Tracking Challenge)", read_ctc, ctc_images),
    Layout(
        "parts",
        "one mask a file: a/images/a.png with a/masks/*.png, or images/a.png with masks/a/*.png",
        read_parts,
        parts_images,
    ),
    Layout(
        "voc", "JPEGImages/ with SegmentationObject/, SegmentationClass/ or both (Pascal VOC)", read_voc, voc_images
    ),
    Layout(
        "yolo",
        "images/a.jpg with labels/a.txt, outlines in fractions of the image's size (YOLO)",
        read_yolo,
        yolo_images,
    ),
    Layout("omezarr", "a.zarr with label images in it (OME-Zarr)", read_zarr_labels),
    Layout("stacks", "two multi-page TIFFs: train-volume.tif with train-labels.tif", read_stacks, stacks_images),
    Layout("pairs", "images/a.tif with masks/a.tif, or a.tif with a_mask.tif", read_paired),
    Layout("coco", "COCO files (JSON: images, annotations, categories)", read_annotated),
    Layout("via", "VGG Image Annotator files (JSON: regions of each image)", read_via_alone),
    Layout("labelme", "a.jpg with a.json of labelme", read_labelme),
    Layout("geojson", "a.tif with a.geojson of QuPath, or images/a.tif with annotations/a.geojson", read_geojson),
    Layout("rois", "a.tif with a.roi, a.zip or a_rois.zip of ImageJ, or images/a.tif with rois/a.zip", read_rois),
)


def listed_images(root: Path) -> Mapping[Path, tuple[Path, ...]] | None:
    """The files of each image, annotated or not, by what it is named after, where a layout says which files are images.

    Args:
        root: a folder or file.

    Returns:
        One file an image, or one a channel; None where any image file that is no mask is an image.

    Raises:
        DataError: an image that the layout names is not there, or lacks a channel.
    """
    found = (layout.images(root) for layout in LAYOUTS if layout.images)
    return next((images for images in found if images), None)


def read_layout(root: Path, options: ReadOptions) -> Dataset | None:
    """The data set in a folder or file; None where no layout, or not the one asked for, is there.

    Raises:
        DataError: there is no layout of the name asked for; or as the layout's reader.
    """
    names = [layout.name for layout in LAYOUTS]
    if options.layout not in (None, *names):
        close = get_close_matches(str(options.layout), names, 1)
        remedy = f"choose from {', '.join(names)}" + (f"; the closest is {close[0]}" if close else "")
        raise DataError(f"there is no layout {options.layout}", remedy=remedy)
    for layout in LAYOUTS:
        if options.layout in (None, layout.name) and (dataset := layout.read(root, options)):
            return replace(dataset, layout=dataset.layout or layout.name)
    return None
