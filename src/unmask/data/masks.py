"""Masks as they are stored, and what can be seen in them without knowing what their values mean.

Values that only line the borders between 0 and the highest value are no annotation: they are the trace of smoothing,
resizing or JPEG, and are refused, since each would become a class or an object of its own.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.measure import label

from unmask.arrays import AnyArray, MaskImage
from unmask.data.channels import with_channels
from unmask.data.images import read_image
from unmask.errors import DataError, MaskError, PairingError

__all__ = ["MaskFacts", "check_sizes", "check_sound", "look_at", "read_mask"]

LOSSY = (".jpg", ".jpeg")
CROSS = ndimage.generate_binary_structure(2, 1)


@dataclass(frozen=True)
class MaskFacts:
    """What was seen in one mask.

    Attributes:
        file: where it came from.
        size: rows and columns, in pixels.
        background: there are pixels of value 0.
        values: (k,) values other than 0, rising.
        several: (k,) bool, the value is in several connected pieces (4 neighbours).
        between: values that line the borders between 0 and the highest; empty in a sound mask.
        damaged: how many pixels have such a value.
    """

    file: Path
    size: tuple[int, int]
    background: bool
    values: AnyArray
    several: AnyArray
    between: tuple[int, ...]
    damaged: int


def read_mask(path: Path, page: int | None = None) -> list[AnyArray]:
    """Reads masks as they are stored.

    Args:
        path: the file.
        page: which image of a multi-page TIFF, from 0; None reads all.

    Returns:
        The masks, each (h, w) integers, none negative.

    Raises:
        MaskError: float or negative values, or colours.
        UnreadableFile: the file cannot be read.
    """
    file = read_image(path, page, indices=True)
    try:
        masks = [with_channels(plane, file.header, 1)[..., 0] for plane in file.planes]
    except DataError as error:
        problem = f"is a mask with {file.planes[0].shape[2]} different channels; a mask has one value a pixel"
        remedy = "save it as a label image, as grey, or with a palette (indexed PNG)"
        raise MaskError(problem, file=path, remedy=remedy) from error
    for mask in masks:
        _check_integer(path, mask)
    return masks


def look_at(files: Sequence[Path]) -> list[list[MaskFacts]]:
    """Looks at all masks of all files, several files at a time.

    Returns:
        For each file the facts of its masks, one a page.

    Raises:
        MaskError: as `read_mask`.
        UnreadableFile: as `read_mask`.
    """
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda file: [_facts(file, mask) for mask in read_mask(file)], files))


def check_sound(facts: Sequence[MaskFacts]) -> None:
    """Refuses masks with in-between values.

    Raises:
        MaskError: a mask has values that only line borders; names the first, and counts the others.
    """
    damaged = [one for one in facts if one.between]
    if not damaged:
        return
    one, others = damaged[0], len(damaged) - 1
    top = int(one.values[-1])
    examples = " and ".join(str(v) for v in (one.between[len(one.between) // 2], one.between[-1])[: len(one.between)])
    problem = (
        f"is a mask with {len(one.between)} in-between values along its borders ({one.damaged} pixels, such as "
        f"{examples} between 0 and {top}), the trace of JPEG, smoothing or resizing"
    )
    if others:
        problem += f"; so {'is 1 more mask' if others == 1 else f'are {others} more masks'}"
    halve = _command(one.file, ".png", f"((m > {top // 2}) * 255).astype('uint8')", every=len(damaged) == len(facts))
    remedy = (
        f"export it again without smoothing, or, if it is foreground and background, threshold it half way: {halve}"
    )
    raise MaskError(
        problem, file=one.file, remedy=remedy + (", and remove the JPEG" if one.file.suffix in LOSSY else "")
    )


def check_sizes(mask: Path, size: tuple[int, int], image: tuple[int, int]) -> None:
    """Refuses a mask of another size than its image.

    Args:
        mask: the mask's file, for the message.
        size: (rows, columns) of the mask.
        image: (rows, columns) of the image.

    Raises:
        PairingError: they differ; says so when rows and columns are swapped.
    """
    if size == image:
        return
    problem = f"is {size[0]} x {size[1]} pixels (rows x columns), its image {image[0]} x {image[1]}"
    remedy = "export the mask at the image's own size; resizing it afterwards would blur it"
    if size == image[::-1]:
        problem += ": rows and columns are swapped"
        remedy = "transpose the mask, in Python mask.T; if image and mask were turned by a viewer, turn one back"
    raise PairingError(problem, file=mask, remedy=remedy)


def _check_integer(path: Path, mask: AnyArray) -> None:
    if mask.dtype.kind == "f":
        whole = bool((mask == np.round(mask)).all())
        convert = "m.astype('uint16')" if whole else f"(m > {mask.max() / 2:g}).astype('uint8')"
        problem = f"is a float mask ({mask.min():g} to {mask.max():g}); a mask holds whole numbers"
        raise MaskError(problem, file=path, remedy="convert it, and others like it: " + _command(path, ".tif", convert))
    if mask.min() < 0:
        problem = f"is a mask with negative values (lowest {mask.min()})"
        raise MaskError(problem, file=path, remedy="save it with 0 as background and ids or classes from 1")


def _command(path: Path, suffix: str, convert: str, every: bool = False) -> str:
    """A shell command that rewrites a mask `m`, or every mask of its kind in its folder."""
    files = f"Path({str(path.parent)!r}).glob('*{path.suffix}')" if every else f"[Path({str(path)!r})]"
    save = f"io.imsave(f.with_suffix('{suffix}'), {convert}, check_contrast=False)"
    body = f"[{save} for f in {files} for m in [io.imread(f)]]"
    return f'python -c "import skimage.io as io; from pathlib import Path; {body}"'


def _facts(file: Path, mask: AnyArray) -> MaskFacts:
    values, several = _pieces(mask)
    lining = _lining(mask, several[:-1], fewest=1 if file.suffix.lower() in LOSSY else 3)
    return MaskFacts(
        file=file,
        size=(mask.shape[0], mask.shape[1]),
        background=bool((mask == 0).any()),
        values=values,
        several=several,
        between=tuple(int(v) for v in values[:-1]) if lining else (),
        damaged=lining,
    )


def _lining(mask: AnyArray, several: AnyArray, fewest: int) -> int:
    """How many pixels line borders with in-between values; 0 where these values are an annotation.

    Such values hardly ever fill a 2 x 2 block, and they are scattered in many pieces or lie on a slope, between a lower
    and a higher neighbour; ids of objects as thin as a line are neither. A class of thin lines is possible, three of
    them are not likely, so fewer values are believed, except in JPEG.

    Args:
        mask: (h, w).
        several: (k,) bool, whether each value between 0 and the highest is in several pieces.
        fewest: so many in-between values make a mask suspect.
    """
    if several.size < fewest:
        return 0
    between = (mask > 0) & (mask < mask.max())
    thin = between & ~_solid(mask)
    slope = (
        thin
        & (ndimage.minimum_filter(mask, footprint=CROSS) < mask)
        & (ndimage.maximum_filter(mask, footprint=CROSS) > mask)
    )
    lines = 2 * thin.sum() > between.sum() and (several.mean() > 0.5 or 2 * slope.sum() > thin.sum())
    return int(thin.sum()) if lines else 0


def _pieces(mask: AnyArray) -> tuple[AnyArray, AnyArray]:
    """(k,) the values other than 0, rising, and (k,) bool, whether each is in several connected pieces."""
    pieces = label(mask.astype(np.int64), background=0, connectivity=1)  # type: ignore[no-untyped-call]
    value = np.zeros(pieces.max() + 1, np.int64)
    value[pieces.ravel()] = mask.ravel()
    values, count = np.unique(value[1:], return_counts=True)
    return values, count > 1


def _solid(mask: AnyArray) -> MaskImage:
    """(h, w) bool, true on pixels of 2 x 2 blocks of one value: not on thin lines, gradients and noise."""
    corner = mask[:-1, :-1]
    block = (corner == mask[1:, :-1]) & (corner == mask[:-1, 1:]) & (corner == mask[1:, 1:])
    solid = np.zeros(mask.shape, bool)
    for rows in (slice(None, -1), slice(1, None)):
        for columns in (slice(None, -1), slice(1, None)):
            solid[rows, columns] |= block
    return solid
