"""Pascal VOC's lists of images: ImageSets/Segmentation/train.txt, val.txt and test.txt, a name a line."""

from pathlib import Path

from unmask.data.formats.images import SUFFIXES
from unmask.data.listing import stem
from unmask.data.options import ReadOptions
from unmask.errors import DataError, UnreadableFile

__all__ = ["read_lists"]

LISTS = Path("ImageSets", "Segmentation")
SPLITS = ("train", "val", "test")


def read_lists(home: Path, options: ReadOptions) -> dict[str, str]:
    """The split of each image by the lists in ImageSets/Segmentation/.

    Args:
        home: the folder with JPEGImages/.
        options: what becomes of an image in two lists, which stays in the first.

    Returns:
        "train", "val" or "test" by name, of those that a list names.

    Raises:
        UnreadableFile: a list is not text.
        DataError: an image in two lists.
    """
    splits: dict[str, str] = {}
    files = [file for split in SPLITS if (file := home / LISTS / f"{split}.txt").is_file()]
    for file in files:
        for name in _listed(file):
            if splits.setdefault(name, file.stem) != file.stem:
                problem = f"names {name}, which {splits[name]}.txt names too"
                options.report(DataError(problem, file=file, remedy="take it out of one of the two", code="leak"))
    return splits


def _listed(file: Path) -> list[str]:
    """Names of images that a list has, one a line; some tools write their extension, or a path before."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"is not text ({error})", file=file, remedy="save it as UTF-8") from None
    paths = [Path(line.split()[0].replace("\\", "/")) for line in lines if line.strip()]
    return [stem(path) if path.suffix.lower() in SUFFIXES else path.name for path in paths]
