"""Images whose channels lie in a file each: a_ch1.tif and a_ch2.tif are the image a.

Endings are a channel's number (_ch1, -c2, _w1DAPI, _channel3, nnU-Net's _0000) or a word (_DAPI, _GFP); of words, every
image must have the same two or more. The order of channels is the natural order of endings.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.data.listing import natural, stem
from unmask.errors import PairingError

__all__ = ["ChannelFiles", "channel_files", "channel_files_of", "without_channel"]

NUMBER = (
    r"(?:ch|c|channel)\d{1,2}(?:sk\d+fk\d+fl\d+)?|w\d(?:[a-z][\w-]*)?|\d{4}"  # sk..: as the Opera Phenix names them
)
WORD = r"[a-z][a-z0-9]*"
NUMBERED, WORDED = (re.compile(rf"(.+)[ _.-]({ending})", re.IGNORECASE) for ending in (NUMBER, WORD))
PATTERNS = (NUMBERED, WORDED)
MOVE = "add it, or move the image's other files away"

Groups = Mapping[Path, Mapping[str, Path]]
"""Files by their ending, by the image that they belong to: a path without it, which ends with .tif."""


@dataclass(frozen=True)
class ChannelFiles:
    """Images of several files.

    Attributes:
        endings: of the files of each image, in order.
        images: the files of each image, in this order, by its path, which is theirs without the ending.
    """

    endings: tuple[str, ...]
    images: Mapping[Path, tuple[Path, ...]]

    @property
    def words(self) -> str:
        """The channels, in order."""
        return f"{'channel' if len(self.endings) == 1 else 'channels'} {', '.join(self.endings)}"


def channel_files(
    files: Sequence[Path], has_mask: Callable[[Path], bool], report: Callable[[PairingError], None]
) -> ChannelFiles | None:
    """Images of several files, as their masks tell: there is a mask of the name without ending, and none with it.

    Args:
        files: of images.
        has_mask: whether there is a mask of an image of this path.
        report: called with each image that lacks a channel, and each file that belongs to none; these are left out.

    Returns:
        The images; None where every file is an image.
    """
    if any(has_mask(file) for file in files):
        return None
    for pattern in PATTERNS:
        groups = _groups(files, pattern)
        sure = pattern is NUMBERED or (_alike(groups) and _all(files, groups))
        if sure and any(has_mask(image) for image in groups):
            counts = Counter(ending for parts in groups.values() for ending in parts)
            most = [ending for ending, count in counts.items() if 2 * count >= len(groups)]
            return _complete(groups, files, most or list(counts), report)
    return None


def channel_files_of(files: Sequence[Path], count: int) -> ChannelFiles | None:
    """Images of several files, where there are no masks but so many files an image are wanted.

    Args:
        files: of images.
        count: of files an image, 2 or more.

    Returns:
        The images; None where the files' names do not look so.

    Raises:
        PairingError: an image lacks a channel, or has more.
    """
    for pattern in PATTERNS:
        groups = _groups(files, pattern)
        numbered = pattern is NUMBERED and any(len(parts) > 1 for parts in groups.values())
        if not _all(files, groups) or not (numbered or _alike(groups)):
            continue
        endings = {ending for parts in groups.values() for ending in parts}
        if len(endings) == count:
            return _complete(groups, files, list(endings), _refuse)
        if not all(re.fullmatch(r"\d{4}", ending) for ending in endings):  # those may be frames
            shown = ", ".join(sorted(endings))
            problem = f"is one of {len(endings)} files of an image ({shown}), and the model wants {count} channels"
            remedy = "give the channels that it was trained on, all of each image"
            raise PairingError(problem, file=files[0], remedy=remedy)
    return None


def without_channel(files: Sequence[Path]) -> set[Path]:
    """Paths of images that files could be channels of: numbered ones, and words where there are several of an image."""
    several = (image for image, parts in _groups(files, WORDED).items() if len(parts) > 1)
    return {*_groups(files, NUMBERED), *several}


def _refuse(error: PairingError) -> None:
    raise error


def _groups(files: Sequence[Path], pattern: re.Pattern[str]) -> dict[Path, dict[str, Path]]:
    """Files by ending by image, where names have such an ending; of two of one name the first."""
    groups: dict[Path, dict[str, Path]] = {}
    for file in files:
        if found := pattern.fullmatch(stem(file)):
            groups.setdefault(file.with_name(f"{found[1]}.tif"), {}).setdefault(found[2], file)
    return groups


def _alike(groups: Groups) -> bool:
    """Whether all images have the same endings, two or more."""
    endings = {tuple(sorted(parts)) for parts in groups.values()}
    return len(endings) == 1 and len(next(iter(endings))) > 1


def _all(files: Sequence[Path], groups: Groups) -> bool:
    """Whether every file is a channel."""
    return sum(map(len, groups.values())) == len(files)


def _complete(
    groups: Groups, files: Sequence[Path], wanted: Sequence[str], report: Callable[[PairingError], None]
) -> ChannelFiles:
    """The images that have just the channels wanted; others are reported, and so are files of no image."""
    endings = tuple(sorted(wanted, key=lambda ending: natural(Path(ending))))
    listed = f"channels {', '.join(endings)}"
    for image, parts in groups.items():
        if missing := [ending for ending in endings if ending not in parts]:
            problem = f"is of the image {stem(image)}, which lacks {missing[0]}: images have the {listed}"
            report(PairingError(problem, file=next(iter(parts.values())), remedy=MOVE, code="unpaired"))
        elif more := [ending for ending in parts if ending not in endings]:
            problem = f"is a channel of {stem(image)} that most images lack: they have the {listed}"
            report(PairingError(problem, file=parts[more[0]], remedy="move it away", code="unpaired"))
    taken = {file for parts in groups.values() for file in parts.values()}
    for file in files:
        if file not in taken:
            problem = f"is none of the {listed} of an image"
            report(PairingError(problem, file=file, remedy="rename it, or move it away", code="unpaired"))
    whole = {image: parts for image, parts in groups.items() if set(parts) == set(endings)}
    return ChannelFiles(endings, {image: tuple(parts[one] for one in endings) for image, parts in whole.items()})
