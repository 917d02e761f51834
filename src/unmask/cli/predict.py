"""unmask predict."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from unmask.cli.options import Device, EngineOption, memory_bytes
from unmask.cli.predicted import no_workers, tell_counts, tell_seams, tell_warnings
from unmask.errors import PredictionError

if TYPE_CHECKING:
    from unmask.data.dataset import Dataset
    from unmask.predict.engines import EngineName
    from unmask.recipe import Recipe

__all__ = ["predict"]


def predict(
    model: Annotated[Path, typer.Argument(help="A run folder or a model file.", metavar="MODEL")],
    images: Annotated[list[Path], typer.Argument(help="Images, or folders of images.", metavar="IMAGE...")],
    out: Annotated[Path, typer.Option(help="The folder to write to.", metavar="DIR")],
    others: Annotated[
        list[Path] | None,
        typer.Option(
            "--with",
            help="Another U-Net, once for each: the mean of all predicts. A run of --folds is one model already.",
            metavar="MODEL",
            show_default=False,
        ),
    ] = None,
    save: Annotated[
        str,
        typer.Option(
            help="Any of labels, probabilities, uncertainty, overlay, table, coco, rois, geojson; with commas between.",
            metavar="WHAT",
        ),
    ] = "labels,overlay,table",
    split: Annotated[
        str | None, typer.Option(help="Only these images: train, val or test, of split.csv or the run's split.json.")
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(
            help="Memory to work in; a quarter of what is free. Larger images are predicted in blocks.", metavar="4GB"
        ),
    ] = None,
    overlaps: Annotated[
        bool,
        typer.Option(
            "--overlaps", help="Keep all of objects that overlap (Mask R-CNN): with labels, also layers/NAME.tif."
        ),
    ] = False,
    verify_seams: Annotated[
        bool,
        typer.Option(
            "--verify-seams",
            help="Of images larger than the memory: compare windows across borders of blocks.",
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes that share images larger than the memory; this one alone unless given.",
            min=1,
            metavar="N",
            show_default=False,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="A Dask cluster to share them: tcp://HOST:PORT or a scheduler file (docs/cluster.md).",
            metavar="ADDRESS",
            show_default=False,
        ),
    ] = None,
    engine: Annotated[
        EngineOption,
        typer.Option(
            help="What computes the U-Net; auto measures where that pays. bf16 and fp16 change probabilities."
        ),
    ] = EngineOption.auto,
    tta: Annotated[
        int, typer.Option(help="Average over 8 flips and rotations, or over the paper's 7 rotations.", metavar="1|7|8")
    ] = 1,
    skip_blank: Annotated[
        bool,
        typer.Option("--skip-blank", help="Take tiles of one grey value for background, unseen: faster on slides."),
    ] = False,
    device: Device = None,
) -> None:
    """Predict images: label images, overlays, a table of objects. Killed? The same command goes on where it was."""
    from functools import partial

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from unmask.cli.show import console
    from unmask.data.folder import read_images
    from unmask.model import Model
    from unmask.predict.connecting import crew_of
    from unmask.predict.job import SAVES, predict_job
    from unmask.predict.large import is_large, never_large
    from unmask.predict.predictor import Predictor

    wanted = tuple(part.strip() for part in save.split(",") if part.strip())
    if unknown := [part for part in wanted if part not in SAVES]:
        raise PredictionError(f"--save {unknown[0]} is not known", remedy=f"choose from {', '.join(SAVES)}")
    if workers is not None and scheduler is not None:
        raise typer.BadParameter("--workers and --scheduler exclude each other")
    models = [model, *(others or [])]
    predictor = Predictor(
        Model.joined([Model.load(path) for path in models]),
        device,
        memory_bytes(memory),
        overlaps=overlaps,
        engine="eager" if engine is EngineOption.auto else cast("EngineName", engine.value),
        tta=tta,
        skip_blank=skip_blank,
    )
    _check_network(predictor.recipe, wanted, overlaps, memory)
    found = read_images(images, predictor.recipe.data.channels)
    if split is not None:
        found = found.subset(_of_split(models, images, split, found))
    say = partial(console.print, highlight=False, markup=False)
    if engine is EngineOption.auto and scheduler is None:  # other machines: eager is everywhere
        kept = out / ".records" / "engine"
        predictor.choose_engine(found, say, kept.read_text(encoding="utf-8") if kept.exists() else "")
    if (workers or scheduler) and not any(is_large(predictor, entry) for entry in found.entries):
        say(no_workers([never_large(predictor, entry) for entry in found.entries]))
        workers = scheduler = None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with crew_of(predictor, workers, scheduler, device) as crew, bar as progress:
        task = progress.add_task("predicting", total=len(found))

        def tell(name: str, done: int, of: int) -> None:
            at = [entry.name for entry in found.entries].index(name)
            progress.update(task, completed=at + done / of, description=name)

        try:
            done = predict_job(
                predictor,
                found,
                out,
                [kind for kind in SAVES if kind in wanted],
                tell,
                crew=crew,
                verify_seams=verify_seams,
                say=say,
            )
        except KeyboardInterrupt:
            raise PredictionError(
                "stopped; finished images are kept", file=out, remedy="type the same command again to go on"
            ) from None
    tell_warnings(done)
    tell_seams(done, verify_seams)
    tell_counts(done, out, skip_blank)


def _check_network(recipe: "Recipe", wanted: tuple[str, ...], overlaps: bool, memory: str | None) -> None:
    """Refuse what the model's network does not have."""
    if recipe.network.name == "mask-rcnn" and "probabilities" in wanted:
        raise PredictionError(
            "--save probabilities: Mask R-CNN has none; objects have scores", remedy="type --save labels,table"
        )
    if recipe.network.name == "mask-rcnn" and memory is not None:
        raise PredictionError(
            "--memory: Mask R-CNN's windows are the model's own, for others would find other objects",
            remedy="leave it out; a smaller window is chosen in training: --set detections.window=512",
        )
    if recipe.network.name == "unet" and overlaps:
        raise PredictionError("--overlaps: the U-Net's objects never overlap", remedy="leave it out")


def _of_split(models: list[Path], images: list[Path], split: str, found: "Dataset") -> list[str]:
    """Names of a split: the run's own, which says what the model was trained on; else the data's own.

    Of several runs, what is in that split of each: what one was trained on is not unseen. A run that knows none of the
    images was trained on others.
    """
    import json

    from unmask.data.folder import read_folder
    from unmask.data.options import TOLERANT, attempt
    from unmask.data.split import read_split

    if len(images) != 1 or not images[0].is_dir():
        raise PredictionError("--split wants one data folder", remedy="give that folder, or leave --split out")
    files = [model / "split.json" for model in models if (model / "split.json").exists()]
    told = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    here = {entry.name for entry in found.entries}
    if any(here & set(names) for words in told for names in words.values()):
        own = [set(words.get(split, [])) for words in told]
        names = [entry.name for entry in found.entries if entry.name in set.intersection(*own)]
    else:
        splits = read_split(images[0] / "split.csv", found.entries, TOLERANT.report)  # it need not name all images
        if not splits and (dataset := attempt(TOLERANT, lambda: read_folder(images[0], TOLERANT))):
            splits = dict(dataset.splits)
        names = [name for name, word in splits.items() if word == split]
    if not names:
        several = len(files) > 1
        raise PredictionError(
            f"no image is marked {split}" + " by all of these runs" * several,
            file=images[0],
            remedy="choose train, val or test" + ", or name the images instead" * several,
        )
    return names
