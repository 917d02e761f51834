"""LabelFolder: what annotates images, by their names, with or without the images themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from unmask.data.entry import Entry, MaskFile
from unmask.data.layouts.annotation_files import unknown_json
from unmask.data.layouts.layouts import read_layout
from unmask.data.layouts.paired import IMAGES, MASKS
from unmask.data.layouts.pairing import mask_core
from unmask.data.listing import existing_data, find_folder, image_files, page_name, stem
from unmask.data.masks.coding import Coding, Kind
from unmask.data.masks.deciding import decide
from unmask.data.masks.palette import find_palette
from unmask.data.masks.read import look_at
from unmask.data.options import ReadOptions
from unmask.data.shapes.annotations import LabelLayers
from unmask.data.truth import read_truth
from unmask.errors import PairingError

__all__ = ["LabelFolder", "read_label_folder"]


@dataclass(frozen=True)
class LabelFolder:
    """What annotates images, by their names: what `evaluate` compares.

    Attributes:
        root: the folder or file.
        entries: by name; where there are no images, an entry's image is its mask.
        coding: what the masks' values mean, with the sentence that says so.
        splits: name to "train", "val" or "test", where names of files and folders say it; a split.csv is not read.
    """

    root: Path
    entries: dict[str, Entry]
    coding: Coding
    splits: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of the images that the masks belong to, in natural order."""
        return list(self.entries)

    @property
    def kind(self) -> Kind:
        """What mask values are."""
        return self.coding.kind

    def load(self, name: str) -> LabelLayers:
        """Reads the annotation of one image.

        Raises:
            PairingError: there is no such mask.
            MaskError: values that mean nothing.
            UnreadableFile: a damaged file.
        """
        if name not in self.entries:
            remedy = f"add it, or compare only images that both have; names look like {self.names[0]}"
            raise PairingError(f"has no mask called {name}", file=self.root, remedy=remedy)
        return read_truth(self.entries[name], self.coding)


def read_label_folder(path: str | Path, options: ReadOptions | None = None) -> LabelFolder:
    """Masks by name: a folder of label images, one that `predict` wrote (labels/), or a data set of any layout.

    Names are those of the images where those lie beside, else the masks' own, without suffixes such as _mask.

    Args:
        path: the folder, or a file that annotates images.
        options: what the user says of them.

    Returns:
        The masks; files are read again when they are asked for.

    Raises:
        PairingError: missing or empty folders, masks of one name, masks that do not fit the images beside them, JSON of
            an unknown kind.
        MaskError: masks that cannot be understood.
        UnreadableFile: a damaged file.
        DataError: an annotation file that is not as its kind should be.
    """
    options = options or ReadOptions()
    root = existing_data(path)
    if not _masks_alone(root) and (dataset := read_layout(root, options)):
        assert dataset.coding is not None, "layouts give annotated data"
        return LabelFolder(root, {entry.name: entry for entry in dataset.entries}, dataset.coding, dataset.splits)
    if root.is_file() and (problem := unknown_json(root)):
        raise problem
    names = _mask_names(root)
    facts = look_at(list(names))
    entries: dict[str, Entry] = {}
    for (file, short), seen in zip(names.items(), facts, strict=True):
        for page in range(len(seen)):
            name = page_name(short, page, len(seen))
            if name in entries:
                remedy = "remove or rename one of them"
                raise PairingError("has the name of another mask there", file=file, remedy=remedy)
            entries[name] = Entry(name, file, MaskFile(file, page), page)
    palette = find_palette([root, *dict.fromkeys(file.parent for file in names)])
    return LabelFolder(root, entries, decide([one for seen in facts for one in seen], options, palette=palette))


def _masks_alone(root: Path) -> bool:
    """Whether a folder has masks and no images beside: what `predict` and other tools write."""
    return root.is_dir() and find_folder(root, MASKS) is not None and find_folder(root, IMAGES) is None


def _mask_names(root: Path) -> dict[Path, str]:
    """Names by files."""
    files = image_files(find_folder(root, MASKS) or root)
    cores = len({mask_core(file) for file in files}) == len(files)
    return {file: mask_core(file) if cores else stem(file) for file in files}
