"""Every way in which unmask knows images and their annotation to be laid out.

A layout's reader looks at a folder or file and gives a data set, or None where it is laid out otherwise. The first in
the list that knows a folder reads it: the more a layout demands, the earlier it stands.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from unmask.data.annotation_files import read_annotated
from unmask.data.dataset import Dataset
from unmask.data.options import ReadOptions
from unmask.data.paired import read_paired
from unmask.errors import DataError

__all__ = ["LAYOUTS", "Layout", "read_layout"]


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
    Layout("pairs", "images/a.tif with masks/a.tif, or a.tif with a_mask.tif", read_paired),
    Layout("coco", "COCO or VIA JSON files that name images", read_annotated),
)


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
            return replace(dataset, layout=layout.name)
    return None
