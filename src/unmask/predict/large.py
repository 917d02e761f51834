"""Images too large to be predicted in memory: which they are, and what a job saves of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.data.entry import Entry, header_of
from unmask.data.formats.images import write_png
from unmask.data.streams.overview import downscaled
from unmask.data.streams.sources import open_source
from unmask.data.streams.tiff_pyramid import zarr_to_tiff
from unmask.errors import PredictionError
from unmask.predict.crew import Crew
from unmask.predict.engines import EXACT, HALF
from unmask.predict.large_folder import begin_work, earlier_work, place_results, take_back
from unmask.predict.large_plan import plan_large
from unmask.predict.predictor import Predictor
from unmask.predict.refusals import check_image
from unmask.predict.saving import TABLES, Outcome, Save, remove_other
from unmask.predict.stream import Streamed, StreamOptions, predict_stream
from unmask.predict.tta import PAPER_TURNS
from unmask.recipe import UNetRecipe
from unmask.version import __version__

__all__ = ["STREAMED", "LargeOptions", "is_large", "never_large", "predict_large"]

STREAMED: tuple[Save, ...] = ("labels", "probabilities", "overlay", "table")
"""What can be saved of an image that is not held in memory."""

SMALL = 2**26  # bytes: what is not worth the blocks, however little memory is given
DECODING = 40  # bytes a pixel that decoding and measuring take beside the maps


def is_large(predictor: Predictor, entry: Entry) -> bool:
    """Whether an image is to be predicted in blocks, as all of it takes more than the memory to work in."""
    if never_large(predictor, entry) is not None:
        return False
    header = header_of(entry)
    maps = 4 * (1 + len(predictor.recipe.data.class_names)) + (4 + header.dtype.itemsize) * header.samples
    # Tiles have the other half of the memory.
    return header.size[0] * header.size[1] * (maps + DECODING) > max(SMALL, predictor.free // 2)


def never_large(predictor: Predictor, entry: Entry) -> str | None:
    """Of what kind an image is that is predicted in memory, however large it is; None where its size decides."""
    if not isinstance(predictor.recipe.network, UNetRecipe):
        return "of a Mask R-CNN"
    if predictor.tta == PAPER_TURNS:
        return f"averaged over {PAPER_TURNS} rotations"
    return "of several files" if entry.more else None


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
    a picture of at most 2,048 pixels. Killed, it goes on where it was, till the caller has kept what is returned and
    removes the outcome's `work`.

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
        PredictionError: something is wanted that large images do not have, or the image does not fit the model.
        UnmaskError: a file cannot be read or written.
    """
    if missing := [kind for kind in save if kind not in STREAMED]:
        remedy = f"leave it out, or give more memory: --memory; large images have {', '.join(STREAMED)}"
        raise PredictionError(f"is too large for --save {missing[0]}", file=entry.image, remedy=remedy)
    source = open_source(entry.image, entry.page, predictor.recipe.data.channels)
    check_image(predictor.recipe, source.channels, source.dtype, entry.image)
    folder = (out / ".records" / "large" / entry.name).absolute()  # workers may stand in another folder
    of = f"{__version__} {predictor.model.fingerprint} {key}"
    earlier = earlier_work(folder, of)
    side = plan_large(predictor, source.size, crew, earlier, lambda text: options.say(f"{entry.name}: {text}")).side
    work = begin_work(folder, of, side)
    places = _places(entry, out)
    wanted = {*save, *take_back(work, places)}
    saved: dict[Save, list[str]] = {}

    def use(labels: Path) -> None:
        if "overlay" in wanted:
            saved["overlay"] = [f"overlays/{entry.name}.png"]
            write_png(out / saved["overlay"][0], downscaled(source, open_source(labels)))
        if "labels" in wanted and "labels" not in places:
            saved["labels"] = [f"labels/{entry.name}.tif"]
            (out / "labels").mkdir(parents=True, exist_ok=True)
            zarr_to_tiff(labels, out / saved["labels"][0])
            remove_other(out / saved["labels"][0])

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
            probabilities="probabilities" in wanted,
            table="table" in wanted,
            verify=options.verify,
            tolerance=EXACT if predictor.engine.exact else HALF,
        ),
        use=use,
        progress=progress,
    )
    results = {kind: path for kind, path in _folders(found).items() if kind in wanted and kind in places}
    place_results(work, results, places)
    for kind in results:
        if kind == "table":
            saved[kind] = [f"{TABLES}/{entry.name}/{part.name}" for part in found.parts]
        else:
            saved[kind] = [f"{kind}/{entry.name}.zarr"]
            remove_other(places[kind])
    about = found.constants, source.notes, found.blank, found.seams
    return Outcome(source.size, found.objects, saved, *about, work=folder)


def _places(entry: Entry, out: Path) -> dict[Save, Path]:
    """Where results lie that are folders."""
    places: dict[Save, Path] = {
        "probabilities": out / "probabilities" / f"{entry.name}.zarr",
        "table": out / TABLES / entry.name,
    }
    return places | ({"labels": out / "labels" / f"{entry.name}.zarr"} if entry.image.is_dir() else {})


def _folders(found: Streamed) -> dict[Save, Path]:
    """The same in the working folder."""
    folders: dict[Save, Path] = {"labels": found.labels}
    if found.probabilities is not None:
        folders["probabilities"] = found.probabilities
    if found.parts:
        folders["table"] = found.parts[0].parent
    return folders
