"""Which images and label files a data set in YOLO's layout has, and what its classes are called."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from unmask.data.formats.images import PICTURES
from unmask.data.layouts.one_each import files_below, folder_word
from unmask.data.layouts.yolo_config import YAML, Config, Listed, find_config, read_config
from unmask.data.listing import holds_images, natural
from unmask.data.options import ReadOptions
from unmask.errors import DataError, PairingError, UnreadableFile

__all__ = ["YoloFiles", "find_yolo", "yolo_images"]

IMAGES, LABELS = "images", "labels"
LISTS = ("classes.txt", "obj.names")  # names of classes, the first of class 0
NO_LABELS = (*LISTS, "labels.txt", "notes.txt")  # of other content


@dataclass(frozen=True)
class YoloFiles:
    """The images of a data set, with what is known of them before label files are read.

    Attributes:
        words: the split of each image, if files or folders say it.
        labels: the label file of each image, which need not be there.
        names: of classes, by index; None where nothing says them.
        source: the file that says names.
        remark: what is to be said of data.yaml, in sentences; empty where there is nothing.
    """

    words: Mapping[Path, str | None]
    labels: Mapping[Path, Path]
    names: Mapping[int, str] | None
    source: str
    remark: str


def find_yolo(root: Path, options: ReadOptions) -> YoloFiles | None:
    """The images of a folder or of a data.yaml; None where they have no label files.

    Args:
        root: the folder or the file.
        options: what becomes of label files without images, and of a data.yaml whose images for training are missing.

    Raises:
        PairingError: images that a list names and that are not there; a data.yaml without images.
        UnreadableFile: a data.yaml or a list that is damaged.
        DataError: a data.yaml that is not sound, if label files are there or the layout was asked for.
    """
    if root.is_file() and root.suffix.lower() not in YAML:
        return None
    home = root.parent if root.is_file() else root
    folders = _in_folders(home)
    sure = options.layout == "yolo" or _labelled({image: _label_of(image) for image in folders})
    config, listed = _configured(root, sure=sure)
    words = listed.words or folders
    labels = {image: _label_of(image) for image in words}
    if not _labelled(labels):
        if root.is_file():
            remedy = "put images into images/ and label files into labels/ beside it, or correct its paths"
            raise PairingError("leads to no image that has a label file", file=root, remedy=remedy)
        return None
    if config and listed.words and "train" in listed.missing:
        problem = f"says train: {listed.missing['train'][:80]}, which is not there"
        options.report(PairingError(problem, file=config.file, remedy="correct the path, from the file's own folder"))
    if not listed.words:
        _report_spare(labels, options)
    names, source = _names(home, config, labels)
    return YoloFiles(words, labels, names, source, _remark(config, listed))


def yolo_images(root: Path) -> dict[Path, tuple[Path, ...]] | None:
    """All images that a folder with label files has, or that a data.yaml leads to; None where there are none.

    Raises:
        DataError: a data.yaml that was given itself is not sound.
    """
    if root.is_file() and root.suffix.lower() not in YAML:
        return None
    words = _configured(root, sure=False)[1].words or _in_folders(root.parent if root.is_file() else root, alone=True)
    if root.is_dir() and not _labelled({image: _label_of(image) for image in words}):
        return None
    return {image: (image,) for image in sorted(words, key=natural)} or None


def _configured(root: Path, *, sure: bool) -> tuple[Config | None, Listed]:
    """The data.yaml of a folder, or that was given, and the images that it leads to.

    One that is not sound may be of another tool, and is left alone, unless it is sure that the folder is of YOLO.
    """
    try:
        config = read_config(root) if root.is_file() else find_config(root)
        return config, config.images() if config else Listed({}, {})
    except DataError:
        if sure or root.is_file():
            raise
        return None, Listed({}, {})


def _in_folders(root: Path, *, alone: bool = False) -> dict[Path, str | None]:
    """The images in folders called images beside others called labels, or alone, and the split that folders say."""
    homes = [root, *(child for child in sorted(root.iterdir()) if child.is_dir() and not child.name.startswith("."))]
    folders = [home / IMAGES for home in homes if (home / IMAGES).is_dir() and (alone or (home / LABELS).is_dir())]
    images = [file for folder in folders for file in files_below(folder) if file.suffix.lower() in PICTURES]
    return {image: folder_word(image, root) for image in images}


def _label_of(image: Path) -> Path:
    """The label file of an image: in labels where that is in images, else beside it."""
    parts = list(image.parts)
    places = [place for place, part in enumerate(parts[:-1]) if part == IMAGES]
    if places:
        parts[places[-1]] = LABELS
    return Path(*parts).with_suffix(".txt")


def _labelled(labels: Mapping[Path, Path]) -> bool:
    """Whether some images have label files, and no masks lie among these."""
    folders = {label.parent for image, label in labels.items() if label.parent != image.parent}
    there = any(label.is_file() for label in labels.values())
    return there and not any(folder.is_dir() and holds_images(folder) for folder in folders)


def _report_spare(labels: Mapping[Path, Path], options: ReadOptions) -> None:
    """Reports label files whose image is not there."""
    expected = set(labels.values())
    for folder in sorted({label.parent for label in expected if label.parent.is_dir()}):
        for file in sorted(folder.glob("*.txt"), key=natural):
            if file in expected or file.name.lower() in NO_LABELS or file.name.lower().startswith("readme"):
                continue
            images = next(image.parent for image, label in labels.items() if label.parent == folder)
            other = next((one.name for one in sorted(images.iterdir()) if one.stem == file.stem), None)
            problem = "is a label file without an image" + (f" that unmask reads (there is {other})" if other else "")
            remedy = f"save {other} as PNG" if other else f"put its image into {images}, or move it away"
            options.report(PairingError(problem, file=file, remedy=remedy))


def _names(home: Path, config: Config | None, labels: Mapping[Path, Path]) -> tuple[Mapping[int, str] | None, str]:
    """Names of classes by index, and what says them: data.yaml, or a list; None where nothing does."""
    if config and config.names:
        return config.names, config.file.name
    places = [home, *sorted({label.parent for label in labels.values()})]
    file = next((file for place in places for name in LISTS if (file := place / name).is_file()), None)
    if file is None:
        return None, ""
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        raise UnreadableFile("is not text", file=file, remedy="write one name of a class a line") from None
    return dict(enumerate(lines)), file.name


def _remark(config: Config | None, listed: Listed) -> str:
    """What is to be said of a data.yaml, in sentences."""
    if config is None:
        return ""
    told = [
        f"{config.file.name} says {word}: {place[:80]}, which is not there." for word, place in listed.missing.items()
    ]
    if not listed.words:
        told.append("So the folders called images are taken.")
    if listed.twice:
        are = "image is" if listed.twice == 1 else "images are"
        told.append(f"{listed.twice:,} {are} in several of train, val and test, and taken for the first of them.")
    return " ".join(told)
