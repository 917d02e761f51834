"""IoU of the background, for data whose background is a class to its makers; `unmask evaluate` leaves it out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from unmask.data.label_folder import read_label_folder
from unmask.data.masks.read import read_mask
from unmask.metrics.scores import Tree
from unmask.reproduce.result import SeedResult

__all__ = ["background_iou", "with_background"]


def with_background(seed: SeedResult, name: str, predictions: Path, truth: Path, images: Sequence[str]) -> SeedResult:
    """Scores with the IoU of the background among the classes', under a name of its own.

    Args:
        seed: with scores of classes.
        name: what the makers call the background.
        predictions: as `unmask predict` left them.
        truth: the data set.
        images: names of the images that were scored.
    """
    semantic = seed.scores["semantic"]
    assert isinstance(semantic, dict), "classes have semantic scores"
    by_class = semantic["iou"]
    assert isinstance(by_class, dict), "by class"
    tree: Tree = {**semantic, "iou": {**by_class, name: background_iou(predictions, truth, images)}}
    return replace(seed, scores={**seed.scores, "semantic": tree})


def background_iou(predictions: Path, truth: Path, images: Sequence[str]) -> float:
    """Intersection over union of background pixels, summed over images; what is ignored is left out.

    Args:
        predictions: a folder with labels/NAME.tif, in which 0 is the background.
        truth: the data set.
        images: names.

    Returns:
        0 to 1; 1 where neither side has any background.
    """
    true = read_label_folder(truth)
    both = either = 0
    for name in images:
        layers = true.load(name)
        known = True if layers.ignore is None else ~layers.ignore
        there, found = layers.classes == 0, read_mask(predictions / "labels" / f"{name}.tif")[0] == 0
        both += int((there & found & known).sum())
        either += int(((there | found) & known).sum())
    return both / either if either else 1.0
