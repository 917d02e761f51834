"""The charts of a report, each a small SVG; blue is the truth, orange the prediction.

Sizes are for a card of 440 pixels' width, so that they can be read on a phone.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unmask.recipe import Recipe
from unmask.report.embed import data_uri
from unmask.report.run_folder import RunFolder
from unmask.report.sheet import Sheet
from unmask.report.words import figure
from unmask.training.schedule import learning_rate, progress_at, straight

__all__ = ["ap_curve", "area_histogram", "count_scatter", "spread_plot", "svg", "training_curves"]

TRUTH, PREDICTION = "#0072b2", "#d55e00"  # Okabe and Ito
INK, MUTED, LINE = "#1f2933", "#66717e", "#dde2e8"
WIDTH = 4.6  # inches
STYLE: dict[Any, Any] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "unmask",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.solid_capstyle": "round",
}
# More dots than this are drawn as pixels, for the file's size.
MOST_DOTS = 500


def ap_curve(sheet: Sheet) -> str:
    """AP against the overlap that a match needs: the set's, and the middle half of the images."""
    keys = sorted(key for key in sheet.values if key.startswith("ap_"))
    thresholds = [float(key.removeprefix("ap_")) for key in keys]
    spreads = [spread for key in keys if (spread := sheet.spread(key))]
    with matplotlib.rc_context(STYLE):
        axes, chart = _axes(2.9)
        band = [s.lower for s in spreads], [s.upper for s in spreads]
        axes.fill_between(
            thresholds, *band, color=PREDICTION, alpha=0.15, linewidth=0, label="middle half of the images"
        )
        means = [sheet.values[key] for key in keys]
        axes.plot(thresholds, means, "o-", color=PREDICTION, markersize=4, label="mean over images")
        axes.set(xlabel="overlap (IoU) that a match needs", ylabel="AP", ylim=(0, 1.02), xlim=(0.49, 0.96))
        axes.legend(loc="best")
        return svg(chart)


def spread_plot(sheet: Sheet, keys: Sequence[str]) -> str:
    """Figures over images: a dot an image, a box for the middle half, a line for the median."""
    shown = [(key, spread) for key in keys if (spread := sheet.spread(key))]
    with matplotlib.rc_context(STYLE):
        axes, chart = _axes(0.9 + 0.36 * len(shown))
        for row, (key, spread) in enumerate(shown):
            values = list(sheet.column(key).values())
            jitter = 0.56 * ((np.arange(len(values)) * 0.618) % 1 - 0.5)  # golden ratio: even, never random
            dots = axes.scatter(values, row + jitter, s=9, color=PREDICTION, alpha=0.45, linewidth=0)
            dots.set_rasterized(len(values) > MOST_DOTS)
            axes.barh(row, spread.upper - spread.lower, 0.7, spread.lower, facecolor="none", edgecolor=MUTED, zorder=3)
            axes.vlines(spread.median, row - 0.35, row + 0.35, color=INK, linewidth=2, zorder=4)
        axes.set_yticks(range(len(shown)), [figure(key).name for key, _ in shown])
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.set(xlim=(-0.02, 1.02), ylim=(len(shown) - 0.4, -0.6), xlabel="score of an image")
        return svg(chart)


def count_scatter(sheet: Sheet) -> str:
    """True against predicted number of objects, a dot an image."""
    true, predicted = sheet.column("truth_objects"), sheet.column("predicted_objects")
    x, y = ([float(column[name]) for name in true] for column in (true, predicted))
    most = max([*x, *y, 1.0]) * 1.06
    with matplotlib.rc_context(STYLE):
        axes, chart = _axes(3.3)
        axes.plot([0, most], [0, most], color=TRUTH, linewidth=1.2, label="perfect", zorder=1)
        dots = axes.scatter(x, y, s=18, color=PREDICTION, alpha=0.6, linewidth=0, zorder=2)
        dots.set_rasterized(len(x) > MOST_DOTS)
        axes.set(xlabel="true objects in an image", ylabel="predicted objects", xlim=(0, most), ylim=(0, most))
        axes.legend(loc="upper left")
        return svg(chart)


