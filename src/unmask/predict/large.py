"""Images too large to be predicted in memory: which they are, and what a job saves of them."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from unmask.data.entry import Entry, header_of
from unmask.data.files import write_text
from unmask.data.formats.images import write_png
from unmask.data.streams.overview import downscaled
from unmask.data.streams.sources import open_source
from unmask.data.streams.tiff_pyramid import zarr_to_tiff
from unmask.errors import PredictionError
from unmask.predict.predictor import Predictor
from unmask.predict.saving import Outcome, Save
from unmask.predict.stream import placed, predict_stream
from unmask.recipe import UNetRecipe

__all__ = ["STREAMED", "is_large", "predict_large"]

STREAMED: tuple[Save, ...] = ("labels", "probabilities", "overlay", "table")
"""What can be saved of an image that is not held in memory."""

DECODING = 40  # bytes a pixel that decoding and measuring take beside the maps


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
    progress: Callable[[int, int], None],
    *,
    verify: bool = False,
) -> Outcome:
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
    saved: dict[Save, list[str]] = {"table": []} if "table" in save else {}

    def use(labels: Path) -> None:
        if "overlay" in save:
            saved["overlay"] = [f"overlays/{entry.name}.png"]
            write_png(out / saved["overlay"][0], downscaled(source, open_source(labels)))
        if "labels" in save and not entry.image.is_dir():
            saved["labels"] = [f"labels/{entry.name}.tif"]
            (out / "labels").mkdir(parents=True, exist_ok=True)
            zarr_to_tiff(labels, out / saved["labels"][0])

    found = predict_stream(
        predictor.model,
        predictor.net,
        source,
        entry.name,
        work,
        side=predictor.side,
        probabilities="probabilities" in save,
        verify=verify,
        use=use,
        progress=progress,
    )
    if found.probabilities is not None:
        saved["probabilities"] = [f"probabilities/{entry.name}.zarr"]
        placed(found.probabilities, out / saved["probabilities"][0])
    if "labels" in save and entry.image.is_dir():
        saved["labels"] = [f"labels/{entry.name}.zarr"]
        placed(found.labels, out / saved["labels"][0])
    shutil.rmtree(work)
    return Outcome(source.size, len(found.table["label"]), found.table, saved, source.notes, found.seams)


def _same_or_new(work: Path, key: str) -> None:
    """What an earlier job left of this image stays; of another version of it, it goes."""
    file = work / "key"
    if not file.exists() or file.read_text(encoding="utf-8") != key:
        shutil.rmtree(work, ignore_errors=True)
        write_text(file, key)
