"""Data sets of nnU-Net, versions 1 and 2: one file a channel, one label map an image, classes in dataset.json.

dataset.json  imagesTr/ID_0000.png  imagesTr/ID_0001.png  labelsTr/ID.png
imagesTs/ID_0000.png  labelsTs/ID.png   to test; without labels they are left out
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from unmask.data.dataset import Dataset
from unmask.data.entry import MaskFile
from unmask.data.layouts.masked import Masked, counted, masked_dataset
from unmask.data.layouts.nnunet_labels import named_coding, read_labels
from unmask.data.listing import image_files, natural, stem
from unmask.data.options import TOLERANT, ReadOptions, attempt
from unmask.errors import PairingError, UnreadableFile

__all__ = ["nnunet_images", "read_nnunet"]

VOLUMES = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd")


def read_nnunet(root: Path, options: ReadOptions) -> Dataset | None:
    """Reads a data set as nnU-Net has it.

    Args:
        root: the folder with dataset.json, imagesTr and labelsTr.
        options: a kind overrules that values are classes; a class or value to ignore; what becomes of files with a
            problem.

    Returns:
        The data set; None where there are no such folders.

    Raises:
        UnreadableFile: volumes (NIfTI and the like); dataset.json or an image that is damaged.
        DataError: dataset.json without labels, or with regions of several labels; images with different numbers of
            channels.
        PairingError: an image without labels, labels without an image, a channel that is missing, sizes that differ.
        MaskError: masks with values that dataset.json does not list, or that are all empty.
    """
    if root.is_file() or not (root / "imagesTr").is_dir():
        return None
    labels = read_labels(root / "dataset.json")
    items = _items(root / "imagesTr", root / "labelsTr", options)
    left_out = ""
    if (root / "imagesTs").is_dir() and (root / "labelsTs").is_dir():
        test = _items(root / "imagesTs", root / "labelsTs", options)
        taken = {item.name for item in items}
        named = [replace(one, name=f"imagesTs_{one.name}") if one.name in taken else one for one in test]
        items = [replace(one, split="train") for one in items] + [replace(one, split="test") for one in named]
    elif (root / "imagesTs").is_dir():
        left_out = " Left out, since there is no labelsTs: imagesTs."
    dataset = masked_dataset(root, items, options, coding=partial(named_coding, labels=labels))
    return replace(dataset, pairing=f"{dataset.pairing}{left_out}")


def nnunet_images(root: Path) -> dict[Path, tuple[Path, ...]] | None:
    """The files of all images, those to test among them, by a file of the case's name; None where there are none."""
    folders = [root / name for name in ("imagesTr", "imagesTs") if (root / name).is_dir()]
    if not folders or root.is_file():
        return None
    found: dict[Path, tuple[Path, ...]] = {}
    for folder in folders:
        _check_no_volumes(folder)
        for case, files in _cases(folder, TOLERANT).items():
            clash = root / f"{case}.tif" in found
            found[root / f"{folder.name}_{case}.tif" if clash else root / f"{case}.tif"] = tuple(files.values())
    return found


def _items(images: Path, labels: Path, options: ReadOptions) -> list[Masked]:
    """Images with their label maps, by the names of cases."""
    if not labels.is_dir():
        remedy = "put a label map ID.png or ID.tif there for each ID_0000"
        raise PairingError(f"is missing, beside {images.name}", file=labels, remedy=remedy)
    for folder in (images, labels):
        _check_no_volumes(folder)
    cases, masks = _cases(images, options), _by_stem(image_files(labels), options)
    for case in sorted(set(masks) - set(cases)):
        remedy = f"put {case}_0000 into {images}, or move it away"
        options.report(PairingError("is a label map without an image", file=masks[case], remedy=remedy))
    most = Counter(map(len, cases.values())).most_common(1)[0][0]
    items = [attempt(options, partial(_item, case, files, masks.get(case), most)) for case, files in cases.items()]
    return [item for item in items if item]


def _item(case: str, files: Mapping[int, Path], mask: Path | None, channels: int) -> Masked:
    first = next(iter(files.values()))
    if mask is None:
        remedy = "draw its label map, all 0 if there is nothing in it, or move it away"
        raise PairingError("is an image without a label map", file=first, remedy=remedy)
    if missing := sorted(set(range(channels)) - set(files)):
        wanted = f"{case}_{missing[0]:04d}{first.suffix}"
        problem = f"belongs to {counted(len(files), 'channel')} where others have {channels}: {wanted} is not there"
        raise PairingError(problem, file=first, remedy="add it, or move the other channels away")
    return Masked(case, tuple(files.values()), MaskFile(mask))


def _cases(folder: Path, options: ReadOptions) -> dict[str, dict[int, Path]]:
    """Files of each case by channel, in natural order."""
    cases: defaultdict[str, dict[int, Path]] = defaultdict(dict)
    for file in image_files(folder):
        match = re.fullmatch(r"(.+)_(\d{4})", stem(file))
        if match is None:
            problem = "does not end with the number of a channel"
            options.report(PairingError(problem, file=file, remedy=f"call it {stem(file)}_0000{file.suffix}"))
        elif other := cases[match[1]].get(int(match[2])):
            problem = f"is the same channel of the same image as {other.name}"
            options.report(PairingError(problem, file=file, remedy="keep one of the two"))
        else:
            cases[match[1]][int(match[2])] = file
    if not cases:
        raise PairingError("holds no image called ID_0000", file=folder, remedy="call images ID_0000.png, ID_0001.png")
    return {case: dict(sorted(files.items())) for case, files in cases.items()}


def _by_stem(files: Sequence[Path], options: ReadOptions) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in files:
        if other := found.get(stem(file)):
            problem = f"is a second label map of one image, beside {other.name}"
            options.report(PairingError(problem, file=file, remedy="keep the right one of the two"))
        else:
            found[stem(file)] = file
    return found


def _check_no_volumes(folder: Path) -> None:
    shown = [file for file in sorted(folder.iterdir(), key=natural) if not file.name.startswith(".")]
    volumes = [file for file in shown if file.name.lower().endswith(VOLUMES)]
    if not volumes:
        return
    problem = f"is one of {counted(len(volumes), 'volume')}; unmask reads 2-D images and stacks of them as TIFF"
    name = re.sub("|".join(re.escape(end) + "$" for end in VOLUMES), "", volumes[0].name, flags=re.IGNORECASE)
    convert = f"tifffile.imwrite('{name}.tif', SimpleITK.GetArrayFromImage(SimpleITK.ReadImage('{volumes[0].name}')))"
    remedy = f"turn each into a stack, in Python with SimpleITK and tifffile: {convert}"
    raise UnreadableFile(problem, file=volumes[0], remedy=remedy)
