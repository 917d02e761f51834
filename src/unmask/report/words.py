"""Every figure of a report in plain words, for readers who never computed one."""

from collections.abc import Sequence
from dataclasses import dataclass

from unmask.recipe import Recipe

__all__ = ["CRITERION", "MISTAKES", "Figure", "figure", "groups", "headline", "number", "spread_keys"]

CRITERION = {"ap": "ap_0.50", "v_rand": "v_rand", "dice": "mean_dice"}
"""The figure that stands first and ranks images, by `schedule.criterion`; high is good for all three."""

HEADLINES = {
    "ap": ("ap_0.50", "f1_0.50", "panoptic_quality", "aji", "seg", "mean_dice", "count_error"),
    "v_rand": ("v_rand", "v_info", "warping_error", "rand_error", "ap_0.50", "panoptic_quality", "mean_dice"),
    "dice": ("mean_dice", "pixel_error"),
}
SPREADS = {
    "ap": ("ap_0.50", "f1_0.50", "panoptic_quality", "aji", "seg", "mean_dice"),
    "v_rand": ("v_rand", "v_info", "ap_0.50", "f1_0.50", "panoptic_quality", "mean_dice"),
    "dice": ("mean_dice",),
}
# More classes than this are in the table only.
MOST_SHOWN = 8


@dataclass(frozen=True)
class Figure:
    """A figure in words.

    Attributes:
        key: as in a sheet.
        name: short.
        meaning: one or two plain sentences.
        lower: whether less is better.
        count: whether it is a whole number, summed over images.
    """

    key: str
    name: str
    meaning: str
    lower: bool = False
    count: bool = False


_OBJECTS = (
    Figure(
        "ap_0.50",
        "AP at IoU .5",
        "Of all objects, true and predicted together, the share that pair up one to one, with an overlap (IoU, shared "
        "area over joint area) of at least half. Whatever is missed, extra, merged or split lowers it.",
    ),
    Figure(
        "f1_0.50",
        "F1 at IoU .5",
        "Completeness and correctness of the found objects in one figure: the balance of recall and precision.",
    ),
    Figure("precision_0.50", "Precision at IoU .5", "Of the predicted objects, the share that are real."),
    Figure("recall_0.50", "Recall at IoU .5", "Of the true objects, the share that were found."),
    Figure(
        "panoptic_quality",
        "Panoptic quality",
        "F1 times the mean overlap of the paired objects: objects must be found, and their outlines must fit.",
    ),
    Figure(
        "aji",
        "AJI",
        "Aggregated Jaccard index: area shared by paired objects over all area, true or predicted. Large objects count "
        "more.",
    ),
    Figure(
        "seg",
        "SEG",
        "Mean overlap of each true object with its prediction; 0 for one that was not found (Cell Tracking Challenge).",
    ),
    Figure(
        "count_error",
        "Count error",
        "How far the number of objects in an image is off, on average, as a share of the true number.",
        lower=True,
    ),
)
MISTAKES = (
    Figure(
        "missed",
        "Missed",
        "True objects that were not found: no predicted one overlaps by half or has swallowed them.",
        lower=True,
        count=True,
    ),
    Figure(
        "extra",
        "Extra",
        "Predicted objects that are none: no true one overlaps by half, and they are no piece of one.",
        lower=True,
        count=True,
    ),
    Figure(
        "merges",
        "Merges",
        "Predicted objects that cover most of two or more true ones: neighbours that were not separated.",
        lower=True,
        count=True,
    ),
    Figure("splits", "Splits", "True objects that were cut into two or more pieces.", lower=True, count=True),
)
"""What goes wrong with objects, as counts."""

_BOUNDARIES = (
    Figure(
        "v_rand",
        "V_rand",
        "Do pixels of one cell stay in one cell, and pixels of two cells apart? A gap in a border that joins two large "
        "cells costs much; a border that is a little off costs nothing.",
    ),
    Figure("v_info", "V_info", "The same question as V_rand, asked with information theory: small cells count more."),
    Figure(
        "rand_error",
        "Rand error",
        "1 minus a score like V_rand that also counts the pixels of borders; 0 is perfect.",
        lower=True,
    ),
    Figure(
        "warping_error",
        "Warping error",
        "Share of pixels where objects are truly joined, cut, lost or made up; shifted borders are free. 0 is perfect.",
        lower=True,
    ),
)
_SEMANTIC = (
    Figure(
        "mean_dice",
        "Dice",
        "Twice the area that truth and prediction share over the sum of both, one object or many; mean over classes.",
    ),
    Figure("pixel_error", "Pixel error", "Share of pixels with the wrong class; 0 is perfect.", lower=True),
)
_BY_KEY = {one.key: one for one in (*_OBJECTS, *MISTAKES, *_BOUNDARIES, *_SEMANTIC)}


def figure(key: str) -> Figure:
    """A figure in words; classes' Dice and IoU are made up from their names."""
    if key in _BY_KEY:
        return _BY_KEY[key]
    kind, _, name = key.partition("_")
    if kind == "dice":
        return Figure(key, f"Dice, {name}", f"The same, of {name} alone.")
    if kind == "iou":
        return Figure(key, f"IoU, {name}", f"Shared area over joint area, of {name} alone.")
    return Figure(key, f"{kind.upper()} at IoU {name}", "")


def headline(recipe: Recipe) -> list[Figure]:
    """The figures that stand first for such data, the one that counts most in front."""
    keys: list[str] = list(HEADLINES[recipe.schedule.criterion])
    if recipe.schedule.criterion == "dice":
        keys += [f"dice_{name}" for name in recipe.data.class_names[:MOST_SHOWN]]
    return [figure(key) for key in keys]


def spread_keys(recipe: Recipe) -> list[str]:
    """The figures whose spread over images is drawn; all between 0 and 1."""
    keys = list(SPREADS[recipe.schedule.criterion])
    if recipe.schedule.criterion == "dice":
        keys += [f"dice_{name}" for name in recipe.data.class_names[:MOST_SHOWN]]
    return keys


def groups(recipe: Recipe) -> list[tuple[str, Sequence[Figure]]]:
    """All figures of the table, by what they look at; what matters most for such data first."""
    objects = ("Objects", (*_OBJECTS, *MISTAKES))
    boundaries = ("Borders", _BOUNDARIES)
    names = recipe.data.class_names
    by_class = [figure(f"{kind}_{name}") for kind in ("dice", "iou") for name in names]
    # The Dice of a single class is the mean.
    area = ("Area", (*_SEMANTIC, *by_class[len(names) == 1 :]))
    match recipe.schedule.criterion:
        case "dice":
            return [area, objects, boundaries]
        case "v_rand":
            return [boundaries, objects, area]
        case _:
            return [objects, boundaries, area]


def number(value: float, *, count: bool = False) -> str:
    """A figure as it is printed: three decimals, two digits where those would be 0; counts whole."""
    if count:
        return f"{value:,.0f}"
    return f"{value:.2g}" if 0 < abs(value) < 0.005 else f"{value:.3f}"
