"""Run: what training leaves in the hands of who asked for it."""

from dataclasses import dataclass
from pathlib import Path

from unmask.metrics.scores import Scores
from unmask.recipe import Recipe
from unmask.training.fold_scores import FoldScores
from unmask.training.learning_curve import Curve

__all__ = ["Run"]


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        out: the run folder.
        recipe: as it ended up.
        scores: on the validation images; on the training images where there were no others. Of an ensemble of folds on
            all images, each predicted by the one network that had not seen it.
        unseen: whether the images of `scores` were kept out of training.
        folds: what each fold scored; None where there were none.
        curve: the learning curve; None where none was asked for.
    """

    out: Path
    recipe: Recipe
    scores: Scores
    unseen: bool
    folds: FoldScores | None = None
    curve: Curve | None = None
