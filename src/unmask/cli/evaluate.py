"""unmask evaluate."""

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli.options import Classes, Ignore, Layout, Objects, reading

__all__ = ["evaluate"]


def evaluate(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders of predicted label images, of any tool; the truth last.", metavar="PRED... TRUTH"),
    ],
    split: Annotated[
        str | None, typer.Option(help="Only these images of the truth's split.csv: train, val or test.")
    ] = None,
    common: Annotated[bool, typer.Option("--common", help="Only images that every folder has.")] = False,
    objects: Objects = False,
    classes: Classes = False,
    layout: Layout = None,
    ignore: Ignore = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Score predictions against the truth; several predictions are compared side by side.

    AP of objects is TP / (TP + FP + FN); coco is COCO's AP, of all detections, not 100 an image.
    It is there where objects have scores: objects.csv or coco.json, as `predict` writes them.
    """
    import json as json_module

    from rich.console import Console
    from rich.markup import escape

    from unmask.cli.show import console, scores_table
    from unmask.metrics.folders import evaluate_folders

    if len(folders) < 2:
        raise typer.BadParameter("give at least one folder of predictions, and the truth last")
    *predictions, truth = folders
    say = Console(stderr=json, soft_wrap=True, highlight=False)
    scores = evaluate_folders(
        predictions,
        truth,
        reading=reading(objects, classes, layout, ignore, None),
        split=split,
        common=common,
        on_read=lambda name, decision: say.print(f"{escape(name)}: {escape(decision)}"),
    )
    if json:
        trees = {name: found.to_dict() for name, found in scores.items()}
        print(json_module.dumps(next(iter(trees.values())) if len(trees) == 1 else trees))
        return
    images = next(iter(scores.values())).images
    console.print(f"{images} images of {truth}")
    console.print(scores_table(scores))
