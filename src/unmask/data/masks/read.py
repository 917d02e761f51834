"""Masks as they are stored, and what can be seen in them without knowing what their values mean.

Masks in colours have the colours' numbers as values (`colours.py`); the masks of a set are in colours if one is.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from skimage.measure import label

from unmask.arrays import AnyArray
from unmask.data.formats.channels import with_channels
from unmask.data.formats.images import ImageFile, read_image
from unmask.data.masks.colours import flattened, numbered, spelled
from unmask.data.masks.smoothing import colours_between, values_between
from unmask.errors import DataError, MaskError, PairingError, UnmaskError

__all__ = ["MaskFacts", "check_sizes", "check_sound", "in_colours", "look_at", "read_mask"]

LOSSY = (".jpg", ".jpeg")
NPY = ".npy"  # which no program for pictures reads


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
        colours: values are colours, 65,536 red + 256 green + blue.
    """

    file: Path
    size: tuple[int, int]
    background: bool
    values: AnyArray
    several: AnyArray
    between: tuple[int, ...]
    damaged: int
    colours: bool = False


def read_mask(path: Path, page: int | None = None, *, colours: bool = False) -> list[AnyArray]:
    """Reads masks as they are stored.

    Args:
        path: the file.
        page: which image of a multi-page TIFF, from 0; None reads all.
        colours: values are colours, of a palette PNG too; else its indices are.

    Returns:
        The masks, each (h, w) integers, none negative.

    Raises:
        MaskError: float or negative values, or several channels that are not wanted as colours.
        UnreadableFile: the file cannot be read.
    """
    return _values(path, flattened(read_image(path, page, indices=not colours)), colours)


def look_at(files: Sequence[Path], *, colours: bool = False) -> list[list[MaskFacts]]:
    """Looks at all masks of all files, several files at a time.

    Args:
        files: in any order.
        colours: take all as colours; else only those that cannot be read otherwise.

    Returns:
        For each file the facts of its masks, one a page.

    Raises:
        MaskError: as `read_mask`.
        UnreadableFile: as `read_mask`.
    """
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda file: _look(file, colours), files))


def in_colours(facts: Sequence[MaskFacts], report: Callable[[UnmaskError], None]) -> list[MaskFacts]:
    """The facts of masks, all as colours: those that were taken for something else are looked at again.

    Args:
        facts: of all masks of their files.
        report: called with a MaskError for each mask in colours where others cannot be; it is left out.
    """
    coloured, plain = [one for one in facts if one.colours], [one for one in facts if not one.colours]
    try:
        again = look_at(list(dict.fromkeys(one.file for one in plain)), colours=True)
    except MaskError as error:
        for one in coloured:
            problem = f"is a mask in colours, and {error.file.name if error.file else 'another'} holds numbers"
            report(MaskError(problem, file=one.file, remedy="save all masks the same way", code="mask-type"))
        return plain
    return coloured + [one for seen in again for one in seen]


def check_sound(
    facts: Sequence[MaskFacts], report: Callable[[UnmaskError], None], *, every: bool = True
) -> list[MaskFacts]:
    """The masks without in-between values.

    Args:
        facts: of all masks.
        report: called with a MaskError for each other mask.
        every: of all files; else of those whose format blurs, since ids of thin objects may lie in between.
    """
    blurred = [bool(one.between) and (every or one.file.suffix.lower() in LOSSY) for one in facts]
    damaged = [one for one, is_so in zip(facts, blurred, strict=True) if is_so]
    for one in damaged:
        report(_smoothed(one, every=len(damaged) == len(facts)))
    return [one for one, is_so in zip(facts, blurred, strict=True) if not is_so]


