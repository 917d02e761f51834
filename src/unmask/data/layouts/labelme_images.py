"""Which image a labelme file belongs to.

The file names it (imagePath), as it lay from where it was annotated; folders and files are moved and renamed later. So
the name counts more than the folders before it, and the file's own name is tried where no image has that name.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.data.formats.images import PICTURES
from unmask.data.layouts.paired import IMAGES
from unmask.data.listing import stem
from unmask.errors import PairingError

__all__ = ["ImageIndex", "image_of", "index_images"]

JPEG_START = "/9j/"  # of a JPEG in base64


@dataclass(frozen=True)
class ImageIndex:
    """The image files of a data set by their names and by their stems, both in lower case."""

    by_name: dict[str, list[Path]]
    by_stem: dict[str, list[Path]]


def index_images(files: Sequence[Path]) -> ImageIndex:
    """The images among some files, by their names."""
    index = ImageIndex(defaultdict(list), defaultdict(list))
    for file in files:
        if file.suffix.lower() in PICTURES:
            index.by_name[file.name.lower()].append(file)
            index.by_stem[stem(file).lower()].append(file)
    return index


def image_of(file: Path, written: str, inside: str, index: ImageIndex) -> Path:
    """The image of a labelme file.

    Args:
        file: the labelme file.
        written: its imagePath.
        inside: how the image begins that it carries in base64; empty where it carries none.
        index: the images that there are.

    Raises:
        PairingError: there is none; several could be meant; the two names are of different images side by side.
    """
    written = written.replace("\\", "/")
    same_name = index.by_name.get(written.rsplit("/", 1)[-1].lower(), [])
    exact = os.path.normpath(file.parent / written)
    if Path(exact).suffix.lower() in PICTURES and os.path.isfile(exact):
        named: Path | None = next((one for one in same_name if os.path.normpath(one) == exact), Path(exact))
    else:
        named = _nearest(file, same_name)
    of_name = index.by_stem.get(stem(file).lower(), [])
    path = named or _nearest(file, of_name)
    if path is None:
        raise _missing(file, written or f"{file.stem}.jpg", inside)
    twin = next((other for other in of_name if other.parent == path.parent), path)
    if stem(twin).lower() != stem(path).lower():
        problem = f"is of {path.name} by its imagePath, and of {twin.name} by its own name"
        raise PairingError(problem, file=file, remedy="correct imagePath in it, or rename it")
    return path


def _nearest(file: Path, candidates: Sequence[Path]) -> Path | None:
    """The image that is fewest folders away from a file; among several the one in a folder images."""
    if not candidates:
        return None
    ranks = [(_apart(file.parent, one.parent), one.parent.name.lower() not in IMAGES) for one in candidates]
    best = [one for one, rank in zip(candidates, ranks, strict=True) if rank == min(ranks)]
    if len(best) > 1:
        problem = f"could be of {best[0]} or of {best[1]}"
        raise PairingError(problem, file=file, remedy="put it beside its image")
    return best[0]


def _apart(one: Path, other: Path) -> int:
    """Steps from folder to folder."""
    shared = len(Path(os.path.commonpath([one, other])).parts)
    return len(one.parts) + len(other.parts) - 2 * shared


def _missing(file: Path, name: str, inside: str) -> PairingError:
    if not inside:
        remedy = "put it beside, or move the file away"
        return PairingError(f"names the image {name[-80:]}, which is not there", file=file, remedy=remedy)
    suffix = ".jpg" if inside.startswith(JPEG_START) else ".png"
    each = f"for f in Path({str(file.parent)!r}).glob('*.json') for d in [json.loads(f.read_text('utf-8'))]"
    write = f"f.with_suffix('{suffix}').write_bytes(base64.b64decode(d['imageData']))"
    absent = f"if d.get('imageData') and not f.with_suffix('{suffix}').exists()"
    command = f'python -c "import base64, json; from pathlib import Path; [{write} {each} {absent}]"'
    problem = f"names the image {name[-80:]}, which is not there, and carries it inside (imageData)"
    return PairingError(problem, file=file, remedy=f"write such images beside their files: {command}")
