"""What a tool is given, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clock import Clock
from images import Grey, Labels, Pair

__all__ = ["Job", "Segment", "Trained"]

Segment = Callable[[Grey], Labels]


@dataclass(frozen=True)
class Job:
    """What a tool is given.

    Attributes:
        training: the annotated images, all that it may look at; those it validates on are taken out of them.
        clock: running; training ends with it.
        seed: of all that is random.
        data: the folder of the same images, for tools that read files; test images are in it too.
        work: a folder for whatever the tool writes; not there yet.
    """

    training: tuple[Pair, ...]
    clock: Clock
    seed: int
    data: Path
    work: Path


@dataclass(frozen=True)
class Trained:
    """What a tool gives back.

    Attributes:
        segment: grey image to label image.
        steps: updates of the weights.
        validation: how many of the training images were kept to validate.
        facts: what it chose by itself and a reader may want to know.
    """

    segment: Segment
    steps: int | None = None
    validation: int = 0
    facts: str = ""
