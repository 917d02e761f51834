"""Images and label images for tools that know nothing of unmask: a folder of pairs, and which train and test."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from skimage.io import imread

__all__ = ["Grey", "Labels", "Pair", "Split", "draw", "link_pairs", "names_of", "read_grey", "read_pairs", "read_split"]

Grey = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Labels = npt.NDArray[np.int32]
Split = dict[str, tuple[str, ...]]  # "train" and "test" to names


@dataclass(frozen=True)
class Pair:
    """An annotated image: grey values (h, w) of the file's own type, and its label image (h, w), 0 is background."""

    name: str
    image: Grey
    labels: Labels


def read_split(file: Path) -> Split:
    """The names that a table with the columns `name` and `split` gives to train and test; others are left out."""
    if not file.is_file():
        raise SystemExit(f"{file}: no such file; write a table with the columns name and split (train or test)")
    with open(file, newline="") as lines:
        rows = [(row["name"], row["split"]) for row in csv.DictReader(lines)]
    split = {word: tuple(name for name, given in rows if given == word) for word in ("train", "test")}
    for word, names in split.items():
        if not names:
            raise SystemExit(f"{file}: no image is marked {word}")
    return split


def draw(split: Split, images: int, seed: int) -> Split:
    """Some of the training images, the same for all tools: without replacement, from their names in order."""
    names = sorted(split["train"])
    if not 1 <= images <= len(names):
        raise SystemExit(f"--images {images}: there are {len(names)} training images")
    drawn = np.random.default_rng(seed).choice(len(names), images, replace=False)
    return {**split, "train": tuple(names[index] for index in sorted(drawn))}


def link_pairs(data: Path, split: Split, out: Path) -> None:
    """A folder of links to the pairs of a split and no others, with their split.csv: what every tool is given.

    Args:
        data: a folder with images/ and masks/, files of the same stem.
        split: what is linked.
        out: made; links that it has are made anew.
    """
    for kind in ("images", "masks"):
        files = {file.stem: file.resolve() for file in (data / kind).iterdir()}
        (out / kind).mkdir(parents=True, exist_ok=True)
        for old in (out / kind).iterdir():
            old.unlink()
        for name in (*split["train"], *split["test"]):
            if name not in files:
                raise SystemExit(f"{data / kind}: there is no {name}; DATA is a folder with images/ and masks/")
            os.symlink(files[name], out / kind / f"{name}{files[name].suffix}")
    rows = "".join(f"{name},{word}\n" for word, names in split.items() for name in names)
    (out / "split.csv").write_text(f"name,split\n{rows}")


def names_of(data: Path, word: str) -> tuple[str, ...]:
    """Names of the training or test images of a folder made by `link_pairs`."""
    return read_split(data / "split.csv")[word]


def read_grey(data: Path, name: str) -> Grey:
    """One image (h, w); colours are averaged."""
    image: Grey = imread(_file(data / "images", name))
    return image if image.ndim == 2 else image[..., :3].mean(axis=2).astype(image.dtype)


def read_pairs(data: Path, names: Sequence[str]) -> tuple[Pair, ...]:
    """Images with their label images."""
    return tuple(
        Pair(name, read_grey(data, name), imread(_file(data / "masks", name)).astype(np.int32)) for name in names
    )


def _file(folder: Path, name: str) -> Path:
    return next(file for file in folder.iterdir() if file.stem == name)
