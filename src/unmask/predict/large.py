"""Images too large to be predicted in memory: which they are, and what a job saves of them."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from unmask.data.entry import Entry, header_of
from unmask.data.files import write_text
from unmask.data.formats.images import write_png
from unmask.data.streams.overview import downscaled
from unmask.data.streams.sources import open_source
from unmask.data.streams.tiff_pyramid import zarr_to_tiff
from unmask.errors import PredictionError
from unmask.predict.block_plan import plan_blocks
from unmask.predict.crew import Crew
from unmask.predict.engines import EXACT, HALF
from unmask.predict.predictor import Predictor
from unmask.predict.saving import TABLES, Outcome, Save
from unmask.predict.stream import StreamOptions, placed, predict_stream
from unmask.predict.tta import PAPER_TURNS
from unmask.recipe import UNetRecipe

__all__ = ["STREAMED", "LargeOptions", "is_large", "predict_large"]

STREAMED: tuple[Save, ...] = ("labels", "probabilities", "overlay", "table")
"""What can be saved of an image that is not held in memory."""

MUCH_LARGER = 1.25
SMALL = 2**26  # bytes: what is not worth the blocks, however little memory is given
DECODING = 40  # bytes a pixel that decoding and measuring take beside the maps


def is_large(predictor: Predictor, entry: Entry) -> bool:
    """Whether an image is to be predicted in blocks, as all of it takes more than the memory to work in.

    Mask R-CNN's images, those of several files, and those averaged over 7 rotations are predicted in memory, however
    large.
    """
    recipe = predictor.recipe
    if not isinstance(recipe.network, UNetRecipe) or entry.more or predictor.tta == PAPER_TURNS:
        return False
    header = header_of(entry)
    maps = 4 * (1 + len(recipe.data.class_names)) + (4 + header.dtype.itemsize) * header.samples
    # Tiles have the other half of the memory.
    return header.size[0] * header.size[1] * (maps + DECODING) > max(SMALL, predictor.free // 2)


@dataclass(frozen=True)
class LargeOptions:
    """What is wanted of every large image.

    Attributes:
        verify: look for seams.
        say: is told how an image will be predicted, in a sentence.
    """

    verify: bool = False
    say: Callable[[str], None] = lambda sentence: None


def predict_large(
    predictor: Predictor,
    entry: Entry,
    out: Path,
    save: Sequence[Save],
    key: str,
    progress: Callable[[int, int], None],
    crew: Crew,
    options: LargeOptions,
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
        progress: called with (steps done, steps in all).
        crew: who does the work.
        options: what else is wanted.

    Raises:
        PredictionError: something is wanted that large images do not have.
        UnmaskError: a file cannot be read or written.
    """
    if missing := [kind for kind in save if kind not in STREAMED]:
        remedy = f"leave it out, or give more memory: --memory; large images have {', '.join(STREAMED)}"
        raise PredictionError(f"is too large for --save {missing[0]}", file=entry.image, remedy=remedy)
    source = open_source(entry.image, entry.page, predictor.recipe.data.channels)
    work = (out / ".records" / "large" / entry.name).absolute()  # workers may stand in another folder
    own = predictor.side if predictor.device.type == "cuda" else predictor.given_side  # its memory is another
    plan = partial(plan_blocks, predictor.model, source.size, predictor.memory, crew.size)
    side = _same_or_new(work, key, plan(own).side)
    planned = plan(side)
    more = ": more than --memory, and the least that so many take" if planned.memory > 1.05 * predictor.memory else ""
    options.say(f"{entry.name}: {planned}{more}")
    saved: dict[Save, list[str]] = {}

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
        source,
        entry.name,
        work,
        crew,
        StreamOptions(
            side,
            predictor.tta,
            predictor.skip_blank,
            probabilities="probabilities" in save,
            table="table" in save,
            verify=options.verify,
            tolerance=EXACT if predictor.engine.exact else HALF,
        ),
        use=use,
        progress=progress,
    )
    if found.probabilities is not None:
        saved["probabilities"] = [f"probabilities/{entry.name}.zarr"]
        placed(found.probabilities, out / saved["probabilities"][0])
    if "labels" in save and entry.image.is_dir():
        saved["labels"] = [f"labels/{entry.name}.zarr"]
        placed(found.labels, out / saved["labels"][0])
    if found.parts:
        place = placed(found.parts[0].parent, out / TABLES / entry.name)
        saved["table"] = [f"{TABLES}/{entry.name}/{part.name}" for part in found.parts if (place / part.name).exists()]
    shutil.rmtree(work)
    return Outcome(source.size, found.objects, saved, found.constants, source.notes, found.blank, found.seams)


def _same_or_new(work: Path, key: str, side: int) -> int:
    """What an earlier job left of this image stays, with its tiles; of another version of the image, it goes.

    What is free of the memory is never twice the same: tiles of the earlier job are kept unless they are much larger
    than those that would be chosen now.

    Returns:
        The side of tiles.
    """
    file = work / "key.json"
    if file.exists():
        earlier = json.loads(file.read_text(encoding="utf-8"))
        if earlier["key"] == key and earlier["side"] <= MUCH_LARGER * side:
            return int(earlier["side"])
    shutil.rmtree(work, ignore_errors=True)
    write_text(file, json.dumps({"key": key, "side": side}))
    return side
