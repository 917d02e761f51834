"""The wall time that a tool is given: it begins before the tool is imported and ends when it could predict."""

import time
from dataclasses import dataclass, field, replace

__all__ = ["Clock"]


@dataclass(frozen=True)
class Clock:
    """A budget of wall time.

    Attributes:
        seconds: of the budget.
        began: `time.monotonic()` at its start; now unless given.
    """

    seconds: float
    began: float = field(default_factory=time.monotonic)

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    @property
    def left(self) -> float:
        """Seconds left, at least 0."""
        return max(self.seconds - self.spent, 0.0)

    @property
    def fraction(self) -> float:
        """How much of the budget is spent, 0 to 1."""
        return min(self.spent / self.seconds, 1.0)

    @property
    def over(self) -> bool:
        """Whether all of it is spent."""
        return self.left == 0

    def without(self, seconds: float) -> "Clock":
        """The same clock that ends earlier, for what comes after training; at most half of it is taken away."""
        return replace(self, seconds=max(self.seconds - seconds, self.seconds / 2))
