"""labelme's layout (github.com/wkentaro/labelme; X-AnyLabeling writes the same): a JSON file of shapes an image.

cells/a.jpg         cells/a.json             side by side
cells/images/a.jpg  cells/annotations/a.json also labels/ or json/, whatever it is called
cells/train/a.jpg   cells/train/a.json       folders train, val and test say the split

An image without a file is one that nobody has looked at: it takes no part. One whose file has no shapes is empty.
"""

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from unmask.data.dataset import Dataset
from unmask.data.layouts.annotated import header_to_annotate
from unmask.data.layouts.json_file import read_json
from unmask.data.layouts.labelme_images import ImageIndex, image_of, index_images
from unmask.data.layouts.labelme_shapes import IGNORE, is_labelme, read_shapes
from unmask.data.layouts.one_each import files_below, folder_word, one_each
from unmask.data.listing import natural, stem
from unmask.data.options import ReadOptions, attempt
from unmask.data.shapes.annotations import LeftOut, ListedImage, Listing
from unmask.errors import PairingError, UnreadableFile

__all__ = ["read_labelme"]

NAME = "labelme"


_Listed: TypeAlias = tuple[ListedImage, list[LeftOut]]


def read_labelme(root: Path, options: ReadOptions) -> Dataset | None:
    """Reads a data set of images with labelme files.

    Args:
        root: its folder, or one such file.
        options: kind "classes" where only classes matter; what becomes of files with a problem.

    Returns:
        The data set; None where there is no such file. JSON files of other kinds are passed over.

    Raises:
        UnreadableFile: a file or an image is damaged.
        PairingError: an image that is not there, or is of another size than its file says; two files of one image.
        MaskError: no object at all.
        DataError: a shape that is not as it should be.
    """
    if root.is_file() and root.suffix.lower() != ".json":
        return None
    base = root.parent if root.is_file() else root
    files = files_below(base)
    index = index_images(files)
    contents, damaged = _read([root] if root.is_file() else [file for file in files if file.suffix.lower() == ".json"])
    if not contents:
        return None
    for problem in damaged:
        if problem.file and stem(problem.file).lower() in index.by_stem:  # else it may be anything
            options.report(problem)
    read = [attempt(options, partial(_listed, file, content, index)) for file, content in contents.items()]
    found = _unique([one for one in read if one], options)
    if not found:
        raise PairingError("holds no labelme file with a sound image", file=root, remedy="mend the first of them")
    images = tuple(image for image, _ in found.values())
    left_out = tuple(one for _, left in found.values() for one in left)
    classes = sorted({one.label for image in images for one in image.objects} - {IGNORE})
    words = {path: folder_word(path, base) for path in found}
    remark = "" if root.is_file() else _unknown(found, index)
    return one_each(root, NAME, Listing(images, tuple(classes), left_out), options, words, remark)


def _read(files: Sequence[Path]) -> tuple[dict[Path, Any], list[UnreadableFile]]:
    """The content of each labelme file, and what is wrong with damaged files.

    Of the image that a file may carry only the beginning is kept.
    """
    contents, damaged = {}, []
    for file in files:
        try:
            content = read_json(file)
        except UnreadableFile as problem:
            damaged.append(problem)
            continue
        if is_labelme(content):
            content["imageData"] = str(content.get("imageData") or "")[:8]
            contents[file] = content
    return contents, damaged


def _listed(file: Path, content: Any, index: ImageIndex) -> _Listed:
    """What one file says of its image."""
    path = image_of(file, str(content["imagePath"] or ""), content["imageData"], index)
    objects, left_out = read_shapes(file, content["shapes"], path.name, header_to_annotate(path).size)
    return ListedImage(file, path.name, _size(content), objects, path), left_out


def _size(content: Any) -> tuple[int, int] | None:
    height, width = content.get("imageHeight"), content.get("imageWidth")
    return (height, width) if isinstance(height, int) and isinstance(width, int) and height and width else None


def _unique(listed: Sequence[_Listed], options: ReadOptions) -> dict[Path, _Listed]:
    """By image, in natural order of the files."""
    images: dict[Path, _Listed] = {}
    for image, left_out in listed:
        assert image.path is not None, "its reader has found it"
        if image.path in images:
            problem = f"is of {image.name}, and so is {images[image.path][0].file}"
            options.report(PairingError(problem, file=image.file, remedy="keep one of the two"))
        else:
            images[image.path] = image, left_out
    return images


def _unknown(images: Collection[Path], index: ImageIndex) -> str:
    """A sentence about images in the same folders that have no file."""
    folders = {image.parent for image in images}
    there = [image for group in index.by_name.values() for image in group if image.parent in folders]
    alone = sorted(set(there) - set(images), key=natural)
    if not alone:
        return ""
    are = "1 image without one is" if len(alone) == 1 else f"{len(alone):,} images without one are"
    return f"{are} left out (first {alone[0].name}): label them, or save them without shapes if they show nothing."
