"""Pictures of the best and the worst images: what the page's SVGs are drawn from.

Outlines are vectors along the pixels' edges, so that they are exact, thin and sharp, and the image is embedded once.
Colours and signs are those of `unmask.data.picture`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unmask.arrays import AnyArray, MaskImage
from unmask.data.picture import CLASS_COLOURS, LEGEND, MARKS, grey_stretch
from unmask.metrics.diagnosis import Diagnosis, Finding, diagnose
from unmask.report.embed import map_uri, png_uri
from unmask.report.material import Compared
from unmask.report.vector import border_path, region_path
from unmask.report.window import busiest_window

__all__ = ["PREDICTION_COLOUR", "TRUTH_COLOUR", "Mark", "Picture", "choose", "picture"]

TRUTH_COLOUR, PREDICTION_COLOUR = LEGEND[0].colour, LEGEND[1].colour
WINDOW = 320  # pixels; more would make outlines of small objects run together
MOST = 6  # worst images, and best ones


@dataclass(frozen=True)
class Mark:
    """A sign where an object went wrong.

    Attributes:
        kind: "misses", "extras", "merges", "splits".
        y: of the sign, in pixels of the window.
        x: of the sign, in pixels of the window.
        region: path data of the object concerned.
        title: what happened, in words.
    """

    kind: str
    y: float
    x: float
    region: str
    title: str


@dataclass(frozen=True)
class Picture:
    """What one image's drawing needs.

    Attributes:
        name: of the image.
        part: which part is shown, in words; empty for all.
        height: of the window, pixels.
        width: of the window, pixels.
        image: a PNG.
        truth: path data of outlines; for class maps a PNG.
        prediction: the same.
        marks: in the window; none for class maps.
    """

    name: str
    part: str
    height: int
    width: int
    image: str
    truth: str
    prediction: str
    marks: tuple[Mark, ...]

    @property
    def unit(self) -> float:
        """Size of a sign, in pixels of the image: the same on the page for all pictures."""
        return max(self.height, self.width) / 60


def choose(ranking: Sequence[str]) -> dict[Literal["worst", "best"], list[str]]:
    """Which images to show: up to six at either end, none twice; of few the worst come first.

    Args:
        ranking: names, best first.
    """
    worst = min(MOST, (len(ranking) + 1) // 2)
    best = min(MOST, len(ranking) - worst)
    return {"worst": list(reversed(ranking[len(ranking) - worst :])), "best": list(ranking[:best])}


def picture(compared: Compared, *, classes: bool) -> Picture:
    """The drawing of an image: whole where it is small, else its window with the most errors.

    Args:
        compared: with an image.
        classes: show class maps, and not objects.
    """
    assert compared.image is not None, "only what has an image is drawn"
    truth = compared.truth_classes if classes else compared.truth_objects
    prediction = compared.classes if classes else compared.objects
    diagnosis = None if classes else diagnose(truth, prediction)
    window = busiest_window(_interesting(truth, prediction, diagnosis), WINDOW)
    shown_truth, shown_prediction = truth[window], prediction[window]
    if classes:
        colours = np.array([tuple(bytes.fromhex(colour[1:])) for colour in CLASS_COLOURS], np.uint8)
        layers = map_uri(shown_truth, colours), map_uri(shown_prediction, colours)
    else:
        layers = border_path(shown_truth), border_path(shown_prediction)
    return Picture(
        name=compared.name,
        part=_part(window, truth.shape),
        height=shown_truth.shape[0],
        width=shown_truth.shape[1],
        image=png_uri(grey_stretch(compared.image)[window]),
        truth=layers[0],
        prediction=layers[1],
        marks=_marks(diagnosis, shown_truth, shown_prediction, window) if diagnosis else (),
    )


def _interesting(truth: AnyArray, prediction: AnyArray, diagnosis: Diagnosis | None) -> MaskImage:
    """Objects that went wrong; where none did, wrong pixels; where there are none, the objects."""
    if diagnosis is not None:
        in_truth = [one.object_id for one in (*diagnosis.missed, *diagnosis.splits)]
        in_prediction = [one.object_id for one in (*diagnosis.extra, *diagnosis.merges)]
        wrong: MaskImage = np.isin(truth, in_truth) | np.isin(prediction, in_prediction)
        if wrong.any():
            return wrong
    differ: MaskImage = (truth != prediction) if diagnosis is None else ((truth > 0) != (prediction > 0))
    return differ if differ.any() else truth > 0


def _marks(
    diagnosis: Diagnosis, truth: AnyArray, prediction: AnyArray, window: tuple[slice, slice]
) -> tuple[Mark, ...]:
    """The signs in a window; `truth` and `prediction` are of the window."""
    found: dict[str, tuple[tuple[Finding, ...], AnyArray]] = {
        "misses": (diagnosis.missed, truth),
        "extras": (diagnosis.extra, prediction),
        "merges": (diagnosis.merges, prediction),
        "splits": (diagnosis.splits, truth),
    }
    top, left = window[0].start, window[1].start
    marks = []
    for kind, (findings, labels) in found.items():
        for one in findings:
            y, x = one.y - top + 0.5, one.x - left + 0.5
            if 0 <= y < truth.shape[0] and 0 <= x < truth.shape[1]:
                title = MARKS[kind].name + (f" ({len(one.others)})" if one.others else "")
                marks.append(Mark(kind, round(y, 1), round(x, 1), region_path(labels == one.object_id), title))
    return tuple(marks)


def _part(window: tuple[slice, slice], shape: tuple[int, ...]) -> str:
    rows, columns = window
    if (rows.stop - rows.start, columns.stop - columns.start) == shape:
        return ""
    return f"rows {rows.start} to {rows.stop}, columns {columns.start} to {columns.stop} of {shape[0]} x {shape[1]}"
