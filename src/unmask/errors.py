"""Every error that unmask raises on purpose.

    UnmaskError                 what the user can mend; the command line prints it in a line or two, exit code 1
    ├── DataError               images, masks, folders
    │   ├── UnreadableFile      damaged, truncated, not an image, an unsupported kind
    │   ├── PairingError        mask without image, image without mask, sizes that differ, nothing there
    │   └── MaskError           float masks, anti-aliased masks, ids that make no sense
    ├── RecipeError             a recipe value that is unknown, out of range or contradicts another
    ├── ModelError              a model file that is damaged, of another version or fails its test vector
    ├── TrainingError           a loss that is not finite, a checkpoint of another run
    ├── FetchError              a public data set that cannot be downloaded, or is not what it should be
    └── PredictionError         an image that does not fit the model, an output that cannot be written

Each carries the file concerned, the problem, and the remedy: what to type or change next.
"""

from pathlib import Path
from typing import Any

__all__ = [
    "DataError",
    "FetchError",
    "MaskError",
    "ModelError",
    "PairingError",
    "PredictionError",
    "RecipeError",
    "TrainingError",
    "UnmaskError",
    "UnreadableFile",
]


class UnmaskError(Exception):
    """A problem that the user can mend.

    Args:
        problem: what is wrong, without a full stop.
        file: the file or folder concerned.
        remedy: what to type or change next, without a full stop.
        code: the kind of problem of data, as `unmask check` names it; empty where it has no name.
    """

    def __init__(
        self, problem: str, *, file: str | Path | None = None, remedy: str | None = None, code: str = ""
    ) -> None:
        super().__init__(problem, file, remedy)
        self.problem = problem
        self.file = None if file is None else Path(file)
        self.remedy = remedy
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        """How it travels from one process to another."""
        return _again, (type(self), self.problem, self.file, self.remedy, self.code)

    def __str__(self) -> str:
        where = "" if self.file is None else f"{self.file}: "
        return f"{where}{self.problem}." + (
            "" if self.remedy is None else f" {self.remedy[:1].upper()}{self.remedy[1:]}."
        )


class DataError(UnmaskError):
    """Images, masks or folders that cannot be used as they are."""


class UnreadableFile(DataError):
    """A file that is damaged, truncated, not an image or of an unsupported kind."""


class PairingError(DataError):
    """Images and masks that do not belong together, or are not there."""


class MaskError(DataError):
    """A mask whose values cannot be read as classes or objects."""


class RecipeError(UnmaskError):
    """A recipe value that is unknown, out of range or contradicts another."""


class ModelError(UnmaskError):
    """A model file that is damaged, of another version or fails its own test vector."""


class TrainingError(UnmaskError):
    """Training that cannot go on: a loss that is not finite, a checkpoint of another run."""


class FetchError(UnmaskError):
    """A public data set that cannot be downloaded or unpacked, or is not what it should be."""


class PredictionError(UnmaskError):
    """An image that does not fit the model, or an output that cannot be written."""


def _again(kind: type[UnmaskError], problem: str, file: Path | None, remedy: str | None, code: str) -> UnmaskError:
    return kind(problem, file=file, remedy=remedy, code=code)
