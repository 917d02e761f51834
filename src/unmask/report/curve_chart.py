"""The picture of a learning curve: score against the number of annotated images, and what it says in words."""

import textwrap
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unmask.data.files import atomic
from unmask.report.charts import INK, MUTED, PREDICTION, STYLE, TRUTH
from unmask.training.curve_files import read_curve
from unmask.training.learning_curve import Curve

__all__ = ["draw_curve"]

SIZE = 7.0, 5.4  # inches
LETTERS = 96  # in a line of the words below
DOTS = 150  # pixels an inch


def draw_curve(run: Path) -> Path:
    """Draw RUN/curve.png from RUN/curve.json.

    Args:
        run: a finished folder of `unmask train --curve`.

    Returns:
        The picture.

    Raises:
        UnreadableFile: there is no finished curve.
        UnmaskError: the picture cannot be written.
    """
    curve = read_curve(run)
    path = run / "curve.png"
    with matplotlib.rc_context({**STYLE, "font.size": 10}), atomic(path) as temporary:
        chart = Figure(figsize=SIZE)
        axes = chart.add_axes((0.1, 0.34, 0.87, 0.48))
        _points(axes, curve)
        _expected(axes, curve)
        _scales(axes, curve)
        lines = [line for sentence in curve.words for line in textwrap.wrap(sentence, LETTERS)]
        chart.text(0.03, 0.21, "\n".join(lines), va="top", fontsize=9.5, linespacing=1.35, color=INK)
        chart.savefig(temporary, dpi=DOTS, facecolor="white")
    return path


def _points(axes: Axes, curve: Curve) -> None:
    levels = curve.levels
    images, scores = [level.images for level in levels], [level.score for level in levels]
    errors = [level.error or 0.0 for level in levels]
    if curve.repeats > 1:
        dots = [(level.images, score) for level in levels for score in level.repeats]
        axes.plot(*zip(*dots, strict=True), "o", color=PREDICTION, alpha=0.35, markersize=4, label="single trainings")
    axes.errorbar(
        images,
        scores,
        errors,
        fmt="o-",
        color=PREDICTION,
        capsize=3,
        markersize=6,
        label=f"{curve.criterion}\n(bars: standard error over validation images)",
    )
    for level in levels:
        axes.annotate(
            f"{level.score:.3f}", (level.images, level.score), (7, -13), textcoords="offset points", fontsize=9
        )
    halves = [(level.images, level.at_half) for level in levels if level.at_half is not None]
    if halves:
        axes.plot(*zip(*halves, strict=True), "s--", color=TRUTH, markersize=4, linewidth=1.2, label="AP at IoU .5")


def _expected(axes: Axes, curve: Curve) -> None:
    """Twice as many images: what a power law through the points expects, and how surely."""
    found, last = curve.forecast, curve.levels[-1]
    if found is None:
        return
    expected = last.score + found.gain
    axes.plot([last.images, found.images], [last.score, expected], ":", color=MUTED, linewidth=1.4)
    span = [[found.gain - found.low], [found.high - found.gain]]
    axes.errorbar(
        [found.images],
        [expected],
        span,
        fmt="o",
        color=MUTED,
        capsize=3,
        markersize=6,
        markerfacecolor="white",
        label="twice as many, expected\n(bars: 8 of 10 refits)",
    )


def _scales(axes: Axes, curve: Curve) -> None:
    images = [level.images for level in curve.levels]
    if curve.forecast is not None:
        images.append(curve.forecast.images)
    axes.set_xscale("log", base=2)
    axes.set_xticks(images, [str(number) for number in images])
    axes.minorticks_off()
    axes.margins(x=0.08, y=0.12)
    low, high = axes.get_ylim()
    axes.set(
        xlabel="annotated images trained on (logarithmic)", ylabel="score", ylim=(max(-0.02, low), min(1.02, high))
    )
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.02), ncols=2, fontsize=8.5, borderaxespad=0)
