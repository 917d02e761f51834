"""What is said when a training has ended."""

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.markup import escape

from unmask.cli.show import console

if TYPE_CHECKING:
    from unmask.training.outcome import Run

__all__ = ["found_little", "headline", "tell_trained"]


def tell_trained(run: "Run", minutes: float) -> None:
    """Say how it went and what to type next; of a curve, also draw it."""
    scores, place = run.scores.to_dict(), shlex.quote(str(run.out))
    steps = "" if run.folds or run.curve else f", {run.recipe.schedule.steps} steps"
    console.print(f"Trained in {minutes:.1f} minutes{steps}.")
    if run.folds is not None:
        console.print(escape(run.folds.words))
        console.print(f"Each image by the network that has not seen it: {headline(scores)}")
        console.print(
            f"{place} holds all {len(run.folds.scores)} as one model, whose probabilities are the mean of theirs."
        )
    else:
        judged = "Validation" if run.unseen else "On the training images themselves"
        console.print(f"{judged}: {headline(scores)}")
    if found_little(scores):
        console.print(
            "It finds next to nothing yet: train longer, for example with --minutes 15, and into a new --out."
        )
    if run.curve is not None:
        _tell_curve(run, place)
    console.print(f"Look at it:  unmask report {place}\nUse it:      unmask predict {place} IMAGES --out DIR")


def _tell_curve(run: "Run", place: str) -> None:
    from unmask.report.curve_chart import draw_curve

    assert run.curve is not None, "the caller has looked"
    for level in run.curve.levels:
        error = "" if level.error is None else f" ± {level.error:.3f}"
        half = "" if level.at_half is None else f"   AP at IoU .5 {level.at_half:.3f}"
        console.print(f"{level.images:>6} images: {level.score:.3f}{error}{half}")
    for sentence in run.curve.words:
        console.print(escape(sentence))
    console.print(f"The curve: {escape(str(draw_curve(run.out)))}. {place} holds the model of all images.")


def found_little(scores: Mapping[str, object]) -> bool:
    """Whether hardly an object was found."""
    match scores:
        case {"objects": {"f1": {"0.50": float(f1)}}}:
            return f1 < 0.1
    return False


def headline(scores: Mapping[str, object]) -> str:
    """The one or two figures that matter most, in words."""
    words = []
    match scores:
        case {"objects": {"ap": {"0.50": float(ap)}, "f1": {"0.50": float(f1)}}}:
            words.append(f"AP {ap:.3f} and F1 {f1:.3f} at IoU .5")
    match scores:
        case {"boundaries": {"v_rand": float(value)}}:
            words.append(f"V_rand {value:.3f}")
    match scores:
        case {"semantic": {"dice": dict(dice)}}:
            words += [f"Dice {value:.3f} ({name})" for name, value in dice.items()]
    return "; ".join(words) + "."
