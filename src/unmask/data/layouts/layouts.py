"""Every way in which unmask knows images and their annotation to be laid out.

A layout's reader looks at a folder or file and gives a data set, or None where it is laid out otherwise. The first in
the list that knows a folder reads it: the more a layout demands, the earlier it stands.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from unmask.data.dataset import Dataset
from unmask.data.layouts.annotation_files import read_annotated, read_via_alone
from unmask.data.layouts.ctc import read_ctc
from unmask.data.layouts.geojson_files import read_geojson
from unmask.data.layouts.imagej_files import read_rois
from unmask.data.layouts.labelme import read_labelme
from unmask.data.layouts.nnunet import read_nnunet
from unmask.data.layouts.paired import read_paired
from unmask.data.layouts.parts import read_parts
from unmask.data.layouts.stacks import read_stacks
from unmask.data.layouts.table import read_table
from unmask.data.layouts.voc import read_voc
from unmask.data.layouts.yolo import read_yolo
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
    """

    name: str
    words: str
    read: Callable[[Path, ReadOptions], Dataset | None]


LAYOUTS: tuple[Layout, ...] = (
    Layout("table", "a CSV or TSV of paths, with the columns image and mask", read_table),
    Layout("nnunet", "dataset.json, imagesTr/a_0000.png and labelsTr/a.png (nnU-Net)", read_nnunet),
    Layout("ctc", "01/t000.tif with 01_GT/SEG/man_seg000.tif (Cell Tracking Challenge)", read_ctc),
    Layout(
        "parts", "one mask a file: a/images/a.png with a/masks/*.png, or images/a.png with masks/a/*.png", read_parts
    ),
    Layout("voc", "JPEGImages/ with SegmentationObject/, SegmentationClass/ or both (Pascal VOC)", read_voc),
    Layout("yolo", "images/a.jpg with labels/a.txt, outlines in fractions of the image's size (YOLO)", read_yolo),
    Layout("omezarr", "a.zarr with label images in it (OME-Zarr)", read_zarr_labels),
    Layout("stacks", "two multi-page TIFFs: train-volume.tif with train-labels.tif", read_stacks),
    Layout("pairs", "images/a.tif with masks/a.tif, or a.tif with a_mask.tif", read_paired),
    Layout("coco", "COCO files (JSON: images, annotations, categories)", read_annotated),
    Layout("via", "VGG Image Annotator files (JSON: regions of each image)", read_via_alone),
    Layout("labelme", "a.jpg with a.json of labelme", read_labelme),
    Layout("geojson", "a.tif with a.geojson of QuPath, or images/a.tif with annotations/a.geojson", read_geojson),
    Layout("rois", "a.tif with a.roi, a.zip or a_rois.zip of ImageJ, or images/a.tif with rois/a.zip", read_rois),
)


def listed_images(root: Path) -> Dataset | None:
    """The images of a data set whose layout says which files are images; None where any image file in it is one.

    Raises:
        DataError: as the layout's reader.
    """
    names = [layout.name for layout in LAYOUTS]
    for layout in LAYOUTS[: names.index("pairs")]:
        if dataset := layout.read(root, ReadOptions()):
            entries = tuple(replace(entry, source=None) for entry in dataset.entries)
            return replace(dataset, entries=entries, coding=None, layout=layout.name)
    return None


def read_layout(root: Path, options: ReadOptions) -> Dataset | None:
    """The data set in a folder or file; None where no layout, or not the one asked for, is there.

    Raises:
        DataError: there is no layout of the name asked for; or as the layout's reader.
    """
    names = [layout.name for layout in LAYOUTS]
    if options.layout not in (None, *names):
        raise DataError(f"there is no layout {options.layout}", remedy=f"choose from {', '.join(names)}")
    for layout in LAYOUTS:
        if options.layout in (None, layout.name) and (dataset := layout.read(root, options)):
            return replace(dataset, layout=dataset.layout or layout.name)
    return None
