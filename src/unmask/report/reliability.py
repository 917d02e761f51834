"""The reliability plot: what probabilities say against what is true, and how many pixels say it."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from unmask.metrics.calibration import BINS
from unmask.report.calibration import Calibrated
from unmask.report.charts import MUTED, PREDICTION, STYLE, TRUTH, WIDTH, svg

__all__ = ["reliability_plot"]

BEFORE = "#9aa5b1"


def reliability_plot(found: Calibrated) -> str:
    """Share of true foreground against predicted probability, before in grey and after in orange; counts beneath.

    Args:
        found: before and after.

    Returns:
        An SVG as a data URI. A dot is a bin that holds pixels, at its mean probability; the blue diagonal is perfect.
    """
    edges = np.linspace(0, 1, BINS + 1)
    one = found.temperature == 1
    sides = [(found.after, PREDICTION, "as it was" if one else "after")]
    sides = sides if one else [(found.before, BEFORE, "before"), *sides]
    with matplotlib.rc_context(STYLE):
        chart = Figure(figsize=(WIDTH, 4.6), layout="constrained")
        above, below = chart.subplots(2, 1, sharex=True, height_ratios=(7, 2.4))
        above.plot([0, 1], [0, 1], color=TRUTH, linewidth=1.2, label="perfect")
        for side, colour, label in sides:
            x, y = zip(*side.probability, strict=True)
            above.plot(x, y, "o-", color=colour, markersize=4, label=f"{label}, ECE {side.ece:.3f}")
            below.stairs(np.maximum(side.pixels, 0.5), edges, color=colour, linewidth=1.6, baseline=0.5)
        above.set(ylabel="share that is foreground", ylim=(-0.02, 1.02), xlim=(-0.02, 1.02))
        above.legend(loc="upper left")
        below.set(yscale="log", ylabel="pixels", xlabel="predicted probability of foreground")
        below.set_ylim(bottom=0.5)
        below.tick_params(axis="y", which="minor", length=0)
        below.spines["left"].set_color(MUTED)
        chart.align_ylabels()
        return svg(chart)
