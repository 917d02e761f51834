"""Data sets of the Cell Tracking Challenge: frames of time-lapse sequences and their outlined cells.

01/t000.tif  01_GT/SEG/man_seg000.tif   gold truth, drawn by people: often of few frames, and of few cells in each
01/t000.tif  01_ST/SEG/man_seg000.tif   silver truth, of several programs: taken where a sequence has no gold truth

Markers of tracking (01_GT/TRA) are no masks, but say how many cells there are in a frame.
"""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unmask.data.dataset import Dataset
from unmask.data.entry import MaskFile
from unmask.data.formats.images import read_header
from unmask.data.layouts.masked import Masked, counted, masked_dataset
from unmask.data.listing import natural, stem
from unmask.data.masks.coding import Coding
from unmask.data.masks.deciding import decide
from unmask.data.masks.read import MaskFacts, read_mask
from unmask.data.options import OUTSIDE, ReadOptions, attempt
from unmask.errors import DataError, PairingError

__all__ = ["ctc_images", "read_ctc"]

SEQUENCE = r"\d\d+"
FRAME, MASK, SLICE, MARKERS = r"t(\d+)", r"man_seg_?(\d+)", r"man_seg_?(\d+)_(\d+)", r"man_track(\d+)"
GOLD, SILVER = "_GT", "_ST"


@dataclass(frozen=True)
class _Sequence:
    """One sequence; files by frame number.

    Attributes:
        name: of its folder.
        frames: its images.
        truth: the end of the name of the folder that its masks are in; empty where there are none.
        masks: label images of outlined cells.
        markers: label images of tracked cells, gold truth's.
    """

    name: str
    frames: dict[int, Path]
    truth: str
    masks: dict[int, Path]
    markers: dict[int, Path]


def read_ctc(root: Path, options: ReadOptions) -> Dataset | None:
    """Reads sequences of the Cell Tracking Challenge. Frames without outlined cells are left out.

    Args:
        root: the folder with 01, 01_GT and so on.
        options: what becomes of files with a problem; values are objects unless a kind is given.

    Returns:
        The data set; images are called 01_t000. None where no sequence has outlined cells.

    Raises:
        DataError: volumes (3-D); images with different numbers of channels.
        PairingError: a mask without its frame, sizes that differ.
        MaskError: masks that cannot be understood or are all empty.
        UnreadableFile: a damaged file.
    """
    sequences = [_sequence(folder) for folder in _folders(root)]
    if not any(one.truth for one in sequences):
        return None
    items = [item for one in sequences for item in _items(root, one, options)]
    markers = {one.masks[frame]: file for one in sequences for frame, file in one.markers.items() if frame in one.masks}
    dataset = masked_dataset(
        root,
        items,
        options,
        how="paired by frame",
        coding=lambda facts, options: _coding(facts, markers, options),
    )
    return replace(dataset, pairing=f"{dataset.pairing} {_told(sequences, len(items))}")


def ctc_images(root: Path) -> dict[Path, tuple[Path, ...]] | None:
    """All frames, outlined or not, by a file called 01_t000; None where no sequence has a folder of truth beside."""
    folders = _folders(root)
    if not any(_beside(folder, truth).is_dir() for folder in folders for truth in (GOLD, SILVER)):
        return None
    frames = [(folder, file) for folder in folders for file in _numbered(folder, FRAME).values()]
    return {root / f"{folder.name}_{file.name}": (file,) for folder, file in frames}


def _folders(root: Path) -> list[Path]:
    """Folders called as those of sequences are."""
    folders = [] if root.is_file() else sorted(root.iterdir(), key=natural)
    return [folder for folder in folders if re.fullmatch(SEQUENCE, folder.name) and folder.is_dir()]


