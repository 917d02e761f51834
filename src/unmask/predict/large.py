"""Images too large to be predicted in memory: which they are, and what a job saves of them."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.data.entry import Entry, header_of
from unmask.data.files import write_text
from unmask.data.formats.images import write_png
from unmask.data.streams.overview import downscaled
from unmask.data.streams.sources import open_source
from unmask.data.streams.tiff_pyramid import zarr_to_tiff
from unmask.errors import PredictionError
from unmask.instances.table import Columns
from unmask.predict.predictor import Predictor
from unmask.predict.saving import Save
from unmask.predict.seams import Seams
from unmask.predict.stream import predict_stream
from unmask.recipe import UNetRecipe

__all__ = ["STREAMED", "Large", "is_large", "predict_large"]

STREAMED: tuple[Save, ...] = ("labels", "probabilities", "overlay", "table")
"""What can be saved of an image that is not held in memory."""

DECODING = 40  # bytes a pixel that decoding and measuring take beside the maps


@dataclass(frozen=True)
class Large:
    """What is known of a large image that was predicted.

    Attributes:
        size: rows and columns.
        objects: how many.
        table: of the objects.
        saved: files below the output folder, by what was saved.
        notes: on how the image was read.
        seams: what was found across borders of blocks, if it was looked for.
    """

    size: tuple[int, int]
    objects: int
    table: Columns
    saved: dict[Save, list[str]]
    notes: tuple[str, ...]
    seams: Seams | None


def is_large(predictor: Predictor, entry: Entry) -> bool:
    """Whether an image is to be predicted in blocks, as all of it takes more than the memory to work in.

    Mask R-CNN, models of classes and images of several files are predicted in memory, however large.
    """
    recipe = predictor.recipe
    if not isinstance(recipe.network, UNetRecipe) or recipe.data.kind == "classes" or entry.more:
        return False
    header = header_of(entry)
    maps = 4 * (1 + len(recipe.data.class_names)) + (4 + header.dtype.itemsize) * header.samples
    return header.size[0] * header.size[1] * (maps + DECODING) > predictor.memory


def predict_large(
    predictor: Predictor,
    entry: Entry,
    out: Path,
    save: Sequence[Save],
    key: str,
    progress: Callable[[int, int], None] | None = None,
    *,
    verify: bool = False,
) -> Large:
    """Predicts an image in blocks and saves what is wanted.

    Label images are tiled TIFFs with a pyramid, or OME-Zarr where the image is; probabilities OME-Zarr; the overlay is
    a picture of at most 2,048 pixels. Killed, it goes on where it was.

    Args:
        predictor: the model.
        entry: the image.
        out: the output folder.
        save: what is wanted of it.
        key: changes when the image or what is wanted of it does: what an earlier job left is then begun anew.
        progress: called with (blocks done, blocks in all).
        verify: look for seams.

    Raises:
        PredictionError: something is wanted that large images do not have.
        UnmaskError: a file cannot be read or written.
    """
    if missing := [kind for kind in save if kind not in STREAMED]:
        remedy = f"leave it out, or give more memory: --memory; large images have {', '.join(STREAMED)}"
        raise PredictionError(f"is too large for --save {missing[0]}", file=entry.image, remedy=remedy)
    source = open_source(entry.image, entry.page, predictor.recipe.data.channels)
    work = out / ".records" / "large" / entry.name
    _same_or_new(work, key)
    found = predict_stream(
        predictor.model,
        predictor.net,
        source,
        entry.name,
        work,
        side=predictor.side,
        probabilities="probabilities" in save,
        verify=verify,
        progress=progress,
    )
    saved: dict[Save, list[str]] = {"table": []} if "table" in save else {}
    if "overlay" in save:
        picture = out / "overlays" / f"{entry.name}.png"
        write_png(picture, downscaled(source, open_source(found.labels)))
        saved["overlay"] = [f"overlays/{entry.name}.png"]
    if found.probabilities is not None:
        saved["probabilities"] = [_placed(found.probabilities, out, f"probabilities/{entry.name}.zarr")]
    if "labels" in save and entry.image.is_dir():
        saved["labels"] = [_placed(found.labels, out, f"labels/{entry.name}.zarr")]
    elif "labels" in save:
        place = out / "labels" / f"{entry.name}.tif"
        place.parent.mkdir(parents=True, exist_ok=True)
        zarr_to_tiff(found.labels, place)
        saved["labels"] = [f"labels/{entry.name}.tif"]
    shutil.rmtree(work)
    return Large(source.size, len(found.table["label"]), found.table, saved, source.notes, found.seams)


def _same_or_new(work: Path, key: str) -> None:
    """What an earlier job left of this image stays; of another version of it, it goes."""
    file = work / "key"
    if not file.exists() or file.read_text(encoding="utf-8") != key:
        shutil.rmtree(work, ignore_errors=True)
        write_text(file, key)


def _placed(folder: Path, out: Path, name: str) -> str:
    """A folder under its final name, in place of an earlier one."""
    place = out / name
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        shutil.rmtree(place)
    shutil.move(folder, place)
    return name