def area_histogram(
    true: Float64[np.ndarray, " n"], predicted: Float64[np.ndarray, " m"], pixel_size: tuple[float, float] | None
) -> str:
    """How large true and predicted objects are.

    Args:
        true: areas in pixels, one or more.
        predicted: the same.
        pixel_size: (y, x) in micrometres, for a scale in square micrometres.
    """
    unit = pixel_size[0] * pixel_size[1] if pixel_size else 1.0
    name = "µm²" if pixel_size else "pixels"
    both = np.concatenate([true, predicted]) * unit
    bins = np.geomspace(both.min() / 1.02, both.max() * 1.02, 33)
    with matplotlib.rc_context(STYLE):
        axes, chart = _axes(2.9)
        for areas, colour, label in ((true * unit, TRUTH, "true"), (predicted * unit, PREDICTION, "predicted")):
            if areas.size:
                text = f"{label}: {areas.size:,}, median {np.median(areas):.3g} {name}"
                axes.hist(areas, bins=bins.tolist(), color=colour, histtype="stepfilled", alpha=0.13)
                axes.hist(areas, bins=bins.tolist(), color=colour, histtype="step", linewidth=1.6, label=text)
        axes.set(xscale="log", xlabel=f"area of an object, {name} (logarithmic)", ylabel="objects")
        axes.margins(y=0.3)  # room for the legend
        axes.legend(loc="upper left")
        return svg(chart)


def training_curves(run: RunFolder) -> str:
    """Loss, validation score and learning rate against the step, the kept weights marked."""
    with matplotlib.rc_context(STYLE):
        chart = Figure(figsize=(WIDTH, 5.0), layout="constrained")
        loss, score, rate = chart.subplots(3, 1, sharex=True, height_ratios=(3, 3, 2))
        steps, losses = zip(*run.losses, strict=True)
        loss.plot(steps, losses, color=TRUTH, linewidth=1.3, marker="o" if len(steps) < 20 else None, markersize=3.5)
        loss.set(ylabel="training loss")
        if min(losses) > 0 and max(losses) > 20 * min(losses):
            loss.set_yscale("log")
        score.plot(*_columns(run.log, "score"), "o-", color=PREDICTION, markersize=4)
        score.set(ylabel="validation score")
        rate.plot(*_rates(run.recipe), color=MUTED)
        rate.set(ylabel="learning rate", xlabel="step", ylim=(0, None))
        best = run.best
        assert best is not None, "a log with losses has rows"
        for axes in (loss, score, rate):
            axes.axvline(best["step"], color=INK, linewidth=0.9, linestyle=(0, (3, 3)))
        score.plot([best["step"]], [best["score"]], "o", color=INK, markersize=7, fillstyle="none")
        title = f"kept: {best['score']:.3f} at step {best['step']:,.0f}"
        score.set_title(title, loc="right", fontsize=9, color=INK, pad=3)
        chart.align_ylabels()
        return svg(chart)


def _columns(log: Sequence[Mapping[str, float]], key: str) -> tuple[list[float], list[float]]:
    rows = [row for row in log if key in row]
    return [row["step"] for row in rows], [row[key] for row in rows]


def _rates(recipe: Recipe) -> tuple[list[int], list[float]]:
    """The learning rate at every step, or at 400 of them; it is a function of the recipe."""
    knots = recipe.schedule.knots or straight(recipe.schedule.steps)
    steps = [int(step) for step in np.unique(np.linspace(0, knots[-1][0], 400).astype(int))]
    return steps, [learning_rate(progress_at(step, knots), recipe.optimiser) for step in steps]


def _axes(height: float) -> tuple[Axes, Figure]:
    chart = Figure(figsize=(WIDTH, height), layout="constrained")
    return chart.subplots(), chart


def svg(chart: Figure) -> str:
    """The chart as a data URI; without a date, so that the same run gives the same file."""
    buffer = io.BytesIO()
    chart.savefig(buffer, format="svg", transparent=True, dpi=200, metadata={"Date": None})
    return data_uri(buffer.getvalue(), "image/svg+xml")