def _sequence(folder: Path) -> _Sequence:
    """Raises DataError where masks are those of slices."""
    frames, markers = _numbered(folder, FRAME), _numbered(_beside(folder, GOLD) / "TRA", MARKERS)
    for truth in (GOLD, SILVER):
        place = _beside(folder, truth) / "SEG"
        if slices := _numbered(place, SLICE):
            raise _volumes("is the mask of a slice", next(iter(slices.values())))
        if masks := _numbered(place, MASK):
            return _Sequence(folder.name, frames, truth, masks, markers)
    return _Sequence(folder.name, frames, "", {}, {})


def _items(root: Path, sequence: _Sequence, options: ReadOptions) -> list[Masked]:
    items = []
    for number, mask in sequence.masks.items():
        if frame := sequence.frames.get(number):
            items.append(Masked(f"{sequence.name}_{stem(frame)}", (frame,), MaskFile(mask)))
        else:
            remedy = f"put its frame into {root / sequence.name}, or move the mask away"
            options.report(PairingError(f"is the mask of frame {number}, which is not there", file=mask, remedy=remedy))
    header = attempt(options, lambda: read_header(items[0].images[0])) if items else None
    if header and header.pages > 1:
        raise _volumes(f"is a volume of {header.pages} slices", header.path)
    return items


def _volumes(problem: str, file: Path) -> DataError:
    remedy = "save annotated slices as 2-D images in images/ and masks/, for example from Fiji"
    return DataError(f"{problem}; of this challenge unmask reads 2-D sequences, not 3-D", file=file, remedy=remedy)


def _coding(facts: Sequence[MaskFacts], markers: dict[Path, Path], options: ReadOptions) -> Coding:
    """Values are ids of cells; says where fewer cells are outlined than tracked."""
    cells = sum(one.values.size for one in facts)
    seen = f"{counted(len(facts), 'mask')} with {counted(cells, 'outlined cell')}"
    told = f"{seen}: read as label images, one object an id. If they are classes, say --classes."
    coding = decide(facts, options, Coding("objects", (), told))
    with ThreadPoolExecutor() as pool:
        tracked = pool.map(lambda one: _tracked(markers.get(one.file), options), facts)
    counts = [(one.values.size, there) for one, there in zip(facts, tracked, strict=True) if one.values.size < there]
    if not counts:
        return coding
    outlined, there = (sum(count) for count in zip(*counts, strict=True))
    told = f" In {len(counts)} of these masks fewer cells are outlined than are tracked ({outlined:,} of {there:,})"
    known = "" if options.ignore == OUTSIDE else f"; the others count as background unless you say --ignore {OUTSIDE}"
    return replace(coding, decision=f"{coding.decision}{told}{known}.")


def _tracked(file: Path | None, options: ReadOptions) -> int:
    """How many cells have a marker."""
    masks = None if file is None else attempt(options, lambda: read_mask(file))
    return 0 if masks is None else int(np.count_nonzero(np.unique(np.stack(masks))))


def _told(sequences: Sequence[_Sequence], annotated: int) -> str:
    """What was left out, and where truth is silver."""
    frames = sum(len(one.frames) for one in sequences)
    told = f"{annotated} of {counted(frames, 'frame')} {'is' if annotated == 1 else 'are'} annotated"
    told += "." if annotated == frames else "; the others are left out."
    silver = [one.name for one in sequences if one.truth == SILVER]
    if not silver:
        return told
    names = ", ".join(f"{name}{SILVER}" for name in silver)
    return f"{told} Silver truth, made by programs, where there is no gold truth: {names}."


def _beside(folder: Path, truth: str) -> Path:
    return folder.parent / f"{folder.name}{truth}"


def _numbered(folder: Path, pattern: str) -> dict[int, Path]:
    """TIFF files of a folder by their first number, rising; none where there is no such folder."""
    files = [file for file in folder.iterdir() if file.suffix.lower() in (".tif", ".tiff")] if folder.is_dir() else []
    matches = [(re.fullmatch(pattern, file.stem), file) for file in sorted(files, key=natural)]
    return {int(match[1]): file for match, file in matches if match}
