"""unmask demo."""

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from unmask.cli.options import NetOption
from unmask.errors import ModelError, RecipeError, TrainingError

if TYPE_CHECKING:
    from unmask.metrics.scores import Scores

__all__ = ["demo"]

TRAIN_IMAGES, TEST_IMAGES, SIDE, MINUTES = 16, 8, 256, 3.0


def demo(
    out: Annotated[Path, typer.Option(help="The folder to make.", metavar="DIR")] = Path("demo"),
    net: NetOption = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Overrule a value.", metavar="KEY=VALUE")] = None,
    minutes: Annotated[float, typer.Option(help="Training time.", min=0.1)] = MINUTES,
    seed: Annotated[int, typer.Option(help="Another seed gives other images.", min=0)] = 0,
) -> None:
    """Simulate microscope images, train on them, predict unseen ones, score it all and write a report."""
    if out.exists() and any(out.iterdir()):
        raise TrainingError("this folder is not empty", file=out, remedy="choose another --out, or delete it")
    from unmask.cli.predict import predict
    from unmask.cli.show import console, scores_table
    from unmask.cli.train import train
    from unmask.data.phantom import write_folder
    from unmask.metrics.folders import evaluate_folders
    from unmask.report.report import write_report

    started = time.monotonic()
    data, run, predictions = out / "data", out / "run", out / "predictions"
    _step(console, 1, f"simulating {TRAIN_IMAGES + TEST_IMAGES} images of touching nuclei with exact truth: {data}")
    write_folder(data, "nuclei", TRAIN_IMAGES, TEST_IMAGES, SIDE, seed)
    chosen = "" if net is None else f" --net {net.value}"
    chosen += "".join(f" --set {setting}" for setting in set_ or [])
    _step(console, 2, f"unmask train {data} --out {run}{chosen} --minutes {minutes:g}")
    try:
        train(data, run, net=net, set_=set_, minutes=minutes)
    except (ModelError, RecipeError):
        if not (run / "last.ckpt").exists():  # nothing was trained: the same command must work once that is mended
            shutil.rmtree(out)
        raise
    _step(console, 3, f"unmask predict {run} {data} --split test --out {predictions}")
    predict(run, [data], predictions, split="test")
    _step(console, 4, f"unmask evaluate {predictions} {data} --split test")
    scores = evaluate_folders([predictions], data, split="test")
    console.print(scores_table(scores))
    _step(console, 5, f"unmask report {run} --test {predictions} --truth {data}")
    path = write_report(run, test=predictions, truth=data)
    found = scores[predictions.name]
    _picture(data, predictions, _median(found), out / "unseen.png")
    rows = list(found.per_image.values())
    console.print(
        f"\nDone in {(time.monotonic() - started) / 60:.1f} minutes. AP at IoU .5 on {len(rows)} unseen images: "
        f"{sum(row['ap_0.50'] for row in rows) / len(rows):.3f}. Open {path} in a browser."
    )


def _median(scores: "Scores") -> str:
    """The image in the middle of the ranking: neither the best nor the worst."""
    ranking = scores.ranking()
    return ranking[len(ranking) // 2]


def _picture(data: Path, predictions: Path, name: str, out: Path) -> None:
    """An unseen image, beside itself with truth and prediction outlined."""
    import numpy as np

    from unmask.data.folder import ReadOptions, read_folder, read_label_folder
    from unmask.data.formats.images import write_png
    from unmask.data.picture import compare

    sample = read_folder(data).load(name)
    assert sample.objects is not None, "phantoms have their truth"
    nothing = np.zeros_like(sample.objects)
    found = read_label_folder(predictions, ReadOptions("objects")).load(name).objects
    panels = [
        compare(sample.image, truth, labels, {}) for truth, labels in ((nothing, nothing), (sample.objects, found))
    ]
    write_png(out, np.hstack(panels))


def _step(console: Console, number: int, text: str) -> None:
    console.print(f"\n[bold]{number}/5[/bold] {text}")