def _smoothed(one: MaskFacts, every: bool) -> MaskError:
    """The error of a mask with in-between values; `every` mask of the set has some."""
    values = "in-between " + ("colours" if one.colours else "values")
    shown = (one.between[len(one.between) // 2], one.between[-1])[: len(one.between)]
    examples = " and ".join(spelled(value, one.colours) for value in shown)
    if not one.colours:
        examples += f" between 0 and {one.values[-1]}"
    problem = (
        f"is a mask with {len(one.between):,} {values} along its borders ({one.damaged:,} pixels, such as {examples}), "
        "the trace of JPEG, smoothing or resizing"
    )
    if one.colours:
        remedy = "export it again as PNG or TIFF, without smoothing, and at the image's own size"
        return MaskError(problem, file=one.file, remedy=remedy, code="smoothed")
    halve = _command(one.file, ".png", f"((m > {int(one.values[-1]) // 2}) * 255).astype('uint8')", every)
    remedy = (
        f"export it again without smoothing, or, if it is foreground and background, threshold it half way: {halve}"
    )
    if one.file.suffix in LOSSY:
        remedy += ", and remove the JPEG"
    return MaskError(problem, file=one.file, remedy=remedy, code="smoothed")


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
    swapped = size == image[::-1]
    if swapped:
        problem += ": rows and columns are swapped"
        remedy = "transpose the mask, in Python mask.T; if image and mask were turned by a viewer, turn one back"
    raise PairingError(problem, file=mask, remedy=remedy, code="transposed" if swapped else "size")


def _look(file: Path, colours: bool) -> list[MaskFacts]:
    image = flattened(read_image(file, indices=not colours))
    colours = colours or _is_coloured(image)
    return [_facts(file, mask, colours) for mask in _values(file, image, colours)]


def _is_coloured(image: ImageFile) -> bool:
    """Whether a mask is RGB of 8 bits that is not grey."""
    if not image.header.colour or image.header.samples != 3 or image.planes[0].dtype != np.uint8:
        return False
    return any(bool((plane != plane[..., :1]).any()) for plane in image.planes)


def _values(path: Path, image: ImageFile, colours: bool) -> list[AnyArray]:
    """(h, w) integers of each plane."""
    if colours:
        return [numbered(plane, path) for plane in image.planes]
    try:
        masks = [with_channels(plane, image.header, 1)[..., 0] for plane in image.planes]
    except DataError as error:
        problem = f"is a mask with {image.header.samples} different channels; a mask has one value a pixel"
        remedy = "save it as a label image, as grey, with a palette (indexed PNG) or in 8-bit RGB colours"
        raise MaskError(problem, file=path, remedy=remedy, code="mask-type") from error
    for mask in masks:
        _check_integer(path, mask)
    return masks


def _check_integer(path: Path, mask: AnyArray) -> None:
    if mask.dtype.kind == "f":
        whole = bool((mask == np.round(mask)).all())
        convert = "m.astype('uint16')" if whole else f"(m > {mask.max() / 2:g}).astype('uint8')"
        problem = f"is a float mask ({mask.min():g} to {mask.max():g}); a mask holds whole numbers"
        remedy = "convert it, and others like it: " + _command(path, ".tif", convert)
        raise MaskError(problem, file=path, remedy=remedy, code="mask-type")
    if mask.min() < 0:
        problem = f"is a mask with negative values (lowest {mask.min()})"
        remedy = "save it with 0 as background and ids or classes from 1"
        raise MaskError(problem, file=path, remedy=remedy, code="mask-type")


def _command(path: Path, suffix: str, convert: str, every: bool = False) -> str:
    """A shell command that rewrites a mask `m`, or every mask of its kind in its folder."""
    files = f"Path({str(path.parent)!r}).glob('*{path.suffix}')" if every else f"[Path({str(path)!r})]"
    save = f"io.imsave(f.with_suffix('{suffix}'), {convert}, check_contrast=False)"
    npy = path.suffix.lower() == NPY
    body = f"[{save} for f in {files} for m in [{'numpy.load' if npy else 'io.imread'}(f)]]"
    return f'python -c "import {"numpy, " if npy else ""}skimage.io as io; from pathlib import Path; {body}"'


def _facts(file: Path, mask: AnyArray, colours: bool) -> MaskFacts:
    values, several = _pieces(mask)
    lossy = file.suffix.lower() in LOSSY
    between, damaged = colours_between(mask, lossy) if colours else values_between(mask, values, several, lossy)
    return MaskFacts(
        file=file,
        size=(mask.shape[0], mask.shape[1]),
        background=bool((mask == 0).any()),
        values=values,
        several=several,
        between=tuple(int(v) for v in between),
        damaged=damaged,
        colours=colours,
    )


def _pieces(mask: AnyArray) -> tuple[AnyArray, AnyArray]:
    """(k,) the values other than 0, rising, and (k,) bool, whether each is in several connected pieces."""
    pieces = label(mask.astype(np.int64), background=0, connectivity=1)  # type: ignore[no-untyped-call]
    value = np.zeros(pieces.max() + 1, np.int64)
    value[pieces.ravel()] = mask.ravel()
    values, count = np.unique(value[1:], return_counts=True)
    return values, count > 1
