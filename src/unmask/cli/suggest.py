"""unmask suggest."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unmask.cli.options import Device
from unmask.cli.suggested import looking, tell_suggestions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unmask.data.dataset import Dataset
    from unmask.predict.suggest import Suggestions

__all__ = ["suggest"]


class ScoreOption(StrEnum):
    """What makes a crop worth annotating."""

    instability = "instability"
    between = "between"
    total = "total"


def suggest(
    model: Annotated[Path, typer.Argument(help="A run folder or a model file of a U-Net.", metavar="MODEL")],
    images: Annotated[list[Path], typer.Argument(help="Images without masks, or folders of them.", metavar="IMAGE...")],
    out: Annotated[Path, typer.Option(help="The folder to write to; new or empty.", metavar="DIR")],
    crops: Annotated[int, typer.Option(help="How many crops.", metavar="N")] = 10,
    size: Annotated[int, typer.Option(help="Their side, pixels; smaller images are taken whole.", metavar="N")] = 256,
    others: Annotated[
        list[Path] | None,
        typer.Option(
            "--with", help="Another U-Net, once for each: all are asked.", metavar="MODEL", show_default=False
        ),
    ] = None,
    score: Annotated[
        ScoreOption,
        typer.Option(help="Of flips and turns: objects that come and go, pixels that differ, or are unsure at all."),
    ] = ScoreOption.instability,
    device: Device = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Find the crops most worth annotating next, cut out, with the model's own masks as drafts to correct.

    Each image is looked at in eight flips and turns, and with each model: where the answers differ, there is something
    to learn. Images that the run was trained on are left out.
    """
    import json as json_module

    from rich.console import Console

    from unmask.cli.show import console
    from unmask.data.folder import read_images
    from unmask.predict.disagreement import Copies
    from unmask.predict.predictor import load
    from unmask.predict.suggest import suggest as choose_crops
    from unmask.predict.suggest_files import claim_folder, write_suggestions
    from unmask.report.suggestions import write_sheet

    say = Console(stderr=True, soft_wrap=True, highlight=False) if json else console
    claim_folder(out)
    models = [model, *(others or [])]
    predictor = load(models, device)
    copies = Copies(predictor)
    found = read_images(images, predictor.recipe.data.channels)
    with looking(say, found) as tell:
        chosen = choose_crops(copies, found, crops, size, score.value, _annotated(models), tell)
    if chosen.crops:
        write_sheet(write_suggestions(copies, found, chosen.crops, out), out)
    if json:
        print(json_module.dumps(_summary(found, chosen, score.value, out)))
    else:
        tell_suggestions(chosen, crops, out, predictor.recipe.data.path)
    _fail(chosen)


def _annotated(models: "Sequence[Path]") -> set[str]:
    """Names in the split.json of runs: what was trained on, validated on or kept for a test has its masks."""
    import json

    from unmask.errors import ModelError
    from unmask.model import find_model_file

    names: set[str] = set()
    for file in (find_model_file(model).with_name("split.json") for model in models):
        try:
            split = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
            names.update(name for part in split.values() for name in part)
        except (OSError, ValueError, AttributeError, TypeError):
            raise ModelError("is damaged", file=file, remedy="delete it: no image is left out then") from None
    return names


def _summary(images: "Dataset", chosen: "Suggestions", score: str, out: Path) -> dict[str, object]:
    return {
        "out": str(out),
        "score": score,
        "images": len(images) - len(chosen.left_out) - len(chosen.failed),
        "left_out": list(chosen.left_out),
        "failed": [{"file": str(error.file), "problem": error.problem} for error in chosen.failed],
        "crops": [
            {
                "rank": rank,
                "image": crop.image,
                "source": str(images.entry(crop.image).image),
                "y": crop.y,
                "x": crop.x,
                "height": crop.height,
                "width": crop.width,
                "score": crop.score,
                "why": crop.why,
                "crop": str(out / "crops" / f"{crop.name}.tif"),
                "draft": str(out / "draft" / f"{crop.name}.tif"),
            }
            for rank, crop in enumerate(chosen.crops, start=1)
        ],
    }


def _fail(chosen: "Suggestions") -> None:
    """Exit code 1 where an image could not be looked at; named, when all others are done."""
    from unmask.errors import PredictionError

    if not chosen.failed:
        return
    first, more = chosen.failed[0], len(chosen.failed) - 1
    problem = first.problem + (f"; {more} more images could not be looked at either" if more else "")
    problem += " (crops of the others are written)" if chosen.crops else ""
    raise PredictionError(problem, file=first.file, remedy=first.remedy or "mend the file")
