"""Several predictions of the same images side by side, as rows of a table."""

from dataclasses import dataclass

from unmask.metrics.scores import Scores, flat

__all__ = ["ComparisonRow", "compare_table"]

_NO_FIGURE_OF_MERIT = {"max_detections"}
_LOWER_IS_BETTER = {"pixel_error", "count_error", "merges", "splits", "rand_error", "warping_error"}


@dataclass(frozen=True)
class ComparisonRow:
    """One figure of all predictions.

    Attributes:
        section: "semantic", "objects", "boundaries" or "coco".
        key: the figure, as in `Scores.per_image`: "ap_0.50", "v_rand"; of COCO's "mask_ap50" and the like.
        values: one a prediction, in the order given; None where it does not apply.
        best: positions of the best value in `values`; several where they are equal, empty where only one applies or the
            figure is no merit.
    """

    section: str
    key: str
    values: tuple[float | None, ...]
    best: tuple[int, ...]


def compare_table(predictions: dict[str, Scores]) -> list[ComparisonRow]:
    """Sets scores of several predictions side by side.

    Args:
        predictions: name of a prediction -> its scores, over the same images.

    Returns:
        One row a figure that any prediction has, in the order of `evaluate --json`.
    """
    columns = [_cells(scores) for scores in predictions.values()]
    places = dict.fromkeys(place for column in columns for place in column)
    order = {section: number for number, section in enumerate(("semantic", "objects", "boundaries", "coco"))}
    return [
        _comparison_row(*place, tuple(column.get(place) for column in columns))
        for place in sorted(places, key=lambda place: order[place[0]])
    ]


def _cells(scores: Scores) -> dict[tuple[str, str], float]:
    """Section and key -> value."""
    return {(name, key): value for name, section in scores.sections().items() for key, value in flat(section).items()}


def _comparison_row(section: str, key: str, values: tuple[float | None, ...]) -> ComparisonRow:
    present = [value for value in values if value is not None]
    target = min(present) if key in _LOWER_IS_BETTER else max(present)
    best = tuple(place for place, value in enumerate(values) if value == target)
    judged = len(present) > 1 and key not in _NO_FIGURE_OF_MERIT
    return ComparisonRow(section, key, values, best if judged else ())
