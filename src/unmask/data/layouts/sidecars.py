"""Images that each have a file of outlines, of the same name: which belongs to which, and the data set of them.

a.tif  a.geojson                      side by side; a.tif.geojson is as good
images/a.tif  annotations/a.geojson   in a folder beside images/; also within train/, val/ and test/
images/train/a.tif  rois/train/a.zip
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from unmask.data.dataset import Dataset
from unmask.data.formats.images import read_header
from unmask.data.layouts.one_each import folder_word, one_each
from unmask.data.layouts.pairing import masks_beside
from unmask.data.listing import find_folder, holds_images, image_files, natural, stem
from unmask.data.options import ReadOptions, attempt
from unmask.data.shapes.annotations import LeftOut, ListedImage, ListedObject, Listing
from unmask.errors import PairingError, UnmaskError

__all__ = ["Sidecar", "pair_sidecars", "sidecar_dataset"]

IMAGES = ("images", "image")


@dataclass(frozen=True)
class Sidecar:
    """What a file of outlines holds.

    Attributes:
        objects: in the file's order.
        left_out: what was not taken as an object, each in words, singular and plural.
        remark: what else is to be said of it, a sentence; empty where there is nothing.
        ranks: place of a class among the others, where the file says it; others come first, in alphabetical order.
        plane: the last place in a stack that an outline belongs to, from 1.
    """

    objects: tuple[ListedObject, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    remark: str = ""
    ranks: Mapping[str, int] = field(default_factory=dict)
    plane: int = 1


def sidecar_dataset(
    root: Path,
    kind: str,
    read: Mapping[Path, Sidecar | UnmaskError],
    names: Callable[[Path], Sequence[str]],
    options: ReadOptions,
) -> Dataset:
    """The data set of images that each have a file of outlines.

    Args:
        root: its folder, or the one file.
        kind: of the files, as sentences name it.
        read: what each file holds, or what is wrong with it.
        names: of the image that a file's name points at, as `pair_sidecars` takes them.
        options: what the user says of it; what becomes of files and images with a problem.

    Raises:
        PairingError: a file without its image, an image without a file, or no sound pair at all.
        DataError: as `annotated_dataset`.
    """
    sound: list[tuple[Path, Path, Sidecar]] = []
    for image, file in pair_sidecars(root, list(read), names, options):
        if one := attempt(options, partial(_checked, image, file, read[file])):
            sound.append((image, file, one))
    if not sound:
        problem = f"holds no image with a sound {kind} file"
        raise PairingError(problem, file=root, remedy="mend the first of the files, or put its image beside it")
    words = {image: folder_word(image, root) for image, _, _ in sound}
    return one_each(root, kind, _listing(sound), options, words)


def _checked(image: Path, file: Path, one: Sidecar | UnmaskError) -> Sidecar:
    """What a file holds.

    Raises:
        UnmaskError: what is wrong with it.
        PairingError: it is of an image of a stack that is neither the only one nor a channel.
    """
    if isinstance(one, UnmaskError):
        raise one
    if one.plane > 1:
        header = read_header(image)
        if header.pages == 1 and one.plane > header.samples:  # stacks are refused later, whatever belongs to them
            problem = f"has outlines of the {one.plane}. image of a stack, and {image.name} holds one"
            raise PairingError(problem, file=file, remedy="give each image a file of its own outlines")
    return one


def _listing(sound: Sequence[tuple[Path, Path, Sidecar]]) -> Listing:
    images = [ListedImage(file, image.name, None, one.objects, image) for image, file, one in sound]
    left_out = [LeftOut(words, image.name) for image, _, one in sound for words in one.left_out]
    ranks = {name: rank for _, _, one in sound for name, rank in one.ranks.items()}
    names = {one.label for image in images for one in image.objects if not one.ignored}
    classes = sorted(names, key=lambda name: (ranks.get(name, 0), name))
    remarks = dict.fromkeys(one.remark for _, _, one in sound if one.remark)
    return Listing(tuple(images), tuple(classes), tuple(left_out), " ".join(remarks))


def pair_sidecars(
    root: Path, files: Sequence[Path], names: Callable[[Path], Sequence[str]], options: ReadOptions
) -> list[tuple[Path, Path]]:
    """The image of each annotation file.

    Args:
        root: the folder that they are in, or the one file.
        files: annotation files.
        names: of the image that a file's name points at, with or without its extension, the likeliest first; an empty
            one points at the only image there is.
        options: what becomes of a file without an image, of a second one for an image, and of an image without any.

    Returns:
        (image, annotation file), in natural order of the images.
    """
    places = {here: [_named(folder) for folder in _places(here, root)] for here in {file.parent for file in files}}
    found: dict[Path, Path] = {}
    for file in files:
        image = attempt(options, partial(_image_of, file, names(file), places[file.parent]))
        if image in found:
            problem = f"is a second file for {image.name}, beside {found[image].name}"
            options.report(PairingError(problem, file=file, remedy="keep the right one of the two"))
        elif image is not None:
            found[image] = file
    if root.is_dir():
        _report_alone(found, options)
    return sorted(found.items(), key=lambda pair: natural(pair[0]))


def _report_alone(found: Mapping[Path, Path], options: ReadOptions) -> None:
    """Reports images without annotation in the folders of those that have one."""
    images = {image for folder in {image.parent for image in found} for image in image_files(folder)}
    alone = sorted(images - set(found) - set(masks_beside(sorted(images))), key=natural)
    for place, image in enumerate(alone, start=1):
        more = f" (and {len(alone) - place} more)" if place < len(alone) else ""
        remedy = "annotate it, or move it away"
        options.report(PairingError(f"is an image without a file of outlines{more}", file=image, remedy=remedy))


def _image_of(file: Path, names: Sequence[str], places: Sequence[Mapping[str, list[Path]]]) -> Path:
    """The image that a file annotates, from the first folder that has one.

    Raises:
        PairingError: there is none, or there are two.
    """
    found = [named.get(name, []) if name else _all(named) for name in names for named in places]
    images = next((group for group in found if group), [])
    if len(images) > 1:
        first, second = sorted(images, key=natural)[:2]
        remedy = f"give it the whole name of its image, such as {first.name}{file.suffix}"
        raise PairingError(f"may belong to {first} or to {second.name}", file=file, remedy=remedy)
    if not images:
        remedy = f"put {names[-1] or names[0]}.tif beside it or into images/, or take the file away"
        raise PairingError("has no image of its name", file=file, remedy=remedy)
    return images[0]


def _all(named: Mapping[str, list[Path]]) -> list[Path]:
    return list({image for group in named.values() for image in group})


def _places(here: Path, root: Path) -> list[Path]:
    """Folders in which the images of the annotation files of a folder may lie, the likeliest first."""
    places = [here, *_images(here)]
    above = (here.parent, here.parent.parent)
    for folder in [one for one in above if root.is_file() or one.is_relative_to(root)]:
        places += [place / here.name for place in _images(folder)] + _images(folder) + [folder]
    return list(dict.fromkeys(place for place in places if place.is_dir()))


def _images(folder: Path) -> list[Path]:
    found = find_folder(folder, IMAGES)
    return [found] if found else []


def _named(folder: Path) -> dict[str, list[Path]]:
    """Images of a folder by their names, with their extension and without."""
    named: defaultdict[str, list[Path]] = defaultdict(list)
    for image in image_files(folder) if holds_images(folder) else []:
        for name in {stem(image), image.name}:
            named[name].append(image)
    return dict(named)
