"""Which mask belongs to which image, by their names.

Tried in this order, each on what the ones before left over:

1. the same name: a.png and a.tif;
2. a suffix on the mask: a.png and a_mask.tif (also _masks, _label, _labels, _seg, and with - . or a space);
3. words for image and mask before or after a common core, in any case: img_001.png and mask_001.png;
4. if nothing paired so far, an ending of their own that most masks have: 0001.png and 0001_L.png;
5. if nothing paired so far and all images have one pattern and all masks another, their numbers: t007.tif and
   man_seg007.tif.

A pairing must be one to one. Whatever is left over is an error.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from unmask.data.formats.npy import NO_IMAGE, holds_numbers
from unmask.data.layouts.channel_files import without_channel
from unmask.data.listing import CELLPOSE, NPY, natural, stem
from unmask.errors import PairingError

__all__ = ["cellpose_only", "has_mask", "mask_core", "masks_beside", "pair"]

MASK_WORD = r"(?:cp[ _.-])?(?:masks?|labels?|seg)"  # _cp_masks is how Cellpose saves them
ANY_WORD = rf"(?:{MASK_WORD}|images?|img|im|raw)"

EXPORT = "in Cellpose, choose File > Save masks as PNG/tif, which writes {}_cp_masks.png"

Key = Callable[[str], str]


def mask_core(path: Path) -> str:
    """The name of the image that a mask's name points at: its stem without a suffix such as _mask."""
    return _without_suffix(stem(path))


def masks_beside(files: Sequence[Path]) -> list[Path]:
    """Those files that are, by a suffix such as _mask, masks of others in the same folder."""
    masks = [file for file in files if mask_core(file) != stem(file)]
    others = [file for file in files if mask_core(file) == stem(file)]
    stems = {(file.parent, stem(file)) for file in (*files, *without_channel(others))}
    return [file for file in masks if (file.parent, mask_core(file)) in stems]


def has_mask(masks: Sequence[Path]) -> Callable[[Path], bool]:
    """A function that says whether one of some masks has the name of an image, as rules 1 to 3 have it."""
    names = {name for mask in masks for name in (stem(mask), mask_core(mask))}
    cores = {_core(stem(mask)) for mask in masks}
    return lambda image: stem(image) in names or _core(stem(image)) in cores


def cellpose_only(folder: Path) -> PairingError | None:
    """The error where a folder has Cellpose's own files instead of masks; None where it has none."""
    files = [file for file in sorted(folder.iterdir(), key=natural) if file.name.endswith(CELLPOSE)]
    files = [file for file in files if not holds_numbers(file)]
    if not files:
        return None
    problem = "holds masks as Python objects (pickle), which unmask never loads: such a file can run anything"
    remedy = EXPORT.format(files[0].name.removesuffix(CELLPOSE))
    return PairingError(problem, file=files[0], remedy=remedy, code="unpaired")


def pair(
    images: Sequence[Path],
    masks: Sequence[Path],
    report: Callable[[PairingError], None],
    names: Mapping[Path, str] | None = None,
) -> list[tuple[Path, Path]]:
    """Pairs images with masks.

    Args:
        images: image files; at least one.
        masks: mask files; at least one.
        report: called with each problem of a single file; the file is left out where it returns.
        names: of images that are not called as their file is.

    Returns:
        (image, mask), in natural order of the images.

    Raises:
        PairingError: no mask belongs to an image; or as reported.
    """
    known = {file: stem(file) for file in (*images, *masks)} | dict(names or {})
    images = _distinct(images, known, report)
    pairs: dict[Path, Path] = {}
    for image_key, mask_key in ((_same, _same), (_same, _without_suffix), (_core, _core)):
        left, spare = _left(images, pairs), _left(masks, pairs.values())
        pairs |= _matches(left, spare, known, image_key, mask_key)
    if not pairs:
        ending = _common_ending([known[image] for image in images], [known[mask] for mask in masks])
        pairs = _matches(images, masks, known, lambda name: name + ending, _same) if ending else {}
    if not pairs and all(len({_pattern(known[file]) for file in files}) == 1 for files in (images, masks)):
        pairs = _matches(images, masks, known, _numbers, _numbers)
    _check_complete(images, masks, pairs, known, report)
    return sorted(pairs.items(), key=lambda item: natural(item[0]))


def _left(files: Sequence[Path], done: Iterable[Path]) -> list[Path]:
    taken = set(done)
    return [file for file in files if file not in taken]


