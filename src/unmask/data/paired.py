"""Data sets whose masks are images: in two folders, or side by side, or so in each of several folders.

Where parts lie is in `split_folders.py`, what belongs together by name in `pairing.py` and `channel_files.py`, what
names the classes in `palette.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from unmask.data.channel_files import ChannelFiles, channel_files
from unmask.data.dataset import Dataset
from unmask.data.deciding import decide
from unmask.data.entry import MaskFile
from unmask.data.listing import stem, unique_names
from unmask.data.masked import Masked, counted, masked_dataset
from unmask.data.named_images import WORDS
from unmask.data.options import ReadOptions
from unmask.data.pairing import has_mask, pair
from unmask.data.palette import find_palette
from unmask.data.split_folders import IMAGES, MASKS, Part, find_parts
from unmask.errors import PairingError

__all__ = ["IMAGES", "MASKS", "read_paired", "shown"]


def read_paired(root: Path, options: ReadOptions) -> Dataset | None:
    """Pairs images and masks, and decides what the masks mean. Looks at every mask, and at image headers.

    Args:
        root: the folder, or a file, which is another layout.
        options: a kind overrules what the masks are taken for; what becomes of files with a problem.

    Returns:
        The data set; None where there are no images and masks laid out so.

    Raises:
        PairingError: files that do not belong together, sizes that differ.
        MaskError: masks that cannot be understood or are all empty.
        UnreadableFile: a damaged file.
        DataError: images with different numbers of channels; a palette that cannot be understood.
    """
    parts = [] if root.is_file() else find_parts(root)
    if not parts:
        return None
    found = _images(root, parts, options)
    items = [item for part in parts if part.images and part.masks for item in _items(part, found, options)]
    above = [root.parent] if root.name.lower() in WORDS else []
    palette = find_palette([root, *(file.parent for part in parts for file in part.masks[:1]), *above])
    how = "paired by name" + (f", {found.channels}" if found.channels else "")
    dataset = masked_dataset(root, items, options, how=how, coding=partial(decide, palette=palette))
    return replace(dataset, pairing=dataset.pairing + _left_out(root, parts, options))
