"""Which files of a folder are images, in which order, and what they are called."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from unmask.data.formats.header import Header
from unmask.data.formats.images import PICTURES, SUFFIXES, read_header
from unmask.data.formats.multiscale import is_omezarr
from unmask.data.formats.npy import holds_numbers
from unmask.errors import PairingError, UnreadableFile

__all__ = [
    "CELLPOSE",
    "DATA_FILES",
    "NPY",
    "children",
    "existing_data",
    "existing_folder",
    "find_folder",
    "holds_images",
    "image_files",
    "is_image_file",
    "natural",
    "page_name",
    "read_headers",
    "short",
    "stem",
    "unique_names",
    "unreadable_folder",
]

DATA_FILES = (".json", ".geojson", ".csv", ".tsv", ".yaml", ".yml")
CELLPOSE = "_seg.npy"  # the ends of names of Cellpose's own files, which hold Python objects
NPY, NPZ = ".npy", ".npz"


def existing_folder(path: str | Path) -> Path:
    """The path of a folder that is there.

    Raises:
        PairingError: it does not exist, or is a file.
    """
    path = Path(path)
    if not path.exists():
        raise PairingError("does not exist", file=path, remedy="check the spelling of its path")
    if not path.is_dir():
        raise PairingError("is a file where a folder is expected", file=path, remedy="give the folder that holds it")
    return path


def existing_data(path: str | Path) -> Path:
    """The path of a folder, or of a file that lists or annotates images, that is there.

    Raises:
        PairingError: it does not exist, or is a file of another kind.
    """
    path = Path(path)
    return path if path.suffix.lower() in DATA_FILES and path.is_file() else existing_folder(path)


def children(folder: Path) -> list[Path]:
    """What is in a folder.

    Raises:
        UnreadableFile: it must not be read.
    """
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise unreadable_folder(folder, error) from error


def unreadable_folder(folder: Path, error: OSError) -> UnreadableFile:
    """The error of a folder that must not be read."""
    remedy = "allow reading it, or move it away"
    return UnreadableFile(f"is a folder that cannot be read ({error.strerror})", file=folder, remedy=remedy)


def find_folder(root: Path, names: Sequence[str]) -> Path | None:
    """The folder in `root` that has one of these names in any case, or None.

    Raises:
        PairingError: two have.
    """
    found = sorted(child for child in children(root) if child.is_dir() and child.name.lower() in names)
    if len(found) > 1:
        both = f"has both {found[0].name}/ and {found[1].name}/"
        raise PairingError(both, file=root, remedy="keep the one to use and rename the other")
    return found[0] if found else None


def image_files(folder: Path) -> list[Path]:
    """The image files of a folder, not of its subfolders, in natural order; hidden and other files are left out.

    The folder of an OME-Zarr image, or of one zarr array, is an image file, whatever it is called. A .npy file beside a
    picture of its name, with or without .ome, is none: it is what another program keeps of that, such as a cache.

    Raises:
        PairingError: there is none.
    """
    shown = [child for child in children(folder) if not child.name.startswith(".")]
    pictures = [child for child in shown if child.suffix.lower() in PICTURES]
    names = {name for child in pictures for name in (child.stem, stem(child))}
    alone = [child for child in shown if child.suffix.lower() != NPY or child.stem not in names]
    images = sorted(filter(is_image_file, alone), key=natural)
    if not images:
        kinds = Counter(file.suffix.lower() or "nameless" for file in shown if file.is_file())
        there = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(3)) or "it is empty"
        remedy = "put PNG, TIFF, JPEG, BMP or .npy images, OME-Zarr folders or zarr arrays there; export other formats"
        remedy += " as TIFF, in Fiji for example"
        if NPZ in kinds:
            remedy = "save each array of an .npz as a .npy file, in Python numpy.save(NAME, array)"
        raise PairingError(f"holds no image that unmask reads ({there})", file=folder, remedy=remedy)
    return images


def holds_images(folder: Path) -> bool:
    """Whether `image_files` finds any in a folder."""
    return any(is_image_file(child) and not child.name.startswith(".") for child in children(folder))


def is_image_file(path: Path) -> bool:
    """Whether a path is an image by its name, or the folder of an OME-Zarr image or a zarr array: a file here.

    Files of Cellpose are no images by their name, unless they hold numbers.
    """
    if path.suffix.lower() in SUFFIXES and path.is_file():
        return not path.name.endswith(CELLPOSE) or holds_numbers(path)
    return is_omezarr(path)


def read_headers(files: Sequence[Path]) -> list[Header]:
    """The headers of many files, several at a time.

    Raises:
        UnreadableFile: a file is not there, not an image, or damaged.
    """
    with ThreadPoolExecutor() as pool:
        return list(pool.map(read_header, files))


def natural(path: Path) -> tuple[list[str | int], str]:
    """A key that sorts a2 before a10."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], str(path)


def short(path: Path, root: Path) -> str:
    """A path for messages: as seen from a data set's folder, or from that of the file that lists it."""
    base = root.parent if root.is_file() else root
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else str(path)


def stem(path: Path) -> str:
    """The file's name without its extension; .ome.tif and .ome.zarr count as one."""
    ome = path.suffix.lower().startswith((".tif", ".zarr"))
    return re.sub(r"\.ome$", "", path.stem, flags=re.IGNORECASE) if ome else path.stem


def page_name(name: str, page: int, pages: int) -> str:
    """The name of one image of a file: the file's, and where it holds many, a number from 1 as viewers show it."""
    return name if pages == 1 else f"{name}_{page + 1:0{max(3, len(str(pages)))}d}"


def unique_names(files: Sequence[Path]) -> list[str]:
    """Names of files from several folders: the stem, and where several have it, also the folder or the extension."""
    groups: defaultdict[str, list[Path]] = defaultdict(list)
    for file in files:
        groups[stem(file).lower()].append(file)
    names = {file: name for group in groups.values() for file, name in zip(group, _told_apart(group), strict=True)}
    return [names[file] for file in files]


def _told_apart(files: Sequence[Path]) -> list[str]:
    neighbours = len({file.parent for file in files}) == 1
    for case in (str.lower, str):  # a.png and A.png have names of one letter case only if nothing else helps
        for folders in range(max(len(file.parts) for file in files)):
            for extension in (False, True) if folders or neighbours else (False,):
                names = [_long_name(file, folders, extension) for file in files]
                if len(set(map(case, names))) == len(files):
                    return names
    problem = "cannot be told apart from another file by its name"
    raise PairingError(problem, file=files[0], remedy="rename one of the two, or give it once", code="unpaired")


def _long_name(file: Path, folders: int, extension: bool) -> str:
    parents = [part for part in file.parts[:-1] if part != file.anchor][-folders:] if folders else []
    return "_".join([*parents, stem(file), *([file.suffix[1:]] if extension else [])])