def _distinct(images: Sequence[Path], known: Mapping[Path, str], report: Callable[[PairingError], None]) -> list[Path]:
    """The first image of each name; others are reported."""
    first: dict[str, Path] = {}
    for image in images:
        if (other := first.setdefault(known[image], image)) != image:
            problem = f"has the same name as {other.name}, so that their masks cannot be told apart"
            remedy = "rename one of them, or remove it if it is a copy"
            report(PairingError(problem, file=image, remedy=remedy, code="unpaired"))
    return list(first.values())


def _matches(
    images: Sequence[Path], masks: Sequence[Path], known: Mapping[Path, str], image_key: Key, mask_key: Key
) -> dict[Path, Path]:
    """Pairs of which each is the only one on its side with its key."""
    by_image, by_mask = _grouped(images, known, image_key), _grouped(masks, known, mask_key)
    return {
        group[0]: by_mask[key][0] for key, group in by_image.items() if len(group) == len(by_mask.get(key, ())) == 1
    }


def _grouped(files: Sequence[Path], known: Mapping[Path, str], key: Key) -> dict[str, list[Path]]:
    groups: defaultdict[str, list[Path]] = defaultdict(list)
    for file in files:
        groups[key(known[file])].append(file)
    return groups


def _same(name: str) -> str:
    return name


def _without_suffix(name: str) -> str:
    return re.sub(rf"[ _.-]{MASK_WORD}$", "", name, flags=re.IGNORECASE)


def _core(name: str) -> str:
    name = re.sub(rf"(?:^|[ _.-]){ANY_WORD}$", "", name.lower())
    return re.sub(rf"^{ANY_WORD}(?:[ _.-]|(?=\d)|$)", "", name)


def _pattern(name: str) -> str:
    return re.sub(r"\d+", "#", name.lower())


def _numbers(name: str) -> str:
    return " ".join(str(int(number)) for number in re.findall(r"\d+", name))


def _common_ending(images: Iterable[str], masks: Sequence[str]) -> str:
    """What follows the name of an image in more than half of the masks' names; empty where there is no such thing."""
    known = set(images)
    parts = [(mask[: gap.start()], mask[gap.start() :]) for mask in masks for gap in re.finditer(r"[ _.-]", mask)]
    endings = Counter(ending for name, ending in parts if name in known)
    ending, count = endings.most_common(1)[0] if endings else ("", 0)
    return ending if 2 * count > len(masks) else ""


def _check_complete(
    images: Sequence[Path],
    masks: Sequence[Path],
    pairs: Mapping[Path, Path],
    known: Mapping[Path, str],
    report: Callable[[PairingError], None],
) -> None:
    alone, spare = _left(images, pairs), _left(masks, pairs.values())
    if not pairs:
        problem = f"no mask has the name of an image (images such as {images[0].name}, masks such as {masks[0].name})"
        remedy = f"give each mask the name of its image, here {known[images[0]]}{masks[0].suffix}"
        raise PairingError(problem, file=masks[0].parent, remedy=remedy, code="unpaired")
    twins = {_core(known[image]): mask for image, mask in pairs.items()}
    seconds = [mask for mask in spare if _core(known[mask]) in twins]
    for mask in seconds:
        problem = f"is a second mask of one image, beside {twins[_core(known[mask])].name}"
        report(PairingError(problem, file=mask, remedy="keep the right one of the two", code="unpaired"))
    spare = _left(spare, seconds)
    for image in alone:
        report(_alone(image, spare, known))
    for mask in spare:
        problem = "is a mask without an image"
        remedy = f"put its image into {images[0].parent}, or move the mask away"
        report(PairingError(problem, file=mask, remedy=remedy, code="unpaired"))


def _alone(image: Path, spare: Sequence[Path], known: Mapping[Path, str]) -> PairingError:
    name = known[image]
    remedy = "draw its mask, all 0 if there is nothing in it, or move the image away"
    if image.with_name(name + CELLPOSE).exists():
        remedy = EXPORT.format(name)
    elif spare:
        closest = get_close_matches(name, [known[mask] for mask in spare], 1, cutoff=0)
        mask = next(mask for mask in spare if known[mask] == closest[0])
        remedy = f"if {mask.name} is its mask, rename that to {name}{mask.suffix}"
    if image.suffix.lower() == NPY:
        remedy += NO_IMAGE
    problem = "is an image without a mask"
    return PairingError(problem, file=image, remedy=remedy, code="unpaired")
