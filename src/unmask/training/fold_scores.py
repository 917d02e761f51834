"""FoldScores: what each fold of a cross-validation scored, the mean and the spread. No torch, no files."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

__all__ = ["FoldScores", "fold_scores"]


@dataclass(frozen=True)
class FoldScores:
    """What each fold scored.

    Attributes:
        criterion: what the figures are, in words.
        images: how many images each fold validated on.
        scores: mean over the images of each fold; NaN where the criterion says nothing of any of them.
    """

    criterion: str
    images: tuple[int, ...]
    scores: tuple[float, ...]

    @property
    def known(self) -> list[float]:
        """The scores that say something."""
        return [score for score in self.scores if not math.isnan(score)]

    @property
    def mean(self) -> float:
        """Over folds; NaN where none says anything."""
        return fmean(self.known) if self.known else math.nan

    @property
    def spread(self) -> float:
        """Standard deviation over folds; 0 with fewer than two."""
        return stdev(self.known) if len(self.known) > 1 else 0.0

    @property
    def words(self) -> str:
        """One line: every fold, the mean and the spread."""
        each = ", ".join("no object" if math.isnan(score) else f"{score:.3f}" for score in self.scores)
        return f"{self.criterion}, fold by fold: {each}; mean {self.mean:.3f}, standard deviation {self.spread:.3f}."


def fold_scores(parts: Sequence[Sequence[str]], by_image: Mapping[str, float], criterion: str) -> FoldScores:
    """What each fold scored.

    Args:
        parts: names of the images that each fold validates on.
        by_image: image to score; images of which it says nothing are absent.
        criterion: what the score is, in words.
    """
    rows = [[by_image[name] for name in part if name in by_image] for part in parts]
    return FoldScores(
        criterion, tuple(len(part) for part in parts), tuple(fmean(row) if row else math.nan for row in rows)
    )
