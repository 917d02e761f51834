"""Which mask belongs to which image, by their names.

Tried in this order, each on what the ones before left over:

1. the same name: a.png and a.tif;
2. a suffix on the mask: a.png and a_mask.tif (also _masks, _label, _labels, _seg, and with - . or a space);
3. words for image and mask before or after a common core, in any case: img_001.png and mask_001.png;
4. if nothing paired so far and all images have one pattern and all masks another, their numbers: t007.tif and
   man_seg007.tif.

A pairing must be one to one. Whatever is left over is an error.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

from unmask.data.listing import natural, stem
from unmask.errors import PairingError

__all__ = ["mask_core", "masks_beside", "pair"]

MASK_WORD = r"(?:cp[ _.-])?(?:masks?|labels?|seg)"  # _cp_masks is how Cellpose saves them
ANY_WORD = rf"(?:{MASK_WORD}|images?|img|im|raw)"

Key = Callable[[Path], str]


def mask_core(path: Path) -> str:
    """The name of the image that a mask's name points at: its stem without a suffix such as _mask."""
    return re.sub(rf"[ _.-]{MASK_WORD}$", "", stem(path), flags=re.IGNORECASE)


def masks_beside(files: Sequence[Path]) -> list[Path]:
    """Those files that are, by a suffix such as _mask, masks of others in the same folder."""
    stems = {(file.parent, stem(file)) for file in files}
    return [file for file in files if mask_core(file) != stem(file) and (file.parent, mask_core(file)) in stems]


def pair(
    images: Sequence[Path], masks: Sequence[Path], report: Callable[[PairingError], None]
) -> list[tuple[Path, Path]]:
    """Pairs images with masks.

    Args:
        images: image files; at least one.
        masks: mask files; at least one.
        report: called with each problem of a single file; the file is left out where it returns.

    Returns:
        (image, mask), in natural order of the images.

    Raises:
        PairingError: two images of one name, a mask without an image, an image without a mask.
    """
    _check_stems(images)
    pairs: dict[Path, Path] = {}
    for image_key, mask_key in ((stem, stem), (stem, mask_core), (_core, _core)):
        pairs |= _matches(_left(images, pairs), _left(masks, pairs.values()), image_key, mask_key)
    if not pairs and len({_pattern(image) for image in images}) == len({_pattern(mask) for mask in masks}) == 1:
        pairs = _matches(images, masks, _numbers, _numbers)
    _check_complete(images, masks, pairs, report)
    return sorted(pairs.items(), key=lambda item: natural(item[0]))


def _left(files: Sequence[Path], done: object) -> list[Path]:
    taken = set(done)  # type: ignore[call-overload]
    return [file for file in files if file not in taken]


def _matches(images: Sequence[Path], masks: Sequence[Path], image_key: Key, mask_key: Key) -> dict[Path, Path]:
    """Pairs of which each is the only one on its side with its key."""
    by_image, by_mask = _grouped(images, image_key), _grouped(masks, mask_key)
    return {
        group[0]: by_mask[key][0] for key, group in by_image.items() if len(group) == len(by_mask.get(key, ())) == 1
    }


def _grouped(files: Sequence[Path], key: Key) -> dict[str, list[Path]]:
    groups: defaultdict[str, list[Path]] = defaultdict(list)
    for file in files:
        groups[key(file)].append(file)
    return groups


def _core(path: Path) -> str:
    name = re.sub(rf"(?:^|[ _.-]){ANY_WORD}$", "", stem(path).lower())
    return re.sub(rf"^{ANY_WORD}(?:[ _.-]|(?=\d)|$)", "", name)


def _pattern(path: Path) -> str:
    return re.sub(r"\d+", "#", stem(path).lower())


def _numbers(path: Path) -> str:
    return " ".join(str(int(number)) for number in re.findall(r"\d+", stem(path)))


def _check_stems(images: Sequence[Path]) -> None:
    for group in _grouped(images, stem).values():
        if len(group) > 1:
            problem = f"has the same name as {group[0].name}, so that their masks cannot be told apart"
            raise PairingError(problem, file=group[1], remedy="rename one of them, or remove it if it is a copy")


def _check_complete(
    images: Sequence[Path],
    masks: Sequence[Path],
    pairs: dict[Path, Path],
    report: Callable[[PairingError], None],
) -> None:
    alone, spare = _left(images, pairs), _left(masks, pairs.values())
    if not pairs:
        problem = f"no mask has the name of an image (images such as {images[0].name}, masks such as {masks[0].name})"
        remedy = f"give each mask the name of its image, here {stem(images[0])}{masks[0].suffix}"
        raise PairingError(problem, file=masks[0].parent, remedy=remedy)
    for mask in spare:
        twin = next((pairs[image] for image in pairs if _core(image) == _core(mask)), None)
        if twin is not None:
            problem = f"is a second mask of one image, beside {twin.name}"
            report(PairingError(problem, file=mask, remedy="keep the right one of the two"))
    for place in range(len(alone)):
        report(_alone(alone[place:], spare))
    for place, mask in enumerate(spare):
        problem = "is a mask without an image" + _and_more(len(spare) - place)
        remedy = f"put its image into {images[0].parent}, or move the mask away"
        report(PairingError(problem, file=mask, remedy=remedy))


def _alone(images: Sequence[Path], spare: Sequence[Path]) -> PairingError:
    image = images[0]
    remedy = "draw its mask, all 0 if there is nothing in it, or move the image away"
    if spare:
        closest = get_close_matches(stem(image), [stem(mask) for mask in spare], 1, cutoff=0)
        mask = next(mask for mask in spare if stem(mask) == closest[0])
        remedy = f"if {mask.name} is its mask, rename that to {stem(image)}{mask.suffix}"
    return PairingError("is an image without a mask" + _and_more(len(images)), file=image, remedy=remedy)


def _and_more(count: int) -> str:
    return "" if count == 1 else f", and {count - 1} more {'is' if count == 2 else 'are'}"
